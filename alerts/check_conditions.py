"""What keeps a single condition from working on the device types that it is for. Pure; ``alerts.check`` joins it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from alerts.known import NOTHING, Findings, listed, nearest, of_types, plain
from decoders.units import code, conversion
from model.device import DeviceType, Field, Kind
from model.numbers import unit
from model.rule import Geofence, Group, Is, Leaf, Range, Rate, Rule, Silence, Stuck, Threshold, Usual, Where
from model.said import Said
from model.spans import Span
from model.value import Value

MEASURE = Said("a measure over a group", "une mesure d’un groupe")
COMPARISON = Said("a comparison with weeks before", "une comparaison aux semaines d’avant")
THINGS = {"device": "appareil", "gateway": "passerelle", "source": "source"}
_NUMBERS = (Kind.FLOAT, Kind.INT)
_DAY = Span.parse("1 d")
_LEAST_TIMES = 1.5
_WEEKS = (2, 8)
_CORNERS = 3
_NORTH, _EAST, _ALL = 90.0, 180.0, 100.0
_HOUR, _MINUTE = Span.parse("1 h"), Span.parse("1 min")
_LONGEST = Span.parse("366 d")
"""No rule looks further than a year: readings are looked at in memory, and times are counted in 64 bits."""
_MOST_TIMES = 1_000
"""Of readings one after the other, and of the usual pause."""
_MOST_CORNERS = 1_000
_MOST_WINDOWS = 1_000
"""Of one length of time: the evaluator looks back at no more than twice as many."""


@dataclass(slots=True)
class Place:
    """Where a condition stands: its place in the rule, and the device types that it is for (none: not known)."""

    at: str
    rule: Rule
    found: Findings
    types: Sequence[DeviceType]

    def problem(self, word: str, english: str, french: str) -> None:
        """Take a problem of one word of the condition."""
        self.found.problem(f"{self.at}.{word}" if word else self.at, english, french)

    def by_type(self, word: str, wrong: Callable[[DeviceType], Said | None]) -> None:
        """Take what is wrong with one word for some device types, or for all."""
        self.found.by_type(f"{self.at}.{word}", self.types, wrong)


def condition(place: Place, leaf: Leaf) -> None:
    """Find what is wrong with a condition."""
    odd = list(_not_finite(leaf, ""))
    for word in odd:
        place.problem(word, "is not finite; write a number", "n’est pas fini ; écrivez un nombre")
    if odd or _too_long(place, leaf):
        return
    if not isinstance(leaf, Silence):
        _lasting(place, leaf)
    if isinstance(leaf, Threshold | Range | Rate | Stuck | Usual) and not _is_number(place, leaf.field):
        return
    _CHECKS[type(leaf)](place, leaf)


def fields(leaf: Leaf) -> Iterator[tuple[str, str]]:
    """Yield the fields that a condition reads, each with the word that names it."""
    if isinstance(leaf, Geofence):
        yield "latitude", leaf.latitude
        yield "longitude", leaf.longitude
    elif leaf.field is not None:
        yield "field", leaf.field
    if isinstance(leaf, Group) and leaf.where is not None:
        yield "where.field", leaf.where.field


def _not_finite(value: object, place: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    elif isinstance(value, msgspec.Struct):
        for name, inner in msgspec.structs.asdict(value).items():
            yield from _not_finite(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _not_finite(inner, f"{place}[{number}]")


def _too_long(place: Place, leaf: Leaf) -> bool:
    """Whether a length of time or a number of times is more than anybody can mean; say so."""
    before = len(place.found.problems)
    for name, encoded in zip(leaf.__struct_fields__, leaf.__struct_encode_fields__, strict=True):
        value = getattr(leaf, name)
        if isinstance(value, Span) and value > _LONGEST:
            place.problem(
                encoded,
                f"{value} is more than a year; write {_LONGEST} or less",
                f"{value} dépasse un an ; écrivez {_LONGEST} ou moins",
            )
        elif name in ("repeat", "times") and value > _MOST_TIMES:
            place.problem(
                encoded,
                f"{value:g} is too many; write {_MOST_TIMES} or less",
                f"{value:g}, c’est trop ; écrivez {_MOST_TIMES} ou moins",
            )
    return len(place.found.problems) > before


def _lasting(place: Place, leaf: Threshold | Range | Is | Rate | Stuck | Geofence | Group | Usual) -> None:
    if leaf.repeat < 1:
        place.problem(
            "repeat",
            f"{leaf.repeat} readings are none; write 1 or more, or leave it out",
            f"{leaf.repeat} mesures n’en font aucune ; écrivez 1 ou plus, ou retirez-le",
        )
    windows = isinstance(leaf, Group | Usual)
    length = leaf.every if isinstance(leaf, Group) else _HOUR
    for word, span in (("for", leaf.for_), ("clear_for", leaf.clear_for), ("hold", leaf.hold)):
        if span is None:
            continue
        if windows and length.us and span.us > _MOST_WINDOWS * length.us:
            place.problem(
                word,
                f"{span} is more than {_MOST_WINDOWS} windows of {length}; write less",
                f"{span} dépasse {_MOST_WINDOWS} fenêtres de {length} ; écrivez moins",
            )
        elif word == "clear_for":  # a short one does no harm
            continue
        elif windows and span < length:
            place.problem(
                word,
                f"{span} is shorter than a window ({length}); write that or more, or leave it out",
                f"{span} est plus court qu’une fenêtre ({length}) ; écrivez cela ou plus, ou retirez-le",
            )
        elif not windows:
            place.by_type(word, partial(_too_short, word=word, span=span))


def _too_short(of: DeviceType, word: str, span: Span) -> Said | None:
    period = Span.of(of.period)
    if span >= period:
        return None
    optional = word not in ("after", "every")
    return Said(
        f"{span} is shorter than the period of {of.name}, which speaks every {period}; "
        f'write {word} = "{period}" or more' + (", or leave it out" if optional else ""),
        f"{span} est plus court que la période de {of.name}, qui parle toutes les {period} ; "
        f'écrivez {word} = "{period}" ou plus' + (", ou retirez-le" if optional else ""),
    )


def _is_number(place: Place, name: str, word: str = "field") -> bool:
    """Whether a field is a number wherever it is; say where not."""
    wrong = [(of, one) for of, one in of_types(place.types, name) if one.kind not in _NUMBERS]
    if not wrong:
        return True
    of, one = wrong[0]
    kind, french = ("a text", "un texte") if one.kind is Kind.TEXT else ("yes or no", "oui ou non")
    example = f'["{one.choices[0]}"]' if one.choices else '["…"]' if one.kind is Kind.TEXT else "[true]"
    text = f"{name} of {of.name} is {kind}, no number; write values = {example}"
    french = f"{name} de {of.name} est {french}, pas un nombre ; écrivez values = {example}"
    if len(wrong) < len(of_types(place.types, name)):
        text += ", or name the device types where it is a number in scope.type"
        french += ", ou nommez dans scope.type les types d’appareils où c’est un nombre"
    place.problem(word, text, french)
    return False


def _threshold(place: Place, of: Threshold) -> None:
    word = _one_of(place, of, ("above", "below"))
    if word is None:
        return
    limit: float = getattr(of, word)
    _clear(place, word, limit, of.clear)
    if _unit(place, of.field, of.unit, {word: limit, "clear": of.clear}) and not of.flagged:
        place.by_type(word, lambda kind: _out_of_reach(kind, of.field, word, limit))
        place.by_type("clear", lambda kind: _never_over(kind, of.field, word, of.clear))


def _clear(place: Place, word: str, limit: float, clear: float | None) -> None:
    """Check on which side of the limit the value to come back to is."""
    if clear is None:
        return
    if word == "below" and clear < limit:
        place.problem(
            "clear",
            f"{plain(clear)} lies below the limit; write {plain(limit)} or more: it ends above it",
            f"{plain(clear)} est sous la limite ; écrivez {plain(limit)} ou plus : elle finit au-dessus",
        )
    elif word != "below" and clear > limit:
        place.problem(
            "clear",
            f"{plain(clear)} lies above the limit; write {plain(limit)} or less: it ends below it",
            f"{plain(clear)} est au-dessus de la limite ; écrivez {plain(limit)} ou moins : elle finit en dessous",
        )


def _out_of_reach(of: DeviceType, name: str, word: str, limit: float) -> Said | None:
    one = of.field(name)
    if one is None:
        return None
    over = word in ("above", "high") and one.maximum is not None and limit >= one.maximum
    under = word in ("below", "low") and one.minimum is not None and limit <= one.minimum
    if not (over or under):
        return None
    side, french = ("above", "au-dessus de") if over else ("below", "en dessous de")
    return Said(
        f"is never reached: {name} {side} {_with_unit(limit, one)} is outside of what is plausible ({_range(one)}),"
        " and flagged readings do not count; write flagged = true",
        f"n’est jamais atteint : {name} {french} {_with_unit(limit, one)} n’est pas plausible ({_range(one).french}),"
        " et les mesures signalées ne comptent pas ; écrivez flagged = true",
    )


def _never_over(of: DeviceType, name: str, word: str, clear: float | None) -> Said | None:
    one = of.field(name)
    if one is None or clear is None:
        return None
    below = word == "above" and one.minimum is not None and clear < one.minimum
    above = word == "below" and one.maximum is not None and clear > one.maximum
    if not (below or above):
        return None
    return Said(
        f"is never reached, so an alarm would not end: {_with_unit(clear, one)} is outside of what is plausible"
        f" ({_range(one)}); write a value within, or flagged = true",
        f"n’est jamais atteint, une alarme ne finirait pas : {_with_unit(clear, one)} n’est pas plausible"
        f" ({_range(one).french}) ; écrivez une valeur plausible, ou flagged = true",
    )


def _range_check(place: Place, of: Range) -> None:
    if of.low >= of.high:
        place.problem(
            "low",
            f"{plain(of.low)} is not below high ({plain(of.high)}); exchange them",
            f"{plain(of.low)} n’est pas sous high ({plain(of.high)}) ; échangez-les",
        )
        return
    if of.margin < 0:
        place.problem(
            "margin",
            "is negative; write how far inside of the range a value has to come back",
            "est négatif ; écrivez de combien une valeur doit revenir à l’intérieur de la plage",
        )
    elif of.low + of.margin > of.high - of.margin:
        half = plain((of.high - of.low) / 2)
        place.problem(
            "margin",
            f"{plain(of.margin)} leaves nothing of the range to come back to; write at most {half}",
            f"{plain(of.margin)} ne laisse rien de la plage où revenir ; écrivez {half} au plus",
        )
    limits = {"low": of.low, "high": of.high, "margin": of.margin or None}
    if not _unit(place, of.field, of.unit, limits, differences=("margin",)) or of.flagged:
        return

    def wrong(kind: DeviceType) -> Said | None:
        return _out_of_reach(kind, of.field, "low", of.low) and _out_of_reach(kind, of.field, "high", of.high)

    if any(wrong(kind) for kind in place.types):
        place.by_type("high", wrong)
        return
    for word, limit in (("low", of.low), ("high", of.high)):
        for kind in place.types:
            if note := _out_of_reach(kind, of.field, word, limit):
                place.found.note(f"{place.at}.{word}", note, note.french)


def _is(place: Place, of: Is) -> None:
    _values(place, of.field, of.values, "values", "field")


def _values(place: Place, name: str, values: Sequence[Value], word: str, at: str) -> None:
    if not values:
        place.problem(word, "is empty; write which values are meant", "est vide ; écrivez quelles valeurs")
    for of, one in of_types(place.types, name):
        if one.kind is Kind.FLOAT:
            text = f"{name} of {of.name} is a measured number, which is hardly ever exactly so; write above or below"
            french = (
                f"{name} de {of.name} est un nombre mesuré, presque jamais exactement cela ; écrivez above ou below"
            )
            place.problem(at, text, french)
            return
        for value in values:
            if wrong := _misfit(value, one):
                place.problem(
                    word,
                    f"{_shown(value)} is no value of {name} of {of.name}; {wrong}",
                    f"{_shown(value)} n’est pas une valeur de {name} de {of.name} ; {wrong.french}",
                )


def _misfit(value: Value, of: Field) -> Said:
    """Return what to write instead of a value that a field cannot have, "" if it can."""
    if of.kind is Kind.BOOL:
        return NOTHING if isinstance(value, bool) else Said("write true or false", "écrivez true ou false")
    if of.kind is Kind.INT:
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        return NOTHING if whole else Said("write whole numbers", "écrivez des entiers")
    if not isinstance(value, str):
        example = f'"{of.choices[0] if of.choices else "…"}"'
        return Said(f"write texts, as in {example}", f"écrivez des textes, comme {example}")
    return NOTHING if not of.choices or value in of.choices else nearest(value, of.choices)


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _rate(place: Place, of: Rate) -> None:
    if not of.per.us:
        place.problem(
            "per",
            'is no time; write in which time it changes so much, as in "1 h"',
            'n’est pas une durée ; écrivez en combien de temps cela varie tant, comme "1 h"',
        )
    word = _one_of(place, of, ("above", "below", "beyond"))
    if word is None:
        return
    limit: float = getattr(of, word)
    if word == "beyond" and limit <= 0:
        place.problem(
            "beyond",
            f"{plain(limit)} is no distance; write a number above 0, or use above and below",
            f"{plain(limit)} n’est pas un écart ; écrivez un nombre au-dessus de 0, ou above et below",
        )
    elif word == "beyond" and of.clear is not None and of.clear < 0:
        place.problem(
            "clear",
            f"{plain(of.clear)} is never reached: beyond has no sign; write 0 or more",
            f"{plain(of.clear)} n’est jamais atteint : beyond n’a pas de signe ; écrivez 0 ou plus",
        )
    _clear(place, word, limit, of.clear)
    limits = {word: limit, "clear": of.clear}
    _unit(place, of.field, of.unit, limits, differences=(word, "clear"))


def _stuck(place: Place, of: Stuck) -> None:
    if of.for_ is None:
        place.problem(
            "for",
            'is missing; write for how long a value may stay the same, as in for = "6 h"',
            'manque ; écrivez combien de temps une valeur peut rester la même, comme for = "6 h"',
        )
    if of.tolerance < 0:
        place.problem(
            "tolerance",
            "is negative; write by how much a value may move and still count as the same",
            "est négatif ; écrivez de combien une valeur peut bouger en comptant comme la même",
        )


def _silence(place: Place, of: Silence) -> None:
    if of.times < _LEAST_TIMES:
        text = f"{plain(of.times)} would call every small delay a silence; write {_LEAST_TIMES} or more"
        french = f"{plain(of.times)} prendrait tout petit retard pour un silence ; écrivez {_LEAST_TIMES} ou plus"
        place.problem("times", text, french)
    if of.after is not None and not of.after.us:
        place.problem(
            "after",
            'is no time; write after how long, as in "1 h"',
            'n’est pas une durée ; écrivez après combien de temps, comme "1 h"',
        )
    if of.of == "device":
        if of.after is not None and of.after.us:
            said = [short for kind in place.types if (short := _too_short(kind, "after", of.after))]
            if said:  # of one type in scope is enough: its devices would be silent all the time
                place.problem(
                    "after",
                    f"{said[0]}, or leave it out: times fits each device type",
                    f"{said[0].french}, ou retirez-le : times convient à chaque type d’appareil",
                )
        return
    if of.field is not None:
        place.problem(
            "field",
            f"a {of.of} has no fields; leave it out, or watch devices",
            f"une {THINGS[of.of]} n’a pas de champs ; retirez-le, ou surveillez des appareils",
        )
    scope = place.rule.scope
    odd = [word for word in ("type", "district", "experiment", "network", "tags") if getattr(scope, word)]
    for word in odd:
        text = f"a {of.of} has none; name {of.of}s in scope.device, or leave scope out to watch all"
        french = (
            f"une {THINGS[of.of]} n’en a pas ; nommez-la dans scope.device, ou retirez scope pour les surveiller toutes"
        )
        place.found.problem(f"scope.{word}", text, french)


def _geofence(place: Place, of: Geofence) -> None:
    for word in ("latitude", "longitude"):
        _is_number(place, getattr(of, word), word)
    if (of.circle is None) == (not of.polygon):
        both = of.circle is not None
        place.problem(
            "",
            "write either circle or polygon" + (", not both" if both else ""),
            "écrivez circle ou polygon" + (", pas les deux" if both else ""),
        )
    if of.circle is not None:
        if of.circle.radius_m <= 0:
            place.problem(
                "circle.radius_m",
                "is not above 0; write how many metres from the point are inside",
                "n’est pas au-dessus de 0 ; écrivez combien de mètres autour du point sont dedans",
            )
        _point(place, "circle", of.circle.latitude, of.circle.longitude)
    if len(of.polygon) > _MOST_CORNERS:
        place.problem(
            "polygon",
            f"has {len(of.polygon)} corners; write {_MOST_CORNERS} or less",
            f"a {len(of.polygon)} sommets ; {_MOST_CORNERS} au plus",
        )
    elif of.polygon and len(set(of.polygon)) < _CORNERS:
        place.problem(
            "polygon",
            f"has {len(set(of.polygon))} corners; write at least {_CORNERS} different ones",
            f"a {len(set(of.polygon))} sommets ; écrivez-en au moins {_CORNERS} différents",
        )
    for number, (north, east) in enumerate(of.polygon):
        _point(place, f"polygon[{number}]", north, east)


def _point(place: Place, word: str, north: float, east: float) -> None:
    if abs(north) > _NORTH or abs(east) > _EAST:
        turned = abs(east) <= _NORTH and abs(north) <= _EAST
        hint = "exchange the two: latitude comes first" if turned else "write degrees: latitude, then longitude"
        french = (
            "échangez les deux : la latitude d’abord" if turned else "écrivez des degrés : latitude, puis longitude"
        )
        at = f"({plain(north)}, {plain(east)})"
        place.problem(word, f"{at} is no place; {hint}", f"{at} n’est pas un lieu ; {french}")


def _group(place: Place, of: Group) -> None:
    _of_one_type(place, MEASURE)
    place.by_type("every", lambda kind: _too_short(kind, "every", of.every))
    if of.every < _MINUTE or of.every > _DAY or _DAY.us % of.every.us:
        place.problem(
            "every",
            f'{of.every} does not divide a day; write "15 min", "1 h", "6 h" or "1 d", say',
            f'{of.every} ne divise pas une journée ; écrivez par exemple "15 min", "1 h", "6 h" ou "1 d"',
        )
    _measured(place, of)
    word = _one_of(place, of, ("above", "below"))
    if word is None:
        return
    limit: float = getattr(of, word)
    _clear(place, word, limit, of.clear)
    if of.measure in ("count", "share"):
        most = _ALL if of.measure == "share" else math.inf
        if (word == "above" and not 0 <= limit < most) or (word == "below" and not 0 < limit <= most):
            what, french = ("a count is 0 or more", "un nombre est 0 ou plus")
            if of.measure == "share":
                what, french = ("a share is from 0 to 100 %", "une part va de 0 à 100 %")
            place.problem(
                word,
                f"{plain(limit)} makes no sense as a limit: {what}",
                f"{plain(limit)} n’a pas de sens comme limite : {french}",
            )


def _of_one_type(place: Place, what: Said) -> None:
    """Check that windows are of one device type: that of others would not be looked at."""
    if len(place.types) > 1:
        names = listed(kind.name for kind in place.types)
        text = f"{what} is of one device type, and here are {len(place.types)} ({names}); name one"
        each = f"{len(place.types)} ({names.french})"
        french = f"{what.french} est d’un seul type d’appareil, et il y en a {each} ; nommez-en un"
        place.found.problem("scope.type", text, french)


def _measured(place: Place, of: Group) -> None:
    """Check that measure, field and where fit together."""
    if of.measure in ("count", "share"):
        if of.where is None:
            place.problem(
                "where",
                f"is missing; write which devices the {of.measure} is of",
                f"manque ; écrivez de quels appareils est {of.measure}",
            )
        if of.field is not None:
            place.problem(
                "field",
                f"a {of.measure} is of devices; write the field in where, and leave it out here",
                f"{of.measure} est d’appareils ; écrivez le champ dans where, et retirez-le ici",
            )
    else:
        if of.field is None:
            place.problem(
                "field",
                f"is missing; write of which field the {of.measure} is",
                f"manque ; écrivez de quel champ est {of.measure}",
            )
        else:
            _is_number(place, of.field)
        if of.where is not None:
            place.problem(
                "where",
                f"is for count and share; leave it out of a {of.measure}",
                f"est pour count et share ; retirez-le de {of.measure}",
            )
    if of.where is not None:
        _where(place, of.where)


def _where(place: Place, of: Where) -> None:
    said = [word for word in ("above", "below") if getattr(of, word) is not None]
    if of.values:
        said.append("values")
    if len(said) != 1:
        place.problem(
            "where",
            f"write one of above, below or values{', not several' if said else ''}",
            f"écrivez un seul de above, below ou values{', pas plusieurs' if said else ''}",
        )
    elif of.values:
        _values(place, of.field, of.values, "where.values", "where.field")
    else:
        _is_number(place, of.field, "where.field")


def _usual(place: Place, of: Usual) -> None:
    word = _one_of(place, of, ("beyond", "beyond_percent"))
    if word is not None and getattr(of, word) <= 0:
        place.problem(
            word,
            f"{plain(getattr(of, word))} is no difference; write a number above 0",
            f"{plain(getattr(of, word))} n’est pas un écart ; écrivez un nombre au-dessus de 0",
        )
    _of_one_type(place, COMPARISON)
    for kind in place.types:
        if Span.of(kind.period) > _HOUR:
            text = f"compares the means of hours, and {kind.name} speaks every {Span.of(kind.period)} only; "
            french = f"compare les moyennes d’heures, et {kind.name} ne parle que toutes les {Span.of(kind.period)} ; "
            place.problem("", text + "write a threshold or a range", french + "écrivez un seuil ou une plage")
    if not _WEEKS[0] <= of.weeks <= _WEEKS[1]:
        place.problem(
            "weeks",
            f"{of.weeks} is not from {_WEEKS[0]} to {_WEEKS[1]}; write 4, say",
            f"{of.weeks} n’est pas de {_WEEKS[0]} à {_WEEKS[1]} ; écrivez 4, par exemple",
        )


def _one_of(place: Place, leaf: Leaf, words: Sequence[str]) -> str | None:
    """Return which one of the limits a condition has; say so where it has none or several."""
    said = [word for word in words if getattr(leaf, word) is not None]
    if len(said) == 1:
        return said[0]
    if said:
        more, french = "write only one of them", "n’écrivez que l’un des deux"
        if isinstance(leaf, Threshold):
            more, french = (
                "write a range (low and high), or two rules",
                "écrivez une plage (low et high), ou deux règles",
            )
        place.problem(said[1], f"stands beside {said[0]}; {more}", f"est à côté de {said[0]} ; {french}")
    else:
        place.problem(
            "", f"has no limit; write {' or '.join(words)}", f"n’a pas de limite ; écrivez {' ou '.join(words)}"
        )
    return None


def _unit(
    place: Place,
    name: str,
    said: str | None,
    limits: dict[str, float | None],
    differences: Sequence[str] = (),
) -> bool:
    """Whether a condition's unit is that of its field; say what its limits are in that."""
    for _, of in of_types(place.types, name):
        if said is None or code(said) == of.unit or said == unit(of.unit):
            continue
        there = conversion(said, of.unit) if of.unit else None
        if not of.unit:
            text = Said(f"{name} has no unit; leave it out", f"{name} n’a pas d’unité ; retirez-la")
        elif there is None:
            text = Said(
                f"{name} is in {unit(of.unit)}, which {said!r} cannot be turned into; write limits in that",
                f"{name} est en {unit(of.unit)}, en quoi {said!r} ne se convertit pas ; écrivez les limites ainsi",
            )
        else:
            factor, offset = there
            told = [
                (
                    f"{word} = {_with_unit(round(value * factor + (0 if word in differences else offset), 9), of)}",
                    f"{plain(value)} {said}",
                )
                for word, value in limits.items()
                if value is not None
            ]
            text = Said(
                f"{name} is in {unit(of.unit)}; write {' and '.join(f'{right}, not {wrong}' for right, wrong in told)}",
                f"{name} est en {unit(of.unit)} ; écrivez "
                + " et ".join(f"{right}, pas {wrong}" for right, wrong in told),
            )
        place.problem("unit", text, text.french)
        return False
    return True


def _with_unit(value: float, of: Field) -> str:
    return f"{plain(value)} {unit(of.unit)}".rstrip()


def _range(of: Field) -> Said:
    if of.minimum is None or of.maximum is None:
        end = _with_unit((of.minimum if of.maximum is None else of.maximum) or 0.0, of)
        least = of.maximum is None
        return Said(f"at least {end}" if least else f"at most {end}", f"au moins {end}" if least else f"au plus {end}")
    low, high = plain(of.minimum), _with_unit(of.maximum, of)
    return Said(f"{low} to {high}", f"{low} à {high}")


_CHECKS: dict[type[Leaf], Callable[[Place, Any], None]] = {
    Threshold: _threshold,
    Range: _range_check,
    Is: _is,
    Rate: _rate,
    Stuck: _stuck,
    Silence: _silence,
    Geofence: _geofence,
    Group: _group,
    Usual: _usual,
}
