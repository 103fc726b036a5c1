"""Writing a payload: the inverse of reading one through a layout.

Rules:

1. Elements are written in the order of the layout; a word's bits are filled in when all that decides them is known
   (fields taken out of it, blocks that stand there, counts, lengths).
2. Two things that want different bits in one word, a value that no element takes, a value that does not fit:
   ``EncodeError``. Nothing is cut, wrapped or left out.
3. Records come in payload order, as decoding gives them; what stands outside a repeat block belongs to the newest.
"""

from collections.abc import Mapping, Sequence

from decoders import bits
from decoders.bits import Raw, RawType
from decoders.layout import TIME, Block, Chain, Derived, Element, Item, Layout, Optional, Repeat, When
from model.errors import EncodeError
from model.value import Value

Values = Mapping[str, Value]


class _Cell:
    """A raw value on its way into the payload. An integer may be a part of another cell, and be decided bit by bit."""

    def __init__(self, name: str, raw_type: RawType, raw: Raw, *, inside: "_Cell | None" = None, low: int = 0) -> None:
        self.name = name
        self.raw_type = raw_type
        self.inside = inside
        self.low = low
        self.raw: Raw = (b"" if raw_type.form in {"hex", "ascii"} else 0) if raw is None else raw
        self.decided = 0
        if raw_type.is_integer and isinstance(raw, int):
            self.set(0, raw_type.bits, raw)

    def get(self) -> int:
        """Return the raw value that an integer has now."""
        raw = self.raw if isinstance(self.raw, int) else 0
        if self.inside is not None:
            raw = self.inside.get() >> self.low & (1 << self.raw_type.bits) - 1
        if self.raw_type.signed and raw >> self.raw_type.bits - 1 & 1 and raw > 0:
            raw -= 1 << self.raw_type.bits
        return raw

    def set(self, low: int, count: int, value: int) -> None:
        """Decide ``count`` bits from ``low`` on; raise ``EncodeError`` if they are decided otherwise already."""
        if self.inside is not None:
            self.inside.set(self.low + low, count, value)
            return
        mask = (1 << count) - 1 << low
        wanted = value << low & mask
        raw = int(self.raw or 0) if not isinstance(self.raw, bytes) else 0
        if (raw ^ wanted) & mask & self.decided:
            raise EncodeError(f"{self.name}: two values want different bits in it")
        self.raw = raw & ~mask | wanted
        self.decided |= mask

    def set_number(self, value: int, what: str) -> None:
        """Decide the whole; raise ``EncodeError`` if it does not fit."""
        low, high = self.raw_type.limits
        if not low <= value <= high:
            raise EncodeError(f"{what}: {value} is more than {self.name} can say")
        self.set(0, self.raw_type.bits, value)


def encode(layout: Layout, records: Sequence[Values]) -> bytes:
    """Return the payload that says ``records`` through ``layout``; raise ``EncodeError``."""
    return _Encoder(layout, records).payload()


class _Encoder:
    """The state of one payload while it is written."""

    def __init__(self, layout: Layout, records: Sequence[Values]) -> None:
        self.layout = layout
        self.records = records
        self.repeat = next(layout.repeats(), None)
        self.cells: list[_Cell] = []
        self.names: dict[str, _Cell] = {}
        self.conditions: list[tuple[_Cell, When, bool]] = []
        self.ended: str | None = None
        self.repeated = False
        newest = 0 if self.repeat is None or self.repeat.newest_first else -1
        self.values = records[newest]

    def payload(self) -> bytes:
        """Return the whole payload."""
        self.block(self.layout.body)
        if len(self.records) > 1 and not self.repeated:
            raise EncodeError("this frame holds one record only")
        for cell, when, present in self.conditions:
            if when.holds(cell.get()) != present:
                names = ", ".join(sorted(when.body.names))
                raise EncodeError(f"{cell.name} comes out as {cell.get()}, which needs a value for one of {names}")
        number, width = 0, 0
        for cell in self.cells:
            try:
                part, count = bits.write(_whole(cell), cell.raw_type)
            except OverflowError:
                raise EncodeError(f"{cell.name}: {cell.raw!r} does not fit into {cell.raw_type.bits} bits") from None
            number, width = number << count | part, width + count
        return number.to_bytes(width // 8, "big")

    def block(self, block: Block) -> None:
        """Write the elements of a block."""
        for element in block.elements:
            self.element(element)

    def element(self, element: Element) -> None:
        """Write one element."""
        if isinstance(element, Item):
            self.item(element)
        elif isinstance(element, When):
            self.when(element)
        elif isinstance(element, Optional):
            if self.given(element.body):
                self.block(element.body)
            elif self.ended is None:
                self.ended = ", ".join(sorted(element.body.names))
        elif isinstance(element, Chain):
            self.chain(element)
        elif isinstance(element, Repeat):
            self.log(element)
        else:
            assert isinstance(element, Derived)  # noqa: S101 - the rest of a closed list; derived values are not written

    def given(self, block: Block) -> set[str]:
        """Return the fields of a block that have a value."""
        return {name for name in block.names if self.values.get(name) is not None}

    def item(self, item: Item) -> None:
        """Write an item, or put it into its word."""
        raw = self.raw(item)
        if item.word is None:
            self.names[item.name] = self.add(_Cell(item.name, item.raw_type, raw))
            return
        word = self.names.get(item.word)
        if word is not None:
            self.names[item.name] = _Cell(item.name, item.raw_type, raw, inside=word, low=item.low)
        elif self.values.get(item.name) is not None:
            raise EncodeError(f"{item.name}: there is no {item.word} to put it into")

    def raw(self, item: Item) -> Raw:
        """Return an item's raw value; ``None`` for a word that others decide."""
        if item.constant is not None:
            return item.constant
        if item.name == TIME and self.values.get(TIME) is None:
            return item.nulls[0][0] if item.nulls else 0
        if item.is_field or (item.name in self.values and item.name != "_"):
            return item.invert(self.values.get(item.name))
        return None

    def add(self, cell: _Cell) -> _Cell:
        """Put a cell behind those written."""
        if self.ended is not None:
            raise EncodeError(f"{self.ended}: a value is needed, as {cell.name} comes behind")
        self.cells.append(cell)
        return cell

    def when(self, when: When) -> None:
        """Write a block if it has a value, or if its condition holds anyway."""
        cell = self.names.get(when.word)
        given = self.given(when.body)
        if cell is None:
            if given:
                raise EncodeError(f"{', '.join(sorted(given))}: there is no {when.word} to announce it")
            return
        if given and not when.holds(cell.get()):
            try:
                cell.set(*((0, cell.raw_type.bits, when.values[0]) if when.bit is None else (when.bit, 1, 1)))
            except EncodeError:
                names = ", ".join(sorted(given))
                raise EncodeError(f"{names}: does not stand in a frame whose {cell.name} is {cell.get()}") from None
        present = when.holds(cell.get())
        self.conditions.append((cell, when, present))
        if present:
            self.block(when.body)

    def chain(self, chain: Chain) -> None:
        """Write the cases that have something to say, each field once."""
        written: set[str] = set()
        missing: dict[str, str] = {}
        for case in chain.cases:
            new = self.given(case.body) - written
            lacking = [name for name in map(self.lacks, case.body.elements) if name]
            if not new or lacking:
                missing.update(dict.fromkeys(new, ", ".join(lacking)))
                continue
            written |= new
            self.add(_Cell("header", chain.header, case.headers[0]))
            if chain.length is None:
                self.block(case.body)
                continue
            length = self.add(_Cell("length", chain.length, None))
            start, ended = len(self.cells), self.ended
            self.block(case.body)
            self.ended = ended
            width = sum(_width(cell) for cell in self.cells[start:])
            length.set_number(width // 8, ", ".join(sorted(new)))
        for name, lacking_names in missing.items():
            if name not in written:
                raise EncodeError(f"{name}: stands with {lacking_names}, which has no value")

    def lacks(self, element: Element) -> str | None:
        """Return the name of an element that needs a value and has none."""
        if not isinstance(element, Item) or not element.is_field or element.constant is not None:
            return None
        lacks = self.values.get(element.name) is None and not element.can_be_null and element.name != TIME
        return element.name if lacks else None

    def log(self, repeat: Repeat) -> None:
        """Write the records."""
        count, step = len(self.records), repeat.step
        if isinstance(repeat.count, int) and count != repeat.count:
            raise EncodeError(f"this frame holds {repeat.count} records, not {count}")
        if isinstance(repeat.count, str) and repeat.count in self.names:
            self.names[repeat.count].set_number(count, "records")
        if step is not None and step.word is not None and count > 1:
            cell = self.names.get(step.word)
            if cell is None or cell.get() <= 0:
                raise EncodeError(f"{step.word}: the time between records is needed")
        self.repeated = True
        newest, names = self.values, self.names
        for record in self.records:
            if record is not newest and (strange := _given(record) - repeat.body.names):
                raise EncodeError(f"{', '.join(sorted(strange))}: only the newest record carries it")
            self.values, self.names = record, dict(names)
            self.block(repeat.body)
        self.values, self.names = newest, names


def _given(values: Values) -> set[str]:
    return {name for name, value in values.items() if value is not None}


def _width(cell: _Cell) -> int:
    """Return how many bits a cell takes."""
    return cell.raw_type.bits or (8 * len(cell.raw) if isinstance(cell.raw, bytes) else 0)


def _whole(cell: _Cell) -> Raw:
    """Return what a cell writes: an integer with its bits as decided by now."""
    return cell.get() if cell.raw_type.is_integer else cell.raw
