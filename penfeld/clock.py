"""The only reader of the wall clock. Everything else takes the time as an argument or a ``Clock``."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, UTC with zone."""
    return datetime.now(UTC)
