"""What was set aside comes back after a fix, once, with its first arrival; what does not stays, and says why."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.catalogue import Catalogue
from decoders.networks import Adapter
from ingest.pipeline import Pipeline, Source, default_sources
from ingest.replay import Replayer
from model.batch import Replayed
from model.device import Device
from model.errors import EnvelopeError, Reason, UnavailableError
from model.uplink import Message, Uplink
from model.views import QuarantineFilter
from tests.fakes.memory import Memory
from tests.fakes.quarantine import Quarantine
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.unit.ingest.scene import BOARD, LORA, NOON, PROBE, catalogue, lora, message, native

LATER = NOON + timedelta(days=2)
EVERYTHING = QuarantineFilter()


def parcel(topic: str, payload: bytes) -> tuple[Uplink, ...]:
    """Read a message of several uplinks: ``[[device, payload in hex], …]``."""
    del topic
    try:
        told = json.loads(payload)
    except ValueError:
        raise EnvelopeError("no list") from None
    return tuple(
        Uplink(network="parcel", device=device, payload=bytes.fromhex(content), f_port=1, f_cnt=1, time=NOON)
        for device, content in told
    )


PARCEL = Source(name="parcel", adapter=Adapter(name="parcel", topics=("parcel",), uplinks=parcel))


@dataclass
class Scene:
    """Ingest and replay on one memory; each with its own pipeline."""

    memory: Memory
    registry: Registry
    quarantine: Quarantine
    catalogue: Catalogue
    sources: tuple[Source, ...]

    async def receive(self, *messages: Message) -> None:
        """Bring messages in as ingest does."""
        prepared = await self.pipeline().process(messages)
        await self.memory.write(prepared.batch)

    def pipeline(self) -> Pipeline:
        """Return a new pipeline."""
        return Pipeline(self.catalogue, self.sources, self.registry)

    def replayer(self, at_once: int = 500) -> Replayer:
        """Return who brings back."""
        return Replayer(self.pipeline(), self.quarantine, lambda: LATER, at_once=at_once)

    async def replay(self, wanted: QuarantineFilter = EVERYTHING, *, at_once: int = 500) -> Replayed:
        """Replay what is meant."""
        return sum([step async for step in self.replayer(at_once).run(wanted)], Replayed())

    async def register(self, *names: str, device_type: str = "probe") -> None:
        """Register devices."""
        await self.registry.register([Device(id=name, type=device_type) for name in names])

    async def totals(self) -> tuple[int, int, int, int]:
        """Return the ledger's sums; every line must balance, and quarantine must hold what they say."""
        rows = await Queries(self.memory).ledger()
        assert all(row.balanced for row in rows)
        quarantined = sum(row.quarantined for row in rows)
        assert quarantined == sum(line.times for line in self.memory.quarantine.values())
        return (
            sum(row.received for row in rows),
            sum(row.stored for row in rows),
            sum(row.duplicate for row in rows),
            quarantined,
        )

    def reasons(self) -> list[Reason]:
        """Return why each line is in quarantine."""
        return [line.reason for line in self.memory.lines(EVERYTHING)]


def scene(*sources: Source, types: Catalogue | None = None) -> Scene:
    memory = Memory()
    quarantine = Quarantine(memory)
    return Scene(memory, Registry(memory), quarantine, types or catalogue(), sources or default_sources())


async def test_frames_of_a_pending_device_are_taken_when_it_is_registered() -> None:
    """All that it said since it was first heard is stored, with the times of arrival, and nothing of others."""
    there = scene()
    await there.receive(lora("09c405", f_cnt=1, time=None), lora("09c406", f_cnt=2), native(b"\x09\xc7\x00"))
    await there.register(LORA)

    replayed = await there.replay(QuarantineFilter(requested=True))

    assert replayed == Replayed(lines=2, stored=2)
    assert [frame.received_at for frame in there.memory.frames] == [NOON, NOON]
    assert [line.device for line in there.memory.quarantine.values()] == [BOARD]
    assert await there.totals() == (3, 2, 0, 1)


async def test_a_corrected_device_file_takes_what_it_refused() -> None:
    """The same bytes, understood by a shorter layout; what still does not fit says why today."""
    wrong = PROBE.replace("door_count     u8", "door_count     u16").replace("09c4 05", "09c4 0005")
    there = scene(types=Catalogue({"probe": wrong}))
    await there.register(LORA)
    await there.receive(lora("09c405"), lora("09"))
    there.catalogue = catalogue()

    replayed = await there.replay(QuarantineFilter(reason="bad_payload"))

    assert replayed == Replayed(lines=2, stored=1, kept=1)
    [row] = there.memory.rows["probe"].values()
    assert row.values == {"temperature_c": 25.0, "door_count": 5}
    assert there.reasons() == [Reason.BAD_PAYLOAD]


async def test_a_message_that_came_three_times_is_one_frame_and_two_duplicates() -> None:
    """However often it came while it was not understood."""
    there = scene()
    for _ in range(3):
        await there.receive(lora("09c405"))
    await there.register(LORA)

    assert await there.replay() == Replayed(lines=1, stored=1, duplicates=2)
    assert await there.totals() == (3, 1, 2, 0)


async def test_what_cannot_be_taken_stays_under_its_reason_of_today() -> None:
    """A device registered under a type that is in no catalogue waits for the type, no longer for the device."""
    there = scene()
    await there.receive(lora("09c405"))
    await there.register(LORA, device_type="missing")

    assert await there.replay() == Replayed(lines=1, kept=1)
    assert there.reasons() == [Reason.UNKNOWN_TYPE]
    assert await there.totals() == (1, 0, 0, 1)


async def test_what_the_database_refuses_stays_and_holds_up_no_other() -> None:
    """The refused frame keeps its line with the database's words; the others of its step are stored."""
    there = scene()
    await there.receive(lora("09c405"), native(b"\x09\xc7\x00"))
    await there.register(LORA, BOARD)
    there.quarantine.refuse = {there.memory.keys[BOARD]: "value out of range"}

    replayed = await there.replay()

    assert replayed == Replayed(lines=2, stored=1, kept=1)
    [line] = there.memory.quarantine.values()
    assert (line.device, line.reason, line.detail) == (BOARD, Reason.REJECTED_BY_DATABASE, "value out of range")
    assert await there.totals() == (2, 1, 0, 1)


async def test_many_lines_go_in_steps_in_order_of_arrival() -> None:
    """No step holds more than it may, and the oldest go first."""
    there = scene()
    for number in range(5):
        await there.receive(lora("09c405", f_cnt=number, time=NOON + timedelta(minutes=number)))
    await there.register(LORA)

    replayed = await there.replay(at_once=2)

    assert [len(replay.lines) for replay in there.quarantine.replays] == [2, 2, 1]
    assert [frame.uplink.f_cnt for frame in there.memory.frames] == [0, 1, 2, 3, 4]
    assert replayed.stored == 5


async def test_marked_lines_go_step_by_step() -> None:
    """Whoever works beside ingest takes some at a time, learns whether more wait, and is not held up by a bad step."""
    there = scene()
    for number in range(5):
        await there.receive(lora("09c405", f_cnt=number))
    await there.register(LORA)
    replayer = there.replayer(at_once=2)
    there.quarantine.down = True
    with pytest.raises(UnavailableError):
        await replayer.step()
    there.quarantine.down = False

    steps = []
    for _ in range(4):
        done = await replayer.step()
        steps.append((done.stored, replayer.more))

    assert steps == [(2, True), (1, True), (0, False), (2, True)]


async def test_only_the_uplink_of_its_device_leaves_with_a_line() -> None:
    """A message of three uplinks: one was stored when it came, one leaves with its line, one stays in its own."""
    there = scene(PARCEL)
    await there.register("known")
    await there.receive(message("parcel", b'[["known", "09c401"], ["late", "09c402"], ["never", "09c403"]]'))
    assert await there.totals() == (3, 1, 0, 2)
    await there.register("late")

    replayed = await there.replay(at_once=1)

    assert replayed == Replayed(lines=2, stored=1, kept=1)
    assert [frame.uplink.device for frame in there.memory.frames] == ["known", "late"]
    assert [line.device for line in there.memory.quarantine.values()] == ["never"]
    assert await there.totals() == (3, 2, 0, 1)


async def test_a_message_without_a_frame_stays() -> None:
    """Where an adapter finds nothing to keep today, the line says so; nothing vanishes."""
    there = scene(PARCEL)
    await there.receive(message("parcel", b"[]x"))
    there.sources = (replace(PARCEL, adapter=replace(PARCEL.adapter, uplinks=lambda _topic, _payload: ())),)

    assert await there.replay() == Replayed(lines=1, kept=1)
    [line] = there.memory.quarantine.values()
    assert "no frame that is kept" in line.detail


async def test_an_adapter_that_names_another_device_today_loses_nothing() -> None:
    """Two lines of one message, of which both devices were misread: the frame is stored once, whoever takes it."""
    there = scene(PARCEL)
    await there.receive(message("parcel", b'[["x1", "09c401"], ["x2", "09c401"]]'))
    one = Uplink(network="parcel", device="one", payload=b"\x09\xc4\x01", f_port=1, f_cnt=1, time=NOON)
    fixed = Adapter(name="parcel", topics=("parcel",), uplinks=lambda _topic, _payload: (one,))
    there.sources = (replace(PARCEL, adapter=fixed),)
    await there.register("one")

    first, second = await there.replay(), await there.replay()

    assert first.stored == 1
    assert second == Replayed(lines=1, duplicates=1)
    assert await there.totals() == (2, 1, 1, 0)


async def test_what_a_line_would_become_is_told_without_changing_anything() -> None:
    """Readings with values and flags where it would be stored, else the reason of today."""
    there = scene()
    await there.receive(lora("7fff05", f_cnt=1), lora("6fff05", f_cnt=2), lora("09", f_cnt=3))
    await there.register(LORA)
    lines = there.memory.lines(EVERYTHING)

    told = [await there.replayer().interpret(line) for line in lines]
    tried = [step async for step in there.replayer(at_once=2).try_out(EVERYTHING)]

    assert [(one.device, one.device_type, one.reason) for [one] in told] == [
        (LORA, "probe", None),
        (LORA, "probe", None),
        (LORA, "probe", Reason.BAD_PAYLOAD),
    ]
    assert [dict(row.values) for [one] in told for row in one.rows] == [
        {"door_count": 5},
        {"temperature_c": 286.71, "door_count": 5},
    ]
    assert told[1][0].rows[0].flags == ("temperature_c:range",)
    assert "door_count" in told[2][0].detail or "temperature_c" in told[2][0].detail
    assert [reason for step in tried for _, reason in step] == [None, None, Reason.BAD_PAYLOAD]
    assert there.memory.lines(EVERYTHING) == lines


parcels = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["09c401", "09c402", "09"])), min_size=1, max_size=3
)
acts = st.lists(
    st.one_of(parcels, st.sampled_from(["a", "b", "c"]), st.sampled_from([1, 2, 500])), min_size=1, max_size=12
)


@settings(max_examples=80, deadline=None)
@given(acts)
def test_whatever_comes_is_registered_and_replayed_nothing_is_lost_or_doubled(
    drawn: Sequence[list[tuple[str, str]] | str | int],
) -> None:
    """Messages, registrations and replays in any order: all that can be read is stored in the end, each frame once."""

    async def play() -> None:
        there = scene(PARCEL)
        sent: Counter[tuple[str, str]] = Counter()
        for act in drawn:
            if isinstance(act, str):
                await there.register(act)
            elif isinstance(act, int):
                await there.replay(at_once=act)
            else:
                sent.update(act)
                await there.receive(message("parcel", json.dumps(act).encode()))
            await there.totals()
        await there.register("a", "b", "c")
        await there.replay()
        received, stored, _, quarantined = await there.totals()
        readable = {one for one in sent if one[1] != "09"}
        assert {(f.uplink.device, (f.uplink.payload or b"").hex()) for f in there.memory.frames} == readable
        assert stored == len(readable)
        assert received == sent.total()
        assert (quarantined > 0) == any(content == "09" for _, content in sent)

    asyncio.run(play())
