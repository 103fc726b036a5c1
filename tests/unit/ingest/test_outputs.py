"""Frames of a type with a maker's script: asked of the cage, then stored like all others."""

from datetime import timedelta

import msgspec
import pytest

from decoders.catalogue import Catalogue
from ingest.pipeline import Pipeline, Prepared, default_sources
from model.errors import Reason, UnavailableError
from model.uplink import Message, Rest, Value
from tests.fakes.codecs import Codecs
from tests.fakes.lookup import DeviceLookup
from tests.unit.decoders.test_device_codec import FILE
from tests.unit.ingest.scene import LORA, NOON, OTHER_LORA, PROBE, lora, ref

SCRIPT = """
function decodeUplink(input) {
  if (input.bytes.length === 0) return { errors: ['empty'] };
  if (input.bytes[0] === 255) throw new Error('bad frame');
  return {
    data: { t: input.bytes[0] / 10, mv: 3000, port: input.fPort, at: input.recvTime, log: ['a'] },
    warnings: input.bytes[0] === 254 ? ['hot'] : [],
  };
}
"""


def pipeline(codecs: Codecs | None, script: str = SCRIPT) -> Pipeline:
    known = Catalogue({"maker": FILE, "probe": PROBE}, {"probe.js": script})
    return Pipeline(known, default_sources(), DeviceLookup({LORA: ref(1, "maker"), OTHER_LORA: ref(2)}), codecs)


async def processed(*messages: Message, codecs: Codecs | None = None) -> Prepared:
    return await pipeline(codecs or Codecs()).process(messages)


async def test_a_script_gives_readings() -> None:
    """Values are in the units of their quantities, at the time of the frame; the frame keeps what no field took."""
    prepared = await processed(lora("d7"), lora("fe", f_cnt=2))

    [rows] = prepared.batch.readings
    assert rows.columns["temperature_c"].values.tolist() == [21.5, 25.4]
    assert rows.columns["battery_v"].values.tolist() == [3.0, 3.0]
    assert [frame.time for frame in prepared.batch.frames] == [NOON, NOON]
    rest: dict[str, Value] = {"port": 1, "at": NOON.isoformat().replace("+00:00", ".000Z"), "log.0": "a"}
    assert [frame.rest for frame in prepared.batch.frames] == [
        Rest(paths=rest),
        Rest(paths=rest, warnings=("hot",)),
    ]


async def test_frames_of_a_script_are_asked_together() -> None:
    """One question a batch and type, with port, time and variables of each; layouts ask nobody."""
    codecs = Codecs()
    await processed(lora("d7"), lora("09c405", device=OTHER_LORA), lora("d8", f_cnt=2), codecs=codecs)

    [(name, way, calls)] = codecs.asked
    assert (name, way) == ("probe.js", "uplink")
    assert [(call.given, call.f_port, call.time_ms) for call in calls] == [
        ([0xD7], 1, NOON.timestamp() * 1000),
        ([0xD8], 1, NOON.timestamp() * 1000),
    ]


async def test_a_frame_that_the_script_refuses_is_set_aside() -> None:
    """With the script's line and the payload; the others of the batch are stored."""
    prepared = await processed(lora("ff"), lora("d7", f_cnt=2))

    [aside] = prepared.batch.set_aside
    assert aside.reason is Reason.BAD_PAYLOAD
    assert "probe.js:4: Error: bad frame (payload ff, port 1)" in aside.detail
    assert len(prepared.batch.frames) == 1


async def test_frames_of_a_suspended_script_are_set_aside_under_a_reason_of_their_own() -> None:
    """So that they can be found, and replayed when the script is mended."""
    codecs = Codecs()
    codecs.suspend("probe.js", "it takes too long")

    prepared = await processed(lora("d7"), codecs=codecs)

    [aside] = prepared.batch.set_aside
    assert (aside.reason, aside.device_type) == (Reason.CODEC_SUSPENDED, "maker")


async def test_a_script_that_does_not_load_sets_its_frames_aside() -> None:
    """With what is wrong with it; nothing is lost, nobody else is held up."""
    prepared = await pipeline(Codecs(), "function (").process([lora("d7"), lora("09c405", device=OTHER_LORA)])

    [aside] = prepared.batch.set_aside
    assert "probe.js:1: SyntaxError" in aside.detail
    assert [frame.device for frame in prepared.batch.frames] == [2]


@pytest.mark.parametrize("codecs", [None, Codecs()], ids=["nobody", "down"])
async def test_frames_wait_while_nobody_can_run_scripts(codecs: Codecs | None) -> None:
    """Like any outage: the batch is tried again, and the broker keeps it meanwhile."""
    if codecs is not None:
        codecs.down = True
    with pytest.raises(UnavailableError):
        await pipeline(codecs).process([lora("d7")])


async def test_an_empty_frame_on_port_0_is_asked_of_nobody() -> None:
    """It carries only what the network says to itself."""
    codecs = Codecs()
    prepared = await processed(lora("", f_port=0), codecs=codecs)
    assert codecs.asked == []
    assert len(prepared.batch.frames) == 1
    assert prepared.batch.set_aside == []


async def test_arrival_stands_for_the_time_that_no_network_tells() -> None:
    """A script always has a clock: the network's, else ours."""
    codecs = Codecs()
    late = NOON + timedelta(seconds=3)
    await processed(msgspec.structs.replace(lora("d7", time=None), received_at=late), codecs=codecs)
    assert codecs.asked[0][2][0].time_ms == late.timestamp() * 1000
