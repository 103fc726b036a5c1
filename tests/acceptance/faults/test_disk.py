"""A database whose disk is full: nothing is lost, the log says so, and all goes on when there is room."""

import time

from tests.acceptance.conftest import temporary_folder
from tests.acceptance.faults.city import FLAT_MB, until
from tests.acceptance.faults.conftest import Close, Start
from tests.acceptance.faults.disk import small_disk
from tests.acceptance.faults.engines import on_every_engine
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled
from tests.acceptance.faults.server import Server
from tests.acceptance.faults.test_database import SMALL_WINDOW

FULL_S = scaled(4.0, 60.0)
COMPLAINT = "WARNING .*waits: database .* its disk is full: make room"


@on_every_engine
def test_disk_full(server: Server, start: Start, close: Close) -> None:
    """While its disk is full the database takes nothing; with room again it takes all, each frame once."""
    with temporary_folder() as folder, small_disk(server, folder) as disk:
        city = start(toml=SMALL_WINDOW, database=disk.name)
        worker = city.worker()
        with city.load() as load:
            city.works()
            disk.fill()
            until(lambda: bool(worker.lines(COMPLAINT)), lambda: "\n".join(worker.said))
            full = time.monotonic()
            time.sleep(FULL_S)
            grown = worker.grown_mb(full)
            disk.make_room()
            city.recovers(RECOVERS_WITHIN_S)
            found = city.account(load)
        worker.kill()

    close(city, found)
    assert grown < FLAT_MB
    assert len(worker.lines(COMPLAINT)) <= 3, "one line for each thing that was wrong, not one an attempt"
    assert len(worker.lines("goes on after")) == 1
