"""The layout language, element by element: reading, writing, and one payload like many."""

import math
import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.batch import NO_TIME, BatchDecoder
from decoders.layout_encoding import encode
from decoders.layout_parser import parse_layout
from decoders.layout_shape import Decoded, FrameLayout, Program
from model.device import Kind
from model.errors import DecodeError, EncodeError
from model.uplink import Value

COPIES = 9  # enough for columns to be used


def program(*layouts: str) -> Program:
    """Return frames of these layouts, for any port."""
    frames = []
    for position, text in enumerate(layouts):
        layout, problems = parse_layout(text)
        assert problems == []
        frames.append(FrameLayout(f"frame {position + 1}", (), layout))
    return Program(frames)


def kinds(frames: Program) -> dict[str, Kind]:
    """Return the kind of every field."""
    return {
        line.name: getattr(line, "kind", Kind.FLOAT) for frame in frames.frames for line in frame.layout.body.items()
    }


def decode(layout: str, payload: str) -> Decoded:
    """Decode one payload, and many of it, which must give the same."""
    frames, content = program(layout), bytes.fromhex(payload)
    decoded = frames.decode(content, None)
    batch = BatchDecoder(frames, kinds(frames)).decode([content] * COPIES, [None] * COPIES)
    many = len(decoded.records)
    assert batch.frame.tolist() == [position for position in range(COPIES) for _ in range(many)]
    for row, record in enumerate(decoded.records * COPIES):
        assert batch.age_us[row] == record.age_us
        assert batch.time_us[row] == (NO_TIME if record.time_us is None else record.time_us)
        for name, value in record.values.items():
            column = batch.columns[name]
            assert column.valid[row] == (value is not None)
            assert value is None or repr(np.array([column.values[row]]).tolist()[0]) == repr(value)
    assert batch.warnings == (dict.fromkeys(range(COPIES), decoded.warnings) if decoded.warnings else {})
    return decoded


def values(layout: str, payload: str) -> dict[str, Value]:
    """Return the values of a payload with one record and nothing to warn of."""
    decoded = decode(layout, payload)
    assert decoded.warnings == ()
    assert len(decoded.records) == 1
    return decoded.records[0].values


def fails(layout: str, payload: str) -> tuple[str, int]:
    """Return message and offset of a payload that does not decode, alone and in a batch."""
    frames, content = program(layout), bytes.fromhex(payload)
    with pytest.raises(DecodeError) as caught:
        frames.decode(content, None)
    batch = BatchDecoder(frames, kinds(frames)).decode([content] * COPIES, [None] * COPIES)
    assert {str(error) for error in batch.errors.values()} == {str(caught.value)}
    assert len(batch.errors) == COPIES
    return str(caught.value), caught.value.offset


def written(layout: str, *records: Mapping[str, Value]) -> str:
    """Return the payload of values in hex."""
    return encode(program(layout).frames[0].layout, records).hex()


def problems(text: str) -> list[tuple[int, str]]:
    """Return what is wrong with a layout."""
    return [(problem.line, problem.message) for problem in parse_layout(text)[1]]


# Numbers


@settings(max_examples=150, deadline=None)
@given(data=st.data(), width=st.integers(1, 64), signed=st.booleans(), before=st.integers(0, 7))
def test_integers_of_every_width_at_every_bit(data: st.DataObject, width: int, *, signed: bool, before: int) -> None:
    """An integer of 1 to 64 bits, behind 0 to 7 bits, is what was encoded, alone and in a batch."""
    after = -(before + width) % 8
    layout = "".join(f"_ u{bits}\n" for bits in [before] if bits) + f"x {'i' if signed else 'u'}{width}\n"
    layout += "".join(f"y u{bits}\n" for bits in [after] if bits)
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    value = data.draw(st.integers(low, min(high, 2**63 - 1)))
    payload = written(layout, {"x": value, "y": 0})
    assert len(payload) == 2 * ((before + width + after) // 8)
    assert values(layout, payload)["x"] == value


@pytest.mark.parametrize("width", range(8, 65, 8))
@pytest.mark.parametrize("signed", [False, True])
def test_little_endian_integers_of_every_width(width: int, *, signed: bool) -> None:
    """Little-endian integers of 1 to 8 bytes read the least significant byte first."""
    number = int.from_bytes(bytes(range(0x81, 0x81 + width // 8))[::-1], "big", signed=signed)
    payload = bytes(range(0x81, 0x81 + width // 8)).hex()
    layout = f"x {'i' if signed else 'u'}{width}le / 2"
    assert values(layout, payload) == {"x": number / 2}
    assert written(layout, {"x": -3.0 if signed else 3.0}) == (
        (-6 if signed else 6).to_bytes(width // 8, "little", signed=signed).hex()
    )


def test_swapped_words() -> None:
    """``ws`` reads two big-endian words, the low one first."""
    assert values("x u32ws\ny i32ws\nz f32ws", "56781234 fffeffff 00003fc0") == {"x": 0x12345678, "y": -2, "z": 1.5}
    assert written("x u32ws\ny i32ws\nz f32ws", {"x": 0x12345678, "y": -2, "z": 1.5}) == "56781234fffeffff00003fc0"


@pytest.mark.parametrize(
    ("layout", "content"),
    [("x f16", ">e"), ("x f32", ">f"), ("x f64", ">d"), ("x f16le", "<e"), ("x f32le", "<f"), ("x f64le", "<d")],
)
@pytest.mark.parametrize("number", [0.0, 1.5, -0.25, 1024.0])
def test_floats(layout: str, content: str, number: float) -> None:
    """Floats of 16, 32 and 64 bits in both orders read and write IEEE 754."""
    payload = struct.pack(content, number).hex()
    assert values(layout, payload) == {"x": number}
    assert written(layout, {"x": number}) == payload


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(number: float) -> None:
    """NaN and infinities decode to null, and null writes NaN."""
    assert values("x f32", struct.pack(">f", number).hex()) == {"x": None}
    assert values("x f32", written("x f32", {"x": None})) == {"x": None}
    assert written("x f32", {"x": number}) == written("x f32", {"x": None})


def test_arithmetic_from_left_to_right() -> None:
    """Arithmetic goes from left to right in double precision; integers stay integers under integers."""
    assert values("a u8 * 0.1\nb u8 / 10\nc i8 + 3 * 2\nd u16 * 175.72 / 65536 - 46.85", "030305 6543") == {
        "a": 3 * 0.1,
        "b": 0.3,
        "c": 16,
        "d": 0x6543 * 175.72 / 65536 - 46.85,
    }


def test_integers_beyond_64_bits_are_null() -> None:
    """What a signed 64-bit integer cannot hold is null with a warning, and does not wrap."""
    decoded = decode("x u64\ny u64 / 10\nz u32 * 10000000000", "ffffffffffffffff ffffffffffffffff ffffffff")
    assert decoded.records[0].values == {"x": None, "y": float(2**64 - 1) / 10, "z": None}
    assert [warning.split(":")[0] for warning in decoded.warnings] == ["x", "z"]


def test_encoding_rounds_to_the_nearest_and_refuses_the_rest() -> None:
    """Encoding rounds to the nearest raw value; out of range, of the wrong kind, or a null code is an error."""
    assert written("x i16 / 100", {"x": 0.294}) == "001d"
    assert written("x u8 * 5 + 2", {"x": 13}) == "02"
    assert written("x u64", {"x": 2**63 - 1}) == "7fffffffffffffff"
    refused: list[tuple[str, Value, str]] = [
        ("x u8 / 2", 128, "goes from 0 to 127.5"),
        ("x u8", -1, "does not fit"),
        ("x u8 null 255", 255, "means that the value is not known"),
        ("x u8", "12", "is not a number"),
        ("x u8", True, "is not a number"),
        ("x flag\n_ u7", 1, "is not true or false"),
        ("x f16", 1e9, "does not fit"),
        ("x f64", 10**400, "too large"),
        ("x f32 * 1e-300", 1e300, "does not fit"),
        ("x u8 {1 = on}", "off", "is none of on"),
        ("x ascii[2]", "abc", "longer than 2"),
        ("x ascii[2]", "é", "not printable ASCII"),
        ("x ascii[2]", 5, "is not a text"),
        ("x hex[2]", "abc", "not in hex digits"),
        ("x hex[2]", "ab", "1 bytes, not 2"),
        ("x bcd[1]", 100, "does not fit"),
        ("x u8", None, "a value is needed"),
    ]
    for layout, value, message in refused:
        with pytest.raises(EncodeError, match=message):
            written(layout, {"x": value})


# Nulls, enumerations, constants, texts


def test_null_codes() -> None:
    """Raw values that mean "not known" are null, single ones and ranges, written as bit patterns too."""
    layout = "a i16 / 10 null 0x8000\nb u8 null 0xf0..0xfe, 0xff\nc f32 null -9999"
    assert values(layout, "8000 f7 c61c3c00") == {"a": None, "b": None, "c": None}
    assert values(layout, "7fff ef 00000000") == {"a": 3276.7, "b": 0xEF, "c": 0.0}
    assert written(layout, {}) == "8000f0c61c3c00"


def test_enumerations() -> None:
    """An enumeration is a text; a raw value that is not listed is null with a warning, a null code without."""
    layout = 'x u8 null 9 {0 = off,   # a comment\n  1 = on, 0xff = "lamp failure"}'
    assert values(layout, "ff") == {"x": "lamp failure"}
    assert values(layout, "09") == {"x": None}
    assert decode(layout, "05").warnings == ("x: raw value 5 is not listed",)
    assert decode(layout, "05").records[0].values == {"x": None}
    assert written(layout, {"x": "lamp failure"}) == "ff"


def test_enumerations_of_truth() -> None:
    """An enumeration of nothing but true and false gives truth values."""
    layout = "closed u8 {0 = true, 1 = false}"
    assert values(layout, "00") == {"closed": True}
    assert written(layout, {"closed": False}) == "01"
    assert decode(layout, "02").records[0].values == {"closed": None}


def test_constants_select_the_frame() -> None:
    """The first frame whose constants stand there is taken; if none does, the one that came furthest tells why."""
    frames = program("_kind u8 = 1\nx u8", "_kind u8 = 2\n_sub u8 = 7\ny u8")
    assert frames.decode(b"\x01\x05", None).records[0].values == {"x": 5}
    assert frames.decode(b"\x02\x07\x05", None).frame == "frame 2"
    with pytest.raises(DecodeError, match="_sub is 0x8 and not 0x7") as caught:
        frames.decode(b"\x02\x08\x05", None)
    assert caught.value.offset == 1


def test_texts() -> None:
    """ASCII loses trailing NUL and blanks; empty is null; what cannot be printed is null with a warning."""
    assert values("a ascii[4]\nb hex[2]\nc ascii[*]", "41420020 00ff 4344") == {"a": "AB", "b": "00ff", "c": "CD"}
    assert values("a ascii[2]", "0000") == {"a": None}
    assert decode("a ascii[2]", "0041").warnings == ("a: not a printable text",)
    assert written("a ascii[4]\nb hex[2]\nc ascii[*]", {"a": "AB", "b": "00FF", "c": "CD"}) == "4142000000ff4344"


def test_decimal_digits() -> None:
    """BCD reads digits as a number; a digit above 9 is null with a warning."""
    assert values("x bcd[2] / 100", "1234") == {"x": 12.34}
    assert decode("x bcd[2]", "12a4").warnings == ("x: a digit above 9",)
    assert written("x bcd[3]", {"x": 1234}) == "001234"


# Words


@pytest.mark.parametrize(("order", "word"), [("u32", "12345678"), ("u32le", "78563412"), ("u32ws", "56781234")])
def test_bits_taken_out_of_words(order: str, word: str) -> None:
    """Bits count from the least significant of the word's value, whatever its byte order."""
    layout = f"_w {order}\na u4 of _w bits 28..31\nb u8 of _w bits 12..19\nc flag of _w bit 3\nd i4 of _w bits 8..11"
    decoded: dict[str, Value] = {"a": 1, "b": 0x45, "c": True, "d": 6}
    assert values(layout, word) == decoded
    assert bytes.fromhex(written(layout, decoded)) != bytes(4)
    assert values(layout, written(layout, decoded)) == decoded


def test_a_word_may_be_taken_apart_twice() -> None:
    """A part of a word can be a word again; both write into the same bits."""
    layout = "_w u16\n_low u8 of _w bits 0..7\nx u4 of _low bits 4..7\nwhen _low bit 0:\n    y u8"
    assert values(layout, "0031 07") == {"x": 3, "y": 7}
    assert written(layout, {"x": 3, "y": 7}) == "003107"
    assert written(layout, {"x": 3}) == "0030"


def test_two_values_in_the_same_bits_must_agree() -> None:
    """Encoding refuses two values that want different bits of one word."""
    layout = "_w u8\na u4 of _w bits 0..3\nb u4 of _w bits 2..5"
    assert values(layout, written(layout, {"a": 0b0100, "b": 0b0001})) == {"a": 4, "b": 1}
    with pytest.raises(EncodeError, match="different bits"):
        written(layout, {"a": 0, "b": 1})


def test_words_can_be_given() -> None:
    """A word that nothing decides is zero, or what is given under its name."""
    assert written("_counter u8\nx u8", {"x": 1}) == "0001"
    assert written("_counter u8\nx u8", {"x": 1, "_counter": 9}) == "0901"


# Blocks


def test_blocks_by_bits() -> None:
    """Blocks stand there when their bit is set; encoding sets the bits of blocks that have a value."""
    layout = "_f u8\nwhen _f bit 0:\n    a u8\nwhen _f bit 7:\n    b u8 null 0xff\n    c u8 null 0xff"
    assert values(layout, "81 01 02 03") == {"a": 1, "b": 2, "c": 3}
    assert values(layout, "80 02 ff") == {"b": 2, "c": None}
    assert values(layout, "00") == {}
    assert written(layout, {"c": 3}) == "80ff03"
    assert fails(layout, "01") == ("a needs 1 byte, 0 left", 1)


def test_blocks_by_value() -> None:
    """Blocks stand there when the word has one of their values; encoding writes the first, and refuses two at once."""
    layout = "_kind u8\nwhen _kind == 1, 3:\n    a u8\nwhen _kind == 2:\n    b u8"
    assert values(layout, "03 05") == {"a": 5}
    assert values(layout, "02 05") == {"b": 5}
    assert values(layout, "04") == {}
    assert written(layout, {"a": 5}) == "0105"
    with pytest.raises(EncodeError, match="b: does not stand in a frame whose _kind is 1"):
        written(layout, {"a": 5, "b": 6})


def test_blocks_by_a_field() -> None:
    """A field may decide too: then its value says what follows."""
    layout = "mode u8 {1 = short, 2 = long}\nwhen mode == 2:\n    x u8"
    assert written(layout, {"mode": "long", "x": 3}) == "0203"
    assert written(layout, {"mode": "short"}) == "01"
    with pytest.raises(EncodeError, match="x: does not stand"):
        written(layout, {"mode": "short", "x": 3})
    with pytest.raises(EncodeError, match="a value is needed"):
        written(layout, {"mode": "long"})


def test_a_block_that_would_appear_needs_its_values() -> None:
    """Encoding does not write a word that announces a block which is not there."""
    with pytest.raises(EncodeError, match="needs a value for one of a"):
        written("_k u8\nwhen _k == 5:\n    a u8\nb u8 of _k bits 0..7", {"b": 5})


def test_optional_tails() -> None:
    """The payload may end before an optional block, not inside of it."""
    layout = "a u8\noptional:\n    b u16\noptional:\n    c u8"
    assert values(layout, "01") == {"a": 1}
    assert values(layout, "01 0002") == {"a": 1, "b": 2}
    assert values(layout, "01 0002 03") == {"a": 1, "b": 2, "c": 3}
    assert fails(layout, "01 00") == ("b needs 2 bytes, 1 left", 1)
    assert written(layout, {"a": 1}) == "01"
    with pytest.raises(EncodeError, match="b: a value is needed, as c comes behind"):
        written(layout, {"a": 1, "c": 3})


def test_open_ends() -> None:
    """A payload longer than its layout is an error, or a warning if the layout ends with dots."""
    assert fails("a u8", "010203") == ("2 bytes too many", 1)
    assert decode("a u8\n...", "010203").warnings == ("2 bytes more than the layout knows",)
    assert values("a u8\n...", "01") == {"a": 1}


CHAIN = (
    "chain u8:\n    case 1:\n        a i16 / 10\n    case 2, 3:\n        b u8\n    case 4:\n        b u8\n        c u8"
)


def test_chains() -> None:
    """Headers are followed to the end; the last of several values wins; an unknown header keeps what was decoded."""
    assert values(CHAIN, "01ffff 0307 0208") == {"a": -0.1, "b": 8}
    assert decode(CHAIN, "01ffff 0907 01").warnings == ("header 0x09 is not known, 2 bytes passed over",)
    assert decode(CHAIN, "01ffff 0907 01").records[0].values == {"a": -0.1}
    assert fails(CHAIN, "01ff") == ("a needs 2 bytes, 1 left", 1)


def test_chains_are_written_case_by_case() -> None:
    """Encoding writes the cases whose fields are given, in the order of the file, each field once."""
    assert written(CHAIN, {"b": 7, "a": -0.1}) == "01ffff0207"
    assert written(CHAIN, {"b": 7, "c": 1}) == "0207040701"
    with pytest.raises(EncodeError, match="c: stands with b, which has no value"):
        written(CHAIN, {"c": 1})


def test_chains_with_lengths() -> None:
    """With a length, unknown headers are skipped, texts end where their part does, and what is too much is told."""
    layout = (
        "chain u16 length u8 until 1:\n    case 0x0101:\n        t ascii[*]\n    case 2:\n        x u8\n_end u8 = 0xee"
    )
    assert values(layout, "0101 02 4142 0002 01 05 ee") == {"t": "AB", "x": 5}
    decoded = decode(layout, "0009 02 ffff 0002 02 05 06 ee")
    assert decoded.records[0].values == {"x": 5}
    assert decoded.warnings == (
        "header 0x0009 is not known, 2 bytes passed over",
        "1 byte under header 0x0002 not known",
    )
    assert fails(layout, "0101 09 41 ee") == ("header 0x101 needs 9 bytes, 1 left", 3)
    assert fails(layout, "0002 00 ee") == ("x needs 1 byte, 0 left", 3)
    assert written(layout, {"t": "AB", "x": 5}) == "01010241420002" + "0105ee"


def test_repeats_newest_first() -> None:
    """Records are older and older; what stands outside belongs to the newest."""
    layout = "v u8\nrepeat newest first every 15 min:\n    x u8\nw u8"
    decoded = decode("v u8\nrepeat 3 newest first every 15 min:\n    x u8\nw u8", "09 01 02 03 08")
    assert [record.values for record in decoded.records] == [{"v": 9, "w": 8, "x": 1}, {"x": 2}, {"x": 3}]
    assert [record.age_us for record in decoded.records] == [0, 900_000_000, 1_800_000_000]
    assert fails(layout, "09 01 02") == ("w needs 1 byte, 0 left", 3)
    assert written(layout.removesuffix("\nw u8"), {"v": 9, "x": 1}, {"x": 2}) == "090102"


def test_repeats_oldest_first() -> None:
    """The other way round, the last record is the newest and has the frame's own time."""
    layout = "time unix32\n_count u8\n_step u8\nrepeat _count oldest first every _step s:\n    x u8"
    decoded = decode(layout, "69f83824 02 0a 0506")
    assert [record.values for record in decoded.records] == [{"x": 5}, {"x": 6}]
    assert [record.age_us for record in decoded.records] == [10_000_000, 0]
    assert [record.time_us for record in decoded.records] == [0x69F83824 * 1_000_000] * 2
    newest: dict[str, Value] = {"x": 6, "time": 0x69F83824, "_step": 10}
    assert written(layout, {"x": 5}, newest) == "69f83824020a0506"
    assert decode(layout, "69f83824 00 0a").records == ()
    with pytest.raises(EncodeError, match="_step: the time between records is needed"):
        written(layout, {"x": 5}, {"x": 6, "time": 0x69F83824})


def test_repeats_with_their_own_times() -> None:
    """Records without a step say their times themselves."""
    decoded = decode("repeat newest first until 1:\n    time unix32\n    x u8\n_end u8", "69f83824 01 69f80000 02 ff")
    assert [record.time_us for record in decoded.records] == [0x69F83824 * 1_000_000, 0x69F80000 * 1_000_000]
    assert [record.age_us for record in decoded.records] == [0, 0]


def test_repeats_that_cannot_be() -> None:
    """No record, half a record, a count that is not kept, and no step are errors."""
    assert fails("repeat newest first every 1 h:\n    x u16", "") == ("there is no record", 0)
    assert fails("repeat newest first every 1 h:\n    x u16", "0001 00") == ("x needs 2 bytes, 1 left", 2)
    assert fails("_n u8\nrepeat _n newest first every 1 h:\n    x u8", "02 01") == ("x needs 1 byte, 0 left", 2)
    huge = "_n u64\nrepeat newest first every _n h:\n    x u8"
    assert fails(huge, "ffffffffffffffff 01") == ("_n gives no time between records", 8)
    with pytest.raises(EncodeError, match="this frame holds 2 records, not 1"):
        written("repeat 2 newest first every 1 h:\n    x u8", {"x": 1})
    with pytest.raises(EncodeError, match="one record only"):
        written("x u8", {"x": 1}, {"x": 2})
    with pytest.raises(EncodeError, match="v: only the newest record carries it"):
        written("v u8\nrepeat newest first every 1 h:\n    x u8", {"v": 1, "x": 1}, {"v": 1, "x": 2})


def test_a_record_without_a_place_ends() -> None:
    """Records that take no bytes are an error and not an endless loop."""
    layout = "_f u8\nrepeat newest first every 1 h:\n    when _f bit 0:\n        x u8"
    assert fails(layout, "00 01") == ("a record takes no place", 1)


def test_records_do_not_see_each_others_words() -> None:
    """A derived value of one record never uses a word of another."""
    layout = "repeat newest first every 1 h:\n    _f u8\n    when _f bit 0:\n        _a u8\n    x = _a * 2\n"
    with_a = "_a u8\nrepeat newest first every 1 h:\n    _f u8\n    when _f bit 0:\n        _a u8\n    x = _a * 2\n"
    assert [record.values for record in decode(layout, "01 05 00").records] == [{"x": 10.0}, {}]
    assert [record.values for record in decode(with_a, "07 01 05 00").records] == [{"x": 10.0}, {"x": 14.0}]


# Time and derived values


def test_the_time_of_the_reading() -> None:
    """A number named ``time`` is the reading's time; a clock that is not set is ignored with a warning."""
    for layout, payload in [("time unix32\nx u8", "69f83824 01"), ("time u64 / 1000\nx u8", "0000019df19b4ca0 01")]:
        record = decode(layout, payload).records[0]
        assert record.values == {"x": 1}
        assert record.time_us == 0x69F83824 * 1_000_000
    for clock in ("00000000", "386d4380"):
        decoded = decode("time unix32\nx u8", f"{clock} 01")
        assert decoded.records[0].time_us is None
        assert decoded.warnings == ("time: the device's clock is not set, its time is ignored",)
    assert decode("time unix32 null 0\nx u8", "00000000 01").warnings == ()
    assert written("time unix32\nx u8", {"x": 1}) == "0000000001"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b * 2 - 1", 3 + 4 * 2 - 1),
        ("-(a - b) / 4", 0.25),
        ("max(1.0 * a - 1.64 * b, 0) * 1.5504", 0.0),
        ("min(a, b) + abs(-a)", 6.0),
        ("sqrt(a * a + b * b)", 5.0),
        ("exp(a / 7) + log(b)", math.exp(3 / 7) + math.log(4.0)),
        ("a / (b - 4)", None),
        ("min(a / (b - 4), 1)", None),
        ("sqrt(a - b)", None),
        ("log(a - 3)", None),
        ("exp(a * 1e9)", None),
        ("1.5e3 + .5", 1500.5),
    ],
)
def test_derived_values(expression: str, expected: float | None) -> None:
    """Derived values follow the usual arithmetic; what has no finite result is null."""
    assert values(f"a u8\nb u8\nx = {expression}", "0304") == {"a": 3, "b": 4, "x": expected}


def test_derived_values_of_nulls_are_null() -> None:
    """A derived value is null if an operand is, and absent if an operand is."""
    layout = "_f u8\na u8 null 9\nwhen _f bit 0:\n    _b flag\n    _ u7\n_c = a * 2\nx = _c + 1\ny = _b + 1"
    assert values(layout, "00 05") == {"a": 5, "x": 11.0}
    assert values(layout, "01 09 80") == {"a": None, "x": None, "y": 2.0}


# Batches


def test_a_batch_of_many_shapes() -> None:
    """Payloads of many lengths, structures and faults mixed give what each gives alone, in their order."""
    layout = (
        "_f u8\nwhen _f bit 0:\n    a u8\nwhen _f bit 1:\n    b u16 / 10\nrepeat newest first every 1 min:\n    x i8"
    )
    frames = program(layout)
    payloads = [bytes([flags, *range(length)]) for length in range(8) for flags in range(4)] * 7
    batch = BatchDecoder(frames, kinds(frames)).decode(payloads, [None] * len(payloads))
    rows: Sequence[tuple[int, int]] = list(zip(batch.frame.tolist(), batch.age_us.tolist(), strict=True))
    assert rows == sorted(rows)
    alone = 0
    for position, payload in enumerate(payloads):
        try:
            decoded = frames.decode(payload, None)
        except DecodeError as error:
            assert str(batch.errors[position]) == str(error)
            continue
        for record in decoded.records:
            assert batch.columns["x"].values[alone] == record.values["x"]
            assert batch.columns["b"].valid[alone] == ("b" in record.values)
            alone += 1
    assert alone == len(batch.frame)


def test_a_batch_of_nothing() -> None:
    """A batch may be empty, or hold nothing but faults."""
    frames = program("x u8")
    decoder = BatchDecoder(frames, kinds(frames))
    assert decoder.decode([], []).frame.tolist() == []
    assert set(decoder.decode([b""] * 20, [None] * 20).errors) == set(range(20))
    with pytest.raises(ValueError, match="1 payloads and 0 ports"):
        decoder.decode([b""], [])


def test_garbage_does_not_fill_the_memory() -> None:
    """However many shapes arrive, a bounded number is remembered, and a payload too long is refused."""
    frames = program("chain u8 length u8:\n    case 1:\n        x ascii[*]")
    random = np.random.default_rng(5)
    for _ in range(3000):
        frames.shape(bytes([7, 40, *random.bytes(40)]) + random.bytes(int(random.integers(30))), None)
    assert sum(len(shapes) for shapes in frames._shapes.values()) < 3000
    with pytest.raises(DecodeError, match="more than any frame"):
        frames.decode(bytes(20_000), None)


# What is wrong with a layout


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "empty"),
        ("x u65", 1, "1 to 64 bits"),
        ("x f24", 1, "16, 32 or 64"),
        ("x u12le", 1, "multiples of 8"),
        ("x u16ws", 1, "swapped words have 32"),
        ("x bcd[10]", 1, "1 to 9 bytes"),
        ("x ascii[0]", 1, "at least one byte"),
        ("x q8", 1, "is no type"),
        ("x", 1, "a type is expected"),
        ("X u8", 1, "is no name"),
        ("x u8 ?", 1, "not understood"),
        ("x u8 u8", 1, "not expected here"),
        ("x u8 * 0", 1, "cannot be undone"),
        ("x u8 / ", 1, "a number is expected"),
        ("x u8 null 256", 1, "does not fit into 8 bits"),
        ("x u8 null 1.5", 1, "not an integer"),
        ("x u8 null 5..3", 1, "nothing lies between"),
        ("x ascii[2] null 1", 1, "texts have no null"),
        ("x u8 {0 = a, 0 = b}", 1, "has a text already"),
        ("x u8 {0 = 5}", 1, "a text is expected"),
        ("x u8 {}", 1, "empty"),
        ("x f32 {0 = a}", 1, "only integers can be enumerations"),
        ("x u8 * 2 {0 = a}", 1, "have no arithmetic"),
        ("x f32 = 5", 1, "only integers can be constants"),
        ("x i8 = 300", 1, "does not fit"),
        ("time ascii[4]", 1, "'time' must be a number"),
        ("x u4", 1, "bits end 4 bits behind a byte"),
        ("x u4\ny f32\n_ u4", 2, "begins 4 bits behind a byte"),
        ("x u4\noptional:\n    y u8", 2, "begins 4 bits behind a byte"),
        ("x u8\n  y u8", 2, "indented by 2"),
        ("x u8\n    y u8", 2, "without a block above"),
        ("optional:\ny u8", 1, "the block is empty"),
        ("when _f bit 0:\n    x u8", 1, "'_f' is not an integer read before"),
        ("_f f32\nwhen _f bit 0:\n    x u8", 2, "'_f' is not an integer read before"),
        ("_f bcd[1]\nwhen _f bit 0:\n    x u8", 2, "no bits"),
        ("_f u8\nwhen _f bit 8:\n    x u8", 2, "bits 0 to 7"),
        ("_f u8\nwhen _f == 256:\n    x u8", 2, "does not fit"),
        ("_f u8\nwhen _f is 2:\n    x u8", 2, "is no block"),
        ("_f u8\nx u4 of _f bits 0..4", 2, "the type has 4 bits"),
        ("_f u8\nx u4 of _f bits 6..9", 2, "bits 0 to 7"),
        ("_f u8\nx f16 of _f bits 0..7", 2, "only u, i and flag"),
        ("_f u8\nx u4 of _f byte 0", 2, "'bit N' or 'bits N..M'"),
        ("chain u8:\n    x u8", 2, "only 'case N:'"),
        ("chain u8:\n    case 1:\n        x u8\n    case 1:\n        y u8", 4, "has a case already"),
        ("chain u8:\n    case 300:\n        x u8", 2, "does not fit"),
        ("chain f32:\n    case 1:\n        x u8", 1, "not an integer type"),
        ("chain u4:\n    case 1:\n        x u8", 1, "whole bytes"),
        ("case 1:\n    x u8", 1, "directly in a chain"),
        ("repeat newest first:\n    x u8", 1, "must each have a 'time'"),
        ("repeat newest first every 1 min:\n    repeat newest first every 1 s:\n        x u8", 2, "cannot stand"),
        ("x = y + 1", 1, "'y' is not read before"),
        ("y ascii[2]\nx = y + 1", 2, "is a text"),
        ("y u8\nx = y +", 2, "before 'the end'"),
        ("y u8\nx = sin(y)", 2, "is no function"),
        ("y u8\nx = max(y)", 2, "',' is expected"),
        ("y u8\nx = y y", 2, "is not expected"),
        ("y u8\nx = y % 2", 2, "not understood"),
        ("y u8\nx = " + "(" * 60 + "y" + ")" * 60, 2, "too many parentheses"),
        ("y u8\ntime = y", 2, "cannot be the name"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, line: int, message: str) -> None:
    """Every mistake in a layout is told with its line, and by what would be right."""
    assert [(at, True) for at, told in problems(text) if message in told][:1] == [(line, True)], problems(text)


def test_all_mistakes_are_told_at_once() -> None:
    """Reading goes on behind a mistake."""
    assert [line for line, _ in problems("a u99\nb u8\nc q\n\n# comment\nwhen _x bit 1:\n    d u8\n")] == [1, 3, 6]


def test_blocks_are_nested_so_deep_and_no_deeper() -> None:
    """Nesting has a bound, so that no file can exhaust the stack."""
    text = "".join("    " * depth + "optional:\n" for depth in range(30)) + "    " * 30 + "x u8"
    assert any("deep" in message for _, message in problems(text))


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet='xu8 1_=:{},.*/[]#\n"whenopticalrsfbu0-()', max_size=120))
def test_any_text_is_a_layout_or_has_problems(text: str) -> None:
    """Reading a layout never fails otherwise than by telling its problems; what it accepts decodes."""
    layout, found = parse_layout(text)
    if not found:
        frames = Program([FrameLayout("any", (), layout)])
        with pytest.raises(DecodeError) if frames.shape(bytes(9), None).error else _nothing():
            frames.decode(bytes(9), None)


class _nothing:  # noqa: N801 - reads as a word where it is used
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
