"""Frames that makers published with their values: our device files give the same numbers.

``tests/data/vendor_frames.json`` holds every published frame of the makers' devices that our device files cover, and
for each device type how the maker's values map to our fields: the field, a factor where our unit is another one, our
words where the maker's are others, and the reason where a value is left out.
"""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from decoders.catalogue import Catalogue
from model.errors import DecodeError
from model.uplink import Value

SAME = 1e-9


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """Where one of the maker's values is in our reading. ``join``: our fields make the maker's text together."""

    field: str | list[str]
    factor: float = 1.0
    texts: dict[str, Value] | None = None
    join: str = ""


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """How one device type's readings compare with its maker's. ``left_out``: path or ``*.end of a path`` -> reason."""

    vendor_devices: list[str]
    fields: dict[str, Rule]
    left_out: dict[str, str]

    def leaves_out(self, path: str) -> bool:
        """Return whether the maker's value at ``path`` is left out."""
        return path in self.left_out or f"*.{path.rpartition('.')[2]}" in self.left_out


class VendorFrame(msgspec.Struct, forbid_unknown_fields=True):
    """A published frame. ``set``: the public collection it is from; ``fails``: the maker's decoder refuses it too."""

    set: str
    vendor_device: str
    device: str
    f_port: int | None
    payload: str
    expected: dict[str, object]
    fails: bool = False

    def __str__(self) -> str:
        """Return what the test report calls it."""
        return f"{self.device}-{self.f_port}-{self.payload}"


class VendorFrames(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    devices: dict[str, Rules]
    frames: list[VendorFrame]


CATALOGUE = Catalogue.builtin()
DATA = msgspec.json.decode(
    (Path(__file__).parents[2] / "data" / "vendor_frames.json").read_bytes(),
    type=VendorFrames,
)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield the maker's single values with their paths."""
    if isinstance(value, dict):
        entries = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list):
        entries = [(str(index), entry) for index, entry in enumerate(value)]
    else:
        yield path, value
        return
    for key, entry in entries:
        yield from leaves(entry, f"{path}.{key}" if path else key)


def same(ours: Value, theirs: object, rule: Rule) -> bool:
    """Return whether a value of ours is the maker's, by the rule for it."""
    if rule.texts is not None:
        return ours == rule.texts[str(theirs)]
    if isinstance(theirs, bool | str) or theirs is None:
        return ours is theirs or ours == theirs
    assert isinstance(theirs, int | float)
    return isinstance(ours, int | float) and math.isclose(ours, theirs * rule.factor, rel_tol=SAME, abs_tol=0)


@pytest.mark.parametrize("frame", [frame for frame in DATA.frames if not frame.fails], ids=str)
def test_values_are_the_makers(frame: VendorFrame) -> None:
    """A frame decodes to the numbers that its maker's decoder gives, one reading a frame."""
    decoded = CATALOGUE[frame.device].decode(bytes.fromhex(frame.payload), f_port=frame.f_port)
    (record,) = decoded.records
    values = dict(record.values)
    if record.time_us is not None:
        values["time"] = record.time_us / 1_000_000
    rules = DATA.devices[frame.device]
    compared = [
        (path, value, rules.fields[path]) for path, value in leaves(frame.expected) if not rules.leaves_out(path)
    ]
    assert compared
    for path, theirs, rule in compared:
        if isinstance(rule.field, list):
            ours: Value = rule.join.join(str(values[name]) for name in rule.field)
        else:
            ours = values[rule.field]
        assert same(ours, theirs, rule), path


@pytest.mark.parametrize("frame", [frame for frame in DATA.frames if frame.fails], ids=str)
def test_what_the_maker_refuses_is_refused(frame: VendorFrame) -> None:
    """A frame that the maker's decoder answers with an error is an error of ours."""
    with pytest.raises(DecodeError):
        CATALOGUE[frame.device].decode(bytes.fromhex(frame.payload), f_port=frame.f_port)


def test_every_published_frame_is_here() -> None:
    """The file holds all 113 published frames, each once, of the 48 makers' devices that 42 device types cover."""
    covered = [device for rules in DATA.devices.values() for device in rules.vendor_devices]
    assert len(DATA.frames) == 113
    assert len(DATA.devices) == 42
    assert len(covered) == len(set(covered)) == 48
    assert {frame.vendor_device for frame in DATA.frames} == set(covered)
    twice = Counter((frame.set, frame.vendor_device, frame.f_port, frame.payload) for frame in DATA.frames)
    assert set(twice.values()) == {1}


def test_every_frame_is_an_example_of_its_device_file() -> None:
    """The examples of a device file carry the published frames of that device."""
    for name in DATA.devices:
        examples = {(example.payload, example.f_port) for example in CATALOGUE[name].examples}
        published = {(bytes.fromhex(frame.payload), frame.f_port) for frame in DATA.frames if frame.device == name}
        assert published <= examples, name


def test_every_field_named_here_exists() -> None:
    """The rules name fields that the device types have."""
    for name, rules in DATA.devices.items():
        fields = {field.name for field in CATALOGUE[name].type.fields} | {"time"}
        for rule in rules.fields.values():
            assert {rule.field} if isinstance(rule.field, str) else set(rule.field) <= fields
