"""A database that fails under load: frames wait in the broker, and are stored when it is back."""

import time

import pytest

from tests.acceptance.faults.city import FLAT_MB, PATIENCE_S
from tests.acceptance.faults.conftest import Close, Start
from tests.acceptance.faults.engines import on_every_engine
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled

OUTAGES_S = scaled((6.0,), (60.0, 600.0))
SMALL_WINDOW = "[ingest]\nbatch_frames = 1000\nwindow = 3000\n"
"""So that a short outage fills it, too."""
LONG_S = 300.0


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@on_every_engine
def test_database_stopped(start: Start, close: Close, outage_s: float) -> None:
    """The database ends without a word and comes back: all is stored once; the log says when it went and came."""
    city = start(toml="" if outage_s > LONG_S else SMALL_WINDOW)
    worker = city.worker()
    with city.load() as load:
        city.works()
        city.server.stop()
        stopped = time.monotonic()
        time.sleep(outage_s)
        grown = worker.grown_mb(stopped)
        city.server.start()
        city.recovers(RECOVERS_WITHIN_S)
        found = city.account(load, outage_s + PATIENCE_S)

    close(city, found)
    assert grown < FLAT_MB
    went, came = worker.lines(r"WARNING .*waits: database"), worker.lines("goes on after")
    assert 1 <= len(went) <= 3, "one line for each thing that was wrong, not one an attempt"
    assert len(came) == 1
    assert worker.runs, "it never ended"
