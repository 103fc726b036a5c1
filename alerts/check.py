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
from alerts.check_conditions import COMPARISON, MEASURE, THINGS, Place, condition, fields
from alerts.compiled import fields_of
from alerts.known import Findings, Known, listed, nearest
from alerts.schedule import minute_of
from decoders.device_file import NETWORKS
from model.device import DeviceType
from model.identity import possible_ids
from model.rule import All, AnyOf, Condition, Group, Leaf, Not, Rule, Schedule, Silence, Usual, leaves, plain
from model.said import Said, in_language, joined, told
from model.spans import Span

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*(?:/[a-z0-9_][a-z0-9_.-]*)*")
_LONGEST_NAME, _LONGEST_TITLE, _LONGEST_TEXT = 100, 200, 2_000
_DEEPEST = 8
_LATEST = Span.parse("31 d")
"""Nobody waits longer for an answer."""
_MOST = 50
_NO_CHANNEL = Said(
    "there is none yet: add a [[channel]] to the settings",
    "il n’y en a pas encore : ajoutez un [[channel]] aux réglages",
)
_NO_TYPE = Said("there is none", "il n’y en a aucun")


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
            found.problem(
                place,
                "has a character that cannot be stored; write it again",
                "contient un caractère qui ne peut être enregistré ; réécrivez-le",
            )
    things = _watches_things(rule.when)
    if things and rule.schedule is not None:
        found.problem(
            "schedule",
            "gateways and sources are watched at all times; leave the schedule out",
            "passerelles et sources sont surveillées à toute heure ; retirez les horaires",
        )
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
            f"{rule.name[:_LONGEST_NAME]!r} ne peut être un nom ; prenez 1 à {_LONGEST_NAME} minuscules, chiffres et "
            "_ - . avec / entre les mots, comme dans lamps/hot",
        )
    for language, text in (("en", rule.title.en), ("fr", rule.title.fr)):
        if not text.strip():
            found.problem(
                f"title.{language}",
                "is empty; say in a few words what an alarm of this rule means",
                "est vide ; dites en quelques mots ce que signifie une alarme de cette règle",
            )
        _not_longer(f"title.{language}", text, _LONGEST_TITLE, found)
    if rule.text is not None:
        for language, text in (("en", rule.text.en), ("fr", rule.text.fr)):
            if not text.strip():
                found.problem(
                    f"text.{language}",
                    "is empty; write it, or leave text out: there is one for every rule",
                    "est vide ; écrivez-le, ou retirez text : il y en a un pour toute règle",
                )
            _not_longer(f"text.{language}", text, _LONGEST_TEXT, found)
        found.problems.extend(texts.problems(rule.text))


def _not_longer(place: str, text: str, longest: int, found: Findings) -> None:
    if len(text) > longest:
        found.problem(
            place,
            f"has {len(text)} characters; write {longest} at most",
            f"a {len(text)} caractères ; {longest} au plus",
        )


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
            found.problem(
                f"{place}.notify",
                "is empty; name a channel, or leave this step out",
                "est vide ; nommez un canal, ou retirez cette étape",
            )
        if not step.after.us:
            found.problem(
                f"{place}.after",
                'is no time; write after how long, as in "30 min"',
                'n’est pas une durée ; écrivez après combien de temps, comme "30 min"',
            )
        elif step.after > _LATEST:
            found.problem(
                f"{place}.after",
                f"{step.after} is more than a month; write {_LATEST} or less",
                f"{step.after} dépasse un mois ; écrivez {_LATEST} ou moins",
            )
    if rule.escalate and not rule.notify:
        found.problem(
            "escalate",
            "nobody is told in the first place, so nothing escalates; write notify",
            "personne n’est prévenu d’abord, donc rien ne monte ; écrivez notify",
        )
    for place, name in each:
        if name not in known.channels:
            hint = nearest(name, known.channels) or _NO_CHANNEL
            found.problem(
                place, f"there is no channel {name!r}; {hint}", f"il n’y a pas de canal {name!r} ; {hint.french}"
            )


def _schedule(schedule: Schedule, found: Findings) -> None:
    if schedule == Schedule():
        found.problem(
            "schedule",
            "says nothing; leave it out, or write sun, days, or start and end",
            "ne dit rien ; retirez-le, ou écrivez sun, days, ou start et end",
        )
    minutes = {}
    for word in ("start", "end"):
        text = getattr(schedule, word)
        if text is not None:
            try:
                minutes[word] = minute_of(text)
            except ValueError as error:
                wrong = told(error)
                found.problem(f"schedule.{word}", wrong, in_language(wrong, "fr"))
    one, other = ("start", "end") if schedule.end is None else ("end", "start")
    if (schedule.start is None) != (schedule.end is None):
        found.problem(
            f"schedule.{other}",
            f'is missing; write {other} beside {one}, as in "22:00"',
            f'manque ; écrivez {other} à côté de {one}, comme "22:00"',
        )
    elif len(set(minutes.values())) < len(minutes):
        found.problem(
            "schedule.end",
            "is the start; leave both out for the whole day",
            "est le début ; retirez les deux pour toute la journée",
        )


def _shape(when: Condition, found: Findings) -> bool:
    """Check how conditions are joined; return whether each of them can be looked at."""
    level: list[tuple[str, Condition]] = [("when", when)]
    depth = count = 0
    fine = True
    while level:
        depth += 1
        if depth > _DEEPEST:
            found.problem(
                "when",
                f"conditions are nested deeper than {_DEEPEST} levels; write two rules instead",
                f"les conditions sont imbriquées sur plus de {_DEEPEST} niveaux ; écrivez deux règles",
            )
            return False
        below: list[tuple[str, Condition]] = []
        for place, one in level:
            if isinstance(one, All | AnyOf | Not):
                inner = list(_inner(one, place))
                below += inner
                if not inner:
                    found.problem(
                        f"{place}.of",
                        "is empty; write at least one condition",
                        "est vide ; écrivez au moins une condition",
                    )
                    fine = False
            else:
                count += 1
                _alone(place, one, found)
        level = below
    if count > _MOST:
        found.problem(
            "when",
            f"has {count} conditions, more than {_MOST}; write several rules instead",
            f"a {count} conditions, plus de {_MOST} ; écrivez plusieurs règles",
        )
    return fine and count <= _MOST


def _alone(place: str, leaf: Leaf, found: Findings) -> None:
    if place == "when":
        return
    if isinstance(leaf, Group | Usual):
        what = MEASURE if isinstance(leaf, Group) else COMPARISON
        found.problem(
            place,
            f"{what} cannot be joined with other conditions; give it a rule of its own",
            f"{what.french} ne peut être réunie à d’autres conditions ; faites-en une règle à part",
        )
    elif isinstance(leaf, Silence) and leaf.of != "device":
        found.problem(
            place,
            f"the silence of a {leaf.of} cannot be joined with others; give it a rule of its own",
            f"le silence d’une {THINGS[leaf.of]} ne peut être réuni à d’autres conditions ; faites-en une règle à part",
        )


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
            hint = nearest(name, known.types) or _NO_TYPE
            found.problem(
                f"scope.type[{number}]",
                f"there is no device type {name!r}; {hint}",
                f"il n’y a pas de type d’appareil {name!r} ; {hint.french}",
            )
    for word in ("device", "district", "experiment", "network"):
        there: Collection[str] = known.names[word]
        if word == "network":
            there = {*there, *NETWORKS}
        for number, name in enumerate(getattr(scope, word)):
            if name in there:
                continue
            place = f"scope.{word}[{number}]"
            if there:
                hint = _hint(word, name, there)
                found.problem(
                    place, f"there is no {word} {name!r}; {hint}", f"il n’y a pas de {word} {name!r} ; {hint.french}"
                )
            else:
                found.note(
                    place,
                    f"no registered device has a {word}, so {name!r} cannot be checked",
                    f"aucun appareil inscrit n’a de {word}, donc {name!r} ne peut être vérifié",
                )
    return fine


def _hint(word: str, name: str, there: Collection[str]) -> Said:
    if word == "device":
        spelled = next((one for one in possible_ids(name) if one in there), None)
        if spelled is not None:
            return Said(f"write {spelled}", f"écrivez {spelled}")
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
            named = rule.scope.type or rule.scope.device
            where = listed(of.name for of in reach) if named else Said("any device type", "aucun type d’appareil")
            hints = [nearest(name, {one.name for of in reach for one in of.fields})]
            if others := sorted(of.name for of in known.types.values() if of.field(name)):
                owners = listed(others)
                hints.append(Said(f"{name} is a field of {owners}", f"{name} est un champ de {owners.french}"))
            hint = joined(one for one in hints if one)
            found.problem(
                f"{place}.{word}",
                f"{name!r} is no field of {where}; {hint}".rstrip("; "),
                f"{name!r} n’est un champ d’{where.french} ; {hint.french}".rstrip("; ")
                if not named
                else f"{name!r} n’est pas un champ de {where.french} ; {hint.french}".rstrip("; "),
            )
    wanted = fields_of(rule)
    fitting = [of for of in reach if wanted <= {one.name for one in of.fields}]
    if not fitting and not missing:
        found.problem(
            "when",
            f"no device type in scope has all of {', '.join(sorted(wanted))}; write a rule for each",
            f"aucun type d’appareil visé n’a tous ces champs : {', '.join(sorted(wanted))} ; une règle pour chacun",
        )
    if fitting and rule.scope.type and len(fitting) < len(reach):
        others = [of.name for of in reach if of not in fitting]
        found.note(
            "scope.type",
            f"{listed(others)} lacks {', '.join(sorted(wanted))}: such devices are not watched",
            f"{listed(others).french} : sans {', '.join(sorted(wanted))}, de tels appareils ne sont pas surveillés",
        )
    return fitting


def _people(rule: Rule, known: Known, found: Findings) -> None:
    """Say who hears of it, and of whom it speaks now."""
    if not rule.enabled:
        found.note("enabled", "the rule is switched off", "la règle est désactivée")
    if not rule.notify:
        found.note(
            "notify",
            "names no channel: alarms are recorded and shown, nobody is told",
            "ne nomme aucun canal : les alarmes sont enregistrées et montrées, personne n’est prévenu",
        )
    if any(isinstance(leaf, Silence) and leaf.of != "device" for leaf in leaves(rule.when)):
        return
    watched = known.world.watched(rule.scope, fields_of(rule))
    if not watched:
        found.note(
            "scope",
            "no registered device fits now; the rule waits for one",
            "aucun appareil inscrit ne convient encore ; la règle en attend un",
        )
    elif rule.notify and not rule.simulated and all(member.simulated for member in watched):
        found.note(
            "simulated",
            f"all devices that fit ({len(watched)}) are simulated: nobody is told; write simulated = true",
            f"les appareils visés ({len(watched)}) sont simulés : personne n’est prévenu ; mettez simulated = true",
        )


__all__ = ["Known", "notes", "problems"]
