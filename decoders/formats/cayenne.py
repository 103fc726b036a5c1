"""Cayenne LPP: channel, type and value, again and again. ``_lpp`` has the types.

Rules:

1. ``keys = "flat"`` names values as The Things Stack does (``temperature_1``, ``gps_2.latitude``), ``keys = "nested"``
   as ChirpStack does (``temperatureSensor.1``, ``gpsLocation.2.latitude``). Types that only ChirpStack knows have flat
   names in the same manner.
2. A type and channel that stand twice: the last one counts, with a warning.
3. Writing takes the keys that reading gives, in the order given, and rounds to the nearest raw value.
"""

from collections.abc import Iterator, Mapping, Sequence

from decoders.formats._base import Format, OutputBatch, check_options, check_size
from decoders.formats._lpp import TYPES, LppType, Number, Shape, Shapes
from decoders.output import Output
from model.errors import EncodeError

NAME = "cayenne"
OPTIONS = {"keys": 'how values are named: "flat" (temperature_1, the default) or "nested" (temperatureSensor.1)'}

_FLAT = {each.flat: each for each in TYPES.values()}
_NESTED = {each.nested: each for each in TYPES.values()}
_CHANNELS = frozenset(map(str, range(256)))


def make(options: Mapping[str, str]) -> "Cayenne":
    """Return the format with these options; raise ``ConfigError``."""
    check_options(NAME, options, {"keys": ("flat", "nested")})
    return Cayenne(nested=options.get("keys") == "nested")


class Cayenne(Format):
    """Cayenne LPP in one style of keys."""

    name = NAME

    def __init__(self, *, nested: bool) -> None:
        self._nested = nested
        self._shapes = Shapes()

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:  # noqa: ARG002 - one format on all ports
        """Return what a payload says; raise ``DecodeError``."""
        check_size(payload)
        shape = self._shapes.of(payload)
        if shape.error is not None:
            raise shape.raised()
        if not isinstance(shape.reader, list):
            shape.reader = [
                (keys, number.divisor, number.signed, start, start + number.size)
                for keys, number, start in self._numbers(shape)
            ]
        data: dict[str, object] = {}
        for keys, divisor, signed, start, end in shape.reader:
            raw = int.from_bytes(payload[start:end], "big", signed=signed)
            inner = data
            for key in keys[:-1]:
                inner = inner.setdefault(key, {})  # type: ignore[assignment]  # no key is that of a number too
            inner[keys[-1]] = raw if divisor == 1 else raw / divisor
        return Output(data, shape.warnings)

    def decode_batch(self, payloads: Sequence[bytes], f_ports: Sequence[int | None]) -> OutputBatch:
        """Return what many payloads say, by columns where many divide alike."""
        from decoders.formats._lpp_columns import decode_columns  # noqa: PLC0415 - numpy is loaded only by who needs it

        if len(payloads) != len(f_ports):
            raise ValueError(f"{len(payloads)} payloads and {len(f_ports)} ports")
        return decode_columns(payloads, self._shapes, self._numbers, self.decode)

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``; raise ``EncodeError``."""
        content = bytearray()
        for key, kind, channel, value in self._values(data):
            content += bytes((channel, kind.code))
            for number, part in _raws(key, kind, value):
                content += part.to_bytes(number.size, "big", signed=number.signed)
        return bytes(content)

    def _numbers(self, shape: Shape) -> Iterator[tuple[tuple[str, ...], Number, int]]:
        """Yield every number of a shape: the keys under which it goes, and where it begins."""
        for entry in shape.entries:
            kind, channel, start = entry.type, str(entry.channel), entry.offset
            keys = (kind.nested, channel) if self._nested else (f"{kind.flat}_{channel}",)
            for number in kind.numbers:
                yield (*keys, number.name) if number.name else keys, number, start
                start += number.size

    def _values(self, data: Mapping[str, object]) -> Iterator[tuple[str, LppType, int, object]]:
        """Yield key, type, channel and value of everything in ``data``."""
        for key, value in data.items():
            if not self._nested:
                name, _, channel = key.rpartition("_")
                yield key, _known(key, _FLAT.get(name)), _channel(key, channel), value
                continue
            kind = _known(key, _NESTED.get(key))
            if not isinstance(value, Mapping):
                raise EncodeError(f"{key}: an object is needed, of channels and values")
            for channel, inner in value.items():
                yield f"{key}.{channel}", kind, _channel(f"{key}.{channel}", channel), inner


def _raws(key: str, kind: LppType, value: object) -> Iterator[tuple[Number, int]]:
    """Yield the raw numbers that say ``value``."""
    for number in kind.numbers:
        name, part = key, value
        if number.name:
            if not isinstance(value, Mapping) or value.keys() != {other.name for other in kind.numbers}:
                names = ", ".join(other.name for other in kind.numbers)
                raise EncodeError(f"{key}: an object is needed, of {names}")
            name, part = f"{key}.{number.name}", value[number.name]
        yield number, _raw(name, number, part)


def _raw(name: str, number: Number, value: object) -> int:
    """Return the nearest raw value for a number; raise ``EncodeError`` for one that does not fit."""
    if not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN is not itself
        raise EncodeError(f"{name}: {value!r} is not a number")
    low = -(1 << 8 * number.size - 1) if number.signed else 0
    high = low + (1 << 8 * number.size) - 1
    if low - 1 < value * number.divisor < high + 1 and low <= (raw := round(value * number.divisor)) <= high:
        return raw
    raise EncodeError(f"{name}: does not fit, it goes from {low / number.divisor:g} to {high / number.divisor:g}")


def _known(key: str, kind: LppType | None) -> LppType:
    if kind is None:
        raise EncodeError(f"{key}: no type of Cayenne LPP has that name: see docs/formats.md")
    return kind


def _channel(key: str, channel: object) -> int:
    text = str(channel)
    if text in _CHANNELS:
        return int(text)
    raise EncodeError(f"{key}: a channel is a number from 0 to 255")
