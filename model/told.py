"""What a network says of a device beside its frames: that it joined, how full its battery is, where it was heard.

Rules:

1. These are facts about a device, not readings: the newest of each is the device's state, and none goes backwards.
2. ``FACTS`` is the closed list of their names. A fact that a server did not tell is absent; zero is a fact.
3. Nothing of it counts in the ledger, which counts frames.
4. What became of a downlink is a word of ``Downlink``; the network's reason may follow behind ": ".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import msgspec

from model.device import Kind, Text
from model.value import Value


class Event(StrEnum):
    """What a network reports."""

    JOIN = "join"
    STATUS = "status"
    LOCATION = "location"
    RADIO = "radio"
    DOWNLINK = "downlink"
    NOTICE = "notice"


class Downlink(StrEnum):
    """What became of a downlink: the first word of the fact ``downlink``."""

    REQUESTED = "requested"
    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "not acknowledged"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact that networks tell. ``unit``: UCUM, "" for counts, states and texts."""

    kind: Kind
    unit: str
    title: Text


def _fact(kind: Kind, unit: str, en: str, fr: str) -> Fact:
    return Fact(kind=kind, unit=unit, title=Text(en=en, fr=fr))


FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        "joined": _fact(Kind.BOOL, "", "Joined the network", "A rejoint le réseau"),
        "session": _fact(Kind.TEXT, "", "Session or DevAddr", "Session ou DevAddr"),
        "battery_percent": _fact(Kind.FLOAT, "%", "Battery level", "Niveau de la pile"),
        "battery_v": _fact(Kind.FLOAT, "V", "Battery voltage", "Tension de la pile"),
        "external_power": _fact(Kind.BOOL, "", "External power", "Alimentation externe"),
        "temperature_c": _fact(Kind.FLOAT, "Cel", "Temperature of the modem", "Température du modem"),
        "margin_db": _fact(Kind.FLOAT, "dB", "Demodulation margin", "Marge de démodulation"),
        "latitude": _fact(Kind.FLOAT, "deg", "Latitude", "Latitude"),
        "longitude": _fact(Kind.FLOAT, "deg", "Longitude", "Longitude"),
        "altitude_m": _fact(Kind.FLOAT, "m", "Altitude", "Altitude"),
        "position_radius_m": _fact(Kind.FLOAT, "m", "Accuracy of the position", "Précision de la position"),
        "position_source": _fact(Kind.TEXT, "", "Source of the position", "Origine de la position"),
        "rssi_dbm": _fact(Kind.FLOAT, "dB[mW]", "Signal strength", "Niveau du signal"),
        "snr_db": _fact(Kind.FLOAT, "dB", "Signal to noise", "Rapport signal sur bruit"),
        "gateway": _fact(Kind.TEXT, "", "Best gateway", "Meilleure passerelle"),
        "gateways": _fact(Kind.INT, "", "Gateways that heard it", "Passerelles à portée"),
        "link_quality": _fact(Kind.TEXT, "", "Link quality", "Qualité de la liaison"),
        "operator": _fact(Kind.TEXT, "", "Operator", "Opérateur"),
        "country": _fact(Kind.TEXT, "", "Country code", "Code du pays"),
        "late": _fact(Kind.BOOL, "", "Came late, kept by a gateway", "Arrivée en retard, gardée par une passerelle"),
        "lost_frames": _fact(Kind.INT, "", "Frames lost before this one", "Trames perdues avant celle-ci"),
        "downlink": _fact(Kind.TEXT, "", "Last downlink", "Dernier message descendant"),
        "notice": _fact(Kind.TEXT, "", "Last notice of the network", "Dernier avis du réseau"),
        "notice_level": _fact(Kind.TEXT, "", "Level of the notice", "Niveau de l’avis"),
    }
)


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a network told of one device at one moment. ``device``: canonical, as in ``Uplink``.

    ``time``: when it was so, as the network tells it; ``None`` if it tells nothing (the arrival stands for it).
    ``facts``: by the names of ``FACTS``. ``f_cnt``: the counter of the frame that it is about, if of one.
    """

    network: str
    device: str
    event: Event
    facts: Mapping[str, Value]
    time: datetime | None = None
    f_cnt: int | None = None
    simulated: bool = False
