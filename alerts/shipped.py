"""Rules of the platform itself, of no device type: what brings the frames of many devices has gone quiet. Pure.

Rules: frames of many devices come in no order, so only many times the usual pause is a silence. Whom to tell is for the
city to say: a saved rule of the same name takes the place of one of these.
"""

from collections.abc import Iterable, Mapping

from alerts.check import Known, problems
from model.device import DeviceType, Text
from model.rule import Rule, Silence

_TIMES = 20.0

RULES: tuple[Rule, ...] = (
    Rule(
        name="network/source_silent",
        title=Text(en="Source silent", fr="Source muette"),
        text=Text(
            en="{device}: nothing has come since {since}. Look at the network server, and at the way to it.",
            fr="{device} : plus rien n’arrive depuis le {since}. Voir le serveur du réseau et la liaison.",
        ),
        when=Silence(of="source", times=_TIMES),
        severity="critical",
    ),
    Rule(
        name="network/gateway_silent",
        title=Text(en="Gateway silent", fr="Passerelle muette"),
        text=Text(
            en="{device}: nothing has come since {since}. Look at its power and its connection.",
            fr="{device} : plus rien n’arrive depuis le {since}. Voir son alimentation et sa liaison.",
        ),
        when=Silence(of="gateway", times=_TIMES),
        severity="warning",
    ),
)


def working(rules: Iterable[Rule], types: Mapping[str, DeviceType]) -> tuple[list[Rule], dict[str, list[str]]]:
    """Return those of the shipped rules that can work, and of the others what keeps them from it.

    Device files come from many hands: a rule of one that cannot work must not keep the others from being looked at.
    """
    known = Known(types=types)
    said = {rule.name: (rule, problems(rule, known)) for rule in rules}
    return [rule for rule, wrong in said.values() if not wrong], {
        name: wrong for name, (_, wrong) in said.items() if wrong
    }
