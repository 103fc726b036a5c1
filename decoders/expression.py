"""Derived values: a small arithmetic over values read before, for one payload and for columns alike.

Rules:

1. Everything is double precision. What has no finite result (a division by zero, the root of a negative number) is NaN,
   and so null.
2. The same operations in the same order for one value and for a column, so both give the same bits. ``exp`` and ``log``
   of columns go element by element for that reason.
3. Names, numbers, ``+ - * / ( )``, ``min``, ``max``, ``abs``, ``sqrt``, ``exp``, ``log``; nothing else.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<name>[a-z_]\w*)|(?P<sign>[-+*/(),]))"
)
_ONE_OPERAND = ("abs", "sqrt", "exp", "log")
_TWO_OPERANDS = ("min", "max")
_DEEPEST = 50  # nested parentheses; far beyond any data sheet, far below Python's recursion limit


class Operations(Protocol):
    """What a kind of operand (a number, a column) must be able to do."""

    def apply(self, operation: str, operands: list[Any]) -> Any:  # noqa: ANN401 - numbers here, numpy columns in decoders.batch
        """Return the result of ``operation``: one of ``+ - * / neg min max abs sqrt exp log``."""
        ...


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression as a list of steps for a stack; ``names`` are the values it needs."""

    steps: tuple[tuple[str, float | str | int], ...]
    names: tuple[str, ...]

    def evaluate(self, values: Mapping[str, Any], operations: Operations) -> Any:  # noqa: ANN401 - see Operations
        """Return the result for ``values``, which holds every one of ``names``."""
        stack: list[Any] = []
        for what, argument in self.steps:
            if what == "number":
                stack.append(argument)
            elif what == "name":
                stack.append(values[str(argument)])
            else:
                count = int(argument)
                operands = stack[-count:]
                del stack[-count:]
                stack.append(operations.apply(what, operands))
        return stack[0]


class Numbers:
    """Operations on single floats: NaN in, NaN out; never an exception."""

    def apply(self, operation: str, operands: list[float]) -> float:
        """Return the result of ``operation``; NaN where it has none."""
        return _NUMBERS[operation](*operands)


def parse(text: str) -> Expression:
    """Return the expression that ``text`` writes; raise ``ValueError`` saying what is wrong."""
    parser = _Parser(_tokens(text))
    parser.sum()
    if parser.peek()[0] != "end":
        raise ValueError(f"'{parser.peek()[1]}' is not expected in '{text}'")
    names = dict.fromkeys(str(argument) for what, argument in parser.steps if what == "name")
    return Expression(tuple(parser.steps), tuple(names))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"'{text[position:].strip()}' is not understood in an expression")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    """Turns tokens into steps for a stack, by the usual precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = [*tokens, ("end", "the end")]
        self.at = 0
        self.depth = 0
        self.steps: list[tuple[str, float | str | int]] = []

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at]

    def take(self, expected: str) -> None:
        if self.peek()[1] != expected:
            raise ValueError(f"'{expected}' is expected before '{self.peek()[1]}'")
        self.at += 1

    def sum(self) -> None:
        self.product()
        while self.peek()[1] in {"+", "-"}:
            sign = self.peek()[1]
            self.at += 1
            self.product()
            self.steps.append((sign, 2))

    def product(self) -> None:
        self.atom()
        while self.peek()[1] in {"*", "/"}:
            sign = self.peek()[1]
            self.at += 1
            self.atom()
            self.steps.append((sign, 2))

    def atom(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("too many parentheses in one expression")
        what, text = self.peek()
        self.at += 1
        if text == "-":
            self.atom()
            self.steps.append(("neg", 1))
        elif text == "(":
            self.sum()
            self.take(")")
        elif what == "number":
            self.steps.append(("number", float(text)))
        elif what == "name" and self.peek()[1] == "(":
            self.call(text)
        elif what == "name":
            self.steps.append(("name", text))
        else:
            raise ValueError(f"a number or a name is expected before '{text}'")
        self.depth -= 1

    def call(self, function: str) -> None:
        if function not in _ONE_OPERAND + _TWO_OPERANDS:
            raise ValueError(f"'{function}' is no function: use {', '.join(_TWO_OPERANDS + _ONE_OPERAND)}")
        self.take("(")
        self.sum()
        if function in _TWO_OPERANDS:
            self.take(",")
            self.sum()
        self.take(")")
        self.steps.append((function, 2 if function in _TWO_OPERANDS else 1))


def divide(left: float, right: float) -> float:
    """Return ``left / right``, NaN where ``right`` is zero."""
    return left / right if right else math.nan


def smaller(left: float, right: float) -> float:
    """Return the smaller one, NaN if either is."""
    return math.nan if math.isnan(left) or math.isnan(right) else min(left, right)


def larger(left: float, right: float) -> float:
    """Return the larger one, NaN if either is."""
    return math.nan if math.isnan(left) or math.isnan(right) else max(left, right)


def root(value: float) -> float:
    """Return the square root, NaN of a negative number."""
    return math.sqrt(value) if value >= 0 else math.nan


def exponential(value: float) -> float:
    """Return e to the power of ``value``, infinity where that is too large."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def logarithm(value: float) -> float:
    """Return the natural logarithm, NaN of what is not positive."""
    return math.log(value) if value > 0 else math.nan


_NUMBERS: dict[str, Callable[..., float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": divide,
    "neg": lambda value: -value,
    "min": smaller,
    "max": larger,
    "abs": abs,
    "sqrt": root,
    "exp": exponential,
    "log": logarithm,
}
