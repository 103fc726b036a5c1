"""``penfeld`` on a machine with bad luck: a process like any other, but for its clock, and a mistake in an adapter.

``UNLUCKY_CLOCK`` names a file with the seconds by which the clock is wrong; it may change while the process runs. A
ChirpStack event that holds ``STUMBLING_BLOCK`` makes the adapter fail as a mistake in it would.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from decoders.networks import chirpstack
from model.told import Told
from model.uplink import Uplink
from penfeld import clock

STUMBLING_BLOCK = "stumbling block"
_understood = chirpstack.uplinks


def _wrong_now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(Path(os.environ["UNLUCKY_CLOCK"]).read_text()))


def _stumbling(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:
    if STUMBLING_BLOCK.encode() in payload:
        raise RuntimeError(STUMBLING_BLOCK)
    return _understood(topic, payload)


if __name__ == "__main__":
    clock.utc_now = _wrong_now
    chirpstack.uplinks = _stumbling
    from penfeld.cli import main

    sys.exit(main())
