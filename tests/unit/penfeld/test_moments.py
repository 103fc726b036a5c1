"""Times as people write them."""

import argparse
from datetime import UTC, datetime

import pytest

from model.errors import BadRequestError
from penfeld.moments import moment_of, take_spans

NOW = datetime(2026, 7, 2, 22, 30, tzinfo=UTC)  # half past midnight of the third, in Paris


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01", "2026-06-30T22:00Z"),
        ("2026-07-01T12:00", "2026-07-01T10:00Z"),
        ("2026-01-01 12:00:30", "2026-01-01T11:00:30Z"),
        ("2026-07-01T12:00Z", "2026-07-01T12:00Z"),
        ("2026-07-01T12:00+05:00", "2026-07-01T07:00Z"),
        ("2026-10-25", "2026-10-24T22:00Z"),
        ("2026-10-26", "2026-10-25T23:00Z"),
        ("now", "2026-07-02T22:30Z"),
        (" Today ", "2026-07-02T22:00Z"),
        ("yesterday", "2026-07-01T22:00Z"),
        ("-90min", "2026-07-02T21:00Z"),
        ("-24h", "2026-07-01T22:30Z"),
        ("-7d", "2026-06-25T22:30Z"),
        ("-1w", "2026-06-25T22:30Z"),
    ],
)
def test_a_time_is_what_a_person_in_the_city_means(text: str, expected: str) -> None:
    """Days and times without a zone are local, summer and winter; words and spans count from now."""
    assert moment_of(text, now=NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "soon", "24h", "-24", "2026-13-01", "12:00", "-999999d", "01/07/2026"])
def test_what_is_no_time_is_refused_with_the_forms_there_are(text: str) -> None:
    """The message shows how to write it."""
    with pytest.raises(BadRequestError, match=r"is no time: write 2026-07-01, .*yesterday.*-24h"):
        moment_of(text, now=NOW)


def test_a_span_is_the_value_of_an_option() -> None:
    """``--from -24h`` is read as it is written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="start")
    parser.add_argument("--dry-run", action="store_true")
    take_spans(parser)

    assert parser.parse_args(["--from", "-24h", "--dry-run"]) == argparse.Namespace(start="-24h", dry_run=True)
