"""Rules of the platform itself, of no device type: what brings the frames of many devices has gone quiet. Pure.

Rules: frames of many devices come in no order, so only many times the usual pause is a silence. Whom to tell is for the
city to say: a saved rule of the same name takes the place of one of these.
"""

from model.device import Text
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
