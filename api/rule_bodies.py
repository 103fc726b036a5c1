"""Rules as requests bring them: read, and refused with the place of what is wrong.

Rules:

1. What is wrong is told with its place in the rule and what to write instead, as ``model.rule_text`` says it.
2. Nothing passes that the database or JSON could not give back as it was: no number without end, no half character.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.alert_schemas import FindingOut
from api.errors import INVALID, Problem
from model.rule import Rule
from model.rule_text import rule_from

LONGEST_TEXT = 2_000
MOST_PARTS = 20_000
UNNAMED = "new-rule"


def read(told: Mapping[str, Any], name: str | None = None) -> Rule:
    """Return the rule that a body says; raise a problem that names the place of what is wrong.

    ``name``: what the address says, which the body need not say again; ``None``: the body says it, or it has none yet.
    """
    for number, (place, value) in enumerate(_parts(told)):
        if number >= MOST_PARTS:
            raise refusal([f"a rule has {MOST_PARTS:,} values at most: watch devices by type, district or tag"])
        if trouble := _trouble(value):
            raise refusal([f"{place}: {trouble}"])
    named = told.get("name", UNNAMED) if name is None else name
    if not isinstance(named, str):
        raise refusal(["name: write a text"])
    if told.get("name", named) != named:
        raise refusal([f"name: the address says {named!r}: leave the name out, or write the same"])
    try:
        return rule_from(named, told)
    except ValueError as error:
        raise refusal([str(error)]) from None


def findings(lines: Sequence[str]) -> list[FindingOut]:
    """Return what is wrong, line by line, with the place (what stands before the first colon) apart."""
    return [_finding(line) for line in lines]


def refusal(lines: Sequence[str]) -> Problem:
    """Return the problem of a rule that cannot work."""
    return Problem(INVALID, "; ".join(lines), errors=[one.model_dump() for one in findings(lines)])


def _finding(line: str) -> FindingOut:
    place, colon, text = line.partition(": ")
    return FindingOut(where=place, problem=text) if colon and " " not in place else FindingOut(where="", problem=line)


def _parts(told: object) -> Iterator[tuple[str, object]]:
    """Yield every key and every value of JSON with its place."""
    left: list[tuple[str, object]] = [("", told)]
    while left:
        place, value = left.pop()
        yield place, value
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield place or "the rule", key
                left.append((f"{place}.{key[:50]}" if place else key[:50], inner))
        elif isinstance(value, list):
            left += [(f"{place}[{i}]", inner) for i, inner in enumerate(value)]


def _trouble(value: object) -> str:
    """Return what is wrong with a value by itself, "" if nothing is."""
    if isinstance(value, float) and not math.isfinite(value):
        return "write a number that has an end"
    if not isinstance(value, str):
        return ""
    if len(value) > LONGEST_TEXT:
        return f"a text has {LONGEST_TEXT:,} characters at most here; this one has {len(value):,}"
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        return "a character in it is none that can be stored; leave it out"
    return ""
