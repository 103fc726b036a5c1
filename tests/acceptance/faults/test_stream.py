"""What the world really sends: garbage, repeats, latecomers, poison, and times from clocks that were set back."""

import time

import psycopg

from tests.acceptance.faults.city import City
from tests.acceptance.faults.conftest import Close
from tests.acceptance.faults.engines import on_every_engine, on_one_engine
from tests.acceptance.faults.load import Mixture, poisoned, publications
from tests.acceptance.faults.scale import scaled
from tests.acceptance.faults.unlucky import STUMBLING_BLOCK

FOR_S = scaled(4.0, 120.0)
BACK_S = 2 * 3600
REFUSED_KWH = 31.0
"""What the database of this test will not have."""


@on_every_engine
def test_dirty_stream(city: City, close: Close) -> None:
    """1 % garbage, 5 % duplicates and 5 % late by hours: each frame ends where it belongs, and all are counted."""
    worker = city.worker()
    with city.load(publications(Mixture(garbage=0.01, again=0.05, late=0.05))) as load:
        time.sleep(FOR_S)
        found = city.account(load)

    close(city, found)
    assert found.duplicates >= sum(one.again for one in load.published)
    assert found.quarantined > 0
    assert worker.lines("WARNING|Traceback") == []


@on_every_engine
def test_poison(city: City, close: Close) -> None:
    """What the database refuses or an adapter stumbles over is set aside, and the frames around it are stored."""
    with psycopg.connect(city.dsn) as connection:
        connection.execute(
            f"alter table readings.penfeld_streetlight add constraint antidote check (energy_kwh <> {REFUSED_KWH})"
        )
    worker = city.unlucky_worker()
    with city.load(poisoned(publications(), refused_kwh=REFUSED_KWH, stumbling_block=STUMBLING_BLOCK)) as load:
        time.sleep(FOR_S)
        found = city.account(load)

    close(city, found)
    with psycopg.connect(city.dsn) as connection:
        reasons: dict[str, int] = dict(
            connection.execute("select reason, sum(times)::int from penfeld.quarantine group by 1").fetchall()
        )
    assert reasons.pop("rejected_by_database") == 1
    assert reasons.pop("bad_envelope") > 1
    assert reasons.keys() == {"bad_payload"}
    assert len(worker.lines("WARNING .*antidote")) == 1


@on_one_engine
def test_clocks_set_back(city: City, close: Close) -> None:
    """Whether the network's clock is set back or the worker's: every frame is stored at the time that it tells."""
    wrong_s = 0.0

    def clock() -> float:
        return time.time() + wrong_s

    worker = city.unlucky_worker()
    with city.load(publications(clock=clock)) as load:
        city.works()
        wrong_s = -BACK_S
        city.works()
        city.set_clock(-BACK_S)
        city.works()
        wrong_s = 0.0
        time.sleep(FOR_S / 4)
        found = city.account(load)

    close(city, found)
    assert worker.lines("WARNING|Traceback") == []
