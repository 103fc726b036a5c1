"""What one payload looks like through a layout: which bits mean what. Decoding is finding the shape, then reading it.

Rules:

1. A shape depends on nothing but the payload's length, its port, and the bits in ``structure`` (constants, headers,
   counts, words that blocks depend on). Payloads that agree in these have the same shape: that makes batches fast.
2. An error is a shape too: all payloads that agree fail in the same way.
3. Reading a shape's slots cannot fail; what means nothing is null, with a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from decoders import bits
from decoders.bits import Raw, RawType
from decoders.expression import Expression, Numbers
from decoders.layout import TIME, Block, Chain, Derived, Element, Item, Layout, Optional, Repeat, When
from model.device import Kind
from model.errors import DecodeError
from model.value import Value

EARLIEST_S, LATEST_S = 1420070400, 7258118400
"""2015 and 2200: a device's own time outside of them is a clock that was never set, or garbage."""

MOST_BYTES = 16_384
"""The longest payload: far beyond any radio's, and short enough that its shape costs little."""

_MOST_SHAPES = 64  # remembered for one port and length; a city's devices need some
_MOST_SLOTS = 50_000  # in all shapes remembered
_LONGEST_LOG_US = 50 * 366 * 86_400_000_000
_NUMBERS = Numbers()


@dataclass(frozen=True, slots=True)
class Slot:
    """An item at its place, from ``bit`` on; ``raw_type`` in true length. Of a word: ``take`` bits from ``low`` on."""

    item: Item
    bit: int
    raw_type: RawType
    low: int = 0
    take: int = 0

    @property
    def name(self) -> str:
        """Return the item's name."""
        return self.item.name

    def raw(self, payload: bytes) -> Raw:
        """Return the raw value in ``payload``."""
        if not self.take:
            return bits.read(payload, self.bit, self.raw_type)
        value = bits.read_unsigned(payload, self.bit, self.raw_type.bits, self.raw_type.order)
        value = value >> self.low & (1 << self.take) - 1
        return value - (1 << self.take) if self.item.raw_type.signed and value >> self.take - 1 else value

    def value(self, payload: bytes) -> tuple[Value, str | None]:
        """Return the value in ``payload``, and a warning if it means nothing."""
        return self.item.convert(self.raw(payload))

    def inside(self, item: Item) -> "Slot":
        """Return the slot of ``item``, which is taken out of this word."""
        count, width, order = item.raw_type.bits, self.raw_type.bits, self.raw_type.order
        if self.take:
            return Slot(item, self.bit, self.raw_type, self.low + item.low, count)
        if order == "big":
            return Slot(item, self.bit + width - item.low - count, item.raw_type)
        if order == "little" and item.low // 8 == (item.low + count - 1) // 8:
            return Slot(item, self.bit + 8 * (item.low // 8) + 8 - item.low % 8 - count, item.raw_type)
        return Slot(item, self.bit, self.raw_type, item.low, count)


@dataclass(frozen=True, slots=True)
class DerivedSlot:
    """A derived value, with the slots that its names meant where it stood."""

    name: str
    expression: Expression
    sources: Mapping[str, "Slot | DerivedSlot"]

    def value(self, payload: bytes) -> tuple[float | None, None]:
        """Return the result; ``None`` if an operand is null or there is none."""
        operands: dict[str, float] = {}
        for name, source in self.sources.items():
            operand = source.value(payload)[0]
            if operand is None:
                return None, None
            operands[name] = float(operand)
        result: float = self.expression.evaluate(operands, _NUMBERS)
        return (result if abs(result) < float("inf") else None), None


AnySlot = Slot | DerivedSlot


@dataclass(frozen=True, slots=True)
class RecordShape:
    """One reading of a frame: its slots by name, the time's slot if there is one, and how old it is."""

    age_us: int
    time: Slot | None
    slots: tuple[AnySlot, ...]


@dataclass(slots=True, eq=False)
class Shape:
    """What all payloads of one length that agree in ``structure`` (byte, mask, expected) look like.

    ``error``: message and offset, when they fit no frame. ``columns``: how many rows of it are read at once, kept here
    by ``decoders.batch``.
    """

    frame: str
    records: tuple[RecordShape, ...]
    warnings: tuple[str, ...]
    structure: tuple[tuple[int, int, int], ...]
    error: tuple[str, int] | None = None
    columns: object = None

    def size(self) -> int:
        """Return how much there is to remember."""
        return 1 + len(self.structure) + sum(1 + len(record.slots) for record in self.records)

    def fits(self, payload: bytes) -> bool:
        """Whether a payload of the same length and port has this shape."""
        return all(payload[byte] & mask == expected for byte, mask, expected in self.structure)


@dataclass(frozen=True, slots=True)
class Record:
    """One reading. Event time = (``time_us`` or the uplink's time) - ``age_us``; microseconds, since 1970 UTC."""

    values: dict[str, Value]
    time_us: int | None = None
    age_us: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload says: records in payload order; ``frame``: the name of the frame that fitted."""

    records: tuple[Record, ...]
    warnings: tuple[str, ...] = ()
    frame: str = ""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """A frame to be tried: ``f_ports`` empty for any port."""

    name: str
    f_ports: tuple[int, ...]
    layout: Layout

    def fits_port(self, f_port: int | None) -> bool:
        """Whether an uplink on that port may be this frame; one without a port may be any."""
        return f_port is None or not self.f_ports or f_port in self.f_ports


class Program:
    """The frames of a device type, ready to decode; remembers the shapes it has seen."""

    def __init__(self, frames: Sequence[FrameLayout]) -> None:
        self.frames = tuple(frames)
        self._shapes: dict[tuple[int | None, int], list[Shape]] = {}
        self._slots = 0

    def decode(self, payload: bytes, f_port: int | None) -> Decoded:
        """Return what ``payload`` says; raise ``DecodeError``."""
        shape = self.shape(payload, f_port)
        if shape.error:
            raise DecodeError(shape.error[0], offset=shape.error[1])
        return read(shape, payload)

    def shape(self, payload: bytes, f_port: int | None) -> Shape:
        """Return the shape of ``payload``."""
        known = self._shapes.get((f_port, len(payload)), ())
        for shape in known:
            if shape.fits(payload):
                return shape
        shape = self._trace(payload, f_port)
        self._remember((f_port, len(payload)), shape)
        return shape

    def parts(self, payload: bytes, f_port: int | None) -> tuple[AnySlot, ...]:
        """Return all that the layout finds in ``payload``, in its order: fields, words, constants and headers alike.

        Of a payload that fits no frame, what the frame that came furthest found.
        """
        tracer, furthest, found = _Tracer(payload), -1, tuple[AnySlot, ...]()
        for frame in self.frames if len(payload) <= MOST_BYTES else ():
            if not frame.fits_port(f_port):
                continue
            try:
                tracer.shape(frame)
            except DecodeError as error:
                if error.offset > furthest:
                    furthest, found = error.offset, tuple(tracer.parts)
            else:
                return tuple(tracer.parts)
        return found

    def _remember(self, key: tuple[int | None, int], shape: Shape) -> None:
        """Keep a shape, and forget others where they are too many: whoever sends garbage must not fill the memory."""
        self._slots += shape.size()
        if self._slots > _MOST_SLOTS:
            self._shapes.clear()
            self._slots = shape.size()
        shapes = self._shapes.setdefault(key, [])
        if len(shapes) >= _MOST_SHAPES:
            shapes.clear()
        shapes.append(shape)

    def _trace(self, payload: bytes, f_port: int | None) -> Shape:
        if len(payload) > MOST_BYTES:
            message = f"{len(payload)} bytes are more than any frame has ({MOST_BYTES})"
            return Shape("", (), (), (), (message, MOST_BYTES))
        tracer = _Tracer(payload)
        furthest: DecodeError | None = None
        for frame in self.frames:
            if not frame.fits_port(f_port):
                continue
            try:
                return tracer.shape(frame)
            except DecodeError as error:
                if furthest is None or error.offset > furthest.offset:
                    furthest = error
        if not self.frames:
            furthest = DecodeError("this device type has no layout: its values come by name, in JSON")
        if furthest is None:
            ports = ", ".join(str(port) for frame in self.frames for port in frame.f_ports)
            furthest = DecodeError(f"no frame on port {f_port}: this device type uses {ports}")
        return Shape("", (), (), tracer.structure(), (str(furthest), furthest.offset))


def read(shape: Shape, payload: bytes) -> Decoded:
    """Return what ``payload``, which has this shape, says."""
    warnings = dict.fromkeys(shape.warnings)
    records: list[Record] = []
    for record in shape.records:
        values: dict[str, Value] = {}
        for slot in record.slots:
            values[slot.name], warning = slot.value(payload)
            if warning:
                warnings[warning] = None
        time_us, warning = read_time(record.time, payload)
        if warning:
            warnings[warning] = None
        records.append(Record(values, time_us, record.age_us))
    return Decoded(tuple(records), tuple(warnings), shape.frame)


def read_time(slot: Slot | None, payload: bytes) -> tuple[int | None, str | None]:
    """Return the device's own time in microseconds since 1970 UTC, if it says one that can be; and a warning if not."""
    if slot is None:
        return None, None
    seconds, warning = slot.value(payload)
    if not isinstance(seconds, int | float):
        return None, warning
    if not EARLIEST_S <= seconds < LATEST_S:
        return None, "time: the device's clock is not set, its time is ignored"
    return seconds * 1_000_000 if isinstance(seconds, int) else round(seconds * 1e6), None


class _Tracer:
    """Follows layouts through one payload. The structure gathers over all frames tried, failed ones included."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._masks: dict[int, int] = {}

    def structure(self) -> tuple[tuple[int, int, int], ...]:
        """Return every bit that mattered up to now, by byte."""
        return tuple((byte, mask, self.payload[byte] & mask) for byte, mask in sorted(self._masks.items()))

    def shape(self, frame: FrameLayout) -> Shape:
        """Return the shape if the payload fits ``frame``; raise ``DecodeError``."""
        self.bit, self.limit = 0, 8 * len(self.payload)
        self.names: dict[str, AnySlot] = {}
        self.slots: dict[str, AnySlot] = {}
        self.parts: list[AnySlot] = []
        self.warnings: list[str] = []
        self.log: tuple[Repeat, int, list[dict[str, AnySlot]]] | None = None
        self.block(frame.layout.body)
        if left := (self.limit - self.bit) // 8:
            if not frame.layout.open_end:
                raise DecodeError(f"{_count(left)} too many", offset=self.bit // 8)
            self.warnings.append(f"{_count(left)} more than the layout knows")
        return Shape(frame.name, tuple(self.records()), tuple(self.warnings), self.structure())

    def records(self) -> Iterator[RecordShape]:
        """Yield the readings of the frame, in payload order."""
        whole = self.slots
        if self.log is None or not self.log[2]:
            if self.log is None or whole.keys() - {TIME}:
                yield _record(0, whole, whole)
            return
        repeat, step_us, records = self.log
        newest = 0 if repeat.newest_first else len(records) - 1
        for position, slots in enumerate(records):
            age_us = 0 if TIME in slots else abs(position - newest) * step_us
            yield _record(age_us, whole, {**whole, **slots} if position == newest else slots)

    def block(self, block: Block) -> None:
        """Follow the elements of a block."""
        for element in block.elements:
            self.element(element)

    def element(self, element: Element) -> None:
        """Follow one element."""
        if isinstance(element, Item):
            self.item(element)
        elif isinstance(element, Derived):
            self.derived(element)
        elif isinstance(element, When):
            word = self.names.get(element.word)
            if word is not None and element.holds(self.integer(word, element.bit)):
                self.block(element.body)
        elif isinstance(element, Optional):
            if self.bit < self.limit:
                self.block(element.body)
        elif isinstance(element, Chain):
            self.chain(element)
        else:
            self.repeat(element)

    def item(self, item: Item) -> None:
        """Place an item, and compare it if it is a constant."""
        if item.word is not None:
            word = self.names.get(item.word)
            if not isinstance(word, Slot):
                return
            slot = word.inside(item)
            self.parts.append(slot)
        else:
            slot = self.place(item, item.raw_type)
        if item.constant is not None and (found := self.integer(slot)) != item.constant:
            offset = slot.bit // 8
            raise DecodeError(f"{item.name} is {found:#x} and not {item.constant:#x}", offset=offset)
        self.names[item.name] = slot
        if item.is_field:
            self.slots.pop(item.name, None)
            self.slots[item.name] = slot

    def place(self, item: Item, raw_type: RawType) -> Slot:
        """Return the slot at the present position, and go behind it."""
        width = raw_type.bits
        if not width:
            width = self.limit - self.bit
            raw_type = RawType(raw_type.form, width)
        if self.bit + width > self.limit:
            need, left = (self.bit % 8 + width + 7) // 8, (self.limit - self.bit + 7) // 8
            raise DecodeError(f"{item.name} needs {_count(need)}, {left} left", offset=self.bit // 8)
        slot = Slot(item, self.bit, raw_type)
        self.parts.append(slot)
        self.bit += width
        return slot

    def integer(self, slot: AnySlot, bit: int | None = None) -> int:
        """Return the raw value of a word on which the shape depends (only its bit ``bit``, if given)."""
        if not isinstance(slot, Slot):
            return 0
        first, last = slot.bit, slot.bit + slot.raw_type.bits
        if bit is not None and slot.raw_type.order == "big" and not slot.take:
            first = last - 1 - bit
            last = first + 1
        for byte in range(first // 8, (last + 7) // 8):
            mask = 0xFF >> max(first - 8 * byte, 0) & 0xFF << max(8 * byte + 8 - last, 0) & 0xFF
            self._masks[byte] = self._masks.get(byte, 0) | mask
        raw = slot.raw(self.payload)
        return raw if isinstance(raw, int) else -1

    def derived(self, derived: Derived) -> None:
        """Bind a derived value to what its names mean here."""
        if not all(name in self.names for name in derived.expression.names):
            return
        sources = {name: self.names[name] for name in derived.expression.names}
        slot = DerivedSlot(derived.name, derived.expression, sources)
        self.parts.append(slot)
        self.names[derived.name] = slot
        if not derived.name.startswith("_"):
            self.slots[derived.name] = slot

    def number(self, what: str, raw_type: RawType) -> int:
        """Return a header or a length, and go behind it."""
        return self.integer(self.place(Item(name=what, raw_type=raw_type, kind=Kind.INT), raw_type))

    def chain(self, chain: Chain) -> None:
        """Follow headers to the end."""
        outer = self.limit
        self.limit = end = outer - 8 * chain.until
        while self.bit < end:
            header = self.number("the next header", chain.header)
            if chain.length is not None:
                self.limit = self.part_end(header, chain.length, end)
            case = next((case for case in chain.cases if header in case.headers), None)
            name = f"{header:#0{2 + (chain.header.bits + 3) // 4}x}"
            if case is not None:
                self.block(case.body)
                if chain.length is not None and self.bit < self.limit:
                    self.warnings.append(f"{_count((self.limit - self.bit) // 8)} under header {name} not known")
            else:
                self.warnings.append(f"header {name} is not known, {_count((self.limit - self.bit) // 8)} passed over")
            if case is None or chain.length is not None:
                self.bit = self.limit
            self.limit = end
        self.limit = outer

    def part_end(self, header: int, length: RawType, end: int) -> int:
        """Return the position behind the part whose length stands here."""
        part = 8 * self.number("the next length", length)
        if self.bit + part > end:
            left = (end - self.bit) // 8
            raise DecodeError(f"header {header:#x} needs {_count(part // 8)}, {left} left", offset=self.bit // 8)
        return self.bit + part

    def repeat(self, repeat: Repeat) -> None:
        """Follow records: as many as the count says, or to the end."""
        if self.log is not None:
            raise DecodeError("a second series of records in one frame", offset=self.bit // 8)
        step_us = 0
        if repeat.step is not None:
            step_us = 1_000_000 * repeat.step.seconds * self.word(repeat.step.word, 1)
            if not 0 <= step_us < _LONGEST_LOG_US // (len(self.payload) + 1):
                raise DecodeError(f"{repeat.step.word} gives no time between records", offset=self.bit // 8)
        count = self.word(repeat.count, 0) if isinstance(repeat.count, str) else repeat.count
        records: list[dict[str, AnySlot]] = []
        whole, outer, names = self.slots, self.limit, self.names
        self.limit = end = outer - 8 * repeat.until
        while self.bit < end if count is None else len(records) < count:
            self.slots, self.names, before = {}, dict(names), self.bit
            self.block(repeat.body)
            if self.bit == before:
                raise DecodeError("a record takes no place", offset=self.bit // 8)
            records.append(self.slots)
        if count is None and not records:
            raise DecodeError("there is no record", offset=min(self.bit // 8, len(self.payload)))
        self.slots, self.limit = whole, outer
        self.log = repeat, step_us, records

    def word(self, name: str | None, otherwise: int) -> int:
        """Return the raw value of the word ``name``; ``otherwise`` if it is none, or did not stand in this payload."""
        slot = self.names.get(name) if name is not None else None
        return otherwise if slot is None else self.integer(slot)


def _record(age_us: int, whole: Mapping[str, AnySlot], slots: Mapping[str, AnySlot]) -> RecordShape:
    time = slots.get(TIME, whole.get(TIME))
    return RecordShape(
        age_us,
        time if isinstance(time, Slot) else None,
        tuple(slot for name, slot in slots.items() if name != TIME),
    )


def _count(number: int) -> str:
    return f"{number} byte" if number == 1 else f"{number} bytes"
