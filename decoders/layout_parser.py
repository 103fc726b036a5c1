"""From the text of a layout to its elements. docs/layout-language.md is the reference.

Rules:

1. Every problem is found at once: a line that is not understood is noted, and reading goes on with the next.
2. What is accepted here can neither fail nor run for ever later, whatever the payload: names are read before they are
   used, numbers fit their types, blocks end on a byte.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from decoders import bits, expression
from decoders.bits import RawType
from decoders.layout import (
    TIME,
    Block,
    Case,
    Chain,
    Derived,
    Element,
    Item,
    Layout,
    Operation,
    Optional,
    Repeat,
    Step,
    When,
)
from model.device import Kind

_INDENT = 4
_DEEPEST = 8
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\")"
    r"|(?P<number>0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))"
    r"|(?P<word>[A-Za-z_]\w*(?:\[(?:\d+|\*)\])?)"
    r"|(?P<sign>\.\.|[-+*/=,{}]))",
)
_NAME = re.compile(r"_|_?[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NUMBERS = r"-?\w+(?:\s*,\s*-?\w+)*"
_WHEN = re.compile(rf"when\s+(?P<word>\w+)\s+(?:bit\s+(?P<bit>\d+)|==\s*(?P<values>{_NUMBERS}))\s*:")
_CHAIN = re.compile(r"chain\s+(?P<header>\w+)(?:\s+length\s+(?P<length>\w+))?(?:\s+until\s+(?P<until>\d+))?\s*:")
_CASE = re.compile(rf"case\s+(?P<values>{_NUMBERS})\s*:")
_REPEAT = re.compile(
    r"repeat(?:\s+(?P<count>\d+|_\w+))?\s+(?P<first>newest|oldest)\s+first"
    r"(?:\s+every\s+(?P<step>\d+|_\w+)\s*(?P<unit>s|min|h))?(?:\s+until\s+(?P<until>\d+))?\s*:",
)
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_BLOCKS = ("when", "optional", "chain", "case", "repeat")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line of a layout, counted from 1."""

    line: int
    message: str


class _LineError(Exception):
    """A line that cannot be understood; never leaves this module."""


@dataclass(slots=True)
class _Line:
    number: int
    depth: int
    text: str
    inner: list["_Line"] = field(default_factory=list)


def parse_layout(text: str) -> tuple[Layout, list[Problem]]:
    """Return the layout that ``text`` writes, and every problem found; with a problem the layout is not to be used."""
    parser = _Parser()
    lines = parser.nest(parser.lines(text))
    open_end = bool(lines) and lines[-1].text == "..."
    if open_end:
        lines.pop()
    body = parser.block(lines)
    if not body.elements and not parser.problems:
        parser.problems.append(Problem(1, "the layout is empty"))
    return Layout(body, open_end), sorted(parser.problems, key=lambda problem: problem.line)


class _Parser:
    """Holds what was read so far: the problems, and the items by name."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.known: dict[str, Item | Derived] = {}
        self.inside: list[str] = []

    def lines(self, text: str) -> list[_Line]:
        """Return the lines that say something; an open brace goes on with the next line."""
        found: list[_Line] = []
        open_line: _Line | None = None
        for number, raw in enumerate(text.expandtabs(_INDENT).splitlines(), start=1):
            content = _without_comment(raw)
            if not content.strip():
                continue
            if open_line is not None:
                open_line.text += " " + content.strip()
            else:
                indent = len(content) - len(content.lstrip())
                if indent % _INDENT:
                    self.problems.append(
                        Problem(number, f"indented by {indent} blanks: blocks are indented by {_INDENT}")
                    )
                open_line = _Line(number, indent // _INDENT, content.strip())
                found.append(open_line)
            if open_line.text.count("{") <= open_line.text.count("}"):
                open_line = None
        return found

    def nest(self, lines: list[_Line]) -> list[_Line]:
        """Return the outermost lines, the others as their ``inner`` lines."""
        outermost = _Line(0, -1, ":")
        stack = [outermost]
        for line in lines:
            while stack[-1].depth >= line.depth:
                stack.pop()
            if line.depth > stack[-1].depth + 1 or not stack[-1].text.endswith(":"):
                self.problems.append(Problem(line.number, "indented without a block above it"))
            stack[-1].inner.append(line)
            stack.append(line)
        return outermost.inner

    def block(self, lines: Sequence[_Line]) -> Block:
        """Return the elements of ``lines``; note what is wrong with them."""
        elements: list[Element] = []
        position = 0
        for line in lines:
            try:
                element = self.element(line)
                position = self.place(element, position)
            except (_LineError, ValueError) as error:
                self.problems.append(Problem(line.number, str(error)))
                position = 0
            else:
                elements.append(element)
        if position % 8 and lines:
            self.problems.append(
                Problem(lines[-1].number, f"the bits end {position % 8} bits behind a byte: fill up with '_'")
            )
        return Block(tuple(elements), frozenset().union(*(_names(element) for element in elements)))

    def place(self, element: Element, position: int) -> int:
        """Return the position, in bits, behind ``element``; only its place within a byte counts."""
        if isinstance(element, Item):
            if element.word is not None:
                return position
            if position % 8 and (element.raw_type.needs_byte or not element.raw_type.bits):
                raise _LineError(f"begins {position % 8} bits behind a byte: fill up with '_'")
            return position + element.raw_type.bits
        if not isinstance(element, Derived) and position % 8:
            raise _LineError(f"the block begins {position % 8} bits behind a byte: fill up with '_'")
        return position

    def element(self, line: _Line) -> Element:
        """Return the element of a line, with the lines inside it."""
        first = line.text.split()[0].rstrip(":")
        if line.text.endswith(":") or first in _BLOCKS:
            return self.block_element(first, line)
        if match := re.fullmatch(r"(\w+)\s*=\s*([^=].*)", line.text):
            return self.derived(match[1], match[2], line)
        return self.item(line)

    def block_element(self, first: str, line: _Line) -> Element:
        """Return a block; its header must be understood whole."""
        if not line.inner:
            raise _LineError("the block is empty")
        if len(self.inside) >= _DEEPEST:
            raise _LineError(f"blocks are nested more than {_DEEPEST} deep")
        self.inside.append(first)
        try:
            if first == "when" and (match := _WHEN.fullmatch(line.text)):
                return self.when(match, line)
            if line.text == "optional:":
                return Optional(self.block(line.inner))
            if first == "chain" and (match := _CHAIN.fullmatch(line.text)):
                return self.chain(match, line)
            if first == "repeat" and (match := _REPEAT.fullmatch(line.text)):
                return self.repeat(match, line)
        finally:
            self.inside.pop()
        if first == "case":
            raise _LineError("a case stands directly in a chain")
        raise _LineError(f"'{line.text}' is no block: see 'Blocks' in docs/layout-language.md")

    def when(self, match: re.Match[str], line: _Line) -> When:
        """Return a block with a condition."""
        word = self.word(match["word"], bits_of=match["bit"] is not None)
        if match["bit"] is None:
            values = tuple(_as_raw(value, word.raw_type) for value in _integers(match["values"]))
            return When(word.name, None, values, self.block(line.inner))
        bit = int(match["bit"])
        if bit >= word.raw_type.bits:
            raise _LineError(f"'{word.name}' has the bits 0 to {word.raw_type.bits - 1}")
        return When(word.name, bit, (), self.block(line.inner))

    def chain(self, match: re.Match[str], line: _Line) -> Chain:
        """Return a chain with its cases."""
        header = _integer_type(match["header"])
        length = _integer_type(match["length"]) if match["length"] else None
        if (header.bits + (length.bits if length else 0)) % 8:
            raise _LineError("header and length together must be whole bytes")
        cases: list[Case] = []
        seen: set[int] = set()
        for inner in line.inner:
            case = _CASE.fullmatch(inner.text)
            if case is None:
                self.problems.append(Problem(inner.number, "only 'case N:' blocks stand in a chain"))
                continue
            try:
                values = tuple(_as_raw(value, header) for value in _integers(case["values"]))
            except _LineError as error:
                self.problems.append(Problem(inner.number, str(error)))
                continue
            if seen & set(values):
                self.problems.append(Problem(inner.number, "this header has a case already"))
            seen.update(values)
            cases.append(Case(values, self.block(inner.inner)))
        return Chain(header, length, int(match["until"] or 0), tuple(cases))

    def repeat(self, match: re.Match[str], line: _Line) -> Repeat:
        """Return a block of records."""
        if {"repeat", "chain"} & set(self.inside[:-1]):
            raise _LineError("a repeat cannot stand in a chain or in another repeat")
        counted = match["count"]
        count = None if counted is None else int(counted) if counted.isdigit() else self.word(counted).name
        step = None
        if match["step"]:
            unit, many = _SECONDS[match["unit"]], match["step"]
            step = Step(int(many) * unit) if many.isdigit() else Step(unit, self.word(many).name)
        body = self.block(line.inner)
        if step is None and TIME not in body.names:
            raise _LineError("records without 'every STEP' must each have a 'time'")
        return Repeat(match["first"] == "newest", step, count, int(match["until"] or 0), body)

    def word(self, name: str, *, bits_of: bool = False) -> Item:
        """Return the integer read before under ``name``; ``bits_of``: single bits of it are meant."""
        item = self.known.get(name)
        if not isinstance(item, Item) or not item.raw_type.is_integer:
            raise _LineError(f"'{name}' is not an integer read before")
        if bits_of and item.raw_type.form == "bcd":
            raise _LineError(f"'{name}' is in decimal digits, which have no bits")
        return item

    def derived(self, name: str, text: str, line: _Line) -> Derived:
        """Return a derived value."""
        if not _NAME.fullmatch(name) or name in {"_", TIME}:
            raise _LineError(f"'{name}' cannot be the name of a derived value")
        parsed = expression.parse(text)
        for needed in parsed.names:
            source = self.known.get(needed)
            if source is None:
                raise _LineError(f"'{needed}' is not read before")
            if isinstance(source, Item) and source.kind is Kind.TEXT:
                raise _LineError(f"'{needed}' is a text, which has no arithmetic")
        derived = Derived(name, parsed, line.number)
        self.known[name] = derived
        return derived

    def item(self, line: _Line) -> Item:
        """Return what a line without a block reads."""
        tokens = _Tokens(line.text)
        name = tokens.take("word", "a name")
        if not _NAME.fullmatch(name):
            raise _LineError(f"'{name}' is no name: use lower-case letters, digits and single underscores")
        item = self.typed_item(name, tokens, line.number)
        tokens.finish()
        if name != "_":
            self.known[name] = item
        return item

    def typed_item(self, name: str, tokens: "_Tokens", number: int) -> Item:
        """Return the item whose name was read already."""
        raw_type = bits.parse_type(tokens.take("word", "a type"))
        word, low = self.place_in_word(raw_type, tokens)
        operations = _operations(tokens)
        nulls = _nulls(raw_type, tokens)
        labels = _labels(raw_type, tokens)
        constant = None
        if tokens.accept("="):
            if not raw_type.is_integer:
                raise _LineError("only integers can be constants")
            constant = _as_raw(_integer(tokens.number()), raw_type)
        kind = _kind(raw_type, operations, labels)
        if operations and (labels or kind in {Kind.TEXT, Kind.BOOL}):
            raise _LineError("texts, flags and enumerations have no arithmetic")
        if name == TIME and kind not in {Kind.INT, Kind.FLOAT}:
            raise _LineError("'time' must be a number: seconds since 1970 UTC")
        if kind is Kind.FLOAT:
            operations = tuple((sign, float(value)) for sign, value in operations)
        return Item(
            name=name,
            raw_type=raw_type,
            kind=kind,
            line=number,
            word=word,
            low=low,
            operations=operations,
            nulls=nulls,
            labels=labels,
            constant=constant,
        )

    def place_in_word(self, raw_type: RawType, tokens: "_Tokens") -> tuple[str | None, int]:
        """Return the word and its lowest bit that an item is taken from, if a line says ``of``."""
        if not tokens.accept("of"):
            return None, 0
        word = self.word(tokens.take("word", "the name of a word"), bits_of=True)
        many = tokens.take("word", "'bit' or 'bits'")
        if many not in {"bit", "bits"}:
            raise _LineError(f"'bit N' or 'bits N..M' is expected, not '{many}'")
        low = high = _integer(tokens.number())
        if many == "bits":
            tokens.expect("..")
            high = _integer(tokens.number())
        if not 0 <= low <= high < word.raw_type.bits:
            raise _LineError(f"'{word.name}' has the bits 0 to {word.raw_type.bits - 1}")
        if raw_type.form not in {"int", "flag"} or raw_type.order != "big":
            raise _LineError("only u, i and flag can be taken out of a word")
        if raw_type.bits != high - low + 1:
            raise _LineError(f"the type has {raw_type.bits} bits, {high - low + 1} are taken out of '{word.name}'")
        return word.name, low


class _Tokens:
    """The tokens of one line, taken from left to right."""

    def __init__(self, text: str) -> None:
        self.found: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise _LineError(f"'{text[position:].strip()}' is not understood")
            self.found.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.found[self.at] if self.at < len(self.found) else ("end", "the end of the line")

    def accept(self, text: str) -> bool:
        """Take the next token if it is ``text``."""
        if self.peek() in {("word", text), ("sign", text)}:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise _LineError(f"'{text}' is expected before '{self.peek()[1]}'")

    def take(self, what: str, meaning: str) -> str:
        kind, text = self.peek()
        if kind != what:
            raise _LineError(f"{meaning} is expected before '{text}'")
        self.at += 1
        return text

    def number(self) -> int | float:
        """Take a number, with its sign."""
        negative = self.accept("-")
        text = self.take("number", "a number").lower()
        if text.startswith("0x"):
            value: int | float = int(text, 16)
        else:
            value = float(text) if "." in text or "e" in text else int(text)
        return -value if negative else value

    def finish(self) -> None:
        if self.peek()[0] != "end":
            raise _LineError(f"'{self.peek()[1]}' is not expected here")


def _without_comment(line: str) -> str:
    quoted = False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == "#" and not quoted:
            return line[:position].rstrip()
    return line.rstrip()


def _integer(value: float) -> int:
    if isinstance(value, int):
        return value
    raise _LineError(f"{value} is not an integer")


def _integers(text: str) -> list[int]:
    try:
        return [int(part.strip(), 0) for part in text.split(",")]
    except ValueError:
        raise _LineError(f"'{text}' are not integers") from None


def _as_raw(value: int, raw_type: RawType) -> int:
    """Return ``value`` as the type reads it: a bit pattern such as 0x8000 is negative for a signed type."""
    low, high = raw_type.limits
    if raw_type.signed and high < value < 1 << raw_type.bits:
        value -= 1 << raw_type.bits
    if not low <= value <= high:
        raise _LineError(f"{value} does not fit into {raw_type.bits} bits")
    return value


def _integer_type(text: str) -> RawType:
    raw_type = bits.parse_type(text)
    if not raw_type.is_integer:
        raise _LineError(f"'{text}' is not an integer type")
    return raw_type


def _operations(tokens: _Tokens) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    while True:
        for sign in ("+", "-", "*", "/"):
            if tokens.accept(sign):
                number = tokens.number()
                if sign in "*/" and number == 0:
                    raise _LineError(f"'{sign} 0' cannot be undone")
                operations.append((sign, number))
                break
        else:
            return tuple(operations)


def _nulls(raw_type: RawType, tokens: _Tokens) -> tuple[tuple[int | float, int | float], ...]:
    if not tokens.accept("null"):
        return ()
    if raw_type.form in {"hex", "ascii"}:
        raise _LineError("texts have no null")
    nulls: list[tuple[int | float, int | float]] = []
    while True:
        low = high = tokens.number()
        if tokens.accept(".."):
            high = tokens.number()
        if raw_type.is_integer:
            low, high = _as_raw(_integer(low), raw_type), _as_raw(_integer(high), raw_type)
        if low > high:
            raise _LineError(f"nothing lies between {low} and {high}")
        nulls.append((low, high))
        if not tokens.accept(","):
            return tuple(nulls)


def _labels(raw_type: RawType, tokens: _Tokens) -> dict[int, str | bool]:
    labels: dict[int, str] = {}
    if not tokens.accept("{"):
        return {}
    if not raw_type.is_integer:
        raise _LineError("only integers can be enumerations")
    while not tokens.accept("}"):
        raw = _as_raw(_integer(tokens.number()), raw_type)
        tokens.expect("=")
        kind, text = tokens.peek()
        if kind not in {"text", "word"}:
            raise _LineError(f"a text is expected before '{text}'")
        tokens.at += 1
        if raw in labels:
            raise _LineError(f"{raw} has a text already")
        labels[raw] = text.strip('"')
        if not tokens.accept(","):
            tokens.expect("}")
            break
    if not labels:
        raise _LineError("the enumeration is empty")
    if set(labels.values()) <= {"true", "false"}:
        return {raw: text == "true" for raw, text in labels.items()}
    return dict(labels)


def _kind(raw_type: RawType, operations: Sequence[Operation], labels: dict[int, str | bool]) -> Kind:
    if labels:
        return Kind.BOOL if isinstance(next(iter(labels.values())), bool) else Kind.TEXT
    if raw_type.form == "flag":
        return Kind.BOOL
    if raw_type.form in {"hex", "ascii"}:
        return Kind.TEXT
    if raw_type.form == "float" or any(sign == "/" or isinstance(number, float) for sign, number in operations):
        return Kind.FLOAT
    return Kind.INT


def _names(element: Element) -> frozenset[str]:
    if isinstance(element, Item):
        return frozenset({element.name} if element.is_field and element.constant is None else ())
    if isinstance(element, Derived):
        return frozenset()
    if isinstance(element, Chain):
        return frozenset().union(*(case.body.names for case in element.cases))
    return element.body.names
