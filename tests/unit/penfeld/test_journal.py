"""What looks like a secret never reaches the log, whoever wrote the line; all else does, as it was written."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penfeld import journal
from penfeld.journal import MASK, Discreet, discreet

SECRET = "hush4K2fPq9zR"  # noqa: S105 -- planted, to be looked for


@pytest.mark.parametrize(
    "line",
    [
        f"connection to postgresql://penfeld:{SECRET}@db:5432/penfeld failed",
        f"mqtts://penfeld-api:{SECRET}@broker:8883: not authorised",
        f"mqtts://penfeld-api:{SECRET}@{SECRET}@broker:8883: two at signs",
        f"connection failed: host=db user=penfeld password={SECRET} dbname=penfeld",
        f"Authorization: Bearer {SECRET}",
        f"'authorization': 'Basic {SECRET}=='",
        f"GET /api/v1/callbacks/loriot?token={SECRET}&x=1",
        f"POST /api/v1/callbacks/loriot/{SECRET}",
        f"GET /login/oidc/callback?code={SECRET}&state=1",
        f"{{'client_secret': '{SECRET}', 'grant_type': 'authorization_code'}}",
        f'{{"id_token": "{SECRET}"}}',
        f"token pf_{SECRET} is used twice",
        f"secret whsec_{SECRET}= is too short",
        f"bad token eyJhbGciOiJSUzI1NiJ9.{SECRET}.{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(line: str) -> None:
    """Passwords in addresses and connection strings, tokens, codes, secrets in forms; a mark says that one was."""
    found = discreet(line)

    assert SECRET not in found
    assert MASK in found


@pytest.mark.parametrize(
    "line",
    [
        "broker mqtts://penfeld-api@broker:8883: connected",
        "device 70b3d57ed0001234: code 12 is no frame",
        "10:00:00: 200 frames stored; token bucket full",
        "[api] callback_tokens has no text for 'loriot'",
        "set another password with --new-password",
        "http://127.0.0.1:8080/api/v1/callbacks/loriot answers 401",
        "user anne@city.example logged in at https://iot.city.example:8443/devices",
    ],
)
def test_what_is_none_stays(line: str) -> None:
    """Lines that people need are as they were."""
    assert discreet(line) == line


def test_what_broke_is_told_without_it() -> None:
    """A traceback beneath a line is cleaned as well."""
    error = ConnectionError(f"postgresql://penfeld:{SECRET}@db/penfeld")
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%s broke", ("it",), (type(error), error, None))

    written = Discreet("%(levelname)s %(message)s").format(record)

    assert SECRET not in written
    assert "ConnectionError" in written
    assert written.startswith("ERROR it broke")


@given(st.text(max_size=300))
def test_no_line_is_too_strange(line: str) -> None:
    """Whatever is logged, it comes out, and cleaning it twice changes nothing more."""
    once = discreet(line)

    assert discreet(once) == once


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """Leave the loggers as they were."""
    names = (*journal.OURS, "psycopg")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_lost_database_is_told_once() -> None:
    """Our own lines are told from INFO; the driver does not repeat in its words what one of them says."""
    journal.start()

    assert logging.getLogger("ingest.service").isEnabledFor(logging.INFO)
    assert not logging.getLogger("psycopg").isEnabledFor(logging.WARNING)
    assert logging.getLogger("psycopg").isEnabledFor(logging.ERROR)
