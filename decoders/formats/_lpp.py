"""Cayenne LPP's types, and how a payload divides into them. Many payloads at once: ``_lpp_columns``.

Rules:

1. A payload is channel, type, value, again and again. What stands where, its *shape*, depends on nothing but its length
   and the bytes of its headers; it is found once, and remembered.
2. Integers are big-endian. A number with a scale is a float, one without stays an integer.
3. A type that is not known has no known length: what stands before it is kept, with a warning. A single byte at the
   end is left alone, as network servers do; a value cut short is an error.
"""

from dataclasses import dataclass
from operator import itemgetter

from decoders.formats._base import shortened
from model.errors import DecodeError

_MOST_SHAPES = 32  # remembered of one length; a city's devices have some
_LONGEST_REMEMBERED = 255  # bytes: the longest that any radio takes


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a value: so many bytes, divided by ``divisor``. ``name``: its key, where a value has several."""

    size: int
    signed: bool = False
    divisor: int = 1
    unit: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class LppType:
    """A type. ``flat``: its name in the keys of The Things Stack (``temperature_1``); ``nested``: in ChirpStack's."""

    code: int
    flat: str
    nested: str
    numbers: tuple[Number, ...]

    @property
    def size(self) -> int:
        """Return how many bytes a value takes."""
        return sum(number.size for number in self.numbers)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a payload: ``offset`` is where it begins, two bytes behind its channel."""

    channel: int
    type: LppType
    offset: int


class Shape:
    """How payloads of one length divide that have the same bytes at ``headers``; ``error``: why they do not.

    ``reader``, ``columns``: how one, how many of them are read, kept here by who reads.
    """

    __slots__ = ("_headers", "_pick", "columns", "entries", "error", "headers", "reader", "warnings")

    def __init__(
        self,
        payload: bytes,
        headers: tuple[int, ...],
        entries: tuple[Entry, ...],
        warnings: tuple[str, ...] = (),
        error: tuple[str, int] | None = None,
    ) -> None:
        self.headers = headers
        self.entries = entries
        self.warnings = warnings
        self.error = error
        self.reader: object = None
        self.columns: object = None
        self._pick = itemgetter(*headers) if headers else bytes  # headers are pairs: it picks a tuple
        self._headers = self._pick(payload) if headers else payload

    def fits(self, payload: bytes) -> bool:
        """Whether a payload of the same length has this shape."""
        return not self.headers or bool(self._pick(payload) == self._headers)

    def raised(self) -> DecodeError:
        """Return the error as it is raised."""
        message, offset = self.error or ("", 0)
        return DecodeError(message, offset=offset)


class Shapes:
    """The shapes seen, up to some: whoever sends garbage must not fill the memory."""

    def __init__(self) -> None:
        self._known: dict[int, list[Shape]] = {}

    def of(self, payload: bytes) -> Shape:
        """Return the shape of a payload."""
        known = self._known.get(len(payload), ())
        for shape in known:
            if shape.fits(payload):
                return shape
        shape = divide(payload)
        if len(payload) <= _LONGEST_REMEMBERED:
            if len(known) >= _MOST_SHAPES:
                self._known[len(payload)] = []
            self._known.setdefault(len(payload), []).append(shape)
        return shape


def _axes(divisor: int, unit: str) -> tuple[Number, ...]:
    return tuple(Number(2, signed=True, divisor=divisor, unit=unit, name=name) for name in "xyz")


TYPES = {
    each.code: each
    for each in (
        LppType(0, "digital_in", "digitalInput", (Number(1),)),
        LppType(1, "digital_out", "digitalOutput", (Number(1),)),
        LppType(2, "analog_in", "analogInput", (Number(2, signed=True, divisor=100),)),
        LppType(3, "analog_out", "analogOutput", (Number(2, signed=True, divisor=100),)),
        LppType(100, "generic", "genericSensor", (Number(4),)),
        LppType(101, "luminosity", "illuminanceSensor", (Number(2, unit="lx"),)),
        LppType(102, "presence", "presenceSensor", (Number(1),)),
        LppType(103, "temperature", "temperatureSensor", (Number(2, signed=True, divisor=10, unit="Cel"),)),
        LppType(104, "relative_humidity", "humiditySensor", (Number(1, divisor=2, unit="%"),)),
        LppType(113, "accelerometer", "accelerometer", _axes(1000, "[g]")),
        LppType(115, "barometric_pressure", "barometer", (Number(2, divisor=10, unit="hPa"),)),
        LppType(116, "voltage", "voltage", (Number(2, divisor=100, unit="V"),)),
        LppType(117, "current", "current", (Number(2, divisor=1000, unit="A"),)),
        LppType(118, "frequency", "frequency", (Number(4, unit="Hz"),)),
        LppType(120, "percentage", "percentage", (Number(1, unit="%"),)),
        LppType(121, "altitude", "altitude", (Number(2, signed=True, unit="m"),)),
        LppType(125, "concentration", "concentration", (Number(2, unit="[ppm]"),)),
        LppType(128, "power", "power", (Number(2, unit="W"),)),
        LppType(130, "distance", "distance", (Number(4, divisor=1000, unit="m"),)),
        LppType(131, "energy", "energy", (Number(4, divisor=1000, unit="kW.h"),)),
        LppType(132, "direction", "direction", (Number(2, unit="deg"),)),
        LppType(133, "unix_time", "unix_time", (Number(4, unit="s"),)),
        LppType(134, "gyrometer", "gyrometer", _axes(100, "deg/s")),
        LppType(135, "color", "color", tuple(Number(1, name=name) for name in "rgb")),
        LppType(
            136,
            "gps",
            "gpsLocation",
            (
                Number(3, signed=True, divisor=10_000, unit="deg", name="latitude"),
                Number(3, signed=True, divisor=10_000, unit="deg", name="longitude"),
                Number(3, signed=True, divisor=100, unit="m", name="altitude"),
            ),
        ),
        LppType(142, "switch", "switch", (Number(1),)),
    )
}
"""The types by their codes: the classic twelve, and those that ChirpStack knows beside them."""


def divide(payload: bytes) -> Shape:
    """Return how a payload divides."""
    entries: list[Entry] = []
    headers: list[int] = []
    warnings: list[str] = []
    seen: set[tuple[int, int]] = set()
    at, end = 0, len(payload)
    while at + 1 < end:
        channel, code = payload[at], payload[at + 1]
        headers += (at, at + 1)
        found = TYPES.get(code)
        if found is None:
            left = end - at
            warnings.append(f"type {code} on channel {channel} at byte {at} is not known: the last {left} bytes unread")
            break
        at += 2
        if at + found.size > end:
            message = f"{found.flat} on channel {channel} needs {_count(found.size)}, {end - at} left"
            return Shape(payload, tuple(headers), (), error=(message, at))
        if (channel, code) in seen:
            warnings.append(f"{found.flat} on channel {channel} stands again at byte {at - 2}: the last one counts")
        seen.add((channel, code))
        entries.append(Entry(channel, found, at))
        at += found.size
    return Shape(payload, tuple(headers), tuple(entries), shortened(warnings))


def _count(number: int) -> str:
    return f"{number} byte" if number == 1 else f"{number} bytes"
