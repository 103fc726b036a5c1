"""Who may say and hear what on the broker, by topic: pure, for a first installation as for a running broker.

Rules:

1. Nothing is allowed that is not written here: a client publishes on its own topics; only services hear anything.
2. A client has one role of the same name. From the name one reads what it is for: ``device.<type>.<name>``,
   ``experiment.<name>``, ``network.<name>``, ``penfeld-<service>``.
3. Whoever is no service of Penfeld connects with its own name as client id: otherwise a device could take the session
   of a service over, and what waits in it. ``--any-client-id`` lifts that, for gear whose client id cannot be chosen.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from model.alarm import LIVE_ALARMS_TOPIC
from model.device import Device, State
from model.errors import BadRequestError
from model.identity import canonical_id
from model.status import ALERTS_STATUS_TOPIC, LIVE_TOPIC, PROBE_TOPIC, STATUS_TOPIC

OWN = ("device.", "experiment.", "network.", "penfeld-")
"""How the names of clients begin that Penfeld makes, and takes away."""
NATIVE = "native"
CALLBACKS = "penfeld/v1/callbacks/"
NOTIFICATIONS = "penfeld/v1/notifications/+"

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TYPE = re.compile(r"[a-z0-9_]{1,63}")
_TOLD = (f"{LIVE_TOPIC}+", f"{STATUS_TOPIC}+", LIVE_ALARMS_TOPIC, ALERTS_STATUS_TOPIC, f"{PROBE_TOPIC}/+")
"""What every service may hear: how the others are, and what ``doctor`` sends round."""
_PROBES = (PROBE_TOPIC, f"{PROBE_TOPIC}/+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A client and its rights. ``publish`` and ``read`` are MQTT filters; ``client_id`` empty: any."""

    name: str
    publish: tuple[str, ...]
    read: tuple[str, ...] = ()
    client_id: str = ""


def device(device_type: str, name: str) -> Grant:
    """Return the rights of a device that speaks MQTT itself: to say what it measures, in its own name."""
    if not _TYPE.fullmatch(device_type):
        raise BadRequestError(f"{device_type[:80]!r} is no device type: `penfeld devices types` lists them")
    name = canonical_id(name, technology=NATIVE)
    return _pinned(f"device.{device_type}.{name}", _up(device_type, name))


def experiment(name: str, devices: Iterable[Device]) -> Grant:
    """Return the rights of an experiment's own gateway: to speak for each of its native devices, and for no other."""
    _check("experiment", name)
    mine = [one for one in devices if one.experiment == name and one.network == NATIVE and one.state is State.ACTIVE]
    names = sorted((one.id, one.type) for one in mine if one.type is not None)
    topics = [topic for identity, device_type in names for topic in _up(device_type, identity)]
    if not topics:
        raise BadRequestError(
            f"experiment {name!r} has no device that speaks MQTT itself (network {NATIVE}): register its devices first,"
            " with `penfeld devices import`; those behind a network server come with `penfeld mqtt grant network`"
        )
    return _pinned(f"experiment.{name}", topics)


def network(name: str, topics: Sequence[str]) -> Grant:
    """Return the rights of a network server that publishes its events: on its network's topics, not on callbacks."""
    _check("network", name)
    direct = [topic for topic in topics if not topic.startswith(CALLBACKS)]
    if name == NATIVE:
        raise BadRequestError("native devices have rights of their own: `penfeld mqtt grant device TYPE NAME`")
    if not direct:
        raise BadRequestError(f"{name} posts to the API and needs no rights on the broker: see docs/networks.md")
    return _pinned(f"network.{name}", direct)


def services(sources: Iterable[str], channels: Iterable[str] = ()) -> Mapping[str, Grant]:
    """Return service -> the rights of Penfeld's own processes.

    ``sources``: the filters that ingest reads. ``channels``: topics of MQTT channels beside Penfeld's own.
    """
    frames = _shared(sources)
    says = {
        "ingest": ((f"{LIVE_TOPIC}+", f"{STATUS_TOPIC}+"), (*frames, *_TOLD)),
        "api": ((f"{CALLBACKS}+",), _TOLD),
        "alerts": ((LIVE_ALARMS_TOPIC, ALERTS_STATUS_TOPIC, NOTIFICATIONS, *channels), _TOLD),
    }
    everything = (
        tuple(topic for publish, _ in says.values() for topic in publish),
        tuple(dict.fromkeys(topic for _, read in says.values() for topic in read)),
    )
    return {
        service: Grant(name=f"penfeld-{service}", publish=(*publish, *_PROBES), read=read)
        for service, (publish, read) in {**says, "run": everything}.items()
    }


def simulator(sources: Iterable[str]) -> Grant:
    """Return the rights of who simulates whole fleets: to speak for every device there is. Not for production."""
    return Grant(name="penfeld-simulator", publish=tuple(dict.fromkeys(sources)))


def anywhere(grant: Grant) -> Grant:
    """Return the same rights for a client whose client id nobody can choose."""
    return Grant(name=grant.name, publish=grant.publish, read=grant.read)


def own(name: str) -> bool:
    """Whether a client is one that Penfeld makes."""
    return name.startswith(OWN)


def _pinned(name: str, topics: Sequence[str]) -> Grant:
    return Grant(name=name, publish=tuple(topics), client_id=name)


def _up(device_type: str, name: str) -> tuple[str, str]:
    topic = f"penfeld/v1/{device_type}/{name}/up"
    return topic, f"{topic}/simulated"


def _check(what: str, name: str) -> None:
    if not _PLAIN.fullmatch(name):
        raise BadRequestError(
            f"{what} {name[:80]!r}: a client's name has letters a to z, digits and _ . -, 64 at most; rename it"
        )


def _shared(filters: Iterable[str]) -> tuple[str, ...]:
    """Return filters for one worker alone, and for several that divide the messages among them."""
    found = tuple(dict.fromkeys(filters))
    return (*found, *(f"$share/+/{one}" for one in found))
