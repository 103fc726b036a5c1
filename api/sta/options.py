"""Query options read: ``$filter``, ``$expand`` with options of its own, ``$select`` and the others. Pure.

Rules:

1. What is not known is refused by a message that names it: a mistyped option must not mean "everything".
2. A page larger than ``MAX_TOP`` becomes one of ``MAX_TOP``, with a link to the next, as the standard lets servers do;
   what costs more than that (depth of ``$expand``, ``$skip``) is refused by a message that says the limit.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from api.sta.errors import bad, undone
from api.sta.filter import parse, parse_order
from api.sta.kinds import PROPERTIES, RELATIONS, Kind, all_steps, steps
from model.terms import Path, Term

DEFAULT_TOP = 100
MAX_TOP = 5000
MAX_SKIP = 100_000
MAX_EXPAND_DEPTH = 4
MAX_TEXT = 16_000
"""Characters of all options together."""
FORMATS = ("dataArray", "GeoJSON")
KNOWN = ("$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$resultFormat", "$skiptoken")
_ELSEWHERE = ("$search", "$apply", "$compute", "$levels", "$metadata", "$value", "$ref", "$index", "$schemaversion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of a collection or an entity. ``asked``: the options as they came, for the next page's link."""

    filter: Term | None = None
    expand: "Mapping[str, Options]" = field(default_factory=dict)
    select: tuple[str, ...] | None = None
    orderby: tuple[tuple[Path, bool], ...] = ()
    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    format: str = ""
    token: str | None = None
    asked: tuple[tuple[str, str], ...] = ()

    def shows(self, name: str) -> bool:
        """Return whether a property is in the answer."""
        return self.select is None or any(one.partition("/")[0] == name for one in self.select)


def read(kind: Kind, pairs: Iterable[tuple[str, str]]) -> Options:
    """Return the options of a request for this kind of entity; raise ``StaError``."""
    asked = tuple(pairs)
    if sum(len(name) + len(text) for name, text in asked) > MAX_TEXT:
        raise bad(f"the query options are longer than {MAX_TEXT:,} characters: ask in several requests")
    return _read(kind, asked, depth=0)


def _read(kind: Kind, asked: tuple[tuple[str, str], ...], depth: int) -> Options:
    options = Options(asked=asked)
    seen: set[str] = set()
    for name, text in asked:
        if name in seen and name.startswith("$"):
            raise bad(f"{name} stands twice")
        seen.add(name)
        if name in _READERS:
            options = _READERS[name](options, kind, text, depth)
        else:
            _unknown(name)
    return options


def _unknown(name: str) -> None:
    """Refuse what is not known; other parameters than the standard's are left to what stands in front of us."""
    if name in _ELSEWHERE:
        raise undone(f"{name} is not done here; there are {', '.join(KNOWN)}")
    if name.startswith("$"):
        likely = difflib.get_close_matches(name[:30], KNOWN, n=1)
        hint = f"did you mean {likely[0]}?" if likely else f"there are {', '.join(KNOWN)}"
        raise bad(f"there is no option {name[:60]!r}; {hint}")
    if f"${name}" in KNOWN:
        raise bad(f"write ${name}: options begin with $")


def _filter(options: Options, kind: Kind, text: str, _depth: int) -> Options:
    term = parse(text)
    through = {step.path for step in all_steps(kind, term) if step.relation.kind is Kind.OBSERVATION}
    if len(through) > 1 or (through and kind is Kind.OBSERVATION):
        names = " and ".join(sorted("/".join(path) for path in through))
        raise undone(f"$filter through {names} is not done here; ask Observations and write Datastream/…")
    return replace(options, filter=term)


def _orderby(options: Options, kind: Kind, text: str, _depth: int) -> Options:
    found = []
    for term, descending in parse_order(text):
        if not isinstance(term, Path):
            raise undone("$orderby takes properties; what is reckoned from them is not done here")
        through, _, _ = steps(kind, term.parts)
        if any(step.relation.many for step in through):
            raise bad(f"$orderby {'/'.join(term.parts)}: there may be many; order by what there is one of")
        found.append((term, descending))
    return replace(options, orderby=tuple(found))


def _select(options: Options, kind: Kind, text: str, _depth: int) -> Options:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        first = name.partition("/")[0]
        if first not in {"id", "@iot.id", "@iot.selfLink", *PROPERTIES[kind], *RELATIONS[kind]}:
            known = ", ".join(("id", *PROPERTIES[kind], *RELATIONS[kind]))
            raise bad(f"$select: {kind} has no {first[:60]!r}; it has {known}")
    return replace(options, select=tuple("id" if name == "@iot.id" else name for name in names))


def _top(options: Options, _kind: Kind, text: str, _depth: int) -> Options:
    return replace(options, top=min(_number("$top", text, None), MAX_TOP))


def _skip(options: Options, _kind: Kind, text: str, _depth: int) -> Options:
    return replace(options, skip=_number("$skip", text, MAX_SKIP))


def _number(name: str, text: str, most: int | None) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise bad(f"{name} takes a number from 0 on, not {text[:40]!r}")
    number = int(text[:18])
    if most is not None and number > most:
        raise bad(f"{name} goes up to {most:,}; follow @iot.nextLink, or narrow with $filter")
    return number


def _count(options: Options, _kind: Kind, text: str, _depth: int) -> Options:
    if text not in {"true", "false"}:
        raise bad(f"$count takes true or false, not {text[:40]!r}")
    return replace(options, count=text == "true")


def _format(options: Options, kind: Kind, text: str, depth: int) -> Options:
    if text not in FORMATS:
        raise undone(f"$resultFormat {text[:40]!r} is not done here; there are {', '.join(FORMATS)}")
    if depth or (text == "dataArray" and kind is not Kind.OBSERVATION):
        raise bad("$resultFormat=dataArray is for Observations, and no format is for what $expand brings")
    return replace(options, format=text)


def _token(options: Options, _kind: Kind, text: str, _depth: int) -> Options:
    return replace(options, token=text)


def _expand(options: Options, kind: Kind, text: str, depth: int) -> Options:
    if depth >= MAX_EXPAND_DEPTH:
        raise bad(f"$expand goes {MAX_EXPAND_DEPTH} relations deep at most")
    expand = dict(options.expand)
    for item in _cut(text, ","):
        head, inner = _headed(item)
        name, _, rest = head.partition("/")
        relation = RELATIONS[kind].get(name)
        if relation is None:
            raise bad(f"$expand: {kind} has no relation {name[:60]!r}; it has {', '.join(RELATIONS[kind])}")
        if rest:  # Datastreams/Thing is Datastreams($expand=Thing)
            asked: tuple[tuple[str, str], ...] = (("$expand", item.strip().partition("/")[2]),)
        else:
            asked = tuple(_option(one) for one in _cut(inner, ";") if one.strip())
        found = _read(relation.kind, asked, depth + 1)
        expand[name] = _merged(expand[name], found) if name in expand else found
    return replace(options, expand=expand)


def _merged(one: Options, other: Options) -> Options:
    """Return both, where a relation stands twice because it is expanded to two sides."""
    if one.asked and other.asked and not (_only_expands(one) or _only_expands(other)):
        raise bad("$expand names a relation twice with options of its own; put them together")
    main, more = (other, one) if _only_expands(one) else (one, other)
    expand = dict(main.expand)
    for name, options in more.expand.items():
        expand[name] = _merged(expand[name], options) if name in expand else options
    return replace(main, expand=expand, asked=(*main.asked, *more.asked))


def _only_expands(options: Options) -> bool:
    return all(name == "$expand" for name, _ in options.asked)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.strip().partition("=")
    if not equals:
        raise bad(f"$expand: {text.strip()[:60]!r} is no option; write ($top=1;$orderby=phenomenonTime desc)")
    return name.strip(), value.strip()


def _headed(item: str) -> tuple[str, str]:
    """Return an item of ``$expand`` without and with what is in its brackets."""
    head, bracket, inner = item.strip().partition("(")
    if not bracket:
        return head.strip(), ""
    if "/" in head:
        return head, ""
    if not inner.endswith(")"):
        raise bad(f"$expand: a bracket is not closed, or something follows it, in {item.strip()[:60]!r}")
    return head.strip(), inner[:-1]


def _cut(text: str, mark: str) -> list[str]:
    """Return the parts between marks that are in no bracket and no quoted text."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0:
                break
            if character == mark and not depth:
                parts.append(text[start:at])
                start = at + 1
    if depth or quoted:
        raise bad(f"$expand: brackets or quotes do not match in {text[:60]!r}")
    return [*parts, text[start:]]


_Reader = Callable[[Options, Kind, str, int], Options]
_READERS: dict[str, _Reader] = {
    "$filter": _filter,
    "$expand": _expand,
    "$select": _select,
    "$orderby": _orderby,
    "$top": _top,
    "$skip": _skip,
    "$count": _count,
    "$resultFormat": _format,
    "$skiptoken": _token,
}
