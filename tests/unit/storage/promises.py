"""What storage promises, whichever it is: these tests run on the fakes and on every real database.

A module that runs them makes a class from ``StoragePromises`` and a fixture ``house``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from model.batch import Written
from model.device import Device, DeviceRef, State
from model.errors import BadRequestError, NotFoundError, Reason, WriteRejectedError
from model.ports import DeviceLookup, FrameSink, Queries, Registry
from model.told import Event
from model.uplink import Rest, Value
from model.views import LedgerRow, QuarantineFilter, ReadingRow, StateValue, UnmappedPath
from tests.unit.storage.batches import HOUR, METER, MINUTE, NOON, PROBE, SECOND, Builder, device

FULL: dict[str, Value] = {"power_w": 61.25, "steps": 7, "lamp_on": True, "role": "solar"}
EMPTY: dict[str, Value] = dict.fromkeys(FULL)


class Register(Registry, DeviceLookup, Protocol):
    """The register as people and as ingest see it."""


@dataclass
class House:
    """A storage with everything in it."""

    sink: FrameSink
    registry: Register
    queries: Queries

    async def builder(self, *devices: Device) -> Builder:
        """Register devices (two lamps and a meter if none are given) and return a builder for their frames."""
        wanted = devices or (device("lamp-1"), device("lamp-2"), device("meter-1", type_="meter"))
        await self.registry.register(wanted)
        return await self.again(*(each.id for each in wanted))

    async def again(self, *ids: str) -> Builder:
        """Return a new builder for devices that are registered."""
        names = ids or ("lamp-1", "lamp-2", "meter-1")
        return Builder(await self.registry.identify(names))

    async def rows(self, **query: Any) -> Sequence[ReadingRow]:  # noqa: ANN401 -- what Queries.readings takes
        """Return readings of the probe."""
        return (await self.queries.readings(PROBE, **query)).rows

    async def totals(self) -> tuple[int, int, int, int]:
        """Return the ledger's sums; every line must balance."""
        lines = await self.queries.ledger()
        assert all(line.balanced for line in lines)
        return (
            sum(line.received for line in lines),
            sum(line.stored for line in lines),
            sum(line.duplicate for line in lines),
            sum(line.quarantined for line in lines),
        )

    async def latest(self, name: str = "lamp-1") -> Mapping[str, Any]:
        """Return field -> value of a device's latest values."""
        [latest] = await self.queries.latest(devices=[name])
        return {field: each.value for field, each in latest.values.items()}

    async def state(self, name: str = "lamp-1") -> Mapping[str, Any]:
        """Return fact -> value of a device's state."""
        return {fact: each.value for fact, each in (await self.queries.state(name)).items()}


class StoragePromises:
    """The promises."""

    # Writing

    async def test_what_is_written_is_read(self, house: House) -> None:
        """A reading comes back with its values, times, flags, version and mark of simulation."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL, flags=("power_w:range",), simulated=True)

        written = await house.sink.write(batch.build())

        assert written == Written(stored=(0,), duplicates=0, quarantined=0)
        assert await house.rows() == [
            ReadingRow(
                device="lamp-1",
                time=NOON,
                received_at=NOON + SECOND,
                values=FULL,
                flags=("power_w:range",),
                simulated=True,
                version="v1",
            )
        ]

    async def test_a_frame_of_many_readings_gives_many_rows(self, house: House) -> None:
        """A data logger's frame is one frame in the ledger and as many readings as it holds."""
        batch = await house.builder()
        log = [(NOON - n * MINUTE, {"steps": n}) for n in range(50)]
        batch.frame("lamp-1", NOON, log)

        await house.sink.write(batch.build())

        assert [row.values["steps"] for row in await house.rows()] == list(range(49, -1, -1))
        assert await house.totals() == (1, 1, 0, 0)

    async def test_a_value_that_is_absent_is_null(self, house: House) -> None:
        """Fields that a frame does not say, and numbers that are none, read as None."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, {"power_w": float("nan"), "steps": 1})
        batch.frame("lamp-2", NOON, {"power_w": float("inf")})

        await house.sink.write(batch.build())

        assert [row.values for row in await house.rows()] == [{**EMPTY, "steps": 1}, EMPTY]

    async def test_an_empty_batch_is_written(self, house: House) -> None:
        """Nothing in, nothing out."""
        batch = await house.builder()

        written = await house.sink.write(batch.build())

        assert written == Written(stored=(), duplicates=0, quarantined=0)
        assert await house.queries.ledger() == []

    async def test_a_frame_without_readings_is_stored_and_heard(self, house: House) -> None:
        """An answer to a command has no reading; the frame counts, and the device was heard."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, [])

        await house.sink.write(batch.build())

        assert await house.rows() == []
        assert await house.queries.latest() == []
        assert (await house.registry.device("lamp-1")).last_seen == NOON + SECOND
        assert await house.totals() == (1, 1, 0, 0)

    async def test_flags_of_a_reading_are_those_of_the_latest_values(self, house: House) -> None:
        """What is doubted of a device's newest reading is told with its latest values, whichever frame brought it."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, {"steps": 5}, payload=b"a").build())
        batch = await house.again()
        batch.frame("lamp-1", NOON, {"power_w": 1.5}, flags=("lit_on:range",), payload=b"b")
        batch.frame("lamp-2", NOON, {"steps": 5}, payload=b"a")
        batch.frame("lamp-2", NOON, {"power_w": 1.5}, flags=("lit_on:range",), payload=b"b")

        await house.sink.write(batch.build())

        assert {row.device: row.flags for row in await house.rows()} == {
            latest.device.id: latest.flags for latest in await house.queries.latest()
        }
        assert [latest.flags for latest in await house.queries.latest()] == [("lit_on:range",)] * 2

    # Duplicates

    async def test_the_same_batch_again_stores_nothing(self, house: House) -> None:
        """A batch that comes again after a crash counts as duplicates, and changes no reading."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL, f_cnt=1).frame("lamp-2", NOON, FULL).frame("meter-1", NOON, {"power_w": 1.0})
        first = await house.sink.write(batch.build())
        before = await house.rows()

        second = await house.sink.write(batch.build())

        assert (first.stored, first.duplicates) == ((0, 1, 2), 0)
        assert (second.stored, second.duplicates) == ((), 3)
        assert await house.rows() == before
        assert await house.totals() == (6, 3, 3, 0)

    async def test_the_same_frame_twice_in_a_batch_is_stored_once(self, house: House) -> None:
        """Two gateways of two networks bring one frame: one row."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL, f_cnt=1).frame("lamp-1", NOON + SECOND, FULL, f_cnt=1)

        written = await house.sink.write(batch.build())

        assert (written.stored, written.duplicates) == ((0,), 1)
        assert len(await house.rows()) == 1

    @pytest.mark.parametrize(
        ("apart", "stored"), [(HOUR, 0), (-HOUR, 0), (HOUR + SECOND, 1), (-HOUR - SECOND, 1)], ids=str
    )
    async def test_a_counter_tells_duplicates_within_an_hour(self, house: House, apart: timedelta, stored: int) -> None:
        """The same key within an hour is the same frame if it has a counter; later the counter has begun anew."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL, f_cnt=1).build())
        batch = await house.again()

        written = await house.sink.write(batch.frame("lamp-1", NOON + apart, FULL, f_cnt=1).build())

        assert len(written.stored) == stored

    async def test_without_a_counter_only_the_same_time_is_a_duplicate(self, house: House) -> None:
        """Two frames alike a second apart are two measurements when nothing counts them."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL).frame("lamp-1", NOON + SECOND, FULL).frame("lamp-1", NOON, FULL)

        written = await house.sink.write(batch.build())

        assert (written.stored, written.duplicates) == ((0, 1), 1)

    async def test_a_duplicate_of_a_duplicate_is_compared_with_what_is_stored(self, house: House) -> None:
        """A frame an hour and a half after the stored one is new, even with a duplicate in between."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL, f_cnt=1).build())
        batch = await house.again()
        batch.frame("lamp-1", NOON + 50 * MINUTE, FULL, f_cnt=1).frame("lamp-1", NOON + 90 * MINUTE, FULL, f_cnt=1)

        written = await house.sink.write(batch.build())

        assert written.stored == (1,)

    # One device, one time

    async def test_frames_of_one_time_are_merged(self, house: House) -> None:
        """A second frame of the same device and time fills what the first left empty, and overwrites nothing."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, {"power_w": 1.0}, payload=b"a", flags=("power_w:range",))
        batch.frame("lamp-1", NOON, {"power_w": 2.0, "steps": 3}, payload=b"b", flags=("steps:range",))
        await house.sink.write(batch.build())
        batch = await house.again()
        batch.frame("lamp-1", NOON, {"steps": 4, "role": "solar"}, payload=b"c")

        written = await house.sink.write(batch.build())

        [row] = await house.rows()
        assert written.stored == (0,)
        assert row.values == {"power_w": 1.0, "steps": 3, "lamp_on": None, "role": "solar"}
        assert row.flags == ("power_w:range", "steps:range")
        assert await house.totals() == (3, 3, 0, 0)
        assert await house.latest() == {"power_w": 1.0, "steps": 3, "role": "solar"}

    async def test_a_log_that_repeats_live_readings_fills_the_gaps_only(self, house: House) -> None:
        """After an outage a logger's frame brings what is missing; what is there stays."""
        batch = await house.builder()
        for minute in (0, 1, 4):
            batch.frame("lamp-1", NOON + minute * MINUTE, {"steps": minute})
        await house.sink.write(batch.build())
        batch = await house.again()
        batch.frame("lamp-1", NOON + 5 * MINUTE, [(NOON + m * MINUTE, {"steps": 10 + m}) for m in range(6)])

        await house.sink.write(batch.build())

        assert [row.values["steps"] for row in await house.rows()] == [0, 1, 12, 13, 4, 15]

    # Latest values

    async def test_latest_never_goes_backwards(self, house: House) -> None:
        """A late frame fills fields that were never said, and moves none back."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, {"power_w": 2.0}, flags=("power_w:range",)).build())
        batch = await house.again()
        late = batch.frame("lamp-1", NOON - HOUR, {"power_w": 1.0, "steps": 5}, received_at=NOON + HOUR)

        await house.sink.write(late.build())

        [latest] = await house.queries.latest()
        assert {name: (each.value, each.time) for name, each in latest.values.items()} == {
            "power_w": (2.0, NOON),
            "steps": (5, NOON - HOUR),
        }
        assert (latest.time, latest.received_at, latest.flags) == (NOON, NOON + SECOND, ("power_w:range",))
        assert latest.device.last_seen == NOON + HOUR

    async def test_latest_keeps_fields_that_newer_frames_do_not_say(self, house: House) -> None:
        """Each field has its own newest value and its own time."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL).build())
        batch = await house.again()
        await house.sink.write(batch.frame("lamp-1", NOON + MINUTE, {"steps": 8, "lamp_on": False}).build())

        [latest] = await house.queries.latest(device_type="probe")

        assert {name: (each.value, each.time) for name, each in latest.values.items()} == {
            "lamp_on": (False, NOON + MINUTE),
            "power_w": (61.25, NOON),
            "role": ("solar", NOON),
            "steps": (8, NOON + MINUTE),
        }
        assert latest.time == NOON + MINUTE
        assert latest.flags == ()

    async def test_the_order_within_a_batch_does_not_matter_to_latest(self, house: House) -> None:
        """The newest of a batch counts, wherever it stands in it."""
        batch = await house.builder()
        for minute in (2, 0, 3, 1):
            batch.frame("lamp-1", NOON + minute * MINUTE, {"steps": minute} | ({"power_w": 1.5} if not minute else {}))

        await house.sink.write(batch.build())

        assert await house.latest() == {"steps": 3, "power_w": 1.5}

    async def test_latest_is_of_active_devices(self, house: House) -> None:
        """A retired device is on no map; its readings stay."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL).frame("lamp-2", NOON, FULL).build())

        await house.registry.remove("lamp-1")

        assert [latest.device.id for latest in await house.queries.latest()] == ["lamp-2"]
        assert [row.device for row in await house.rows()] == ["lamp-1", "lamp-2"]

    # What networks tell of devices

    async def test_what_networks_tell_is_read(self, house: House) -> None:
        """A fact comes back with value, time, network, event and mark; it counts nowhere, and no device was heard."""
        batch = await house.builder()
        batch.told("lamp-1", NOON, {"margin_db": 7, "joined": True, "gateways": 3, "gateway": "roof"}, simulated=True)
        batch.told("lamp-1", NOON + SECOND, {"battery_percent": 54.5}, network="loriot", event=Event.RADIO)

        written = await house.sink.write(batch.build())

        told = StateValue(value=7.0, time=NOON, network="chirpstack", event="status", simulated=True)
        assert await house.queries.state("lamp-1") == {
            "battery_percent": StateValue(value=54.5, time=NOON + SECOND, network="loriot", event="radio"),
            "gateway": replace(told, value="roof"),
            "gateways": replace(told, value=3),
            "joined": replace(told, value=True),
            "margin_db": told,
        }
        assert written == Written(stored=(), duplicates=0, quarantined=0)
        assert await house.queries.ledger() == []
        assert (await house.registry.device("lamp-1")).last_seen is None

    async def test_facts_never_go_backwards(self, house: House) -> None:
        """The newest of each fact stays, wherever it stood; of one time the one that came later."""
        batch = await house.builder()
        batch.told("lamp-1", NOON + MINUTE, {"battery_v": 3.5}).told(
            "lamp-1", NOON, {"battery_v": 3.0, "margin_db": 1.0}
        )
        await house.sink.write(batch.build())
        batch = await house.again()
        batch.told("lamp-1", NOON + SECOND, {"battery_v": 2.5}).told("lamp-1", NOON, {"margin_db": 2.0})
        batch.told("lamp-1", NOON, {"margin_db": 3.0})

        for _ in range(2):
            await house.sink.write(batch.build())

        assert await house.state() == {"battery_v": 3.5, "margin_db": 3.0}

    async def test_what_is_real_is_not_overwritten_by_what_is_simulated(self, house: House) -> None:
        """Simulated facts stand only where there are no real ones, so a purge leaves what real ones left."""
        batch = await house.builder(device("lamp-1"), device("toy", simulated=True))
        batch.told("lamp-1", NOON, {"battery_v": 3.0})
        batch.told("lamp-1", NOON + HOUR, {"battery_v": 9.0, "margin_db": 9.0, "joined": True}, simulated=True)
        batch.told("lamp-1", NOON, {"joined": False}).told("toy", NOON, {"battery_v": 1.0})
        await house.sink.write(batch.build())
        before = await house.state(), await house.state("toy")

        deleted = await house.registry.purge_simulated()

        assert before == ({"battery_v": 3.0, "joined": False, "margin_db": 9.0}, {"battery_v": 1.0})
        assert deleted["penfeld.device_state"] == 2
        assert await house.state() == {"battery_v": 3.0, "joined": False}
        assert await house.state("toy") == {}

    async def test_facts_that_cannot_be_stop_nothing(self, house: House) -> None:
        """What is no fact, of another kind, no number or of an impossible time is left out; frames are stored."""
        batch = await house.builder()
        wrong: dict[str, Value] = {
            "battery_percent": float("nan"),
            "battery_v": float("inf"),
            "margin_db": "7",
            "temperature_c": True,
            "gateways": 2**70,
            "lost_frames": 1.5,
            "joined": 1,
            "operator": 7,
            "session": "",
            "notice_level": None,
            "no_fact": 1,
        }
        batch.told("lamp-1", NOON, {**wrong, "link_quality": "nul\0 \ud800", "notice": "x" * 1000, "altitude_m": 0})
        batch.told("lamp-1", datetime(1969, 12, 31, tzinfo=UTC), {"snr_db": 1.0}).told("lamp-1", None, {"snr_db": 1.0})
        batch.frame("lamp-1", NOON, FULL)

        written = await house.sink.write(batch.build())

        assert written.stored == (0,)
        assert await house.state() == {
            "altitude_m": 0.0,
            "link_quality": "nul\\x00 \\ud800",
            "notice": "x" * 500,
        }

    async def test_facts_of_unknown_devices_make_none(self, house: House) -> None:
        """What is told of an unknown or a retired device leaves no trace; a pending one has a state."""
        await house.builder()
        await house.registry.remove("lamp-2")
        await house.sink.write(Builder({}).aside(b"a", device="new", reason=Reason.UNKNOWN_DEVICE).build())
        batch = Builder({})
        for name in ("nobody", "nul\0", "\ud800", "lamp-2", "new"):
            batch.told(name, NOON, {"joined": True})

        await house.sink.write(batch.build())

        assert [each.id for each in await house.registry.devices()] == ["lamp-1", "lamp-2", "meter-1", "new"]
        assert [await house.state(name) for name in ("nobody", "nul\0", "lamp-2", "new")] == [
            {},
            {},
            {},
            {"joined": True},
        ]

    async def test_a_device_keeps_its_state(self, house: House) -> None:
        """What networks told stays when a device is retired or gets another type."""
        batch = await house.builder()
        await house.sink.write(batch.told("lamp-1", NOON, {"joined": True}).build())

        await house.registry.register([device("lamp-1", type_="meter")])
        await house.registry.remove("lamp-1")

        assert await house.state() == {"joined": True}

    # What cannot be stored

    async def test_a_frame_that_cannot_be_stored_is_named_and_nothing_is_written(self, house: House) -> None:
        """The caller learns which frames to set aside, and why; the others are not half-written."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL)
        batch.frame("lamp-1", datetime(1969, 12, 31, tzinfo=UTC), FULL)
        batch.frame("lamp-2", NOON, FULL).aside(b"x")

        with pytest.raises(WriteRejectedError) as caught:
            await house.sink.write(batch.build())

        assert list(caught.value.rejected) == [1]
        assert await house.rows() == []
        assert await house.queries.ledger() == []

    async def test_a_frame_of_a_device_that_is_gone_is_named(self, house: House) -> None:
        """A frame whose device was deleted meanwhile is refused, not stored for nobody."""
        batch = await house.builder(device("lamp-1"), device("ghost", simulated=True))
        batch.frame("lamp-1", NOON, FULL).frame("ghost", NOON, FULL)
        await house.registry.purge_simulated()

        with pytest.raises(WriteRejectedError) as caught:
            await house.sink.write(batch.build())

        assert list(caught.value.rejected) == [1]
        assert await house.rows() == []

    # Ledger

    async def test_the_ledger_counts_by_hour_of_arrival_and_source(self, house: House) -> None:
        """Newest hour first, then by source; a late frame counts when it came."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL, source="sigfox").frame("lamp-1", NOON, FULL, source="sigfox")
        batch.frame("lamp-2", NOON - HOUR, FULL, received_at=NOON + HOUR).aside(b"?")

        await house.sink.write(batch.build())

        one = LedgerRow(hour=NOON + HOUR, source="chirpstack", received=1, stored=1, duplicate=0, quarantined=0)
        assert await house.queries.ledger() == [
            one,
            replace(one, hour=NOON, stored=0, quarantined=1),
            replace(one, hour=NOON, source="sigfox", received=2, duplicate=1),
        ]
        assert await house.queries.ledger(start=NOON + HOUR) == [one]
        assert len(await house.queries.ledger(end=NOON + HOUR)) == 2

    # Quarantine

    async def test_the_same_message_again_is_counted(self, house: House) -> None:
        """Quarantine keeps a message once, with its bytes, and says how often it came, first and last."""
        batch = await house.builder()
        batch.aside(b"\xff\x00").aside(b"\xff\x00", received_at=NOON + MINUTE)
        await house.sink.write(batch.build())
        batch = await house.again()

        written = await house.sink.write(batch.aside(b"\xff\x00", received_at=NOON - MINUTE).build())

        [frame] = (await house.queries.quarantine()).rows
        assert written.quarantined == 1
        assert (frame.message, frame.times) == (b"\xff\x00", 3)
        assert (frame.received_at, frame.last_received_at) == (NOON - MINUTE, NOON + MINUTE)
        assert (frame.reason, frame.detail) == (Reason.BAD_PAYLOAD, "byte 3: too short")
        assert await house.queries.quarantined(frame.id) == frame
        assert await house.totals() == (3, 0, 0, 3)

    async def test_an_unknown_device_becomes_pending(self, house: House) -> None:
        """Whoever is heard stands in the register, waiting; registering it keeps when and where it was heard."""
        batch = Builder({}).aside(b"a", device="new", reason=Reason.UNKNOWN_DEVICE)
        await house.sink.write(batch.build())
        await house.sink.write(
            Builder({}).aside(b"b", device="new", reason=Reason.PENDING_DEVICE, received_at=NOON + MINUTE).build()
        )

        pending = await house.registry.device("new")
        done = await house.registry.register([replace(device("new"), network=None)])

        assert (pending.state, pending.network) == (State.PENDING, "chirpstack")
        assert (pending.first_seen, pending.last_seen) == (NOON, NOON + MINUTE)
        assert done == {"new": "updated"}
        active = await house.registry.device("new")
        assert (active.state, active.first_seen, active.network) == (State.ACTIVE, NOON, "chirpstack")

    async def test_an_unknown_device_does_not_change_a_known_one(self, house: House) -> None:
        """A frame that was judged before the device was registered leaves the device as it is."""
        await house.builder()

        await house.sink.write(Builder({}).aside(b"a", device="lamp-1", reason=Reason.UNKNOWN_DEVICE).build())

        assert (await house.registry.device("lamp-1")).state is State.ACTIVE

    async def test_two_devices_of_one_message_are_two_lines(self, house: House) -> None:
        """One message may hold frames of several devices; each has its own line in quarantine."""
        batch = Builder({}).aside(b"a", device="one").aside(b"a", device="two")

        await house.sink.write(batch.build())

        assert [row.device for row in (await house.queries.quarantine()).rows] == ["two", "one"]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    async def test_pages_of_quarantine_are_complete(self, house: House, limit: int) -> None:
        """Page by page, each line comes once, newest first."""
        batch = Builder({})
        for number in range(7):
            reason = Reason.BAD_PAYLOAD if number % 2 else Reason.UNKNOWN_TOPIC
            batch.aside(bytes([number]), device=f"d{number % 3}", reason=reason)
        await house.sink.write(batch.build())

        found: list[bytes] = []
        cursor = None
        while True:
            page = await house.queries.quarantine(limit=limit, cursor=cursor)
            found += [row.message for row in page.rows]
            if (cursor := page.next_cursor) is None:
                break

        assert sorted(found) == [bytes([number]) for number in range(7)]
        some = await house.queries.quarantine(QuarantineFilter(reason="bad_payload", device="d0"))
        assert [row.message for row in some.rows] == [b"\x03"]

    async def test_a_frame_not_in_quarantine_is_not_found(self, house: House) -> None:
        """Asking for a line that is not there says so."""
        for number in (0, -1, 99, 2**70):
            with pytest.raises(NotFoundError):
                await house.queries.quarantined(number)

    # Reading

    async def test_readings_are_chosen_by_device_time_field_and_mark(self, house: House) -> None:
        """From start until before end; only the devices, fields and marks asked for."""
        batch = await house.builder(device("lamp-1"), device("lamp-2"), device("toy", simulated=True))
        for minute in range(3):
            for name in ("lamp-2", "lamp-1", "toy"):
                batch.frame(name, NOON + minute * MINUTE, {"steps": minute, "power_w": 1.5})
        await house.sink.write(batch.build())

        window = await house.rows(devices=["lamp-1"], start=NOON + MINUTE, end=NOON + 2 * MINUTE, fields=["steps"])
        real = await house.rows(simulated=False, newest_first=True)

        assert [(row.device, row.time, row.values) for row in window] == [("lamp-1", NOON + MINUTE, {"steps": 1})]
        assert [(row.device, row.values["steps"]) for row in real] == [
            ("lamp-2", 2), ("lamp-1", 2), ("lamp-2", 1), ("lamp-1", 1), ("lamp-2", 0), ("lamp-1", 0),
        ]  # fmt: skip
        assert {row.device for row in await house.rows(simulated=True)} == {"toy"}
        assert await house.rows(devices=["nobody", "a\0b"]) == []
        assert (await house.queries.readings(METER)).rows == []

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 14, 15, 16, 1000])
    async def test_pages_of_readings_are_complete(self, house: House, limit: int, newest_first: bool) -> None:  # noqa: FBT001 -- a parameter of the test
        """Page by page in either direction, each reading comes once and in order, ties included."""
        names = [f"lamp-{number}" for number in range(5)]
        batch = await house.builder(*map(device, names))
        for minute in range(3):
            for name in names:
                batch.frame(name, NOON + minute * MINUTE, {"steps": minute})
        await house.sink.write(batch.build())

        found: list[tuple[datetime, str]] = []
        cursor = None
        while True:
            page = await house.queries.readings(PROBE, limit=limit, cursor=cursor, newest_first=newest_first)
            found += [(row.time, row.device) for row in page.rows]
            if (cursor := page.next_cursor) is None:
                break

        expected = sorted((NOON + minute * MINUTE, name) for minute in range(3) for name in names)
        assert found == (expected[::-1] if newest_first else expected)

    async def test_what_makes_no_sense_is_refused_with_the_reason(self, house: House) -> None:
        """An unknown field, a time without zone, a page of nothing, a foreign cursor: each names itself."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, FULL).frame("lamp-2", NOON, FULL)
        await house.sink.write(batch.build())
        cursor = (await house.queries.readings(PROBE, limit=1)).next_cursor
        naive = NOON.replace(tzinfo=None)

        with pytest.raises(BadRequestError, match="no field watts"):
            await house.queries.readings(PROBE, fields=["watts"])
        with pytest.raises(BadRequestError, match="zone"):
            await house.queries.readings(PROBE, start=naive)
        with pytest.raises(BadRequestError, match="zone"):
            await house.queries.ledger(end=naive)
        for limit in (0, -1, 10**9):
            with pytest.raises(BadRequestError, match="limit"):
                await house.queries.readings(PROBE, limit=limit)
        with pytest.raises(BadRequestError, match="direction"):
            await house.queries.readings(PROBE, cursor=cursor, newest_first=True)
        for nonsense in ("", "nonsense", "é", "MTIz", "x" * 1000):
            with pytest.raises(BadRequestError, match="cursor"):
                await house.queries.readings(PROBE, cursor=nonsense)
        with pytest.raises(BadRequestError, match="cursor"):
            await house.queries.quarantine(cursor="-1")

    # The register

    async def test_registering_says_what_it_did(self, house: House) -> None:
        """Created, unchanged, updated: a list can be sent again without harm, and comes back as it was sent."""
        lamp = replace(
            device("lamp-1"),
            latitude=48.39,
            longitude=-4.49,
            district="Recouvrance",
            experiment="dim",
            tags={"street": "rue de Siam"},
            variables={"ratio": "40"},
        )
        first = await house.registry.register([lamp, device("lamp-2")])
        second = await house.registry.register([lamp, replace(device("lamp-2"), name="By the bridge")])

        assert first == {"lamp-1": "created", "lamp-2": "created"}
        assert second == {"lamp-1": "unchanged", "lamp-2": "updated"}
        assert await house.registry.device("lamp-1") == lamp
        assert await house.registry.identify(["lamp-1", "nobody", "a\0b", "\ud800"]) == {
            "lamp-1": DeviceRef(
                key=(await house.registry.identify(["lamp-1"]))["lamp-1"].key,
                type="probe",
                state=State.ACTIVE,
                simulated=False,
            )
        }

    async def test_a_list_with_a_wrong_device_changes_nothing(self, house: House) -> None:
        """Every wrong device is named at once, and none is stored."""
        wrong = [
            device("good"),
            replace(device("north"), latitude=91.0),
            replace(device("east"), longitude=float("nan")),
            device("twice"),
            device("twice"),
        ]

        with pytest.raises(BadRequestError) as caught:
            await house.registry.register(wrong)
        with pytest.raises(BadRequestError):
            await house.registry.register([device("good"), device("nul\0")])

        assert all(name in str(caught.value) for name in ("north", "east", "twice"))
        assert await house.registry.devices() == []

    async def test_devices_are_found_and_paged(self, house: House) -> None:
        """By type, state, district, simulation and a part of id or name, in order of id, behind an id."""
        await house.registry.register(
            [
                replace(device("b-1"), district="Recouvrance"),
                replace(device("B-2"), state=State.RETIRED),
                device("a-1", type_="meter"),
                device("c_1", simulated=True),
            ]
        )
        names = [each.id for each in await house.registry.devices()]

        assert names == ["B-2", "a-1", "b-1", "c_1"]
        assert [each.id for each in await house.registry.devices(device_type="meter")] == ["a-1"]
        assert [each.id for each in await house.registry.devices(state="retired")] == ["B-2"]
        assert [each.id for each in await house.registry.devices(district="Recouvrance")] == ["b-1"]
        assert [each.id for each in await house.registry.devices(simulated=True)] == ["c_1"]
        assert [each.id for each in await house.registry.devices(search="dEVICE b")] == ["B-2", "b-1"]
        assert [each.id for each in await house.registry.devices(search="_")] == ["c_1"]
        assert [each.id for each in await house.registry.devices(search="%")] == []
        assert [each.id for each in await house.registry.devices(limit=2)] == ["B-2", "a-1"]
        assert [each.id for each in await house.registry.devices(limit=2, after="a-1")] == ["b-1", "c_1"]

    async def test_a_device_that_is_not_there_is_not_found(self, house: House) -> None:
        """Asking for it or removing it says so."""
        for name in ("nobody", "a\0b"):
            with pytest.raises(NotFoundError):
                await house.registry.device(name)
            with pytest.raises(NotFoundError):
                await house.registry.remove(name)

    async def test_a_device_of_another_type_forgets_its_latest_values(self, house: House) -> None:
        """Values of the old type say nothing of the new one; its readings stay."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL).build())

        await house.registry.register([device("lamp-1", type_="meter")])

        assert await house.queries.latest() == []
        assert len(await house.rows()) == 1
        batch = await house.again()
        await house.sink.write(batch.frame("lamp-1", NOON + MINUTE, {"power_w": 4.0}).build())
        assert await house.latest() == {"power_w": 4.0}

    async def test_a_device_that_gets_its_old_type_back_goes_on(self, house: House) -> None:
        """A frame of a time that is stored already is merged, though the latest values were forgotten."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, {"steps": 1}, payload=b"a").build())
        await house.registry.register([device("lamp-1", type_="meter")])
        await house.registry.register([device("lamp-1")])
        batch = await house.again()

        await house.sink.write(batch.frame("lamp-1", NOON, {"steps": 2, "role": "solar"}, payload=b"b").build())

        [row] = await house.rows()
        assert (row.values["steps"], row.values["role"]) == (1, "solar")

    # What no field took

    async def test_what_no_field_took_is_told_by_path(self, house: House) -> None:
        """Paths of the newest frames are told with values, the newest first, and how many devices say them."""
        batch = await house.builder()
        for minute, battery in enumerate((3.6, 3.5, 3.4)):
            said = Rest(paths={"battery": battery, "deep.er": "x"} if minute else {"battery": battery})
            batch.frame("lamp-1", NOON + minute * MINUTE, {"steps": minute}, payload=b"%d" % minute, rest=said)
        batch.frame("lamp-2", NOON, {"steps": 1}, rest=Rest(paths={"battery": None, "on": True}, warnings=("hm",)))
        batch.frame("meter-1", NOON, {"power_w": 1.0}, rest=Rest(paths={"of another type": 1}))
        await house.sink.write(batch.build())

        told = {one.path: one for one in await house.queries.unmapped(PROBE)}
        alone = await house.queries.unmapped(PROBE, device="lamp-2")

        assert list(told) == ["battery", "deep.er", "on"]
        assert told["deep.er"] == UnmappedPath(path="deep.er", values=("x", "x"), time=NOON + 2 * MINUTE, devices=1)
        assert (told["battery"].values[:2], told["battery"].devices) == ((3.4, 3.5), 2)
        assert set(told["battery"].values[2:]) == {3.6, None}
        assert [(one.path, one.values) for one in alone] == [("battery", (None,)), ("on", (True,))]
        assert [one.path for one in await house.queries.unmapped(METER)] == ["of another type"]

    async def test_what_is_taken_by_now_is_told_no_more(self, house: House) -> None:
        """When the newest frames of the devices leave nothing, nothing is told; of one device more is looked at."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, {"steps": 0}, rest=Rest(paths={"battery": 3.6}))
        for minute in range(1, 6):
            batch.frame("lamp-1", NOON + minute * MINUTE, {"steps": minute}, payload=b"%d" % minute)
        await house.sink.write(batch.build())

        assert await house.queries.unmapped(PROBE) == []
        assert [one.path for one in await house.queries.unmapped(PROBE, device="lamp-1")] == ["battery"]

    async def test_of_who_never_spoke_nothing_is_told(self, house: House) -> None:
        """Devices without a frame, and those that there are not, leave nothing; nor does what was of another type."""
        batch = await house.builder()
        batch.frame("lamp-1", NOON, {"steps": 0}, rest=Rest(paths={"battery": 3.6}))
        await house.sink.write(batch.build())
        await house.registry.register([device("lamp-1", type_="meter")])

        assert not await house.queries.unmapped(METER)
        assert not await house.queries.unmapped(PROBE)
        assert not await house.queries.unmapped(PROBE, device="lamp-2")
        assert not await house.queries.unmapped(PROBE, device="nul\0")

    # Purge

    async def test_purge_removes_what_is_simulated_and_nothing_else(self, house: House) -> None:
        """Simulated devices go with all that is theirs; simulated frames of real devices go; the ledger stays."""
        batch = await house.builder(device("lamp-1"), device("lamp-2"), device("toy", simulated=True))
        batch.frame("lamp-1", NOON, FULL, flags=("power_w:range",))
        batch.frame("lamp-1", NOON + MINUTE, {"steps": 99}, simulated=True)
        batch.frame("lamp-2", NOON, {"steps": 99}, simulated=True)
        batch.frame("toy", NOON, FULL)
        batch.aside(b"real").aside(b"toy", simulated=True).aside(b"of toy", device="toy")
        batch.aside(b"new toy", device="toy-2", reason=Reason.UNKNOWN_DEVICE, simulated=True)
        await house.sink.write(batch.build())
        totals = await house.totals()

        deleted = await house.registry.purge_simulated()

        assert {name: count for name, count in deleted.items() if count} == {
            "readings.probe": 3,
            "penfeld.uplink": 3,
            "penfeld.quarantine": 3,
            "penfeld.heard": 1,
            "penfeld.device": 2,
        }
        assert [row.device for row in await house.rows()] == ["lamp-1"]
        assert [each.id for each in await house.registry.devices()] == ["lamp-1", "lamp-2"]
        assert [row.message for row in (await house.queries.quarantine()).rows] == [b"real"]
        [latest] = await house.queries.latest()
        assert {name: each.value for name, each in latest.values.items()} == FULL
        assert (latest.time, latest.received_at, latest.flags) == (NOON, NOON + SECOND, ("power_w:range",))
        assert await house.totals() == totals == (8, 4, 0, 4)

    async def test_purging_nothing_deletes_nothing(self, house: House) -> None:
        """Where nothing is simulated, nothing changes."""
        batch = await house.builder()
        await house.sink.write(batch.frame("lamp-1", NOON, FULL).aside(b"x").build())

        deleted = await house.registry.purge_simulated()

        assert sum(deleted.values()) == 0
        assert len(await house.rows()) == 1
        assert await house.latest() == FULL

    # Facts

    async def test_facts_say_what_the_database_is(self, house: House) -> None:
        """Its version, its migration, its size, its clock with zone."""
        facts = await house.queries.facts()

        assert facts.migration >= 2
        assert facts.server_version
        assert facts.now.tzinfo is not None
