"""Rules as people write them, in rule files and device files: short forms, and what is wrong in words. Pure.

Rules:

1. A condition without ``kind`` gets it from its keys: ``above`` makes a threshold, ``low`` a range, ``values`` a state,
   and so on (``KINDS_BY_KEY``, the first that is there). ``silence`` has no key of its own: its kind is written.
2. ``{ all = [...] }``, ``{ any = [...] }`` and ``{ not = {...} }`` are the joined conditions.
3. A single text where a list of texts belongs (in ``scope``, in ``notify``) is a list of one.
4. What is written in full is taken as it is: both forms may stand side by side.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import get_args

import msgspec

from model.rule import Measure, Rule, rule_of
from model.said import Said
from model.severity import SEVERITIES
from model.spans import FORMS as SPAN_FORMS

KINDS_BY_KEY: Sequence[tuple[str, str]] = (
    ("measure", "group"),
    ("per", "rate"),
    ("weeks", "usual"),
    ("beyond_percent", "usual"),
    ("circle", "geofence"),
    ("polygon", "geofence"),
    ("tolerance", "stuck"),
    ("low", "range"),
    ("high", "range"),
    ("values", "is"),
    ("above", "threshold"),
    ("below", "threshold"),
)
"""Key -> kind of a condition that has it; the first that is there decides."""

_JOINED = ("all", "any", "not")
_KINDS = tuple(dict.fromkeys(kind for _, kind in KINDS_BY_KEY))
_ALL_KINDS = (*_KINDS, "silence", *_JOINED)
_CHOICES: Mapping[str, Sequence[str]] = {
    "severity": SEVERITIES,
    "measure": get_args(Measure),
    "of": ("device", "gateway", "source"),
    "by": ("period", "cadence", "district", "experiment", "all"),
    "sun": ("day", "night"),
    "days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
}
_LISTS = ("type", "device", "district", "experiment", "network")
_KEYS = (
    "after", "all", "any", "below", "above", "beyond", "beyond_percent", "by", "circle", "clear", "clear_for",
    "days", "device", "district", "enabled", "end", "escalate", "every", "experiment", "field", "flagged", "for",
    "high", "hold", "inside", "kind", "latitude", "longitude", "low", "margin", "measure", "network", "not",
    "notify", "of", "per", "polygon", "radius_m", "repeat", "schedule", "scope", "severity", "simulated", "start",
    "sun", "tags", "text", "times", "title", "tolerance", "type", "unit", "values", "weeks", "when", "where",
    )  # fmt: skip
"""All keys that a rule may have anywhere."""
_DEEPEST = 50
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$?\.?(?P<place>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`")
_INVALID = re.compile(r"Invalid (?:enum )?value (?P<value>'.*'|\S+)", re.DOTALL)
_NOTHING = Said("nothing", "rien")
_NO_SPAN = re.compile(r"(.*) is no length of time: write .*", re.DOTALL)
_WORDS: Mapping[str, Said] = {
    "str": Said("a text", "un texte"),
    "float": Said("a number", "un nombre"),
    "int": Said("a whole number", "un entier"),
    "bool": Said("true or false", "true ou false"),
    "object": Said("a table", "une table"),
    "array": Said("a list", "une liste"),
    "null": _NOTHING,
}


def expanded(table: Mapping[str, object]) -> dict[str, object]:
    """Return the table of a rule with its short forms written in full; raise ``ValueError`` where it is too deep.

    What is wrong in other ways stays as it is: ``model.rule.rule_of`` refuses it with its place.
    """
    found = dict(table)
    if "when" in found:
        found["when"] = _condition(found["when"], 0)
    scope = found.get("scope")
    if isinstance(scope, Mapping):
        found["scope"] = {key: _listed(value) if key in _LISTS else value for key, value in scope.items()}
    if "notify" in found:
        found["notify"] = _listed(found["notify"])
    steps = found.get("escalate")
    if isinstance(steps, Mapping):
        steps = [steps]
    if isinstance(steps, list):
        found["escalate"] = [
            {**step, "notify": _listed(step["notify"])} if isinstance(step, Mapping) and "notify" in step else step
            for step in steps
        ]
    return found


def rule_from(name: str, table: object) -> Rule:
    """Return the rule of this name that a table says; raise ``ValueError`` with the place and what would be right."""
    if not isinstance(table, Mapping):
        raise ValueError(  # noqa: TRY004 -- what people wrote
            Said(
                "a rule is a table: write its title and its condition (when) below its name",
                "une règle est une table : écrivez son titre et sa condition (when) sous son nom",
            )
        )
    if "name" in table and table["name"] != name:
        text = f"the rule is called {name!r} by the head of its table: leave this out"
        french = f"la règle s’appelle {name!r} par le titre de sa table : retirez ceci"
        raise ValueError(Said(text, french).at("name"))
    try:
        return rule_of({**expanded(table), "name": name})
    except msgspec.ValidationError as error:
        raise ValueError(said(error)) from None


def said(error: msgspec.ValidationError) -> Said:
    """Return what msgspec says of a rule, as people understand it: the place first, then what to write."""
    match = _PLACE.fullmatch(str(error))
    what, place = (match["what"], match["place"] or "") if match else (str(error), "")
    place = place.replace("[...]", "").removesuffix(".")
    if missing := _MISSING.fullmatch(what):
        text = _missing(missing[1])
    elif unknown := _UNKNOWN.fullmatch(what):
        text = _misplaced(unknown[1])
    elif expected := _EXPECTED.fullmatch(what):
        wanted, got = _word(expected["wanted"]), _word(expected["got"])
        text = Said(f"write {wanted}, not {got}", f"écrivez {wanted.french}, pas {got.french}")
    elif invalid := _INVALID.fullmatch(what):
        words = _CHOICES.get(re.sub(r"\[\d+\]", "", place).rpartition(".")[2], _ALL_KINDS)
        each = ", ".join(words)
        text = Said(
            f"{invalid['value']} is unknown; there are {each}", f"{invalid['value']} est inconnu ; il y a {each}"
        )
    elif span := _NO_SPAN.fullmatch(what):
        text = Said(what, f"{span[1]} n’est pas une durée : écrivez {SPAN_FORMS.replace(' or ', ' ou ')}")
    else:
        text = Said(what, what)
    return text.at(place) if place else text


def _missing(key: str) -> Said:
    """Return what to do where a key is missing."""
    if key == "kind":
        each = ", ".join(_ALL_KINDS)
        return Said(
            f"it is not clear what this waits for; write kind, one of {each}",
            f"ce que cela attend n’est pas clair ; écrivez kind, un de {each}",
        )
    hints = {
        "title": ' = { en = "…", fr = "…" }',
        "when": ' = { field = "…", above = … }',
        "for": ' = "10 min"',
        "of": " = […]",
    }
    form = f"{key}{hints.get(key, ' = …')}"
    return Said(f"{key} is missing: write {form}", f"{key} manque : écrivez {form}")


def _misplaced(key: str) -> Said:
    """Return what to do with a key that is none of this place."""
    if key in _KEYS:
        return Said(f"{key} has no place here: leave it out", f"{key} n’a pas sa place ici : retirez-le")
    near = get_close_matches(key, _KEYS, 1)
    return Said(
        f"{key!r} is unknown; " + (f"did you mean {near[0]}?" if near else "leave it out"),
        f"{key!r} est inconnu ; " + (f"vouliez-vous dire {near[0]} ?" if near else "retirez-le"),
    )


def _word(kinds: str) -> Said:
    """Return kinds of value as people call them: ``float | null`` is a number or nothing."""
    words = [_WORDS.get(kind, Said(kind, kind)) for kind in kinds.split(" | ")]
    each = [word for word in words if word is not _NOTHING] or words
    return Said(" or ".join(each), " ou ".join(word.french for word in each))


def _condition(of: object, depth: int) -> object:
    """Return a condition in full."""
    if depth > _DEEPEST:
        text = "conditions are nested far too deep: write fewer levels of all, any and not"
        french = "les conditions sont imbriquées trop profondément : écrivez moins de niveaux de all, any et not"
        raise ValueError(Said(text, french).at("when"))
    if not isinstance(of, Mapping):
        return of
    found = dict(of)
    if "kind" not in found:
        found = _with_kind(found)
    inner = found.get("of")
    if isinstance(inner, list):
        found["of"] = [_condition(one, depth + 1) for one in inner]
    elif isinstance(inner, Mapping):
        found["of"] = _condition(inner, depth + 1)
    return found


def _with_kind(of: dict[str, object]) -> dict[str, object]:
    """Return a condition with the kind that its keys say, as it is where they say none."""
    for word in _JOINED:
        if word in of:
            return {"kind": word, "of": of[word], **{key: value for key, value in of.items() if key != word}}
    kind = next((kind for key, kind in KINDS_BY_KEY if key in of), None)
    return of if kind is None else {"kind": kind, **of}


def _listed(value: object) -> object:
    """Return a single text as a list of one."""
    return [value] if isinstance(value, str) else value
