"""What the tests of history share: two versions of one device type, and frames that meet each other often.

The new version reads another scale, another step of the log, no time of the device's own where the old one read it and
the other way round, and refuses what the old one took; it knows a field more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from decoders.catalogue import Catalogue
from decoders.networks import Adapter
from ingest.pipeline import Pipeline, Source
from model.device import Device
from model.ports import DeviceLookup, FrameSink
from model.uplink import Message, Uplink
from model.views import ReadingRow

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NAMES = ("sensor-1", "sensor-2", "toy")
DEVICES = tuple(Device(id=name, type="sensor", simulated=name == "toy", name=name, network="test") for name in NAMES)

_HEAD = """
title = { en = "Sensor", fr = "Capteur" }
vendor = "Example"
model = "Sensor"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up for tests"
"""
_FIELDS = """
[field.temperature_c]
title = { en = "Temperature", fr = "Température" }
quantity = "temperature"
range = [-40, 85]
[field.door_count]
title = { en = "Doors", fr = "Portes" }
quantity = "count"
range = [0, 200]
[field.lit_on]
title = { en = "Lit", fr = "Allumé" }
quantity = "state"
[field.mode_text]
title = { en = "Mode", fr = "Mode" }
quantity = "state"
[[example]]
name = "cut short"
f_port = 1
payload = "09"
error = "temperature_c"
"""
OLD = (
    _HEAD
    + """
[[frame]]
f_port = 1
layout = '''
temperature_c  i16 / 100  null 0x7fff
door_count     u8
'''
[[frame]]
f_port = 2
layout = '''
repeat newest first every 10 min:
    temperature_c  i16 / 100
'''
[[frame]]
f_port = 3
layout = '''
time           unix32
lit_on         flag
mode_text      u7 {0 = idle, 1 = busy}
'''
[[frame]]
f_port = 4
layout = '''
_sent          unix32
door_count     u16
'''
"""
    + _FIELDS
    + """
[[example]]
name = "spring"
f_port = 1
payload = "09c4 05"
values = { temperature_c = 25.0, door_count = 5 }
"""
)
NEW = (
    _HEAD
    + """
[[frame]]
f_port = 1
layout = '''
temperature_c  i16 / 50  null 0x7ffe
door_count     u8
'''
[[frame]]
f_port = 2
layout = '''
repeat newest first every 20 min:
    temperature_c  i16 / 100
'''
[[frame]]
f_port = 3
layout = '''
_sent          unix32
lit_on         flag
mode_text      u7 {0 = idle, 2 = busy}
'''
[[frame]]
f_port = 4
layout = '''
time           unix32
_zero          u8 = 0
door_count     u8
extra_count    u8 of _zero bits 0..7
'''
"""
    + _FIELDS
    + """
[field.extra_count]
title = { en = "Extra", fr = "Extra" }
quantity = "count"
[[example]]
name = "spring"
f_port = 1
payload = "09c4 05"
values = { temperature_c = 50.0, door_count = 5 }
"""
)
OLD_CATALOGUE, NEW_CATALOGUE = Catalogue({"sensor": OLD}), Catalogue({"sensor": NEW})


Heard = tuple[Uplink, datetime]


async def ingest(
    heard: Sequence[Heard], catalogue: Catalogue, lookup: DeviceLookup, sink: FrameSink, *, at_once: int = 5
) -> list[Heard]:
    """Take uplinks (with their arrivals) the way that frames come; return those that were stored.

    A message holds the place of its uplink in the list.
    """
    adapter = Adapter(name="test", topics=("test/#",), uplinks=lambda _, payload: (heard[int(payload)][0],))
    source = Source(name="test", adapter=adapter)
    pipeline = Pipeline(catalogue, [source], lookup)
    stored: list[Heard] = []
    for start in range(0, len(heard), at_once):
        some = range(start, min(start + at_once, len(heard)))
        messages = [Message(topic="test/up", payload=str(i).encode(), received_at=heard[i][1], token=i) for i in some]
        prepared = await pipeline.process(messages)
        written = await sink.write(prepared.batch)
        stored += [heard[int(prepared.messages[position].payload)] for position in written.stored]
    return stored


@st.composite
def uplinks(draw: st.DrawFn) -> Uplink:
    """Draw a frame of few devices, times, counters and payloads, so that frames meet each other often."""
    time = NOON + 10 * MINUTE * draw(st.integers(-12, 12))
    own = int((time + draw(st.sampled_from([-40 * MINUTE, -10 * MINUTE, 0 * MINUTE, 20 * MINUTE]))).timestamp())
    f_port, payload = draw(
        st.one_of(
            st.tuples(st.just(1), st.sampled_from(["09c405", "0100ff", "7fff01", "7ffe02", "7d0002"])),
            st.tuples(st.just(2), st.lists(st.sampled_from(["09c4", "0000", "7fff"]), min_size=1, max_size=5)),
            st.tuples(st.just(3), st.sampled_from([f"{own:08x}80", f"{own:08x}01", f"{own:08x}02", "0000000081"])),
            st.tuples(st.just(4), st.sampled_from([f"{own:08x}0001", f"{own:08x}0007", f"{own:08x}0101"])),
            st.tuples(st.just(0), st.just("")),
        )
    )
    return Uplink(
        network="test",
        device=draw(st.sampled_from(NAMES)),
        time=draw(st.sampled_from([time, time, time, None])),
        payload=bytes.fromhex(payload if isinstance(payload, str) else "".join(payload)),
        f_port=f_port,
        f_cnt=draw(st.sampled_from([None, 1, 2, 3])),
        simulated=draw(st.sampled_from([False, False, True])),
    )


def heard(drawn: Sequence[Uplink]) -> list[Heard]:
    """Let uplinks arrive one after the other, some soon and some late."""
    arriving = [
        (uplink, (uplink.time or NOON) + (HOUR if number % 3 else 30 * HOUR) + number * SECOND)
        for number, uplink in enumerate(drawn)
    ]
    return sorted(arriving, key=lambda one: one[1])


def frame(payload: str, minutes: float = 0, *, f_port: int = 1, device: str = "sensor-1", late: float = 1) -> Heard:
    """Return a frame (payload in hex) so many minutes after noon, that arrives ``late`` minutes after that."""
    time = NOON + minutes * MINUTE
    uplink = Uplink(network="test", device=device, time=time, payload=bytes.fromhex(payload), f_port=f_port)
    return uplink, time + late * MINUTE


def without_version(rows: Iterable[ReadingRow]) -> list[ReadingRow]:
    """Return rows in order, as if all were decoded by one version: an unchanged one keeps the version that made it."""
    ordered = sorted(rows, key=lambda row: (row.device, row.time))
    return [replace(row, version="", values={k: v for k, v in row.values.items() if v is not None}) for row in ordered]
