"""Stored readings as they are told live."""

from datetime import timedelta

import msgspec

from ingest.live import live_readings
from ingest.pipeline import Pipeline, Prepared, default_sources
from model.status import LiveReading
from model.uplink import Message
from tests.fakes.lookup import DeviceLookup
from tests.unit.ingest.scene import BOARD, LORA, NOON, OTHER_LORA, catalogue, lora, native, ref

HOUR = timedelta(hours=1)


async def prepared(*messages: Message) -> Prepared:
    known = {LORA: ref(1), OTHER_LORA: ref(2, "sonde"), BOARD: ref(3, simulated=True)}
    return await Pipeline(catalogue(), default_sources(), DeviceLookup(known)).process(messages)


def read(told: dict[str, bytes]) -> dict[str, list[LiveReading]]:
    return {name: msgspec.json.decode(some, type=list[LiveReading]) for name, some in told.items()}


async def test_by_type() -> None:
    """Readings are told by device type, with what the frame said, its flags and its mark."""
    one = await prepared(
        lora("09c405"),
        native({"time": NOON.isoformat(), "values": {"temperature_c": 99, "lit_on": None}}),
        lora("09c405", device=OTHER_LORA),
    )

    told = read(live_readings(one.batch, range(3), HOUR))

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
    assert told == {"probe": [plain, flagged], "sonde": [other]}


async def test_only_new() -> None:
    """Duplicates are not told again."""
    one = await prepared(lora("09c405", f_cnt=1), lora("09c505", f_cnt=2))

    told = read(live_readings(one.batch, (1,), HOUR))

    assert [reading.values["temperature_c"] for reading in told["probe"]] == [25.01]


async def test_only_fresh() -> None:
    """What is older than asked for is not told; of a log, the newest records are."""
    one = await prepared(lora("09c409c509c609c7", f_port=2), lora("09c405", time=NOON - timedelta(hours=2)))

    told = read(live_readings(one.batch, (0, 1), timedelta(minutes=15)))

    assert [reading.values["temperature_c"] for reading in told["probe"]] == [25.0, 25.01]


async def test_nothing() -> None:
    """Where nothing is new nothing is told."""
    one = await prepared(lora("09c405"))

    assert live_readings(one.batch, (), HOUR) == {}
