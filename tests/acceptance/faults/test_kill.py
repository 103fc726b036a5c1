"""A worker that is killed at any moment loses nothing and doubles nothing."""

import time
from random import Random

from tests.acceptance.faults.city import City
from tests.acceptance.faults.conftest import Close
from tests.acceptance.faults.engines import on_every_engine, on_one_engine
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled

KILLS = scaled(4, 50)
SEED = 4


@on_every_engine
def test_kill_9_at_random(city: City, close: Close) -> None:
    """However often ``kill -9`` hits a worker under load: the next one stores what was left, each frame once."""
    random = Random(SEED)  # noqa: S311 chance, not secrecy
    worker = city.worker()
    with city.load() as load:
        city.works()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.02, 0.8))
            worker.kill()
            killed = time.monotonic()
            worker.start()
            city.recovers(RECOVERS_WITHIN_S, after_s=time.monotonic() - killed)
        found = city.account(load)

    close(city, found)
    assert worker.lines("Traceback") == []


@on_one_engine
def test_kill_9_between_commit_and_acknowledgement(city: City, close: Close) -> None:
    """What was stored, but not acknowledged when the worker was killed, comes again and is a duplicate."""
    worker = city.worker()
    with city.load() as load:
        city.works()
        city.broker_line.mute()
        city.works()  # what is stored from here on, the broker does not hear of
        worker.kill()
        city.broker_line.cut()  # nor later of what was on its way
        city.broker_line.heal()
        worker.start()
        city.recovers(RECOVERS_WITHIN_S)
        found = city.account(load)

    close(city, found)
    assert found.duplicates > 0
