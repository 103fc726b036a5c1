"""SenML packs (RFC 8428): from a list of records with base values to records that stand for themselves, and back.

Rules:

1. Base values count for their record and those behind it, until one of the same kind comes. Name and base name are
   joined; times, values and sums are added to their bases; a record's unit takes the place of the base unit.
2. A record has one value, or a sum, or nothing but base values: then it is no record.
3. Fields that are not known are passed over, as the RFC says, unless their label ends in ``_``: then the pack is
   refused. So is a version above 10, but for 26, which only adds units (RFC 8798).
4. CBOR's labels are the integers of the RFC. Bytes are texts in hex digits.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from decoders.formats._plain import keeps_number, shown
from model.errors import DecodeError

LABELS = {
    "-6": "bs", "-5": "bv", "-4": "bu", "-3": "bt", "-2": "bn", "-1": "bver", "0": "n", "1": "u", "2": "v", "3": "vs",
    "4": "vb", "5": "s", "6": "t", "7": "ut", "8": "vd",
}  # fmt: skip
"""What CBOR's labels, as texts, are called in JSON."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*")
_VALUES = ("v", "vs", "vb", "vd")
_BASES = frozenset({"bn", "bt", "bu", "bv", "bs", "bver"})
_VERSION, _WITH_SECONDARY_UNITS = 10, 26
_SEPARATORS = ":./_-"
_ABSOLUTE = 2**28

Number = int | float


@dataclass(frozen=True, slots=True)
class Record:
    """A record that stands for itself. ``short``: its name without the base name, ``"value"`` if nothing is left.

    ``has_value``: false where it has a sum only. ``time``: below 2**28 it is relative to now.
    """

    name: str
    short: str
    unit: str
    has_value: bool
    value: object
    sum: Number | None
    time: Number

    @property
    def moment(self) -> tuple[bool, Number]:
        """Return what records are ordered by: what is relative to now comes behind what is absolute."""
        return self.time < _ABSOLUTE, self.time


def resolve(pack: object, *, binary: bool) -> Iterator[Record]:
    """Yield the records of a pack; raise ``DecodeError`` naming the record that is wrong, counted from 1."""
    if not isinstance(pack, list):
        raise DecodeError("a SenML pack is needed: a list of records")
    base: dict[str, object] = {}
    for number, fields in enumerate(pack, start=1):
        if not isinstance(fields, Mapping):
            raise DecodeError(f"record {number} is no object")
        record = _Fields(fields, number)
        if binary:
            record.name_labels()
        record.check()
        base.update((label, record.fields[label]) for label in _BASES & record.fields.keys())
        if record.fields.keys() - _BASES:
            yield record.resolved(base, binary=binary)


@dataclass(slots=True)
class _Fields:
    """One record as it came."""

    fields: Mapping[str, object]
    number: int

    def wrong(self, message: str) -> DecodeError:
        """Return an error that names the record."""
        return DecodeError(f"record {self.number}: {message}")

    def name_labels(self) -> None:
        """Give CBOR's labels the names that they have in JSON."""
        named = {LABELS.get(label, label): value for label, value in self.fields.items()}
        if len(named) < len(self.fields):
            raise self.wrong("a label stands twice, as an integer and as a text")
        self.fields = named

    def check(self) -> None:
        """Refuse fields of the wrong kind, and what must not be passed over."""
        for label, value in self.fields.items():
            if label.endswith("_"):
                raise self.wrong(f"'{shown(label)}' must be understood, and is not known")
            if label in {"bn", "n", "bu", "u", "vs", "vd"} and not isinstance(value, str):
                raise self.wrong(f"'{label}' must be a text")
            if label in {"bt", "bv", "bs", "t", "s"} and not is_number(value):
                raise self.wrong(f"'{label}' must be a number")
        if not (is_number(self.fields.get("v", 0)) or self.fields["v"] is None):
            raise self.wrong("'v' must be a number")
        if not isinstance(self.fields.get("vb", False), bool):
            raise self.wrong("'vb' must be true or false")
        version = self.fields.get("bver", _VERSION)
        if not is_number(version) or not (0 < version <= _VERSION or version == _WITH_SECONDARY_UNITS):
            raise self.wrong(f"version {shown(str(version))} of SenML is not understood")

    def resolved(self, base: Mapping[str, object], *, binary: bool) -> Record:
        """Return the record with its base values."""
        own = self.text("n", self.fields)
        name = self.text("bn", base) + own
        if not is_name(name):
            raise self.wrong(f"'{shown(name)}' is no name: letters, digits and -:./_, and a letter or digit first")
        labels = [label for label in _VALUES if label in self.fields]
        if len(labels) > 1:
            raise self.wrong(f"{' and '.join(labels)} cannot stand together")
        total = self.added("s", base) if "s" in self.fields or "bs" in base else None
        if not labels and total is None and "bv" not in base:
            raise self.wrong(f"'{shown(name)}' has no value")
        return Record(
            name=name,
            short=own.lstrip(_SEPARATORS) or "value",
            unit=self.text("u", self.fields) or self.text("bu", base),
            has_value=bool(labels) or total is None,
            value=self.value(labels[0] if labels else "v", base, binary=binary),
            sum=total,
            time=self.added("t", base),
        )

    def value(self, label: str, base: Mapping[str, object], *, binary: bool) -> object:
        """Return the value under its label."""
        if label == "v":
            return None if self.fields.get("v", 0) is None else self.added("v", base)
        if label == "vd" and not binary:
            return self.data(self.text("vd", self.fields))
        return self.fields[label]

    def data(self, text: str) -> str:
        """Return the bytes of a text in the URL-safe alphabet, without padding, in hex digits."""
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True).hex()
        except ValueError:
            raise self.wrong("'vd' is not base64") from None

    def text(self, label: str, fields: Mapping[str, object]) -> str:
        """Return a text, empty if it is not there."""
        value = fields.get(label, "")
        return value if isinstance(value, str) else ""

    def added(self, label: str, base: Mapping[str, object]) -> Number:
        """Return a number and its base together; what is not there counts as zero."""
        one, other = self.fields.get(label, 0), base.get(f"b{label}", 0)
        total: Number = (one if is_number(one) else 0) + (other if is_number(other) else 0)
        if not keeps_number(total):
            raise self.wrong(f"'{label}' and its base are too large together")
        return total


def is_name(text: str) -> bool:
    """Whether the RFC lets a text be a name, base name included."""
    return _NAME.fullmatch(text) is not None


def is_number(value: object) -> TypeGuard[Number]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
