"""How long the faults last: seconds in every ``make test``, minutes in ``make faults`` (``FAULTS=full``).

The promises are the same in both; only what takes time to show (a window that fills, memory that would grow) is left to
the full form.
"""

import os
from typing import TypeVar

FULL = os.environ.get("FAULTS") == "full"
RATE = 1000.0
"""Messages a second under which things fail."""

T = TypeVar("T")


def scaled(short: T, full: T) -> T:
    """Return what this run uses."""
    return full if FULL else short
