"""Moments as microseconds."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from model.instants import microseconds, moment


@given(when=st.datetimes(timezones=st.just(UTC)))
def test_exact(when: datetime) -> None:
    """Every moment comes back as it was."""
    assert moment(microseconds(when)) == when


def test_epoch() -> None:
    """Microseconds count from 1970 in UTC."""
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000
