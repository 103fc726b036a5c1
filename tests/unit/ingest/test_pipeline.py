"""From messages to a batch: each frame ends in it, or aside with its reason."""

import asyncio
import json
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.catalogue import Catalogue
from decoders.networks import Adapter, adapters
from ingest.pipeline import SLICE, Pipeline, Prepared, Source, default_sources
from model.device import State
from model.errors import Reason, UnavailableError
from model.told import Event, Told
from model.uplink import Message, Uplink
from tests.fakes.lookup import DeviceLookup
from tests.unit.ingest.scene import (
    BOARD,
    LORA,
    NOON,
    OTHER_LORA,
    PROBE,
    SIGFOX,
    catalogue,
    lora,
    message,
    native,
    ref,
)

KNOWN = {LORA: ref(1), OTHER_LORA: ref(2, "sonde"), SIGFOX: ref(3), BOARD: ref(4)}


def pipeline(lookup: DeviceLookup | None = None, *sources: Source) -> Pipeline:
    return Pipeline(catalogue(), sources or default_sources(), lookup or DeviceLookup(KNOWN))


async def processed(*messages: Message, lookup: DeviceLookup | None = None) -> Prepared:
    return await pipeline(lookup).process(messages)


def reasons(prepared: Prepared) -> list[Reason]:
    return [one.reason for one in prepared.batch.set_aside]


async def test_frames_of_all_networks() -> None:
    """Frames of every network meet in one batch, with readings by device type."""
    callback = message(
        "penfeld/v1/callbacks/sigfox",
        json.dumps({"device": "B5F3C1", "time": NOON.timestamp(), "data": "09c601", "seqNumber": 3}).encode(),
    )

    prepared = await processed(lora("09c405"), lora("09c502", device=OTHER_LORA), callback, native(b"\x09\xc7\x00"))

    found = {
        frame.device: (frame.source, frame.device_type, frame.time, frame.uplink.payload)
        for frame in prepared.batch.frames
    }
    assert found == {
        1: ("chirpstack", "probe", NOON, b"\x09\xc4\x05"),
        2: ("chirpstack", "sonde", NOON, b"\x09\xc5\x02"),
        3: ("sigfox", "probe", NOON, b"\x09\xc6\x01"),
        4: ("native", "probe", NOON, b"\x09\xc7\x00"),
    }
    temperatures = {
        prepared.batch.frames[frame].device: value
        for rows in prepared.batch.readings
        for frame, value in zip(rows.frame, rows.columns["temperature_c"].values, strict=True)
    }
    assert temperatures == {1: 25.0, 2: 25.01, 3: 25.02, 4: 25.03}
    assert prepared.batch.set_aside == []


async def test_version() -> None:
    """A frame and its readings say with which version of the device type they were decoded."""
    version = catalogue()["probe"].type.version

    prepared = await processed(lora("09c405"))

    assert (prepared.batch.frames[0].decoded_with, prepared.batch.readings[0].version) == (version, version)


async def test_messages() -> None:
    """Each frame is kept together with the message that brought it."""
    first, second = lora("09c405"), native(b"\x09\xc7\x00")

    prepared = await processed(second, message("other", b""), first)

    assert {frame.device: brought for frame, brought in zip(prepared.batch.frames, prepared.messages, strict=True)} == {
        1: first,
        4: second,
    }


@pytest.mark.parametrize(
    ("sent", "reason", "source", "detail"),
    [
        (message("some/topic", b"x"), Reason.UNKNOWN_TOPIC, "unknown", "no source takes this topic"),
        (message("application/1/device/x/event/up", b"{}"), Reason.BAD_ENVELOPE, "chirpstack", "deviceInfo: missing"),
        (lora("09c405", device="0000000000000009"), Reason.UNKNOWN_DEVICE, "chirpstack", "not registered"),
        (lora("09"), Reason.BAD_PAYLOAD, "chirpstack", "temperature_c"),
        (native({"values": {"wind_ms": 3}}), Reason.BAD_PAYLOAD, "native", "wind_ms"),
        (native(b"\0\0\0", device_type="sonde"), Reason.BAD_ENVELOPE, "native", "registered as probe"),
    ],
)
async def test_set_aside(sent: Message, reason: Reason, source: str, detail: str) -> None:
    """What cannot be understood is set aside whole, with source, reason and what is wrong."""
    prepared = await processed(sent)

    (aside,) = prepared.batch.set_aside
    assert (aside.reason, aside.source) == (reason, source)
    assert detail in aside.detail
    assert (aside.topic, aside.message, aside.received_at) == (sent.topic, sent.payload, sent.received_at)
    assert prepared.batch.frames == []


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (ref(1, state=State.PENDING), Reason.PENDING_DEVICE),
        (ref(1, state=State.RETIRED), Reason.RETIRED_DEVICE),
        (ref(1, None), Reason.UNKNOWN_TYPE),
        (ref(1, "gone"), Reason.UNKNOWN_TYPE),
    ],
)
async def test_device_not_ready(known: object, reason: Reason) -> None:
    """A device that is pending, retired or of no known type has its frames set aside under its name."""
    prepared = await processed(lora("09c405"), lookup=DeviceLookup({LORA: known}))  # type: ignore[dict-item]  # a DeviceRef

    (aside,) = prepared.batch.set_aside
    assert (aside.reason, aside.device, aside.network) == (reason, LORA, "chirpstack")


async def test_unknown_native_device() -> None:
    """An unknown device that names its type is set aside with it, ready to be registered as pending."""
    prepared = await processed(native(b"\0\0\0", device="new-board"))

    (aside,) = prepared.batch.set_aside
    assert (aside.reason, aside.device, aside.device_type) == (Reason.UNKNOWN_DEVICE, "new-board", "probe")


async def test_type_from_topic() -> None:
    """An active device without a type takes that of its topic."""
    prepared = await processed(native(b"\x09\xc4\x05"), lookup=DeviceLookup({BOARD: ref(4, None)}))

    assert [frame.device_type for frame in prepared.batch.frames] == ["probe"]


async def test_good_beside_bad() -> None:
    """A bad frame takes no good one with it."""
    prepared = await processed(lora("09"), lora("09c405", f_cnt=8), lora("", f_cnt=9), lora("09c505", f_cnt=10))

    assert reasons(prepared) == [Reason.BAD_PAYLOAD] * 2
    assert [frame.uplink.f_cnt for frame in prepared.batch.frames] == [8, 10]
    assert prepared.batch.readings[0].frame.tolist() == [0, 1]


async def test_no_uplink() -> None:
    """An event that carries no frame leaves no trace, and disturbs nobody."""
    join = {"end_device_ids": {"dev_eui": LORA}, "join_accept": {}}

    prepared = await processed(message("v3/city@ttn/devices/x/up", json.dumps(join).encode()), lora("09c405"))

    assert (len(prepared.batch.frames), prepared.batch.set_aside) == (1, [])


@pytest.mark.parametrize(("marked", "registered"), [(True, False), (False, True)])
async def test_simulated(*, marked: bool, registered: bool) -> None:
    """A frame is simulated when it says so, or when its device is registered as simulated."""
    sent = native({"values": {"temperature_c": 1}, "simulated": marked})
    lookup = DeviceLookup({BOARD: ref(4, simulated=registered)})

    kept = await processed(sent, lookup=lookup)
    refused = await processed(native({"values": {"x": 1}, "simulated": marked}), lookup=lookup)

    assert kept.batch.frames[0].simulated
    assert refused.batch.set_aside[0].simulated


async def test_redelivery_of_own_time() -> None:
    """A payload that tells its own time gives the same frame key whenever it arrives: it is told from the next one."""
    payload = int(NOON.timestamp()).to_bytes(4, "big") + b"\x09\xc4\x81"
    first = native(payload)
    again = message(first.topic, payload, received_at=NOON + timedelta(hours=2))

    frames = [(await processed(one)).batch.frames[0] for one in (first, again)]

    assert frames[0].key == frames[1].key
    assert frames[0].time == frames[1].time == NOON


def told(time: datetime | None = NOON, **facts: float) -> Told:
    return Told(network="n", device=LORA, event=Event.STATUS, time=time, facts=facts)


def telling(*told: Told) -> Source:
    """Return a source whose messages hold these facts, and a frame if they are so called."""
    frame = Uplink(network="n", device=LORA, f_port=1, f_cnt=7, time=NOON, payload=b"\x09\xc4\x05")

    def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:
        assert topic == "n"
        return (*told, frame, *told) if payload == b"frame" else told

    return Source(name="n", adapter=Adapter(name="n", topics=("n",), uplinks=uplinks))


async def test_facts_beside_frames() -> None:
    """What a network tells of a device goes with the batch, in the order in which it came, and is no frame."""
    first, second = told(battery_percent=50.0), told(NOON + timedelta(minutes=1), margin_db=7.0)

    prepared = await pipeline(None, telling(first, second)).process([message("n", b"frame")])

    assert prepared.batch.told == [first, second, first, second]
    assert [frame.uplink.f_cnt for frame in prepared.batch.frames] == [7]
    assert (prepared.batch.set_aside, len(prepared.messages)) == ([], 1)
    assert prepared.without({0: "no"}).batch.told == prepared.batch.told


async def test_facts_alone() -> None:
    """A message that holds facts only leaves nothing that counts, and asks the registry nothing."""
    lookup = DeviceLookup({})

    prepared = await pipeline(lookup, telling(told(battery_percent=50.0))).process([message("n", b"")])

    assert (prepared.batch.frames, prepared.batch.set_aside, prepared.messages) == ([], [], [])
    assert lookup.asked == []


@pytest.mark.parametrize(
    "time",
    [None, datetime(1970, 1, 1, tzinfo=NOON.tzinfo), NOON + timedelta(days=1, seconds=1), NOON.replace(tzinfo=None)],
    ids=str,
)
async def test_facts_of_no_time(time: datetime | None) -> None:
    """Facts without a time, or with one that no set clock tells, are of their arrival."""
    prepared = await pipeline(None, telling(told(time, battery_percent=50.0))).process([message("n", b"")])

    assert [one.time for one in prepared.batch.told] == [NOON]


async def test_registry_down() -> None:
    """When devices cannot be looked up nothing is decided."""
    lookup = DeviceLookup(KNOWN)
    lookup.down = True

    with pytest.raises(UnavailableError):
        await processed(lora("09c405"), lookup=lookup)


async def test_forget() -> None:
    """After ``forget`` a device is looked up again."""
    lookup = DeviceLookup(KNOWN)
    line = pipeline(lookup)
    await line.process([lora("09c405")])
    line.forget()
    await line.process([lora("09c405")])

    assert lookup.asked == [(LORA,), (LORA,)]


async def test_own_topics() -> None:
    """A source may take other topics than its adapter's, under a name of its own."""
    source = Source(name="lamps", adapter=adapters()["chirpstack"], topics=("city/lamps/#",))
    sent = lora("09c405")

    prepared = await pipeline(None, source).process([message("city/lamps/7", sent.payload), sent])

    assert [frame.source for frame in prepared.batch.frames] == ["lamps"]
    assert reasons(prepared) == [Reason.UNKNOWN_TOPIC]


def test_default_sources() -> None:
    """Without settings there is a source for each adapter, on its topics."""
    found = {source.name: source.filters for source in default_sources()}

    assert found == {name: adapter.topics for name, adapter in adapters().items()}


async def test_bug_in_adapter() -> None:
    """A bug in an adapter sets its message aside, and the others go on."""

    def broken(topic: str, payload: bytes) -> tuple[Uplink, ...]:
        raise ZeroDivisionError(topic, payload)

    sources = (Source(name="broken", adapter=Adapter(name="broken", topics=("b",), uplinks=broken)), *default_sources())

    prepared = await pipeline(None, *sources).process([message("b", b"x"), lora("09c405")])

    assert reasons(prepared) == [Reason.BAD_ENVELOPE]
    assert "ZeroDivisionError" in prepared.batch.set_aside[0].detail
    assert len(prepared.batch.frames) == 1


async def test_bug_in_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that one payload finds in a decoder sets that frame aside, and the others are decoded."""
    known = Catalogue({"probe": PROBE})
    real = known["probe"].decode_batch

    def broken(payloads: list[bytes], f_ports: list[int | None]) -> object:
        if b"\0\0\0" in payloads:
            raise ZeroDivisionError
        return real(payloads, f_ports)

    monkeypatch.setattr(known["probe"], "decode_batch", broken)
    line = Pipeline(known, default_sources(), DeviceLookup(KNOWN))

    prepared = await line.process([lora("09c405"), lora("000000", f_cnt=8), lora("09c505", f_cnt=9)])

    assert [frame.uplink.f_cnt for frame in prepared.batch.frames] == [7, 9]
    assert reasons(prepared) == [Reason.BAD_PAYLOAD]
    assert "the decoder failed" in prepared.batch.set_aside[0].detail


async def test_cut() -> None:
    """A message that is too large to be a frame is kept with its beginning, and says how large it was."""
    whole = lora("09c405")

    prepared = await processed(msgspec.structs.replace(whole, cut=3_000_000), lora("09c505"))

    (aside,) = prepared.batch.set_aside
    assert (aside.reason, aside.source, aside.message) == (Reason.BAD_ENVELOPE, "chirpstack", whole.payload)
    assert f"the message has {len(whole.payload) + 3_000_000} bytes, too many to be a frame" in aside.detail
    assert len(prepared.batch.frames) == 1


async def test_many() -> None:
    """Of thousands of messages each frame has its own message and readings, and others get their turn meanwhile."""
    turns = 0

    async def beside() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    devices = (LORA, OTHER_LORA)
    sent = [lora("09" if i % 7 == 0 else f"{i:04x}05", f_cnt=i, device=devices[i % 2]) for i in range(2500)]
    other = asyncio.create_task(beside())
    prepared = await processed(*sent)
    other.cancel()

    batch = prepared.batch
    assert turns >= 2 * len(sent) // SLICE
    assert sorted(frame.uplink.f_cnt or 0 for frame in batch.frames) == [i for i in range(2500) if i % 7]
    assert len(batch.set_aside) == len([i for i in range(2500) if i % 7 == 0])
    assert all(sent[frame.uplink.f_cnt or 0] is one for frame, one in zip(batch.frames, prepared.messages, strict=True))
    for rows in batch.readings:
        told = [batch.frames[i].uplink.f_cnt for i in rows.frame.tolist()]
        column = rows.columns["temperature_c"]
        assert np.rint(column.values * 100)[column.valid].tolist() == np.array(told)[column.valid].tolist()


async def test_without() -> None:
    """Frames that the database refuses move aside with their messages; rows and flags follow the others."""
    sent = [lora("7ffe05", f_cnt=1), lora("09c409c5", f_port=2, f_cnt=2), lora("7ffd01", f_cnt=3)]
    prepared = await processed(*sent)

    less = prepared.without({1: "too old"})

    assert [frame.uplink.f_cnt for frame in less.batch.frames] == [1, 3]
    assert [one.payload for one in less.messages] == [sent[0].payload, sent[2].payload]
    (rows,) = less.batch.readings
    assert rows.frame.tolist() == [0, 1]
    assert rows.columns["temperature_c"].values.tolist() == [327.66, 327.65]
    assert rows.flags == {0: ("temperature_c:range",), 1: ("temperature_c:range",)}
    (aside,) = less.batch.set_aside
    assert (aside.reason, aside.detail, aside.message) == (Reason.REJECTED_BY_DATABASE, "too old", sent[1].payload)
    assert (aside.device, aside.device_type, aside.source) == (LORA, "probe", "chirpstack")


async def test_without_all() -> None:
    """When the database refuses every frame, none is left and all are aside."""
    less = (await processed(lora("09c405"))).without({0: "no"})

    assert (less.batch.frames, less.batch.readings, len(less.batch.set_aside)) == ([], [], 1)


TOPICS = [
    "application/1/device/70b3d50000000001/event/up",
    "v3/city@ttn/devices/lamp-7/up",
    "penfeld/v1/callbacks/sigfox",
    "penfeld/v1/probe/board-7/up",
    "penfeld/v1/probe/new/up/simulated",
    "nobody/knows",
]
GOOD = [lora("09c405"), lora("09c409c5", f_port=2), native(b"\x09\xc7\x00"), native({"values": {"temperature_c": 1}})]
ANY_MESSAGE = st.sampled_from(GOOD) | st.builds(message, st.sampled_from(TOPICS) | st.text(), st.binary())


@given(st.lists(ANY_MESSAGE, max_size=12))
async def test_nothing_is_lost(messages: list[Message]) -> None:
    """Any messages: each is in exactly one place, and every row belongs to a frame."""
    prepared = await processed(*messages)

    kept = [(one.topic, one.payload) for one in prepared.messages]
    aside = [(one.topic, one.message) for one in prepared.batch.set_aside]
    assert sorted(kept + aside) == sorted((one.topic, one.payload) for one in messages)
    for rows in prepared.batch.readings:
        assert np.all((rows.frame >= 0) & (rows.frame < len(prepared.batch.frames)))
