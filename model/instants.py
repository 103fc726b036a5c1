"""Moments as whole microseconds since 1970 UTC: what batches count in, since arithmetic on columns is cheap.

Exact both ways for every moment that ``datetime`` knows.
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(when: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return (when - EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """Return the time so many microseconds after 1970, UTC; raise ``OverflowError`` where ``datetime`` ends."""
    return EPOCH + timedelta(microseconds=time_us)
