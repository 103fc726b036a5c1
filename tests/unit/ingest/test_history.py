"""History decoded again, in memory: what is compared, kept, counted and shown, and how a run goes on."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.catalogue import Catalogue
from ingest.history import Redecoding
from model.device import Device
from model.errors import ConflictError, UnavailableError
from model.history import Counts, Run, RunState, Scope, Survey
from model.uplink import Uplink
from model.views import ReadingRow
from tests.fakes.history import History
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry
from tests.unit.ingest.past import (
    DEVICES,
    MINUTE,
    NEW_CATALOGUE,
    NOON,
    OLD,
    OLD_CATALOGUE,
    Heard,
    frame,
    heard,
    ingest,
    uplinks,
    without_version,
)

SENSOR = Scope(device_type="sensor")
DROPPING = replace(SENSOR, drop_undecodable=True)


class Past:
    """Frames as the old device file understood them, and the new one to decode them again."""

    def __init__(self, memory: Memory, stored: Sequence[Heard]) -> None:
        self.memory = memory
        self.stored = stored
        self.history = History(memory)

    def again(self, at_once: int = 100, catalogue: Catalogue = NEW_CATALOGUE) -> Redecoding:
        """Return what decodes again."""
        return Redecoding(self.history, catalogue["sensor"], at_once=at_once)

    async def redecode(self, scope: Scope = SENSOR, at_once: int = 100) -> tuple[Survey, Run]:
        """Find the difference and make it."""
        again = self.again(at_once)
        survey = await again.survey(scope)
        return survey, await again.change(await again.begin(survey), stop=lambda: False)

    @property
    def rows(self) -> list[ReadingRow]:
        """Readings without their versions."""
        return without_version(self.memory.rows.get("sensor", {}).values())

    @property
    def values(self) -> dict[float, dict[str, object]]:
        """Minutes after noon -> values of the first device."""
        return {(row.time - NOON) / MINUTE: dict(row.values) for row in self.rows if row.device == "sensor-1"}


async def past(*frames: Heard, catalogue: Catalogue = OLD_CATALOGUE, devices: Sequence[Device] = DEVICES) -> Past:
    """Return what ingest made of these frames."""
    memory = Memory()
    registry = Registry(memory)
    await registry.register(devices)
    return Past(memory, await ingest(frames, catalogue, registry, memory))


def _settled(counts: Counts) -> Counts:
    """Return counts in which a changed reading is an unchanged one.

    Of a reading that frames of two parts say, the survey, which changes nothing, may count the difference of one frame,
    and the run what the other left of it.
    """
    return replace(counts, changed=0, unchanged=counts.changed + counts.unchanged)


@settings(max_examples=40, deadline=None)
@given(st.lists(uplinks(), max_size=14), st.integers(1, 20))
def test_history_decoded_again_is_what_ingest_would_have_stored(drawn: list[Uplink], at_once: int) -> None:
    """Whatever came in whatever order: readings and latest values are those of a fresh ingest, as the survey said."""

    async def check() -> None:
        old = await past(*heard(drawn))
        fresh = await past(*old.stored, catalogue=NEW_CATALOGUE)

        survey, run = await old.redecode(DROPPING, at_once)

        assert old.rows == fresh.rows
        assert _settled(run.counts) == _settled(survey.counts)
        for name, seen in old.memory.latest.items():
            assert seen.values == (fresh.memory.latest[name].values if name in fresh.memory.latest else {})
        assert (run.state, run.counts.frames) == (RunState.FINISHED, len(old.memory.frames))
        assert (await old.again().survey(DROPPING)).counts.differences == 0

    asyncio.run(check())


@settings(max_examples=25, deadline=None)
@given(st.lists(uplinks(), max_size=14), st.integers(1, 6))
def test_the_same_device_file_changes_nothing(drawn: list[Uplink], at_once: int) -> None:
    """What ingest stored is what decoding again finds, merged and late and logged frames included."""

    async def check() -> None:
        old = await past(*heard(drawn))

        survey = await old.again(at_once, OLD_CATALOGUE).survey(DROPPING)

        assert survey.counts == Counts(frames=len(old.memory.frames), unchanged=survey.counts.unchanged)
        assert survey.counts.unchanged == len(old.rows)

    asyncio.run(check())


@settings(max_examples=20, deadline=None)
@given(st.lists(uplinks(), min_size=4, max_size=14), st.integers(0, 6), st.integers(1, 5))
def test_a_run_that_stops_anywhere_goes_on_where_it_was(drawn: list[Uplink], steps: int, at_once: int) -> None:
    """A process that dies between two steps, and one that goes on later, leave what one alone leaves: counts, too."""

    async def check() -> None:
        whole, broken = await past(*heard(drawn)), await past(*heard(drawn))
        _, expected = await whole.redecode(DROPPING, at_once)
        again = broken.again(at_once)
        run = await again.begin(await again.survey(DROPPING))
        broken.history.fail_after = steps
        with suppress(UnavailableError):
            await again.change(run, stop=lambda: False)
        broken.history.fail_after = None

        [left] = await broken.history.runs()
        done = left if left.state is RunState.FINISHED else await again.change(left, stop=lambda: False)

        assert broken.rows == whole.rows
        assert done.counts == expected.counts

    asyncio.run(check())


async def test_the_difference_tells_counts_fields_and_the_worst_examples() -> None:
    """How many readings change, by how much typically and at most, and which: with bytes, old value and new."""
    old = await past(frame("09c405"), frame("0bb805", 15), frame("000005", 30), frame("7ffe05", 45))

    survey = await old.again().survey(SENSOR)

    [field] = survey.fields
    worst = survey.examples[0]
    assert survey.counts == Counts(frames=4, changed=3, unchanged=1)
    assert (field.field, field.unit, field.changed, field.vanishes) == ("temperature_c", "Cel", 3, 1)
    assert (field.typical, field.largest) == (27.5, 30.0)
    assert (worst.device, worst.time, worst.before, worst.after) == ("sensor-1", NOON + 15 * MINUTE, 30.0, 60.0)
    assert (worst.payload, worst.f_port) == (bytes.fromhex("0bb805"), 1)
    assert [example.after for example in survey.examples] == [60.0, 50.0, None]


async def test_looking_changes_nothing() -> None:
    """After a survey all is as before: readings, frames, runs."""
    old = await past(*heard([one for one, _ in (frame("09c405"), frame("09c40001", 30, f_port=2))]))
    rows, frames = old.rows, list(old.memory.frames)

    await old.again().survey(SENSOR)

    assert (old.rows, old.memory.frames, await old.history.runs()) == (rows, frames, [])


async def test_a_frame_that_no_longer_decodes_keeps_its_readings() -> None:
    """It is counted and listed with its reason; its reading stays as it is."""
    old = await past(frame("6a44f0000101", f_port=4), frame("09c405", 15))

    survey, run = await old.redecode()

    [listed] = survey.undecodable
    assert (listed.device, listed.f_port, listed.payload) == ("sensor-1", 4, bytes.fromhex("6a44f0000101"))
    assert "_zero" in listed.error
    assert (run.counts.undecodable, run.counts.kept, run.counts.gone) == (1, 1, 0)
    assert old.values == {0: {"door_count": 257}, 15: {"temperature_c": 50.0, "door_count": 5}}


async def test_what_no_longer_decodes_goes_when_that_is_asked_for() -> None:
    """``drop_undecodable`` removes such readings, and keeps what they said."""
    old = await past(frame("6a44f0000101", f_port=4))

    _, run = await old.redecode(DROPPING)

    assert (old.values, run.counts.gone) == ({}, 1)
    assert [one.values for one in old.history.superseded] == [{"door_count": 257}]


async def test_a_value_of_a_frame_that_no_longer_decodes_stays_in_a_merged_reading() -> None:
    """Of two frames of one time one is refused now: what only it said is kept, the rest is said anew."""
    old = await past(frame("7fff07"), frame("6a44f0000101", f_port=4, late=2), frame("00017f", f_port=9, late=3))
    both = await past(frame("09c407"), frame("000000000101", f_port=4, late=2))

    await old.redecode()
    await both.redecode()

    assert old.values == {0: {"temperature_c": 655.34, "door_count": 7}}
    assert both.values == {0: {"temperature_c": 50.0, "door_count": 7}}


async def test_a_reading_stays_while_one_of_its_frames_says_it() -> None:
    """A log that has another step now takes its rows elsewhere; the row that a frame of its own says stays."""
    old = await past(frame("03e803", -10, late=1), frame("09c403e8", f_port=2))
    assert sorted(old.values) == [-10, 0]

    _, run = await old.redecode()

    assert old.values == {
        -20: {"temperature_c": 10.0},
        -10: {"temperature_c": 20.0, "door_count": 3},
        0: {"temperature_c": 25.0},
    }
    assert (run.counts.new, run.counts.changed, run.counts.unchanged, run.counts.gone) == (1, 1, 1, 0)


async def test_rows_that_nobody_says_any_more_go_and_are_remembered() -> None:
    """The same log alone: its older row moves, and what stood there can be read."""
    old = await past(frame("09c403e8", f_port=2))

    _, run = await old.redecode()

    assert sorted(old.values) == [-20, 0]
    assert (run.counts.new, run.counts.gone) == (1, 1)
    [said] = await old.history.said("sensor-1", NOON - 10 * MINUTE, NOON)
    assert (said.values, said.run) == ({"temperature_c": 10.0}, run.number)


async def test_readings_whose_frames_are_gone_stay() -> None:
    """Raw frames may be kept for a shorter time than readings: what cannot be decoded again is not touched."""
    old = await past(frame("09c405", -10), frame("09c403e8", f_port=2), frame("09c406", 20))
    del old.memory.frames[0], old.memory.frames[1]

    await old.redecode()

    assert old.values == {
        -20: {"temperature_c": 10.0},
        -10: {"temperature_c": 25.0, "door_count": 5},
        0: {"temperature_c": 25.0},
        20: {"temperature_c": 25.0, "door_count": 6},
    }


async def test_a_field_that_the_device_file_has_no_more_keeps_its_values() -> None:
    """The column keeps the history of a field that was renamed; the new name is filled beside it."""
    old = await past(frame("09c405"))
    renamed = Catalogue({"sensor": OLD.replace("door_count", "gate_count")})

    again = old.again(catalogue=renamed)
    await again.change(await again.begin(await again.survey(SENSOR)), stop=lambda: False)

    assert old.values == {0: {"temperature_c": 25.0, "gate_count": 5, "door_count": 5}}


async def test_a_range_touches_only_its_frames_but_merges_what_others_say() -> None:
    """Frames outside keep their readings; where one of them said the same time, both are in the reading."""
    inside, outside = frame("7fff05"), frame("09c409c4", 10, f_port=2)
    old = await past(inside, outside, frame("09c407", 30))

    _, run = await old.redecode(replace(SENSOR, start=NOON, end=NOON + 10 * MINUTE))

    assert run.counts.frames == 1
    assert old.values[0] == {"temperature_c": 655.34, "door_count": 5}
    assert old.values[30] == {"temperature_c": 25.0, "door_count": 7}


async def test_one_device_is_decoded_again_alone() -> None:
    """Others of its type stay."""
    old = await past(frame("09c405"), frame("09c405", device="sensor-2"))

    await old.redecode(replace(SENSOR, device="sensor-2"))

    assert {row.device: row.values["temperature_c"] for row in old.rows} == {"sensor-1": 25.0, "sensor-2": 50.0}


async def test_a_frame_follows_the_time_that_it_tells_now() -> None:
    """Where the new device file reads another time, raw frame and reading move; without a counter the key does, too."""
    own = int((NOON - 40 * MINUTE).timestamp())
    uplink = Uplink(network="test", device="sensor-1", payload=bytes.fromhex(f"{own:08x}80"), f_port=3)
    old = await past((uplink, NOON))

    survey, run = await old.redecode()

    [moved] = old.memory.frames
    assert [(example.field, example.after) for example in survey.examples][-1] == ("time", NOON.isoformat())
    assert (run.counts.moved, run.counts.new, run.counts.gone) == (1, 1, 1)
    assert sorted(old.values) == [0]
    assert (moved.time, moved.key) == (NOON, uplink.frame_key(NOON))


async def test_a_run_goes_on_only_by_the_device_file_that_began_it() -> None:
    """Another version is refused with what to do; so is a run that has ended."""
    old = await past(frame("09c405"))
    again = old.again()
    run = await again.begin(await again.survey(SENSOR))
    third = Catalogue({"sensor": OLD.replace("i16 / 100 ", "i16 / 10 ").replace("= 25.0", "= 250.0")})

    with pytest.raises(
        ConflictError, match=r"version .* put the earlier file back and resume, or .*--device-type sensor"
    ):
        await old.again(catalogue=third).change(run, stop=lambda: False)
    done = await again.change(run, stop=lambda: False)
    with pytest.raises(ConflictError, match="run 1 is finished"):
        await again.change(done, stop=lambda: False)


async def test_a_new_run_takes_the_place_of_one_that_was_left() -> None:
    """The earlier one cannot be resumed: it would bring back what the later one changed."""
    old = await past(frame("09c405"))
    again = old.again()
    survey = await again.survey(SENSOR)
    first = await again.begin(survey)
    await again.begin(survey)

    [_, left] = await old.history.runs()

    assert (left.number, left.state) == (first.number, RunState.GIVEN_UP)
    with pytest.raises(ConflictError, match="was given up for a later one"):
        await again.change(left, stop=lambda: False)


async def test_a_run_stops_between_two_steps_when_it_is_told_to() -> None:
    """It stays open at its place, with what it has done."""
    old = await past(*(frame("09c405", 15 * number) for number in range(4)))
    again = old.again(at_once=2)
    answers = iter([False, True])

    run = await again.change(await again.begin(await again.survey(SENSOR)), stop=lambda: next(answers))

    assert (run.state, run.counts.frames) == (RunState.OPEN, 2)
    assert [values["temperature_c"] for values in old.values.values()] == [50.0, 50.0, 25.0, 25.0]
