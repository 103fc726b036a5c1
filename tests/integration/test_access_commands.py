"""``penfeld user``, ``token`` and ``audit`` on a real database, as a person uses them."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from penfeld.cli import main

WORDS = "goéland pluvieux 29"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command on the database: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)
    monkeypatch.setenv("PENFELD_ACCESS_MODE", "accounts")

    def run(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def test_an_account_from_beginning_to_end(said: Said) -> None:
    """Made with a password from standard input, given a role and an experiment, removed; all of it is written down."""
    assert said("user", "add", "Anne", "--role", "admin", typed=f"{WORDS}\n")[0] == 0
    assert said("user", "add", "jean", typed=f"{WORDS}\n")[0] == 0
    assert said("user", "role", "jean", "operator")[0] == 0
    assert said("user", "join", "jean", "quay", "--role", "experimenter")[0] == 0
    assert said("user", "open", "-", "public")[0] == 0
    assert said("user", "password", "jean", typed=f"{WORDS} bis\n")[0] == 0
    code, told, _ = said("user", "list", "--json")
    assert code == 0
    people = json.loads(told)["users"]
    assert [(one["name"], one["role"], one["memberships"]) for one in people] == [
        ("anne", "admin", {}),
        ("jean", "operator", {"quay": "experimenter"}),
    ]
    assert said("user", "remove", "jean")[0] == 0
    code, told, _ = said("audit", "--json")
    lines = json.loads(told)

    assert code == 0
    assert [one["what"] for one in lines] == [
        "user.removed",
        "user.password",
        "experiment.visibility",
        "experiment.member",
        "user.role",
        "user.added",
        "user.added",
    ]
    assert all(one["who"].endswith("command line)") for one in lines)
    assert WORDS not in told


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (("user", "add", "Jean Bart"), WORDS, "no name of an account"),
        (("user", "add", "jean"), "short", "this password has 5 characters"),
        (("user", "role", "nobody", "admin"), "", "there is no account 'nobody'"),
        (("user", "remove", "anne"), "", "is the only admin"),
        (("token", "new", "nobody", "notebook"), "", "there is no account 'nobody'"),
        (("token", "revoke", "99"), "", "there is no token 99"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(said: Said, words: tuple[str, ...], typed: str, told: str) -> None:
    """With what to do, and without the password."""
    said("user", "add", "anne", "--role", "admin", typed=WORDS)
    code, _, remarks = said(*words, typed=typed)

    assert code == 1
    assert told in remarks
    assert len(remarks.splitlines()) == 1
    assert not typed or typed not in remarks


def test_a_token_is_told_once(said: Said) -> None:
    """Alone on standard output, so that it can be piped; the list shows how it begins."""
    said("user", "add", "anne", "--role", "admin", typed=WORDS)
    code, secret, _ = said("token", "new", "anne", "grafana", "--scope", "data", "--days", "90")
    assert code == 0
    assert secret.startswith("pf_")
    (one,) = json.loads(said("token", "list", "--json")[1])
    assert one["scope"] == ["data"]
    assert secret.startswith(one["prefix"])
    assert said("token", "revoke", str(one["id"]))[0] == 0
    told = "".join(said(*words)[1] for words in (("token", "list"), ("audit",), ("user", "list")))

    assert "grafana" in told
    assert secret.strip() not in told
