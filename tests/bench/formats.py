"""Formats: Cayenne LPP by columns beside a plain loop over the same payloads, one core.

The loop is what an engineer writes by hand: a table of the types, header by header, a dict of the values in the keys
of The Things Stack. ``cayenne`` gives the same values in columns, ``cayenne.rows`` turns these back into an object for
each payload, ``cayenne.one_by_one`` decodes one payload after the other.
"""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from decoders.formats import formats
from tests.bench.figure import Figure, Size, compare

COUNT = 1000
_LOOP = "plain loop: a table of types, header by header, a dict of the same values"

_TABLE: dict[int, tuple[str, int, Callable[[bytes, int], object]]] = {
    0: ("digital_in", 1, lambda payload, at: payload[at]),
    2: ("analog_in", 2, lambda payload, at: int.from_bytes(payload[at : at + 2], "big", signed=True) / 100),
    101: ("luminosity", 2, lambda payload, at: int.from_bytes(payload[at : at + 2], "big")),
    103: ("temperature", 2, lambda payload, at: int.from_bytes(payload[at : at + 2], "big", signed=True) / 10),
    104: ("relative_humidity", 1, lambda payload, at: payload[at] / 2),
    115: ("barometric_pressure", 2, lambda payload, at: int.from_bytes(payload[at : at + 2], "big") / 10),
    136: (
        "gps",
        9,
        lambda payload, at: {
            "latitude": int.from_bytes(payload[at : at + 3], "big", signed=True) / 10_000,
            "longitude": int.from_bytes(payload[at + 3 : at + 6], "big", signed=True) / 10_000,
            "altitude": int.from_bytes(payload[at + 6 : at + 9], "big", signed=True) / 100,
        },
    ),
}


def figures(size: Size) -> Iterator[Figure]:
    """Yield what decoding costs, a frame."""
    rounds = {Size.TINY: 1, Size.SHORT: 40, Size.FULL: 200}[size]
    cayenne = formats()["cayenne"].make({})
    payloads, ports = cayenne_payloads(), [1] * COUNT
    for name, work in (
        ("cayenne", lambda: cayenne.decode_batch(payloads, ports)),
        ("cayenne.rows", lambda: cayenne.decode_batch(payloads, ports).rows()),
        ("cayenne.one_by_one", lambda: [cayenne.decode(payload, 1) for payload in payloads]),
    ):
        yield compare(name, work, _LOOP, partial(plain_loop, payloads), count=COUNT, rounds=rounds)


def cayenne_payloads() -> list[bytes]:
    """Return payloads of six kinds of devices, mixed: climate, weather, switch, tracker, probes, light."""
    draw = random.Random(2026)  # noqa: S311 - a benchmark, not a secret

    def temperature(channel: int) -> bytes:
        return struct.pack(">BBh", channel, 103, draw.randrange(-200, 400))

    def humidity(channel: int) -> bytes:
        return bytes((channel, 104, draw.randrange(201)))

    def pressure() -> bytes:
        return struct.pack(">BBH", 3, 115, draw.randrange(9500, 10500))

    def battery() -> bytes:
        return struct.pack(">BBh", 9, 2, draw.randrange(200, 420))

    def place() -> bytes:
        numbers = (487_000 + draw.randrange(9000), 23_000 + draw.randrange(9000), draw.randrange(20_000))
        return bytes((1, 136)) + b"".join(number.to_bytes(3, "big") for number in numbers)

    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: temperature(1) + humidity(2),
        lambda: temperature(1) + humidity(2) + pressure() + battery(),
        lambda: bytes((1, 0, draw.randrange(2))) + battery(),
        lambda: place() + battery(),
        lambda: temperature(1) + temperature(2) + temperature(3) + temperature(4) + battery(),
        lambda: temperature(1) + struct.pack(">BBH", 4, 101, draw.randrange(65_536)) + battery(),
    )
    return [draw.choice(kinds)() for _ in range(COUNT)]


def plain_loop(payloads: Sequence[bytes]) -> list[dict[str, object]]:
    """Decode payload by payload."""
    found: list[dict[str, object]] = []
    for payload in payloads:
        values: dict[str, object] = {}
        at, end = 0, len(payload)
        while at + 1 < end:
            name, width, read = _TABLE[payload[at + 1]]
            if at + 2 + width > end:
                raise ValueError(f"{name} is cut short")
            values[f"{name}_{payload[at]}"] = read(payload, at + 2)
            at += 2 + width
        found.append(values)
    return found
