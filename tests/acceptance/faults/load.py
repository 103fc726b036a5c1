"""What is published: ChirpStack events of some hundred lamps, each told from all others by what it says.

Rules:

1. A frame's identity is what is stored of it: device, counter, payload and event time. No two frames share one.
2. Garbage is known by its bytes, which no two pieces share.
3. What is random comes from a seed: the same load fails twice.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from simulators.envelopes import Frame, Heard, Sender, event

LAMPS = 300
_HEARD = tuple(Heard(f"7276ff00460305{number:02x}", f"Mast {number}", 48.39, -4.49, -97, 7.5) for number in range(2))


class Identity(NamedTuple):
    """What makes a stored frame this one and no other. ``time``: of the event, UTC."""

    device: str
    f_cnt: int
    payload: bytes
    time: datetime

    @property
    def energy_kwh(self) -> float:
        """What the reading has to say."""
        return int.from_bytes(self.payload[4:7], "big") / 100


class Publication(NamedTuple):
    """One message. ``identity`` is ``None`` for what belongs in quarantine; ``again``: it was published before."""

    topic: str
    message: bytes
    identity: Identity | None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Which share of the messages is garbage, published twice, or hours late."""

    garbage: float = 0.0
    again: float = 0.0
    late: float = 0.0


def lamp(number: int) -> Sender:
    """Return the lamp of that number."""
    return Sender(
        id=f"70b3d5fa{number:08x}",
        name=f"Lamp {number}",
        device_type="penfeld_streetlight",
        network="chirpstack",
        address=f"{0x26010000 + number:08x}",
        heard=_HEARD,
    )


def register(count: int = LAMPS) -> str:
    """Return the list of all lamps for ``penfeld devices import``."""
    return "\n".join(["id,type", *(f"{lamp(number).id},penfeld_streetlight" for number in range(count))]) + "\n"


def publications(
    mixture: Mixture | None = None,
    *,
    lamps: int = LAMPS,
    seed: int = 1,
    clock: Callable[[], float] = time.time,
) -> Iterator[Publication]:
    """Yield messages without end, lamp by lamp. ``clock`` is that of the network: seconds since 1970."""
    mixture, random = mixture or Mixture(), Random(seed)  # noqa: S311 chance, not secrecy
    senders, times = [lamp(number) for number in range(lamps)], _Times(clock)
    recent: list[tuple[Frame, Identity]] = []
    serial = 0
    while True:
        chance = random.random()
        if chance < mixture.garbage:
            yield _garbage(senders, serial, random)
        elif chance < mixture.garbage + mixture.again and recent:
            frame, identity = random.choice(recent)
            yield Publication(*_written(frame, copy=1), identity, again=True)
        else:
            late_s = random.uniform(1, 30) * 3600 if chance > 1 - mixture.late else 0.0
            frame = Frame(
                sender=senders[serial % lamps],
                time=times.next(serial % lamps, late_s),
                counter=serial // lamps,
                payload=_payload(serial),
                f_port=1,
            )
            identity = identity_of(frame)
            recent = [*recent[-99:], (frame, identity)]
            yield Publication(*_written(frame), identity)
        serial += 1


def poisoned(messages: Iterator[Publication], *, refused_kwh: float, stumbling_block: str) -> Iterator[Publication]:
    """Yield these messages, and among them what hurts. ``refused_kwh``: the database will not have such a reading."""
    for number, one in enumerate(messages):
        if one.identity is not None and one.identity.energy_kwh == refused_kwh:
            yield one._replace(identity=None)
            continue
        yield one
        if number % 100 == 0:
            yield one._replace(message=_worse(one, number // 100, stumbling_block), identity=None)


def _worse(one: Publication, number: int, stumbling_block: str) -> bytes:
    """Return the event with something in it that hurts: a NUL, a number out of all ranges, what makes us stumble."""
    event: dict[str, object] = {**json.loads(one.message), "deduplicationId": f"{number:032x}"}
    changes: tuple[dict[str, object], ...] = (
        {"devAddr": "2601\0000"},
        {"fCnt": 10**30},
        {"fPort": -1},
        {"data": "AAAA" * 20_000},
        {"time": "0001-01-01T00:00:00+23:59"},
        {"rxInfo": [{"gatewayId": "mast\0"}]},
        {"deviceInfo": {"devEui": "\0" * 16}},
        {"regionConfigId": stumbling_block},
    )
    return json.dumps(event | changes[number % len(changes)]).encode()


def identity_of(frame: Frame) -> Identity:
    """Return by what the frame will be known when it is stored."""
    return Identity(frame.sender.id, frame.counter, frame.payload, datetime.fromtimestamp(frame.time, tz=UTC))


class _Times:
    """Event times in whole milliseconds, none twice for one lamp: two readings of one time would be merged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[int, set[int]] = {}

    def next(self, number: int, late_s: float) -> float:
        milliseconds = int((self._clock() - late_s) * 1000)
        used = self._used.setdefault(number, set())
        while milliseconds in used:
            milliseconds += 1
        used.add(milliseconds)
        return milliseconds / 1000


def _written(frame: Frame, copy: int = 0) -> tuple[str, bytes]:
    written = event(frame, copy)
    return written.topic, written.payload


def _payload(serial: int) -> bytes:
    """Return a lamp's status; its energy counter is the serial number."""
    power, energy = (serial % 4000).to_bytes(2, "big"), (serial % 10_000_000).to_bytes(3, "big")
    return b"\x80\x46" + power + energy + b"\x08\xfc\x1f\x5f"


def _garbage(senders: Sequence[Sender], serial: int, random: Random) -> Publication:
    """Return a message that says nothing: no JSON, half an event, a payload cut short, or a stranger's frame."""
    sender = senders[serial % len(senders)]
    whole = Frame(sender=sender, time=time.time(), counter=serial, payload=_payload(serial), f_port=1)
    topic, message = _written(whole)
    unknown = {"deviceInfo": {"devEui": f"70b3d5fb{serial:08x}"}, "fCnt": serial, "fPort": 1, "data": "AAE="}
    short = {"deviceInfo": {"devEui": sender.id}, "devAddr": "00000000", "fCnt": serial, "fPort": 1, "data": "gEY="}
    kinds = (
        b"\xff\xfe" + random.randbytes(40),
        message[: len(message) // 2],
        json.dumps(short).encode(),
        json.dumps(unknown).encode(),
    )
    return Publication(topic, random.choice(kinds), None)
