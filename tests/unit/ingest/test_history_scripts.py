"""History of a type with a maker's script, decoded again after the script was mended."""

import pytest

from decoders.catalogue import Catalogue
from decoders.networks import Adapter
from ingest.history import Redecoding
from ingest.pipeline import Pipeline, Source
from model.device import Device
from model.errors import ConflictError
from model.history import RunState, Scope
from model.uplink import Message
from tests.fakes.codecs import Codecs
from tests.fakes.history import History
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry
from tests.unit.decoders.test_device_codec import FILE, SCRIPT
from tests.unit.ingest.past import Heard, frame

WRONG = SCRIPT.replace("/ 10", "/ 100")
SCOPE = Scope(device_type="maker")


def catalogue(script: str) -> Catalogue:
    return Catalogue({"maker": FILE}, {"probe.js": script})


async def stored(*heard: Heard) -> Memory:
    """Return what ingest made of these frames by the wrong script."""
    memory = Memory()
    registry = Registry(memory)
    await registry.register([Device(id="sensor-1", type="maker", network="test")])
    adapter = Adapter(name="test", topics=("test/#",), uplinks=lambda _, payload: (heard[int(payload)][0],))
    pipeline = Pipeline(catalogue(WRONG), [Source(name="test", adapter=adapter)], registry, Codecs())
    messages = [Message(topic="test/up", payload=b"%d" % i, received_at=one[1]) for i, one in enumerate(heard)]
    await memory.write((await pipeline.process(messages)).batch)
    return memory


def temperatures(memory: Memory) -> list[object]:
    return [row.values["temperature_c"] for row in sorted(memory.rows["maker"].values(), key=lambda row: row.time)]


async def test_a_mended_script_mends_the_past() -> None:
    """Readings become what the new script says; a second look finds nothing to do."""
    memory = await stored(frame("d700"), frame("dc05", 15))
    assert temperatures(memory) == [2.15, 2.2]
    again = Redecoding(History(memory), catalogue(SCRIPT)["maker"], Codecs())

    survey = await again.survey(SCOPE)
    run = await again.change(await again.begin(survey), stop=lambda: False)

    assert (survey.counts.changed, run.state) == (2, RunState.FINISHED)
    assert temperatures(memory) == [21.5, 22.0]
    assert (await again.survey(SCOPE)).counts.differences == 0


async def test_a_suspended_script_changes_nothing() -> None:
    """The run stops and says why: frames that nobody asked are not frames that do not decode."""
    memory = await stored(frame("d700"))
    codecs = Codecs()
    codecs.suspend("probe.js", "it takes too long")

    with pytest.raises(ConflictError, match="mend the script"):
        await Redecoding(History(memory), catalogue(SCRIPT)["maker"], codecs).survey(SCOPE)

    assert temperatures(memory) == [2.15]
