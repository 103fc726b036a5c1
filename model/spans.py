"""Lengths of time as rules say them: ``"10 min"``, ``"1 h"``. Pure."""

import re
from datetime import timedelta
from functools import total_ordering
from typing import Any

FORMS = '"30 s", "10 min", "2 h", "1 d" or "4 weeks"'
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)")
_US: dict[str, int] = {
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "week": 604_800_000_000,
}
_NAMES = {"sec": "s", "second": "s", "minute": "min", "hour": "h", "day": "d", "w": "week"}


@total_ordering
class Span:
    """A length of time, in whole microseconds; zero at least. It reads and writes itself as people write it."""

    __slots__ = ("us",)

    def __init__(self, us: int) -> None:
        if us < 0:
            raise ValueError("a length of time is not negative")
        self.us = us

    @classmethod
    def parse(cls, text: object) -> "Span":
        """Return the length that a text says; raise ``ValueError`` with what would be right."""
        match = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
        if match:
            word = match[2] if match[2] in _US or match[2] in _NAMES else match[2].removesuffix("s")
            unit = _US.get(_NAMES.get(word, word))
            if unit is not None:
                return cls(round(float(match[1]) * unit))
        raise ValueError(f"{text!r} is no length of time: write {FORMS}")

    @classmethod
    def of(cls, length: timedelta) -> "Span":
        """Return a ``timedelta`` as a span."""
        return cls(length // timedelta(microseconds=1))

    @property
    def length(self) -> timedelta:
        """The same as ``timedelta``."""
        return timedelta(microseconds=self.us)

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.us / 1e6

    def __str__(self) -> str:
        """Return it as people write it, in the largest unit that it is whole in."""
        for unit in ("week", "d", "h", "min"):
            if self.us and not self.us % _US[unit]:
                count = self.us // _US[unit]
                return f"{count} {unit}{'s' if unit == 'week' and count > 1 else ''}"
        return f"{self.seconds:.3f}".rstrip("0").rstrip(".") + " s"

    def __repr__(self) -> str:
        """Return how it is made."""
        return f"Span.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Whether both are as long."""
        return isinstance(other, Span) and self.us == other.us

    def __lt__(self, other: "Span") -> bool:
        """Whether it is shorter."""
        return self.us < other.us

    def __hash__(self) -> int:
        """Return the same for the same length."""
        return hash(self.us)


def encoded(value: object) -> Any:  # noqa: ANN401 -- msgspec's hook
    """Return a span as msgspec writes it: its text."""
    if isinstance(value, Span):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is no part of a rule")


def decoded(kind: type, value: object) -> Any:  # noqa: ANN401 -- msgspec's hook
    """Return a span from what msgspec read; raise ``ValueError`` with what would be right."""
    if kind is Span:
        return Span.parse(value)
    raise NotImplementedError(f"{kind.__name__} is no part of a rule")
