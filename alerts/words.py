"""What a rule waits for, in words, in French and English. Pure.

Rules: one line; fields by their names, as rules write them; a unit where the device type says one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from alerts.texts import span, value
from model.device import DeviceType, Language, Text
from model.numbers import number, unit
from model.rule import (
    All,
    AnyOf,
    Condition,
    Geofence,
    Group,
    Is,
    Leaf,
    Not,
    Range,
    Rate,
    Rule,
    Schedule,
    Silence,
    Stuck,
    Threshold,
    Usual,
    Where,
)

_JOINS = {"all": Text(en=" and ", fr=" et "), "any": Text(en=" or ", fr=" ou ")}
_NOT = Text(en="not ({})", fr="non ({})")
_LIMITS: Mapping[str, Text] = {
    "above": Text(en="above {}", fr="au-dessus de {}"),
    "below": Text(en="below {}", fr="en dessous de {}"),
    "beyond": Text(en="by more than {}", fr="de plus de {}"),
    "beyond_percent": Text(en="by more than {} %", fr="de plus de {} %"),
}
_RANGE = Text(en="{} outside {} to {}", fr="{} hors de {} à {}")
_OR = Text(en=" or ", fr=" ou ")
_RATE = Text(en="{} changes in {} {}", fr="{} varie en {} {}")
_STUCK = Text(en="{} stands still", fr="{} ne varie plus")
_USUAL = Text(
    en="{} differs from the same hours of {} weeks before {}", fr="{} diffère des mêmes heures de {} semaines avant {}"
)
_OUTSIDE = Text(en="outside of {}", fr="hors {}")
_INSIDE = Text(en="inside of {}", fr="dans {}")
_CIRCLE = Text(en="{} m around {}, {}", fr="d’un rayon de {} m autour de {}, {}")
_POLYGON = Text(en="a polygon", fr="d’un polygone")
_NOTHING: Mapping[str, Text] = {
    "device": Text(en="nothing comes for {}", fr="rien n’arrive pendant {}"),
    "field": Text(en="no {} comes for {}", fr="aucun {} n’arrive pendant {}"),
    "gateway": Text(en="nothing comes through a gateway for {}", fr="rien ne passe par une passerelle pendant {}"),
    "source": Text(en="nothing comes from a source for {}", fr="rien n’arrive d’une source pendant {}"),
}
_TIMES: Mapping[str, Text] = {
    "cadence": Text(en="{} times as long as is usual for it", fr="{} fois la durée habituelle"),
    "period": Text(en="{} times its period", fr="{} fois sa période"),
}
_GROUPED = Text(en="{} of {}, per {}, every {}, {}", fr="{} de {}, par {}, chaque {}, {}")
_MEASURES: Mapping[str, Text] = {
    "mean": Text(en="mean", fr="moyenne"),
    "min": Text(en="least", fr="minimum"),
    "max": Text(en="most", fr="maximum"),
    "sum": Text(en="sum", fr="somme"),
    "count": Text(en="number", fr="nombre"),
    "share": Text(en="share", fr="part"),
}
_BY: Mapping[str, Text] = {
    "district": Text(en="district", fr="quartier"),
    "experiment": Text(en="experiment", fr="expérimentation"),
    "all": Text(en="city", fr="ville"),
}
_DAYS: Mapping[str, Text] = {
    "mon": Text(en="Mon", fr="lun."),
    "tue": Text(en="Tue", fr="mar."),
    "wed": Text(en="Wed", fr="mer."),
    "thu": Text(en="Thu", fr="jeu."),
    "fri": Text(en="Fri", fr="ven."),
    "sat": Text(en="Sat", fr="sam."),
    "sun": Text(en="Sun", fr="dim."),
}
_DEVICES = Text(en="the devices with {}", fr="capteurs avec {}")
_FOR = Text(en=" for {}", fr=" pendant {}")
_REPEAT = Text(en=" at {} readings in a row", fr=" sur {} mesures de suite")
_SUN: Mapping[str, Text] = {"day": Text(en="by day", fr="de jour"), "night": Text(en="by night", fr="de nuit")}
_HOURS = Text(en="from {} to {}", fr="de {} à {}")


def waits_for(rule: Rule, of: DeviceType | None = None, language: Language = "en") -> str:
    """Return what a rule waits for, and when it counts. ``of``: the device type whose units its fields have."""
    units = {} if of is None else {field.name: unit(field.unit) for field in of.fields}
    text = _Words(language, units).condition(rule.when)
    when = _schedule(rule.schedule, language)
    return f"{text}, {when}" if when else text


class _Words:
    """Conditions in one language."""

    def __init__(self, language: Language, units: Mapping[str, str]) -> None:
        self.language = language
        self.units = units
        self._kinds: Mapping[type, Callable[[Any], str]] = {
            Threshold: self.limited,
            Range: self.range,
            Is: self.states,
            Rate: self.rate,
            Stuck: lambda of: self.say(_STUCK, of.field),
            Silence: self.silence,
            Geofence: self.geofence,
            Group: self.group,
            Usual: lambda of: self.say(_USUAL, of.field, of.weeks, self.limit(of, self.units.get(of.field, ""))),
        }

    def say(self, text: Text, *parts: object) -> str:
        """Return a text with its parts."""
        return text.get(self.language).format(*parts)

    def condition(self, of: Condition, *, inner: bool = False) -> str:
        """Return a condition; a joined one within another in brackets."""
        if isinstance(of, Not):
            return self.say(_NOT, self.condition(of.of))
        if isinstance(of, All | AnyOf):
            join = _JOINS["all" if isinstance(of, All) else "any"].get(self.language)
            text = join.join(self.condition(one, inner=True) for one in of.of)
            return f"({text})" if inner else text
        return self._kinds[type(of)](of) + self.lasting(of)

    def lasting(self, of: Leaf) -> str:
        """Return for how long, and at how many readings."""
        if isinstance(of, Silence):
            return ""
        text = self.say(_REPEAT, of.repeat) if of.repeat > 1 else ""
        return text + (self.say(_FOR, span(of.for_, self.language)) if of.for_ is not None else "")

    def measured(self, of: float, sign: str) -> str:
        """Return a number with its unit."""
        return f"{number(of, self.language)} {sign}".rstrip()

    def limit(self, of: Leaf | Where, sign: str) -> str:
        """Return which limit a condition has."""
        for word, text in _LIMITS.items():
            found: float | None = getattr(of, word, None)
            if found is not None:
                return self.say(text, self.measured(found, "" if word == "beyond_percent" else sign))
        return ""

    def limited(self, of: Threshold) -> str:
        """Return a threshold."""
        return f"{of.field} {self.limit(of, self.units.get(of.field, ''))}"

    def range(self, of: Range) -> str:
        """Return a range."""
        low, high = number(of.low, self.language), self.measured(of.high, self.units.get(of.field, ""))
        return self.say(_RANGE, of.field, low, high)

    def states(self, of: Is) -> str:
        """Return which states."""
        return f"{of.field} = {_OR.get(self.language).join(value(one, self.language) for one in of.values)}"

    def rate(self, of: Rate) -> str:
        """Return how fast a value changes."""
        limit = self.limit(of, self.units.get(of.field, ""))
        return self.say(_RATE, of.field, span(of.per, self.language), limit)

    def silence(self, of: Silence) -> str:
        """Return what is quiet for how long."""
        times = self.say(_TIMES[of.by], number(of.times, self.language))
        long = span(of.after, self.language) if of.after is not None else times
        if of.of == "device" and of.field is not None:
            return self.say(_NOTHING["field"], of.field, long)
        return self.say(_NOTHING[of.of], long)

    def geofence(self, of: Geofence) -> str:
        """Return which place."""
        where = _POLYGON.get(self.language)
        if of.circle is not None:
            radius = number(of.circle.radius_m, self.language)
            where = self.say(_CIRCLE, radius, of.circle.latitude, of.circle.longitude)
        return self.say(_INSIDE if of.inside else _OUTSIDE, where)

    def group(self, of: Group) -> str:
        """Return which measure of which devices."""
        what, sign = of.field or "", self.units.get(of.field or "", "")
        if of.where is not None:
            where = of.where
            states = _OR.get(self.language).join(value(one, self.language) for one in where.values)
            of_it = self.limit(where, self.units.get(where.field, "")) if not states else f"= {states}"
            what = self.say(_DEVICES, f"{where.field} {of_it}")
        sign = {"share": "%", "count": ""}.get(of.measure, sign)
        measure, by = _MEASURES[of.measure].get(self.language), _BY[of.by].get(self.language)
        return self.say(_GROUPED, measure, what, by, span(of.every, self.language), self.limit(of, sign))


def _schedule(of: Schedule | None, language: Language) -> str:
    if of is None:
        return ""
    parts = [_SUN[of.sun].get(language)] if of.sun is not None else []
    if of.start is not None and of.end is not None:
        parts.append(_HOURS.get(language).format(of.start, of.end))
    days = " ".join(_DAYS[day].get(language) for day in of.days)
    return ", ".join([*parts, *([days] if days else [])])
