"""The network between each pair, cut, silent and slow: who speaks over it waits, tries again, and goes on by itself."""

import time

import pytest

from tests.acceptance.faults.city import City
from tests.acceptance.faults.conftest import Close
from tests.acceptance.faults.engines import on_one_engine
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled

CUT_S = scaled(2.0, 60.0)
STALL_S = scaled(2.0, 100.0)
"""In full, longer than any keepalive."""
SLOW_S = scaled(1.0, 30.0)
PIECE_S = 0.05
FEW_LINES = 5
"""The line broke, the other end refused, and for each batch in hand what that means: not a line an attempt."""


@pytest.mark.parametrize(
    ("line", "complains"),
    [("lamps_line", ""), ("broker_line", "mqtt://|come again"), ("database_line", "database")],
    ids=["lamps", "broker", "database"],
)
@on_one_engine
def test_network(city: City, close: Close, line: str, complains: str) -> None:
    """Cut, silent for a while, then slow: no frame is lost or doubled, and who lost the line says so in few lines."""
    worker, proxy = city.worker(), getattr(city, line)
    with city.load() as load:
        city.works()
        proxy.cut()
        time.sleep(CUT_S)
        proxy.heal()
        city.recovers(RECOVERS_WITHIN_S)
        after_cut = len(worker.lines("WARNING"))
        proxy.stall()
        time.sleep(STALL_S)
        proxy.heal()
        city.recovers(RECOVERS_WITHIN_S)
        proxy.delay_s = PIECE_S
        time.sleep(SLOW_S)
        city.works()
        proxy.heal()
        found = city.account(load)

    close(city, found)
    warnings = worker.lines("WARNING")
    assert warnings == (worker.lines(f"WARNING .*({complains})") if complains else [])
    assert (0 < after_cut <= FEW_LINES) if complains else after_cut == 0, "\n".join(worker.said)
    assert len(warnings) <= 2 * FEW_LINES
    assert worker.runs, "it never ended"
