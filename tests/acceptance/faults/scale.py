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
