"""What is told on standard error while it is measured: standard output holds the figures and nothing else."""

import sys
import time

_BEGAN = time.monotonic()


def tell(what: str) -> None:
    """Say what happens now."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {what}", file=sys.stderr, flush=True)
