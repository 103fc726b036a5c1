"""What a layout finds in a payload, part by part, for who shows bytes against fields."""

import pytest

from decoders.layout_parser import parse_layout
from decoders.layout_shape import DerivedSlot, FrameLayout, Program, Slot

LAYOUT = """
_version    u8 = 2
_flags      u8
on          flag of _flags bit 0
level       u4
_           u4
double      = level * 2
chain u8:
    case 1:
        temperature_c  i16 / 100
"""


def program(*layouts: tuple[str, tuple[int, ...]]) -> Program:
    """Return a program of such frames."""
    return Program([FrameLayout(f"frame {n}", ports, parse_layout(text)[0]) for n, (text, ports) in enumerate(layouts)])


def parts(found: Program, payload: str, f_port: int | None = None) -> list[tuple[str, object, object]]:
    """Return the parts of a payload: name, bits from and to (``None`` for what is calculated), value."""
    content = bytes.fromhex(payload)
    return [
        (
            one.name,
            (one.bit, one.bit + one.raw_type.bits) if isinstance(one, Slot) else None,
            one.value(content)[0],
        )
        for one in found.parts(content, f_port)
    ]


def test_every_part_of_a_payload_is_told_with_its_place() -> None:
    """Fields, words, constants, headers and what is calculated: in the order of the layout, each with its bits."""
    assert parts(program((LAYOUT, ())), "02 01 30 01 04b0") == [
        ("_version", (0, 8), 2),
        ("_flags", (8, 16), 1),
        ("on", (15, 16), True),
        ("level", (16, 20), 3),
        ("_", (20, 24), 0),
        ("double", None, 6.0),
        ("the next header", (24, 32), 1),
        ("temperature_c", (32, 48), 12.0),
    ]


def test_a_payload_that_does_not_fit_tells_how_far_it_was_understood() -> None:
    """Of several frames, that which came furthest; none for a port that no frame has."""
    found = program(("a u8 = 9", (1,)), ("b u8\nc u16", (1,)))
    assert parts(found, "0304", 1) == [("b", (0, 8), 3)]
    assert parts(found, "09", 1) == [("a", (0, 8), 9)]
    assert parts(found, "09", 2) == []


@pytest.mark.parametrize("size", [0, 40_000])
def test_any_length_has_its_parts(size: int) -> None:
    """An empty payload has none, and one that is longer than any frame is not looked at."""
    assert program((LAYOUT, ())).parts(bytes(size), None) == ()


def test_records_repeat_their_parts() -> None:
    """Each record of a log tells its own."""
    found = program(("repeat newest first every 10 s:\n    a u8\n", ())).parts(b"\x01\x02", None)
    assert [one.name for one in found if not isinstance(one, DerivedSlot)] == ["a", "a"]
