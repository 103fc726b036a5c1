"""Stored readings as they are told live."""

from collections.abc import Collection
from datetime import timedelta

import msgspec

from ingest.live import LiveReadings
from ingest.pipeline import Pipeline, Prepared, default_sources
from model.status import LiveReading
from model.uplink import Message
from tests.fakes.lookup import DeviceLookup
from tests.unit.ingest.scene import BOARD, LORA, NOON, OTHER_LORA, catalogue, lora, native, ref

HOUR = timedelta(hours=1)


async def prepared(*messages: Message) -> Prepared:
    known = {LORA: ref(1), OTHER_LORA: ref(2, "sonde"), BOARD: ref(3, simulated=True)}
    return await Pipeline(catalogue(), default_sources(), DeviceLookup(known)).process(messages)


def told(one: Prepared, stored: Collection[int], fresh: timedelta = HOUR) -> dict[str, list[LiveReading]]:
    return read(LiveReadings(fresh, 1000).of(one.batch, stored, 0.0))


def read(told: dict[str, bytes]) -> dict[str, list[LiveReading]]:
    return {name: msgspec.json.decode(some, type=list[LiveReading]) for name, some in told.items()}


async def test_by_type() -> None:
    """Readings are told by device type, with what the frame said, its flags and its mark."""
    one = await prepared(
        lora("09c405"),
        native({"time": NOON.isoformat(), "values": {"temperature_c": 99, "lit_on": None}}),
        lora("09c405", device=OTHER_LORA),
    )

    found = told(one, range(3))

    plain = LiveReading(
        device=LORA,
        device_type="probe",
        time=NOON,
        received_at=NOON,
        values={"temperature_c": 25.0, "door_count": 5},
    )
    flagged = LiveReading(
        device=BOARD,
        device_type="probe",
        time=NOON,
        received_at=NOON,
        values={"temperature_c": 99.0},
        flags=("temperature_c:range",),
        simulated=True,
    )
    other = msgspec.structs.replace(plain, device=OTHER_LORA, device_type="sonde")
    assert found == {"probe": [plain, flagged], "sonde": [other]}


async def test_only_new() -> None:
    """Duplicates are not told again."""
    one = await prepared(lora("09c405", f_cnt=1), lora("09c505", f_cnt=2))

    found = told(one, (1,))

    assert [reading.values["temperature_c"] for reading in found["probe"]] == [25.01]


async def test_only_fresh() -> None:
    """What is older than asked for is not told; of a log, the newest records are."""
    one = await prepared(lora("09c409c509c609c7", f_port=2), lora("09c405", time=NOON - timedelta(hours=2)))

    found = told(one, (0, 1), timedelta(minutes=15))

    assert [reading.values["temperature_c"] for reading in found["probe"]] == [25.0, 25.01]


async def test_nothing() -> None:
    """Where nothing is new nothing is told."""
    one = await prepared(lora("09c405"))

    assert told(one, ()) == {}


async def test_too_many() -> None:
    """Beyond the rate the newest reading of each device is told, of devices the newest; the others are counted."""
    minutes = [NOON - timedelta(minutes=i) for i in range(4)]
    one = await prepared(
        *(lora("09c405", f_cnt=i, time=time) for i, time in enumerate(minutes[1:])),
        lora("09c505", time=minutes[0]),
        native({"time": minutes[1].isoformat(), "values": {"door_count": 1}}),
        native({"time": minutes[0].isoformat(), "values": {"door_count": 2}}),
        lora("09c605", device=OTHER_LORA, time=minutes[3]),
    )
    live = LiveReadings(HOUR, 2)

    first = read(live.of(one.batch, range(7), 10.0))
    at_once = live.of(one.batch, range(7), 10.0)
    later = read(live.of(one.batch, range(7), 10.5))

    assert [(one.device, one.time) for one in first["probe"]] == [(LORA, NOON), (BOARD, NOON)]
    assert at_once == {}
    assert len(later["probe"]) == 1
    assert live.skipped == 5 + 7 + 6


async def test_exact_below() -> None:
    """As long as there are not too many, every reading is told, in the order in which it came."""
    live = LiveReadings(HOUR, 2)
    counts = []
    for second in range(5):
        one = await prepared(lora("09c401", f_cnt=second), lora("09c402", f_cnt=second, device=OTHER_LORA))
        counts += [len(some) for some in read(live.of(one.batch, range(2), float(second))).values()]

    assert (counts, live.skipped) == ([1] * 10, 0)
