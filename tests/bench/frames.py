"""What is sent: frames of the simulated city's lamps, as ChirpStack's events, as MQTT packets.

1. Payloads, envelopes and times are those of the simulators: each frame says what its lamp measured at that time, and
   every twelfth of a lamp is its daily one. The events are of some 1.15 kB, from ``DEVICES`` lamps in turn.
2. A file holds QoS 1 PUBLISH packets one behind the other, ready to be sent; beside it, where each one ends.
3. Making frames takes longer than storing them: it is done before anything is measured, by all cores.
"""

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from decoders.catalogue import Catalogue
from model.device import Device
from simulators.chance import Floats, Ints
from simulators.envelopes import Event, Frame, event
from simulators.faults import Faults
from simulators.fleet import Group
from simulators.voices import Modelled, Moment
from simulators.world import World
from tests.bench.topics import APPLICATIONS

DEVICES = 5000
PERIOD_S = 900.0
TYPE = "penfeld_streetlight"
_RARELY = 12
_IDS = 65535
_PUBLISH_QOS_1 = 0x32
_PART = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Frames to send: the time of frame ``i`` is ``start_s + i * step_s`` since 1970; lamps speak in turns.

    ``first``: how many frames were made before, so that lamps and their counters go on. ``steady``: so short a time
    that no lamp measures anything new in it, which makes frames quickly.
    """

    count: int
    start_s: float
    step_s: float
    first: int = 0
    steady: bool = False
    lamps: int = DEVICES


@cache
def lamps(count: int = DEVICES) -> Group:
    """Return so many lamps."""
    definition = Catalogue.builtin()[TYPE]
    voice = Modelled(definition, World(1).things(TYPE, count), "chirpstack")
    return Group(definition, voice, network="chirpstack", seed=1, speed=1.0)


def devices(count: int = DEVICES) -> Sequence[Device]:
    """Return so many lamps as the register knows them."""
    return lamps(count).devices()


def write(load: Load, file: Path) -> None:
    """Make the frames and write them as packets, with their ends in ``<file>.npy``."""
    starts = [*range(0, load.count, _PART), load.count]
    pieces = [(load, start, end) for start, end in pairwise(starts)]
    sizes: list[int] = []
    with file.open("wb") as packets:
        for part in map(_part, pieces) if len(pieces) == 1 else _makers().map(_part, pieces):
            sizes += map(len, part)
            packets.write(b"".join(part))
    file.with_suffix(".ends").write_bytes(np.cumsum(sizes, dtype=np.uint64).tobytes())


def copy(file: Path, taker: str) -> Path:
    """Write a file's frames for another taker; return that file."""
    other = file.with_name(f"{file.name}-{taker}")
    other.write_bytes(file.read_bytes().replace(APPLICATIONS["ours"].encode(), APPLICATIONS[taker].encode()))
    other.with_suffix(".ends").write_bytes(file.with_suffix(".ends").read_bytes())
    return other


def events(load: Load, start: int, end: int) -> Iterator[Event]:
    """Yield the events of the frames from ``start`` to before ``end``."""
    counters, who = np.divmod(load.first + np.arange(start, end), load.lamps)
    at: Floats = load.start_s + np.arange(start, end, dtype=np.float64) * load.step_s
    daily = counters % _RARELY == _RARELY - 1
    payloads: list[tuple[bytes, int | None]] = [(b"", None)] * (end - start)
    for speech, chosen in zip(
        _voice(load.lamps).speeches, (np.flatnonzero(~daily), np.flatnonzero(daily)), strict=True
    ):
        for position, payload in zip(
            chosen.tolist(), _payloads(speech.f_port, load, who[chosen], at[chosen]), strict=True
        ):
            payloads[position] = payload, speech.f_port
    senders = lamps(load.lamps).senders
    for one, time, counter, (payload, port) in zip(who.tolist(), at.tolist(), counters.tolist(), payloads, strict=True):
        yield event(Frame(sender=senders[one], time=time, counter=counter, payload=payload, f_port=port))


def packet(topic: bytes, payload: bytes, number: int) -> bytes:
    """Return a QoS 1 PUBLISH packet."""
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % _IDS + 1) + payload
    length, size = bytearray(), len(body)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes((_PUBLISH_QOS_1,)) + length + body


@cache
def _makers() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def _part(piece: tuple[Load, int, int]) -> list[bytes]:
    load, start, end = piece
    return [
        packet(one.topic.encode(), one.payload, number) for number, one in enumerate(events(load, start, end), start)
    ]


@cache
def _voice(count: int) -> Modelled:
    voice = lamps(count)._voice
    assert isinstance(voice, Modelled)
    return voice


def _payloads(port: int | None, load: Load, who: Ints, at: Floats) -> list[bytes]:
    if load.steady:
        known = _steady(port, load.lamps, load.start_s)
        return [known[one] for one in who.tolist()]
    return _said(port, load.lamps, who, at)


@cache
def _steady(port: int | None, count: int, at: float) -> list[bytes]:
    """Return what each lamp says at one time."""
    return _said(port, count, np.arange(count), np.full(count, at))


def _said(port: int | None, count: int, who: Ints, at: Floats) -> list[bytes]:
    speech = next(speech for speech in _voice(count).speeches if speech.f_port == port)
    return _voice(count).payloads(speech, Moment(who, lamps(count).keys[who], at, Faults()))
