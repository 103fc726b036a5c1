"""Sigfox's custom payload configuration, with Soracom's operations: ``_grammar`` reads it.

Rules:

1. A payload that ends before a field is refused, and the field named; what follows behind the last field is passed
   over.
2. ``char`` is text as in layouts: NULs and blanks at the end are cut, an empty one is null, and one that is not
   printable ASCII is null with a warning.
3. Fields that share bits cannot be written: which of them should count is not said. Bits of no field are zero.
4. ``to_layout`` says the same in the layout language, where that can: use it for devices, since a layout decodes by
   columns, writes, and gives a simulator.
"""

from collections.abc import Mapping

from decoders import bits
from decoders.formats import _grammar_layout
from decoders.formats._base import Format, check_options, check_size
from decoders.formats._grammar import Field, overlap, parse
from decoders.output import Output
from model.errors import ConfigError, EncodeError

NAME = "sigfox"
OPTIONS = {"grammar": "the custom payload configuration, as in the Sigfox backend: temperature::int:16 door:2:bool:7"}


def make(options: Mapping[str, str]) -> "Sigfox":
    """Return the format with these options; raise ``ConfigError``."""
    check_options(NAME, options, {"grammar": ()})
    if "grammar" not in options:
        raise ConfigError([f"the format '{NAME}' needs grammar = \"…\": {OPTIONS['grammar']}"])
    return Sigfox(parse(options["grammar"]))


def to_layout(grammar: str) -> str | None:
    """Return a layout that means what ``grammar`` does, ``None`` if there is none; raise ``ConfigError``."""
    return _grammar_layout.layout(parse(grammar))


def layout_names(grammar: str) -> Mapping[str, str]:
    """Return what each field of ``grammar`` is called in its layout; raise ``ConfigError``."""
    return _grammar_layout.layout_names(parse(grammar))


class Sigfox(Format):
    """Payloads of one grammar."""

    name = NAME

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self._size = max(field.size for field in fields)
        self._overlap = overlap(fields)

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:  # noqa: ARG002 - Sigfox has no ports
        """Return what a payload says; raise ``DecodeError``."""
        check_size(payload)
        data: dict[str, object] = {}
        warnings: list[str] = []
        for field in self._fields:
            data[field.name], warning = field.item.convert(field.raw(payload))
            if warning:
                warnings.append(warning)
        return Output(data, tuple(warnings))

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``; raise ``EncodeError``."""
        if self._overlap is not None:
            one, other = self._overlap
            raise EncodeError(f"{one.name} and {other.name} share bits: such a grammar can only be read")
        if strange := data.keys() - {field.name for field in self._fields}:
            raise EncodeError(f"{', '.join(sorted(map(repr, strange)))}: the grammar has no such field")
        number = 0
        for field in self._fields:
            value = data.get(field.name)
            if not isinstance(value, float | int | str | None):
                raise EncodeError(f"{field.name}: {value!r} is not a value")
            try:
                part, width = bits.write(field.item.invert(value), field.item.raw_type)
            except OverflowError:
                raise EncodeError(f"{field.name}: {value} does not fit") from None
            number |= part << 8 * self._size - field.bit - width
        return number.to_bytes(self._size, "big")
