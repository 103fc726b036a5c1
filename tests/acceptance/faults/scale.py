"""How long the faults last: seconds in every ``make test``, minutes in ``make faults`` (``FAULTS=full``).

The promises are the same in both; only what takes time to show (a window that fills, memory that would grow) is left to
the full form.
"""

import os
from typing import TypeVar

FULL = os.environ.get("FAULTS") == "full"
T = TypeVar("T")


def scaled(short: T, full: T) -> T:
    """Return what this run uses."""
    return full if FULL else short


RATE = scaled(1000.0, 500.0)
"""Messages a second under which things fail; fewer where a broker has to keep ten minutes of them."""

RECOVERS_WITHIN_S = 60.0
"""Frames are stored again by then after any fault: the longest pause between two attempts is half of that, the rest is
for machines on which a process takes long to start. The table at the end says how long it took."""
