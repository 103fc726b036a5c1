"""Devices in the simulated city, each speaking the wire format of its type over its network.

1. Time is given, never read: ``live(start, end)``, ``history(start, end, now=…)`` and ``memory(now)`` are functions of
   the seed and of these times. Asking in slices gives what asking at once gives.
2. A device speaks every ``period`` of its type, divided by ``speed`` (once a second at most), at a moment of its own.
   Its frame counter counts these moments since the beginning of the city.
3. Values come from the world, or from a type's ranges; bytes from its ``encode``; events from ``simulators.envelopes``.
   What can only be read, as a maker's script, sends the examples of its device file.
4. In the history a type with a log frame sends its memory by it, many readings a frame, and what the log leaves out
   every two hours; the other types send a frame an hour. Of what speaks more often than once a minute, memory before
   the last two hours is a minute out of ten.
5. ``switched_on``: a device that is switched on reports soon, not only when its period is over; so usual frames of the
   history end a period ago.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import numpy as np

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.device import Device
from model.errors import ConfigError
from simulators.chance import Floats, Ints, draw, key
from simulators.days import START_S
from simulators.envelopes import Event, Frame, Heard, Sender, event
from simulators.faults import Faults
from simulators.places import Site, distance_m, gateways
from simulators.speech import Speech
from simulators.voices import Modelled, Moment, Ranged, Replayed, Voice
from simulators.world import World

_FASTEST_S = 1.0
_HISTORY_S = 3600.0
_LOG_REST_S = 7200.0
_OFTEN_S = 60.0
_SOON_S = 8.0
_FULL_MEMORY_S, _THIN_EVERY_S = 7_200.0, 600.0
_NETWORK = {"lorawan": "chirpstack", "sigfox": "sigfox", "native": "native"}
_REPEAT_S = {"chirpstack": 0.4, "thethingsstack": 1.4, "native": 0.2, "sigfox": 60.0}
_FLOOR_DBM = -120.0  # below, a gateway hears nothing
_FAST_DBM = -105.0  # above, the highest data rate


class Sending(msgspec.Struct, frozen=True, gc=False):
    """An event and when it leaves, seconds since 1970."""

    at: float
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When the devices of a group speak: device n at ``phase[n]`` and every ``interval_s`` from there."""

    interval_s: float
    phase: Floats

    def due(self, start: float, end: float) -> tuple[Ints, Floats, Ints]:
        """Return who speaks from ``start`` to before ``end``, when, and how often it spoke before."""
        first = np.ceil((start - START_S - self.phase) / self.interval_s).astype(np.int64)
        last = np.ceil((end - START_S - self.phase) / self.interval_s).astype(np.int64)
        count = np.maximum(last - first, 0)
        who = np.repeat(np.arange(len(self.phase)), count)
        number = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count) + first[who]
        return who, START_S + self.phase[who] + number * self.interval_s, number


class Told(NamedTuple):
    """One way to tell the past: at these moments, if they are between ``youngest_s`` and ``oldest_s`` ago.

    ``speech``: ``None`` for one after the other.
    """

    speech: Speech | None
    rhythm: Rhythm
    youngest_s: float = 0.0
    oldest_s: float = np.inf


class Group:
    """The devices of one type."""

    def __init__(self, definition: Definition, voice: Voice, *, network: str, seed: int, speed: float) -> None:
        self.definition, self.network = definition, network
        self._voice = voice
        count = len(voice.sites)
        self.senders = tuple(
            _sender(definition, network, seed, number, site) for number, site in enumerate(voice.sites)
        )
        self.keys = np.array([_number(sender.id) for sender in self.senders], np.int64)
        self._ways = np.array([_number(s.heard[0].gateway if s.heard else s.id) for s in self.senders], np.int64)
        period = definition.type.period.total_seconds()
        phase = draw(key(seed, f"{definition.type.name} phase"), np.arange(count))
        interval = max(period / speed, min(period, _FASTEST_S))
        self._live = Rhythm(interval_s=interval, phase=phase * interval)
        self._phase = phase
        self._counter_s = period
        self._past = self._ways_to_tell(phase)

    def devices(self) -> tuple[Device, ...]:
        """Return the devices as the register knows them."""
        return tuple(
            Device(
                id=sender.id,
                type=sender.device_type,
                name=sender.name,
                network=self.network,
                latitude=site.latitude,
                longitude=site.longitude,
                district=site.district,
                simulated=True,
            )
            for sender, site in zip(self.senders, self._voice.sites, strict=True)
        )

    def live(self, start: float, end: float, faults: Faults, tally: Counter[str]) -> Iterator[Sending]:
        """Yield what leaves because somebody speaks from ``start`` to before ``end``."""
        who, at, number = self._live.due(start, end)
        yield from self._spoken(None, who, at, number, faults, tally)

    def switched_on(self, now: float, faults: Faults, tally: Counter[str]) -> Iterator[Sending]:
        """Yield the first report of each device that would not speak soon by itself."""
        soon, _, _ = self._live.due(now, now + _SOON_S)
        who = np.setdiff1d(np.arange(len(self.senders)), soon)
        if len(who):
            phase = self._live.phase[who]
            at = now + _SOON_S * phase / self._live.interval_s
            number = np.floor((at - START_S - phase) / self._live.interval_s).astype(np.int64)
            yield from self._spoken(self._voice.usual, who, at, number, faults, tally)

    def history(self, start: float, end: float, now: float, faults: Faults, tally: Counter[str]) -> Iterator[Sending]:
        """Yield what was on air from ``start`` to before ``end``, as told at ``now``."""
        for told in self._past:
            who, at, _ = told.rhythm.due(max(start, now - told.oldest_s), min(end, now - told.youngest_s))
            yield from self._told(told.speech, who, at, faults, tally)

    def memory(self, now: float, faults: Faults, tally: Counter[str]) -> Iterator[Sending]:
        """Yield a last, shorter log of each device: its readings since the last whole one."""
        log = self._voice.log
        if log is None:
            return
        told = next(told.rhythm for told in self._past if told.speech is log)
        newest = np.floor((now - START_S) / log.step_s) * log.step_s
        missing = ((newest - told.phase) % told.interval_s / log.step_s).astype(np.int64)
        for count in np.unique(missing[missing > 0]):
            short = self._voice.shorter_log(int(count))
            if short is not None:
                who = np.flatnonzero(missing == count)
                yield from self._told(short, who, np.full(len(who), START_S + newest), faults, tally)

    def prepare(self, now: float) -> None:
        """Compute what the first frame at ``now`` would have to wait for: registers since the beginning of the city."""
        if self.senders:
            first = Moment(np.zeros(1, np.int64), self.keys[:1], np.full(1, now), Faults())
            self._voice.payloads(self._voice.speeches[0], first)

    def _spoken(
        self, speech: Speech | None, who: Ints, at: Floats, number: Ints, faults: Faults, tally: Counter[str]
    ) -> Iterator[Sending]:
        """Yield what leaves when devices speak in one way, or each frame in the way whose turn it is."""
        if speech is not None:
            yield from self._sendings(speech, who, at, number, faults, tally)
            return
        which = self._voice.turns(who, number)
        for index in np.unique(which):
            chosen = np.flatnonzero(which == index)
            spoken = self._voice.speeches[int(index)]
            yield from self._sendings(spoken, who[chosen], at[chosen], number[chosen], faults, tally)

    def _ways_to_tell(self, phase: Floats) -> tuple[Told, ...]:
        """Return the ways to tell the past. Logs stand on a grid of their step: the same, whoever asks when."""
        if not len(phase):
            return ()
        usual, log = self._voice.usual, self._voice.log
        if log is None:
            step = max(self._counter_s, _HISTORY_S)
            return (Told(usual, Rhythm(interval_s=step, phase=phase * step), self._counter_s),)
        records = len(log.ages_s)
        whole = Rhythm(interval_s=float(log.step_s * records), phase=np.floor(phase * records) * log.step_s)
        told = [Told(log, whole)]
        short = self._voice.shorter_log(max(int(_OFTEN_S // log.step_s), 1)) if self._counter_s < _OFTEN_S else None
        if short is not None:
            slots = _THIN_EVERY_S // log.step_s
            thin = Rhythm(interval_s=slots * log.step_s, phase=np.floor(phase * slots) * log.step_s)
            told = [Told(log, whole, 0.0, _FULL_MEMORY_S), Told(short, thin, _FULL_MEMORY_S)]
        if usual is None or not set(usual.fields[0]) <= {name for names in log.fields for name in names}:
            told.append(Told(usual, Rhythm(interval_s=_LOG_REST_S, phase=phase * _LOG_REST_S), self._counter_s))
        return tuple(told)

    def _told(
        self, speech: Speech | None, who: Ints, at: Floats, faults: Faults, tally: Counter[str]
    ) -> Iterator[Sending]:
        number = np.floor((at - START_S) / self._counter_s - self._phase[who]).astype(np.int64)
        yield from self._spoken(speech, who, at, number, faults, tally)

    def _sendings(
        self, speech: Speech, who: Ints, at: Floats, number: Ints, faults: Faults, tally: Counter[str]
    ) -> Iterator[Sending]:
        if faults:
            heard = ~faults.lost(self.keys[who], number) & ~np.isnan(faults.charge(self.keys[who], at))
            tally["lost"] += len(who) - int(heard.sum())
            who, at, number = who[heard], at[heard], number[heard]
        if not len(who):
            return
        # A device that stamps its readings takes them on the second and sends them a little later.
        read = np.floor(at) if any(speech.timed) else at
        payloads = self._voice.payloads(speech, Moment(who, self.keys[who], read, faults))
        frames = [
            Frame(sender=self.senders[one], time=time, counter=count, payload=payload, f_port=speech.f_port)
            for one, time, count, payload in zip(who.tolist(), at.tolist(), number.tolist(), payloads, strict=True)
        ]
        if not faults:
            for frame in frames:
                yield Sending(frame.time, event(frame))
            return
        yield from self._wrong(frames, who, at, number, faults, tally)

    def _wrong(
        self, frames: Sequence[Frame], who: Ints, at: Floats, number: Ints, faults: Faults, tally: Counter[str]
    ) -> Iterator[Sending]:
        """Yield the frames with what radio and network do to them."""
        keys = self.keys[who]
        damaged, repeated = faults.corrupted(keys, number), faults.repeated(keys, number)
        delay = faults.delay_s(self._ways[who], at)
        tally.update(corrupted=int(damaged.sum()), repeated=int(repeated.sum()), late=int((delay > 0.0).sum()))
        for position, frame in enumerate(frames):
            sent = frame
            if damaged[position]:
                bad = faults.damage(frame.payload, int(keys[position]), frame.counter)
                sent = msgspec.structs.replace(frame, payload=bad)
            leaves = frame.time + float(delay[position])
            yield Sending(leaves, event(sent))
            if repeated[position]:
                yield Sending(leaves + _REPEAT_S[self.network], event(sent, copy=1))


class Fleet:
    """Groups of devices with what goes wrong among them. ``tally``: what faults did so far, in frames."""

    def __init__(self, groups: Sequence[Group], faults: Faults | None = None) -> None:
        self.groups = tuple(groups)
        self.tally: Counter[str] = Counter()
        self._faults = faults or Faults()

    def devices(self) -> tuple[Device, ...]:
        """Return all devices, to be registered before they speak."""
        return tuple(device for group in self.groups for device in group.devices())

    def prepare(self, now: float) -> None:
        """Compute beforehand what takes a moment, so that the first frames leave in time."""
        for group in self.groups:
            group.prepare(now)

    def live(self, start: float, end: float) -> list[Sending]:
        """Return what leaves because devices speak from ``start`` to before ``end`` (seconds since 1970), in order."""
        return self._ordered(sending for group in self.groups for sending in group.live(start, end, *self._with))

    def switched_on(self, now: float) -> list[Sending]:
        """Return what leaves in the next seconds because all devices were switched on at ``now``, in order."""
        return self._ordered(sending for group in self.groups for sending in group.switched_on(now, *self._with))

    def history(self, start: float, end: float, *, now: float) -> list[Sending]:
        """Return what was on air from ``start`` to before ``end``, as told at ``now``, in order of its time."""
        return self._ordered(s for group in self.groups for s in group.history(start, end, now, *self._with))

    def memory(self, now: float) -> Iterator[Sending]:
        """Yield what log frames still have to say at ``now``, after the history up to then."""
        return (sending for group in self.groups for sending in group.memory(now, *self._with))

    @property
    def _with(self) -> tuple[Faults, Counter[str]]:
        return self._faults, self.tally

    @staticmethod
    def _ordered(sendings: Iterator[Sending]) -> list[Sending]:
        return sorted(sendings, key=lambda sending: sending.at)


def city(
    catalogue: Catalogue,
    *,
    seed: int = 1,
    lamps: int = 300,
    meters: int = 80,
    sigfox: int = 40,
    trams: int = 20,
    speed: float = 1.0,
    faults: Faults | None = None,
) -> Fleet:
    """Return the default city: lamps on ChirpStack, meters on The Things Stack, Sigfox sensors, native trams."""
    world = World(seed)
    parts = (
        ("penfeld_streetlight", "chirpstack", lamps),
        ("penfeld_gridmeter", "thethingsstack", meters),
        ("penfeld_binsensor", "sigfox", sigfox - sigfox // 2),
        ("penfeld_watermeter", "sigfox", sigfox // 2),
        ("penfeld_tramunit", "native", trams),
    )
    groups = []
    for name, network, count in parts:
        if count:
            voice = Modelled(catalogue[name], world.things(name, count), network)
            groups.append(Group(catalogue[name], voice, network=network, seed=seed, speed=speed))
    return Fleet(groups, faults)


def of_type(
    definition: Definition, count: int, *, seed: int = 1, speed: float = 1.0, faults: Faults | None = None
) -> Fleet:
    """Return ``count`` devices of a type: from the world, else from the type's ranges, else from its examples."""
    network = _NETWORK[definition.type.networks[0]]
    voice = _voice(definition, count, network, seed)
    return Fleet([Group(definition, voice, network=network, seed=seed, speed=speed)], faults)


def _voice(definition: Definition, count: int, network: str, seed: int) -> Voice:
    world = World(seed)
    if world.knows(definition.type.name) and definition.codec is None:
        return Modelled(definition, world.things(definition.type.name, count), network)
    if definition.script is not None:
        return Replayed(definition, count, seed)
    try:
        return Ranged(definition, count, seed)
    except ConfigError:
        if definition.codec is None:
            raise
        return Replayed(definition, count, seed)  # a format that nothing can be written in


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest())


def _sender(definition: Definition, network: str, seed: int, number: int, site: Site) -> Sender:
    """Return the radio side of a device: ids by seed, gateways by distance."""
    name = definition.type.name
    digest = blake2b(f"{seed} {name} {number}".encode(), digest_size=24).hexdigest()
    ids = {"sigfox": f"00{digest[:6]}", "native": f"{name.removeprefix('penfeld_')[:40]}-{1001 + number}"}
    heard = _heard(site, int(digest[-6:], 16)) if network != "native" else ()
    loudest = heard[0].rssi_dbm if heard else _FLOOR_DBM
    return Sender(
        id=ids.get(network, f"70b3d5{digest[:10]}"),
        name=site.name,
        device_type=name,
        network=network,
        address=f"260b{digest[10:14]}",
        session=msgspec.json.encode(bytes.fromhex(digest[14:36])).decode().strip('"'),
        data_rate=int(np.clip(5 + (loudest - _FAST_DBM) // 3, 0, 5)),
        heard=heard,
    )


def _heard(site: Site, lot: int) -> tuple[Heard, ...]:
    """Return the gateways that hear a device, the loudest first, three at most (log-distance law, exponent 3.2)."""
    found = []
    for number, gateway in enumerate(gateways()):
        away = max(distance_m(site.latitude, site.longitude, gateway.latitude, gateway.longitude), 20.0)
        shadow = (lot >> 3 * number) % 8
        rssi = -24.0 - 28.0 * float(np.log10(away)) - shadow
        snr = min(11.0, 22.0 + (rssi + 90.0) * 0.45)
        found.append(
            Heard(gateway.id, gateway.name, gateway.latitude, gateway.longitude, round(rssi), round(snr * 4) / 4)
        )
    found.sort(key=lambda heard: -heard.rssi_dbm)
    return (found[0], *(heard for heard in found[1:3] if heard.rssi_dbm > _FLOOR_DBM))
