"""What every payload format promises, those not yet written included."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.formats import Format, formats, join_path, split_path
from decoders.formats._base import DEEPEST
from decoders.layout_shape import MOST_BYTES
from decoders.output import Output
from model.errors import ConfigError, DecodeError, EncodeError

NAMES = sorted(formats())
NEEDED = {"sigfox": {"grammar": "a::uint:8 b::float:32:little-endian c::char:2 d::uint:64 e:3:bool:1"}}
SEEDS = {
    "cayenne": ["03670110056700ff", "0188 06765f f2960a 0003e8", "01670110 02f0 0102"],
    "cbor": ["a2 6174 f94d80 6162 a1 01 c2 41 05", "bf6161 9f 01 fb7ff8000000000000 ff ff"],
    "json": [b'{"t": 21.5, "probe": {"m": [1, null, "x"]}}'.hex()],
    "senml": [
        b'[{"bn":"a:","n":"t","u":"Cel","v":2,"t":-5},{"n":"x","vd":"aGk"}]'.hex(),
        "82 a3 2161 61 0061 74 0201 a20061 75 04f5",
    ],
    "sigfox": ["0102030405060708090a0b0c0d0e0f10"],
}


def made(name: str) -> Format:
    """Return a format with no option but those that it needs."""
    return formats()[name].make(NEEDED.get(name, {}))


def test_names() -> None:
    """Each module of the folder is a format under its own name."""
    assert NAMES == ["cayenne", "cbor", "json", "senml", "sigfox"]


@pytest.mark.parametrize("name", NAMES)
def test_options(name: str) -> None:
    """An option that a format does not have is refused in words that name those it has; each it has is explained."""
    with pytest.raises(ConfigError, match="'colour' is no option") as caught:
        formats()[name].make({**NEEDED.get(name, {}), "colour": "red"})

    for option, meaning in formats()[name].options.items():
        assert option in str(caught.value)
        assert meaning


@pytest.mark.parametrize("name", NAMES)
@given(payload=st.binary(max_size=60))
def test_any_bytes(name: str, payload: bytes) -> None:
    """Any bytes give an output as JSON has it, or DecodeError with an offset inside, and nothing else."""
    _ = _understood(made(name), payload)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_change(name: str, data: st.DataObject) -> None:
    """A good payload with any bytes changed, cut out or put in gives an output or DecodeError, and nothing else."""
    payload = bytearray.fromhex(data.draw(st.sampled_from(SEEDS[name])))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(payload)))
        payload[start : start + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))

    _ = _understood(made(name), bytes(payload))


@pytest.mark.parametrize("name", NAMES)
@given(payloads=st.lists(st.binary(max_size=12), max_size=20))
def test_batch(name: str, payloads: list[bytes]) -> None:
    """A batch says what its payloads say one by one, good ones beside bad ones."""
    found = made(name).decode_batch(payloads, [None] * len(payloads)).rows()

    assert [_told(one) for one in found] == [_told(_one(made(name), payload)) for payload in payloads]


@pytest.mark.parametrize("name", NAMES)
def test_good(name: str) -> None:
    """Each of the payloads that the others are made of is understood."""
    assert all(_understood(made(name), bytes.fromhex(seed)) for seed in SEEDS[name])


@pytest.mark.parametrize("name", NAMES)
def test_too_long(name: str) -> None:
    """A payload longer than any frame is refused before it is read."""
    with pytest.raises(DecodeError, match="more than any frame has") as caught:
        made(name).decode(b"{" + b" " * MOST_BYTES)

    assert caught.value.offset == MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_ports(name: str) -> None:
    """As many ports as payloads are needed."""
    with pytest.raises(ValueError, match=r"\d"):
        made(name).decode_batch([b"", b""], [1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [{"": object()}, {"é": 1}, {"a": {"b": [{}] * 3}}, {"a": 10**400}, {"a_1": math.nan}])
def test_encode_refuses(name: str, data: Mapping[str, object]) -> None:
    """What a format cannot write is refused with EncodeError, and what it writes it reads again."""
    try:
        payload = made(name).encode(data)
    except EncodeError as error:
        assert str(error).isprintable()
    else:
        made(name).decode(payload)


class Fixed(Format):
    """A format that says the same of every payload."""

    name = "fixed"

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:
        """Return how long a payload is, and its port."""
        return Output({"bytes": len(payload), "port": f_port})


def test_what_a_format_need_not_do() -> None:
    """A format that only decodes decodes batches one by one, with their ports, and writes nothing."""
    assert Fixed().decode_batch([b"", b"a"], [1, None]).rows() == [
        Output({"bytes": 0, "port": 1}),
        Output({"bytes": 1, "port": None}),
    ]
    with pytest.raises(EncodeError, match="a, b: nothing can be written in the format 'fixed'"):
        Fixed().encode({"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("name", "payload", "count"),
    [
        ("cayenne", b"\x01\x66\x00" * 100, 99),
        ("cbor", b"\xa1\x61a\x99\x10\x00" + b"\xe0" * 4096, 4096),
        ("json", b'{"a":[' + b"NaN," * 3000 + b"1]}", 3000),
        ("senml", b"[" + b",".join([b'{"n":"a","v":1}'] * 1000) + b"]", 999),
    ],
)
def test_warnings_are_counted(name: str, payload: bytes, count: int) -> None:
    """Of many warnings the first are told, and how many more there are."""
    warnings = made(name).decode(payload).warnings

    assert len(warnings) == 21
    assert warnings[-1] == f"{count - 20} more warnings of this payload"


@given(keys=st.lists(st.text(), min_size=1))
def test_paths(keys: list[str]) -> None:
    """Keys joined to a path are found again, whatever characters they hold."""
    assert split_path(join_path(keys)) == tuple(keys)


def test_path_with_dots() -> None:
    """A dot in a key has a backslash in front."""
    assert join_path(["urn:a.b", "c"]) == "urn:a\\.b.c"


def _understood(form: Format, payload: bytes) -> bool:
    found = _one(form, payload)
    if isinstance(found, DecodeError):
        assert 0 <= found.offset <= len(payload)
        assert str(found).isprintable(), "a message is one line without control characters"
        return False
    json.dumps(found.data, allow_nan=False).encode()
    _check(found.data, 0)
    assert all(warning.isprintable() for warning in found.warnings)
    return True


def _check(value: object, depth: int) -> None:
    """Check that a value is as JSON and a database have it."""
    assert depth <= DEEPEST + 4, "what a format puts around a payload's own containers"
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    else:
        assert value is None


def _check_text(value: object) -> None:
    assert isinstance(value, str)
    assert "\0" not in value
    value.encode()


def _one(form: Format, payload: bytes) -> Output | DecodeError:
    try:
        return form.decode(payload, None)
    except DecodeError as error:
        return error


def _told(found: Output | DecodeError) -> object:
    return (str(found), found.offset) if isinstance(found, DecodeError) else (found.data, found.warnings)
