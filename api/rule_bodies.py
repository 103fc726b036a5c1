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
from model.device import Language
from model.rule import Rule
from model.rule_text import rule_from
from model.said import Said, in_language, joined
from model.said import told as told_of

LONGEST_TEXT = 2_000
MOST_PARTS = 20_000
UNNAMED = "new-rule"
_TOO_MANY = Said(
    f"a rule has {MOST_PARTS:,} values at most: watch devices by type, district or tag",
    f"une règle a {MOST_PARTS} valeurs au plus : surveillez des appareils par type, quartier ou étiquette",
)


def read(told: Mapping[str, Any], name: str | None = None) -> Rule:
    """Return the rule that a body says; raise a problem that names the place of what is wrong.

    ``name``: what the address says, which the body need not say again; ``None``: the body says it, or it has none yet.
    """
    for number, (place, value) in enumerate(_parts(told)):
        if number >= MOST_PARTS:
            raise refusal([_TOO_MANY])
        if trouble := _trouble(value):
            raise refusal([trouble.at(place)])
    named = told.get("name", UNNAMED) if name is None else name
    if not isinstance(named, str):
        raise refusal([Said("write a text", "écrivez un texte").at("name")])
    if told.get("name", named) != named:
        text = f"the address says {named!r}: leave the name out, or write the same"
        french = f"l’adresse dit {named!r} : retirez le nom, ou écrivez le même"
        raise refusal([Said(text, french).at("name")])
    try:
        return rule_from(named, told)
    except ValueError as error:
        raise refusal([told_of(error)]) from None


def findings(lines: Sequence[str], language: Language) -> list[FindingOut]:
    """Return what is wrong, line by line, with the place (what stands before the first colon) apart."""
    return [FindingOut(**_finding(in_language(line, language))) for line in lines]


def refusal(lines: Sequence[str]) -> Problem:
    """Return the problem of a rule that cannot work."""
    each = [(_finding(line), _finding(in_language(line, "fr"))) for line in lines]
    errors = [{"where": en["where"], "problem": Said(en["problem"], fr["problem"])} for en, fr in each]
    return Problem(INVALID, joined(lines), errors=errors)


def _finding(line: str) -> dict[str, str]:
    place, colon, text = line.partition(": ")
    apart = bool(colon) and " " not in place
    return {"where": place, "problem": text} if apart else {"where": "", "problem": str(line)}


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


def _trouble(value: object) -> Said | None:
    """Return what is wrong with a value by itself, ``None`` if nothing is."""
    if isinstance(value, float) and not math.isfinite(value):
        return Said("write a number that has an end", "écrivez un nombre fini")
    if not isinstance(value, str):
        return None
    if len(value) > LONGEST_TEXT:
        return Said(
            f"a text has {LONGEST_TEXT:,} characters at most here; this one has {len(value):,}",
            f"un texte a ici {LONGEST_TEXT} caractères au plus ; celui-ci en a {len(value)}",
        )
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        return Said(
            "a character in it is none that can be stored; leave it out",
            "un de ses caractères ne peut être enregistré ; retirez-le",
        )
    return None
