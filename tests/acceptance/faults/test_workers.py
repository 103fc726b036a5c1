"""Several workers divide the frames among them: one that dies stops nobody, and no frame is made two of."""

import time
from random import Random

from tests.acceptance.faults.city import City
from tests.acceptance.faults.conftest import Close, Start
from tests.acceptance.faults.engines import on_every_engine
from tests.acceptance.faults.load import Mixture, publications
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled

SHARED = '[ingest]\nshare = "city"\n'
NAMES = ("w1", "w2", "w3")
KILLS = scaled(2, 20)
SEED = 6


@on_every_engine
def test_one_of_three_workers_is_killed(start: Start, close: Close) -> None:
    """The others go on meanwhile; what the dead one had in hand is stored when it is back, each frame once."""
    random = Random(SEED)  # noqa: S311 chance, not secrecy
    city: City = start(toml=SHARED)
    workers = [city.worker(name) for name in NAMES]
    with city.load(publications(Mixture(again=0.05))) as load:
        city.works()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 0.8))
            worker = random.choice(workers)
            worker.kill()
            city.recovers(RECOVERS_WITHIN_S)
            worker.start()
        found = city.account(load)

    close(city, found)
    assert all(city.stored_by(worker.name) for worker in workers), "all of them have worked"
    assert [line for worker in workers for line in worker.lines("WARNING|Traceback")] == []
