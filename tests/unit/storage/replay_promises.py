"""What storage promises of what leaves quarantine, whichever it is: run on the fakes and on every real database.

A module that runs them makes a class from ``ReplayPromises`` and a fixture ``ward``.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from model.batch import Replay, Replayed, ReplayLine, SetAside
from model.device import State
from model.errors import BadRequestError, NotFoundError, Reason, WriteRejectedError
from model.ports import Quarantine
from model.views import Amount, LedgerRow, QuarantinedFrame, QuarantineFilter, QuarantineSums, WorkerSums
from tests.unit.storage.batches import HOUR, MINUTE, NOON, SECOND, Builder, device
from tests.unit.storage.promises import FULL, House

LATER = NOON + timedelta(days=3, minutes=7)
REQUESTED = QuarantineFilter(requested=True)


@dataclass
class Ward(House):
    """A storage with its quarantine."""

    quarantine: Quarantine

    async def aside(self, message: bytes = b"a", *, times: int = 1, **how: object) -> QuarantinedFrame:
        """Set a message aside so many times, a minute apart from noon on; return its line."""
        for minute in range(times):
            batch = Builder({}).aside(message, received_at=NOON + minute * MINUTE, **how)  # type: ignore[arg-type]  # what aside takes
            await self.sink.write(batch.build())
        return next(line for line in await self.quarantine.lines(QuarantineFilter()) if line.message == message)

    async def take(self, *lines: QuarantinedFrame, at: datetime = LATER) -> Replayed:
        """Replay lines, each as a new frame of a lamp of its own that is understood now."""
        batch = await self.builder()
        for number, line in enumerate(lines):
            batch.frame("lamp-1", NOON + number * SECOND, FULL, payload=line.message, received_at=line.received_at)
        taken = tuple(ReplayLine(id=line.id, frames=(number,)) for number, line in enumerate(lines))
        return await self.quarantine.replay(Replay(batch=batch.build(), lines=taken), at)

    async def lines(self) -> list[tuple[bytes, int]]:
        """Return message and times of each line in quarantine."""
        return [(line.message, line.times) for line in await self.quarantine.lines(QuarantineFilter())]

    async def marked(self) -> list[bytes]:
        """Return the messages that wait for replay."""
        return [line.message for line in await self.quarantine.lines(REQUESTED)]


def still(line: QuarantinedFrame, **other: object) -> SetAside:
    """Return what is set aside again of a line."""
    return SetAside(
        source=line.source,
        reason=other.get("reason", Reason.BAD_PAYLOAD),  # type: ignore[arg-type]  # a reason
        detail="power_w needs 2 bytes, 1 left",
        topic=line.topic,
        message=line.message,
        received_at=line.received_at,
        network="chirpstack",
        device=other.get("device", line.device),  # type: ignore[arg-type]  # an id
        device_type="probe",
    )


class ReplayPromises:
    """The promises."""

    async def test_what_is_understood_now_leaves_and_is_stored(self, ward: Ward) -> None:
        """The reading has its first arrival; the ledger says when the frame left; what it said before stays."""
        line = await ward.aside(device="lamp-1")

        replayed = await ward.take(line)

        assert replayed == Replayed(lines=1, stored=1)
        assert await ward.lines() == []
        assert [(row.time, row.received_at) for row in await ward.rows()] == [(NOON, NOON)]
        came = LedgerRow(hour=NOON, source="chirpstack", received=1, stored=0, duplicate=0, quarantined=1)
        left = replace(came, hour=NOON + 3 * 24 * HOUR, received=0, stored=1, quarantined=-1, replayed=1)
        assert await ward.queries.ledger() == [left, came]
        assert await ward.totals() == (1, 1, 0, 0)

    async def test_facts_of_a_replayed_message_count_at_their_own_time(self, ward: Ward) -> None:
        """What a network told with a frame becomes its device's state with it, unless newer facts are there."""
        line = await ward.aside(device="lamp-1")
        batch = await ward.builder()
        await ward.sink.write(batch.told("lamp-1", LATER, {"battery_v": 3.0}).build())
        batch = (await ward.again()).frame("lamp-1", NOON, FULL, payload=line.message, received_at=line.received_at)
        batch.told("lamp-1", NOON, {"battery_v": 3.5, "margin_db": 7.0})

        replayed = await ward.quarantine.replay(
            Replay(batch=batch.build(), lines=(ReplayLine(id=line.id, frames=(0,)),)), LATER
        )

        assert replayed == Replayed(lines=1, stored=1)
        assert await ward.state() == {"battery_v": 3.0, "margin_db": 7.0}

    async def test_a_message_that_came_several_times_is_one_frame(self, ward: Ward) -> None:
        """Of k arrivals one is stored, and k - 1 are its duplicates."""
        replayed = await ward.take(await ward.aside(times=5))

        assert replayed == Replayed(lines=1, stored=1, duplicates=4)
        assert await ward.totals() == (5, 1, 4, 0)

    async def test_a_frame_that_came_by_another_way_is_a_duplicate(self, ward: Ward) -> None:
        """What is stored already is not stored again, and leaves quarantine all the same."""
        line = await ward.aside(times=2)
        await ward.take(line)
        again = await ward.aside(times=2)

        replayed = await ward.take(again)

        assert replayed == Replayed(lines=1, duplicates=2)
        assert await ward.lines() == []
        assert len(await ward.rows()) == 1
        assert await ward.totals() == (4, 1, 3, 0)

    async def test_what_is_not_understood_stays_under_its_reason_of_today(self, ward: Ward) -> None:
        """Arrivals and bytes are kept, the mark goes, and the ledger has nothing to say."""
        line = await ward.aside(times=3, device="lamp-1", reason=Reason.UNKNOWN_TYPE)
        await ward.quarantine.request(QuarantineFilter())
        [marked] = await ward.quarantine.lines(REQUESTED)
        before = await ward.queries.ledger()
        aside = ReplayLine(id=line.id, set_aside=(still(line),), requested_at=marked.replay_requested_at)

        replayed = await ward.quarantine.replay(Replay(batch=Builder({}).build(), lines=(aside,)), LATER)

        assert replayed == Replayed(lines=1, kept=3)
        [kept] = await ward.quarantine.lines(QuarantineFilter())
        assert kept == replace(
            line, reason=Reason.BAD_PAYLOAD, detail="power_w needs 2 bytes, 1 left", device_type="probe"
        )
        assert kept.replay_requested_at is None
        assert await ward.queries.ledger() == before

    async def test_a_mark_made_meanwhile_asks_for_another_look(self, ward: Ward) -> None:
        """A line that is marked again while it is looked at, for a device registered just then, stays marked."""
        line = await ward.aside()
        await ward.quarantine.request(QuarantineFilter())
        [read] = await ward.quarantine.lines(REQUESTED)
        await ward.quarantine.request(QuarantineFilter())
        aside = ReplayLine(id=line.id, set_aside=(still(line),), requested_at=read.replay_requested_at)

        await ward.quarantine.replay(Replay(batch=Builder({}).build(), lines=(aside,)), LATER)

        assert await ward.marked() == [b"a"]

    async def test_taking_a_line_twice_changes_nothing(self, ward: Ward) -> None:
        """Whoever comes second passes the line over: it is neither stored nor counted again."""
        first, second = await ward.aside(b"a"), await ward.aside(b"b")
        await ward.take(first)

        replayed = await ward.take(first, second)

        assert replayed == Replayed(lines=1, stored=1, passed=1)
        assert await ward.totals() == (2, 2, 0, 0)

    async def test_a_message_may_turn_out_to_be_several_frames(self, ward: Ward) -> None:
        """Counted as one while nobody could read it; what else is found in it now is received with the replay."""
        line = await ward.aside()
        batch = (await ward.builder()).frame("lamp-1", NOON, FULL).frame("lamp-2", NOON, FULL).build()
        taken = ReplayLine(id=line.id, frames=(0, 1))

        replayed = await ward.quarantine.replay(Replay(batch=batch, lines=(taken,)), LATER)

        assert replayed == Replayed(lines=1, stored=2)
        assert await ward.totals() == (2, 2, 0, 0)

    async def test_a_message_whose_envelope_is_read_now_stays_under_its_device(self, ward: Ward) -> None:
        """It gets a line of its own with all its arrivals, and its device is heard."""
        line = await ward.aside(times=3, reason=Reason.BAD_ENVELOPE)
        aside = ReplayLine(id=line.id, set_aside=(still(line, device="new", reason=Reason.UNKNOWN_DEVICE),))

        replayed = await ward.quarantine.replay(Replay(batch=Builder({}).build(), lines=(aside,)), LATER)

        assert replayed == Replayed(lines=1, kept=3)
        [moved] = await ward.quarantine.lines(QuarantineFilter())
        assert (moved.device, moved.times, moved.reason) == ("new", 3, Reason.UNKNOWN_DEVICE)
        assert (moved.received_at, moved.last_received_at) == (NOON, NOON + 2 * MINUTE)
        assert (await ward.registry.device("new")).state is State.PENDING
        assert await ward.totals() == (3, 0, 0, 3)

    async def test_of_several_uplinks_some_may_stay(self, ward: Ward) -> None:
        """What is understood is stored, what is not stays in a line of its own; every frame is counted."""
        line = await ward.aside(times=2, reason=Reason.BAD_ENVELOPE)
        batch = (await ward.builder()).frame("lamp-1", NOON, FULL).build()
        taken = ReplayLine(id=line.id, frames=(0,), set_aside=(still(line, device="new"),))

        replayed = await ward.quarantine.replay(Replay(batch=batch, lines=(taken,)), LATER)

        assert replayed == Replayed(lines=1, stored=1, duplicates=1, kept=2)
        assert await ward.lines() == [(b"a", 2)]
        assert await ward.totals() == (4, 1, 1, 2)

    async def test_an_uplink_that_was_stored_when_it_came_is_not_counted_again(self, ward: Ward) -> None:
        """A message of two uplinks of one device, one of which was set aside: only that one leaves quarantine."""
        batch = (await ward.builder()).frame("lamp-1", NOON, FULL, payload=b"good").aside(b"a", device="lamp-1").build()
        await ward.sink.write(batch)
        [line] = await ward.quarantine.lines(QuarantineFilter())
        both = (await ward.again()).frame("lamp-1", NOON, FULL, payload=b"good").frame("lamp-1", NOON, [], payload=b"x")
        taken = ReplayLine(id=line.id, frames=(0, 1))

        replayed = await ward.quarantine.replay(Replay(batch=both.build(), lines=(taken,)), LATER)

        assert replayed == Replayed(lines=1, stored=1)
        assert await ward.totals() == (2, 2, 0, 0)

    async def test_a_frame_that_can_never_be_stored_is_named_and_nothing_changes(self, ward: Ward) -> None:
        """The line stays as it was; the caller learns which frame it is."""
        lines = await ward.aside(b"a"), await ward.aside(b"b")
        batch = (await ward.builder()).frame("lamp-1", NOON, FULL).frame("lamp-1", NOON.replace(year=1969), FULL)
        taken = tuple(ReplayLine(id=line.id, frames=(number,)) for number, line in enumerate(lines))

        with pytest.raises(WriteRejectedError) as caught:
            await ward.quarantine.replay(Replay(batch=batch.build(), lines=taken), LATER)

        assert list(caught.value.rejected) == [1]
        assert await ward.lines() == [(b"a", 1), (b"b", 1)]
        assert await ward.totals() == (2, 0, 0, 2)

    # Which lines

    async def test_lines_are_found_by_what_is_known_of_them(self, ward: Ward) -> None:
        """By reason, device, source, times of arrival and id; in order of arrival, or newest first."""
        first = await ward.aside(b"a", device="one", reason=Reason.BAD_ENVELOPE)
        await ward.sink.write(Builder({}).aside(b"b", device="two", received_at=NOON + HOUR).build())
        await ward.sink.write(Builder({}).aside(b"b", device="two", received_at=NOON + 3 * HOUR).build())

        async def found(**wanted: object) -> bytes:
            filter_ = QuarantineFilter(**wanted)  # type: ignore[arg-type]  # each is of the filter's own kind
            ascending = await ward.quarantine.lines(filter_)
            assert list((await ward.queries.quarantine(filter_)).rows) == list(ascending)[::-1]
            return b"".join(line.message for line in ascending)

        assert await found() == b"ab"
        assert await ward.quarantine.count(QuarantineFilter(device="two")) == Amount(lines=1, frames=2)
        assert await ward.quarantine.count(QuarantineFilter(device="three")) == Amount(lines=0, frames=0)
        assert await found(reason="bad_envelope") == b"a"
        assert await found(device="two", source="chirpstack") == b"b"
        assert await found(source="sigfox") == b""
        assert await found(start=NOON + 2 * HOUR) == b"b"
        assert await found(start=NOON + 4 * HOUR) == b""
        assert await found(end=NOON + HOUR) == b"a"
        assert await found(end=NOON) == b""
        assert await found(frame=first.id) == b"a"
        assert await found(device="nul\0") == b""
        assert [line.message for line in await ward.quarantine.lines(QuarantineFilter(), after=first.id)] == [b"b"]
        assert [line.message for line in await ward.quarantine.lines(QuarantineFilter(), limit=1)] == [b"a"]
        with pytest.raises(BadRequestError, match="zone"):
            await ward.queries.quarantine(QuarantineFilter(start=NOON.replace(tzinfo=None)))

    async def test_lines_are_marked_for_replay(self, ward: Ward) -> None:
        """The answer says how many wait now; asking again says the same."""
        await ward.aside(b"a", times=3, reason=Reason.BAD_ENVELOPE)
        await ward.aside(b"b")
        wanted = QuarantineFilter(reason="bad_envelope")

        once, twice = await ward.quarantine.request(wanted), await ward.quarantine.request(wanted)

        assert once == twice == Amount(lines=1, frames=3)
        assert await ward.marked() == [b"a"]
        assert await ward.queries.quarantine_sums() == [
            QuarantineSums(reason=Reason.BAD_ENVELOPE, lines=1, frames=3, waiting=3),
            QuarantineSums(reason=Reason.BAD_PAYLOAD, lines=1, frames=1, waiting=0),
        ]

    @pytest.mark.parametrize("reason", [Reason.UNKNOWN_DEVICE, Reason.PENDING_DEVICE, Reason.UNKNOWN_TYPE])
    async def test_registering_a_device_marks_its_frames(self, ward: Ward, reason: Reason) -> None:
        """Those of no other device; and the list sent again marks nothing."""
        await ward.aside(b"a", times=2, device="lamp-1", reason=reason)
        await ward.aside(b"b", device="lamp-9", reason=reason)

        await ward.registry.register([device("lamp-1")])

        assert await ward.marked() == [b"a"]
        assert await ward.quarantine.waiting(["lamp-1", "lamp-9"]) == Amount(lines=1, frames=2)
        assert (
            await ward.quarantine.waiting(["lamp-9"]) == await ward.quarantine.waiting([]) == Amount(lines=0, frames=0)
        )
        await ward.take((await ward.quarantine.lines(REQUESTED))[0])
        await ward.registry.register([device("lamp-1")])
        assert await ward.marked() == []

    async def test_a_retired_device_that_counts_again_brings_its_frames(self, ward: Ward) -> None:
        """What it sent meanwhile is marked when it is registered again, not when it is retired."""
        await ward.registry.register([device("lamp-1")])
        await ward.registry.remove("lamp-1")
        await ward.aside(b"a", device="lamp-1", reason=Reason.RETIRED_DEVICE)
        assert await ward.marked() == []

        await ward.registry.register([device("lamp-1")])

        assert await ward.marked() == [b"a"]

    async def test_another_type_of_a_device_is_another_try(self, ward: Ward) -> None:
        """What did not fit the old type is marked when the type changes; a new name of the device marks nothing."""
        await ward.registry.register([device("lamp-1")])
        line = await ward.aside(b"a", device="lamp-1")
        aside = ReplayLine(id=line.id, set_aside=(still(line),))
        await ward.quarantine.replay(Replay(batch=Builder({}).build(), lines=(aside,)), LATER)

        await ward.registry.register([replace(device("lamp-1"), name="By the bridge")])
        assert await ward.marked() == []
        await ward.registry.register([device("lamp-1", type_="meter")])
        assert await ward.marked() == [b"a"]

    async def test_a_frame_judged_before_the_registration_and_written_after_it_is_marked(self, ward: Ward) -> None:
        """Whichever comes first, no frame of a registered device is left behind as unknown."""
        await ward.registry.register([device("lamp-1")])

        await ward.aside(b"a", device="lamp-1", reason=Reason.UNKNOWN_DEVICE)
        await ward.aside(b"b", device="lamp-1", reason=Reason.BAD_PAYLOAD)

        assert await ward.marked() == [b"a"]

    async def test_a_device_type_that_is_known_now_marks_its_frames(self, ward: Ward) -> None:
        """Found by the type in the register; frames that wait for other reasons are left alone."""
        await ward.registry.register([device("lamp-1"), device("lamp-2", type_="meter")])
        await ward.aside(b"a", device="lamp-1", reason=Reason.UNKNOWN_TYPE)
        await ward.aside(b"b", device="lamp-2", reason=Reason.UNKNOWN_TYPE)
        await ward.aside(b"c", device="lamp-1", reason=Reason.BAD_PAYLOAD)

        marked = await ward.quarantine.request_types(["probe", "sonde"])

        assert marked == Amount(lines=1, frames=1)
        assert await ward.marked() == [b"a"]

    # The ledger

    async def test_the_ledger_is_told_by_source_and_by_worker(self, ward: Ward) -> None:
        """One source alone, over a time; and what each worker wrote, replays apart."""
        batch = (await ward.builder()).frame("lamp-1", NOON, FULL, source="sigfox").build()
        await ward.sink.write(batch)
        await ward.take(await ward.aside())

        assert [row.source for row in await ward.queries.ledger(source="sigfox")] == ["sigfox"]
        assert await ward.queries.ledger(source="sigfox", start=NOON + HOUR) == []
        assert await ward.queries.ledger_workers() == [
            WorkerSums(worker="replay", received=0, stored=1, duplicate=0, quarantined=-1),
            WorkerSums(worker="worker-1", received=2, stored=1, duplicate=0, quarantined=1),
        ]
        assert [sums.worker for sums in await ward.queries.ledger_workers(start=NOON + HOUR)] == ["replay"]

    async def test_a_line_that_left_is_not_found(self, ward: Ward) -> None:
        """Its number is never used again."""
        line = await ward.aside()
        await ward.take(line)

        with pytest.raises(NotFoundError):
            await ward.queries.quarantined(line.id)
        assert (await ward.aside()).id > line.id
