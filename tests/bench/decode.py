"""Decoding: batches of 1,000 payloads by columns beside a loop over them, one core.

The loops are what an engineer writes by hand for that one frame; ours do not know the frame before they read its file.
Both check the length of every payload. Batches give columns with their validity.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from functools import partial

from decoders.catalogue import Catalogue
from decoders.device import Decoded, Definition
from tests.bench.figure import Figure, Size, compare

COUNT = 1000
LAMP_BYTES = 11
_UNPACK = struct.Struct(">BBHBHHbB").unpack


def figures(size: Size) -> Iterator[Figure]:
    """Yield what decoding costs, a frame."""
    rounds = {Size.TINY: 1, Size.SHORT: 40, Size.FULL: 200}[size]
    catalogue = Catalogue.builtin()
    lamp = catalogue["penfeld_streetlight"]
    payloads, ports = lamp_payloads(), [1] * COUNT
    for name, beside, loop in (
        (
            "decode",
            "loop over struct.unpack, length check, a dict of the same values with None for null",
            unpack_to_dicts,
        ),
        (
            "decode.tuples",
            "loop over struct.unpack, length check, a tuple of the same values with None for null",
            unpack_to_values,
        ),
        (
            "decode.raw",
            "loop over struct.unpack, length check, raw tuples: no scaling, no flags, no nulls",
            unpack_only,
        ),
        (
            "decode.one_by_one",
            "our own decoding of one payload after the other",
            lambda found: [lamp.decode(one, f_port=1) for one in found],
        ),
    ):
        yield compare(
            name,
            lambda: lamp.decode_batch(payloads, ports),
            beside,
            partial(loop, payloads),
            count=COUNT,
            rounds=rounds,
        )
    for name in ("penfeld_gridmeter", "penfeld_tramunit", "decentlab_dl_pm", "elsys_ers"):
        definition = catalogue[name]
        chosen = [example for example in definition.examples if example.error is None]
        many = [chosen[index % len(chosen)] for index in range(COUNT)]
        contents, many_ports = [example.payload for example in many], [example.f_port for example in many]
        yield compare(
            f"decode.{name}",
            partial(definition.decode_batch, contents, many_ports),
            "our own decoding of one payload after the other, its examples mixed",
            partial(one_by_one, definition, contents, many_ports),
            count=COUNT,
            rounds=rounds // 3 or 1,
        )


def one_by_one(definition: Definition, payloads: Sequence[bytes], ports: Sequence[int | None]) -> list[Decoded]:
    """Decode one payload after the other."""
    return [definition.decode(payload, f_port=port) for payload, port in zip(payloads, ports, strict=True)]


def lamp_payloads() -> list[bytes]:
    """Return status frames of lamps in a night."""
    draw = random.Random(2026)  # noqa: S311 - a benchmark, not a secret
    return [
        struct.pack(
            ">BBHBHHbB",
            draw.choice((0x80, 0x80, 0x80, 0xA0)),
            draw.randrange(101),
            draw.randrange(1000),
            draw.randrange(4),
            draw.randrange(65536),
            draw.choice((draw.randrange(2100, 2500), 0xFFFF)),
            draw.randrange(-10, 60),
            draw.randrange(101),
        )
        for _ in range(COUNT)
    ]


def unpack_only(payloads: Sequence[bytes]) -> list[tuple[int, ...]]:
    """Check lengths and unpack."""
    return [_UNPACK(payload) for payload in payloads if len(payload) == LAMP_BYTES]


def unpack_to_dicts(payloads: Sequence[bytes]) -> list[dict[str, object]]:
    """Check lengths, unpack, and make the values that the lamp's file promises, by name."""
    found: list[dict[str, object]] = []
    for payload in payloads:
        if len(payload) != LAMP_BYTES:
            continue
        flags, dimming, power, energy_high, energy_low, voltage, temperature, factor = _UNPACK(payload)
        energy = energy_high << 16 | energy_low
        found.append(
            {
                "lamp_on": bool(flags & 0x80),
                "lamp_failure": bool(flags & 0x40),
                "driver_failure": bool(flags & 0x20),
                "dimming_percent": None if dimming == 0xFF else dimming,
                "power_w": None if power == 0xFFFF else power / 10,
                "energy_kwh": None if energy == 0xFFFFFF else energy / 100,
                "voltage_v": None if voltage == 0xFFFF else voltage / 10,
                "driver_temperature_c": None if temperature == -128 else temperature,
                "power_factor": None if factor == 0xFF else factor / 100,
            }
        )
    return found


def unpack_to_values(payloads: Sequence[bytes]) -> list[tuple[object, ...]]:
    """Check lengths, unpack, and make the values that the lamp's file promises."""
    found: list[tuple[object, ...]] = []
    for payload in payloads:
        if len(payload) != LAMP_BYTES:
            continue
        flags, dimming, power, energy_high, energy_low, voltage, temperature, factor = _UNPACK(payload)
        energy = energy_high << 16 | energy_low
        found.append(
            (
                bool(flags & 0x80),
                bool(flags & 0x40),
                bool(flags & 0x20),
                None if dimming == 0xFF else dimming,
                None if power == 0xFFFF else power / 10,
                None if energy == 0xFFFFFF else energy / 100,
                None if voltage == 0xFFFF else voltage / 10,
                None if temperature == -128 else temperature,
                None if factor == 0xFF else factor / 100,
            )
        )
    return found
