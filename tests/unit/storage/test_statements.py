"""Named SQL in files."""

import re
from importlib.resources import files

import pytest

from storage import statements
from storage.migrate import migrations


def test_a_file_is_split_into_its_statements() -> None:
    """Each name has the text up to the next one; a comment in front of the first is no statement."""
    text = "-- About this file.\n\n-- name: one\n-- What for.\nselect 1\n\n-- name: two\nselect 2\n"

    assert statements.split(text) == {"one": "-- What for.\nselect 1", "two": "select 2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("-- name: one\nselect 1\n-- name: one\nselect 2", "named twice: one"), ("select 1\n-- name: one\n", "in front")],
)
def test_a_file_that_would_lose_a_statement_is_refused(text: str, says: str) -> None:
    """A name that stands twice and SQL without a name are mistakes."""
    with pytest.raises(ValueError, match=says):
        statements.split(text)


def test_every_statement_is_used_and_every_name_used_exists() -> None:
    """The SQL files hold what the code asks for, nothing less and nothing more."""
    code = "\n".join(file.read_text("utf-8") for file in files("storage").iterdir() if file.name.endswith(".py"))
    named = set(re.findall(r'statement\("(\w+)"\)', code))
    named |= {
        f"purge_{table}" for table in ("signal", "alarm", "uplink", "heard", "device_state", "quarantine", "device")
    }

    assert named == set(statements._all())


@pytest.mark.parametrize("engine", ["postgresql", "timescaledb"])
def test_migrations_are_numbered_without_gap(engine: str) -> None:
    """Each engine has every step, once, from 1 on."""
    steps = migrations(engine)

    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert {step.engine for step in steps} == {None, engine}
