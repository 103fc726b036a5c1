"""A broker that goes away and comes back: workers and publishers find it again, and nothing in it is lost.

What Mosquitto has taken is on its disk when it is stopped. What it took since it last wrote its file
(``autosave_interval``) dies with it when it is killed: that is the broker's promise to keep, not ours. After a kill it
may also deliver again what was acknowledged since: duplicates.
"""

import signal
import time

from tests.acceptance.faults.city import City
from tests.acceptance.faults.conftest import Close
from tests.acceptance.faults.engines import on_one_engine
from tests.acceptance.faults.load import publications
from tests.acceptance.faults.scale import RECOVERS_WITHIN_S, scaled

OUTAGE_S = scaled(2.0, 60.0)


@on_one_engine
def test_broker_restarted(city: City, close: Close) -> None:
    """A broker that is stopped under load and started again has kept every frame that it has taken."""
    worker = city.worker()
    with city.load() as load:
        city.works()
        city.broker.stop()
        time.sleep(OUTAGE_S)
        city.broker.start()
        city.recovers(RECOVERS_WITHIN_S)
        found = city.account(load)

    close(city, found)
    assert 1 <= len(worker.lines("WARNING .*mqtt://")) <= 3, "one line for what went wrong, not one an attempt"
    assert len(worker.lines("connected to mqtt://")) == 2
    assert worker.lines("forgotten") == []


@on_one_engine
def test_broker_killed(city: City, close: Close) -> None:
    """A broker that is killed with the session on its disk has its worker back, and stored is all that comes later."""
    worker = city.worker()
    messages = publications()
    with city.load(messages) as before:
        city.works()
        earlier = city.account(before)
    earlier.check()
    city.broker_saves()
    city.broker.stop(signal.SIGKILL)
    city.broker.start()
    with city.load(messages) as after:
        city.recovers(RECOVERS_WITHIN_S)
        found = city.account(after, earlier=before.published)

    close(city, found)
    assert 1 <= len(worker.lines("WARNING .*mqtt://")) <= 3
    assert len(worker.lines("connected to mqtt://")) == 2
    assert worker.lines("forgotten") == []
