"""What keeps a rule from working, and what to change. Pure.

Rules:

1. A problem begins with its place in the rule (``when.of[0].clear: …``), says what is wrong, and what to write instead.
2. A rule that works for one of the device types in its reach works; what it says in vain for the others is a note.
3. That no device fits now is a note: devices come later.
4. Each problem stands alone: what hangs on another (fields of an unknown device type) is not told.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from alerts import texts
from alerts.check_conditions import Place, condition, fields
from alerts.compiled import fields_of
from alerts.known import Findings, Known, listed, nearest
from alerts.schedule import minute_of
from decoders.device_file import NETWORKS
from model.device import DeviceType
from model.identity import possible_ids
from model.rule import All, AnyOf, Condition, Group, Leaf, Not, Rule, Schedule, Silence, Usual, leaves, plain
from model.spans import Span

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*(?:/[a-z0-9_][a-z0-9_.-]*)*")
_LONGEST_NAME, _LONGEST_TITLE, _LONGEST_TEXT = 100, 200, 2_000
_DEEPEST = 8
_LATEST = Span.parse("31 d")
"""Nobody waits longer for an answer."""
_MOST = 50


def problems(rule: Rule, known: Known) -> list[str]:
    """Return what keeps a rule from working, each with its place and what to change; none if it works."""
    return _examined(rule, known).problems


def notes(rule: Rule, known: Known) -> list[str]:
    """Return what whoever writes a rule should know: nobody is told, no device fits now, a type that it skips."""
    found = _examined(rule, known)
    if not found.problems:
        _people(rule, known, found)
    return found.notes


def _examined(rule: Rule, known: Known) -> Findings:
    found = Findings()
    _words(rule, found)
    _channels(rule, known, found)
    if rule.schedule is not None:
        _schedule(rule.schedule, found)
    if not _shape(rule.when, found):
        return found
    for place, text in _texts_in(plain(rule), ""):
        if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text):
            found.problem(place, "has a character that cannot be stored; write it again")
    things = _watches_things(rule.when)
    if things and rule.schedule is not None:
        found.problem("schedule", "gateways and sources are watched at all times; leave the schedule out")
    known_scope = things or _scope(rule, known, found)
    reach = known.reach(rule.scope) if known_scope and not things else []
    each = list(_places(rule.when, "when"))
    fitting = _fitting(rule, reach, each, known, found)
    for place, leaf in each:
        condition(Place(place, rule, found, fitting), leaf)
    return found


def _words(rule: Rule, found: Findings) -> None:
    if not _NAME.fullmatch(rule.name) or len(rule.name) > _LONGEST_NAME:
        found.problem(
            "name",
            f"{rule.name[:_LONGEST_NAME]!r} cannot be a name; take 1 to {_LONGEST_NAME} lower case letters, digits and "
            "_ - . with / between words, as in lamps/hot",
        )
    for language, text in (("en", rule.title.en), ("fr", rule.title.fr)):
        if not text.strip():
            found.problem(f"title.{language}", "is empty; say in a few words what an alarm of this rule means")
        _not_longer(f"title.{language}", text, _LONGEST_TITLE, found)
    if rule.text is not None:
        for language, text in (("en", rule.text.en), ("fr", rule.text.fr)):
            if not text.strip():
                found.problem(f"text.{language}", "is empty; write it, or leave text out: there is one for every rule")
            _not_longer(f"text.{language}", text, _LONGEST_TEXT, found)
        found.problems.extend(texts.problems(rule.text))


def _not_longer(place: str, text: str, longest: int, found: Findings) -> None:
    if len(text) > longest:
        found.problem(place, f"has {len(text)} characters; write {longest} at most")


def _texts_in(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text of a rule with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield place or "rule", key
            yield from _texts_in(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts_in(inner, f"{place}[{number}]")


def _channels(rule: Rule, known: Known, found: Findings) -> None:
    each = [(f"notify[{i}]", name) for i, name in enumerate(rule.notify)]
    for number, step in enumerate(rule.escalate):
        place = f"escalate[{number}]"
        each += [(f"{place}.notify[{i}]", name) for i, name in enumerate(step.notify)]
        if not step.notify:
            found.problem(f"{place}.notify", "is empty; name a channel, or leave this step out")
        if not step.after.us:
            found.problem(f"{place}.after", 'is no time; write after how long, as in "30 min"')
        elif step.after > _LATEST:
            found.problem(f"{place}.after", f"{step.after} is more than a month; write {_LATEST} or less")
    if rule.escalate and not rule.notify:
        found.problem("escalate", "nobody is told in the first place, so nothing escalates; write notify")
    for place, name in each:
        if name not in known.channels:
            hint = nearest(name, known.channels) or "there is none yet: add a [[channel]] to the settings"
            found.problem(place, f"there is no channel {name!r}; {hint}")


def _schedule(schedule: Schedule, found: Findings) -> None:
    if schedule == Schedule():
        found.problem("schedule", "says nothing; leave it out, or write sun, days, or start and end")
    minutes = {}
    for word in ("start", "end"):
        text = getattr(schedule, word)
        if text is not None:
            try:
                minutes[word] = minute_of(text)
            except ValueError as error:
                found.problem(f"schedule.{word}", str(error))
    one, other = ("start", "end") if schedule.end is None else ("end", "start")
    if (schedule.start is None) != (schedule.end is None):
        found.problem(f"schedule.{other}", f'is missing; write {other} beside {one}, as in "22:00"')
    elif len(set(minutes.values())) < len(minutes):
        found.problem("schedule.end", "is the start; leave both out for the whole day")


def _shape(when: Condition, found: Findings) -> bool:
    """Check how conditions are joined; return whether each of them can be looked at."""
    level: list[tuple[str, Condition]] = [("when", when)]
    depth = count = 0
    fine = True
    while level:
        depth += 1
        if depth > _DEEPEST:
            found.problem("when", f"conditions are nested deeper than {_DEEPEST} levels; write two rules instead")
            return False
        below: list[tuple[str, Condition]] = []
        for place, one in level:
            if isinstance(one, All | AnyOf | Not):
                inner = list(_inner(one, place))
                below += inner
                if not inner:
                    found.problem(f"{place}.of", "is empty; write at least one condition")
                    fine = False
            else:
                count += 1
                _alone(place, one, found)
        level = below
    if count > _MOST:
        found.problem("when", f"has {count} conditions, more than {_MOST}; write several rules instead")
    return fine and count <= _MOST


def _alone(place: str, leaf: Leaf, found: Findings) -> None:
    if place == "when":
        return
    if isinstance(leaf, Group | Usual):
        what = "a measure over a group" if isinstance(leaf, Group) else "a comparison with weeks before"
        found.problem(place, f"{what} cannot be joined with other conditions; give it a rule of its own")
    elif isinstance(leaf, Silence) and leaf.of != "device":
        found.problem(place, f"the silence of a {leaf.of} cannot be joined with others; give it a rule of its own")


def _inner(of: All | AnyOf | Not, place: str) -> Iterator[tuple[str, Condition]]:
    if isinstance(of, Not):
        yield f"{place}.of", of.of
    else:
        for number, one in enumerate(of.of):
            yield f"{place}.of[{number}]", one


def _places(when: Condition, place: str) -> Iterator[tuple[str, Leaf]]:
    """Yield each condition on readings with its place."""
    if isinstance(when, All | AnyOf | Not):
        for inner, one in _inner(when, place):
            yield from _places(one, inner)
    else:
        yield place, when


def _watches_things(when: Condition) -> bool:
    return isinstance(when, Silence) and when.of != "device"


def _scope(rule: Rule, known: Known, found: Findings) -> bool:
    """Check whom a rule watches; return whether its device types are known."""
    scope = rule.scope
    fine = True
    for number, name in enumerate(scope.type):
        if name not in known.types:
            fine = False
            hint = nearest(name, known.types) or "there is none"
            found.problem(f"scope.type[{number}]", f"there is no device type {name!r}; {hint}")
    for word in ("device", "district", "experiment", "network"):
        there: Collection[str] = known.names[word]
        if word == "network":
            there = {*there, *NETWORKS}
        for number, name in enumerate(getattr(scope, word)):
            if name in there:
                continue
            place = f"scope.{word}[{number}]"
            if there:
                found.problem(place, f"there is no {word} {name!r}; {_hint(word, name, there)}")
            else:
                found.note(place, f"no registered device has a {word}, so {name!r} cannot be checked")
    return fine


def _hint(word: str, name: str, there: Collection[str]) -> str:
    if word == "device":
        spelled = next((one for one in possible_ids(name) if one in there), None)
        if spelled is not None:
            return f"write {spelled}"
    return nearest(name, there)


def _fitting(
    rule: Rule, reach: list[DeviceType], each: list[tuple[str, Leaf]], known: Known, found: Findings
) -> list[DeviceType]:
    """Return the device types that have all that the conditions read; say where none has."""
    if not reach:
        return []
    missing = False
    for place, leaf in each:
        for word, name in fields(leaf):
            if any(of.field(name) for of in reach):
                continue
            missing = True
            where = listed(of.name for of in reach) if rule.scope.type or rule.scope.device else "any device type"
            hints = [nearest(name, {one.name for of in reach for one in of.fields})]
            if others := sorted(of.name for of in known.types.values() if of.field(name)):
                hints.append(f"{name} is a field of {listed(others)}")
            text = f"{name!r} is no field of {where}; {'; '.join(hint for hint in hints if hint)}"
            found.problem(f"{place}.{word}", text.rstrip("; "))
    wanted = fields_of(rule)
    fitting = [of for of in reach if wanted <= {one.name for one in of.fields}]
    if not fitting and not missing:
        found.problem("when", f"no device type in scope has all of {', '.join(sorted(wanted))}; write a rule for each")
    if fitting and rule.scope.type and len(fitting) < len(reach):
        others = [of.name for of in reach if of not in fitting]
        found.note("scope.type", f"{listed(others)} lacks {', '.join(sorted(wanted))}: such devices are not watched")
    return fitting


def _people(rule: Rule, known: Known, found: Findings) -> None:
    """Say who hears of it, and of whom it speaks now."""
    if not rule.enabled:
        found.note("enabled", "the rule is switched off")
    if not rule.notify:
        found.note("notify", "names no channel: alarms are recorded and shown, nobody is told")
    if any(isinstance(leaf, Silence) and leaf.of != "device" for leaf in leaves(rule.when)):
        return
    watched = known.world.watched(rule.scope, fields_of(rule))
    if not watched:
        found.note("scope", "no registered device fits now; the rule waits for one")
    elif rule.notify and not rule.simulated and all(member.simulated for member in watched):
        found.note(
            "simulated", f"all devices that fit ({len(watched)}) are simulated: nobody is told; write simulated = true"
        )


__all__ = ["Known", "notes", "problems"]
