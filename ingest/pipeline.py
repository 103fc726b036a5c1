"""The way of a message: which source, which frames, which device, which type, what it says.

Rules:

1. No message is lost on the way: each frame ends in ``Batch.frames`` or, with a reason, in ``Batch.set_aside``.
2. Frames are decoded together, one device type at a time; ``ingest.decoding`` says when they were and what they hold.
3. A bug in one adapter or decoder sets its frames aside, and is logged; it does not stop the others.
4. What waits beside this (a socket, a timer) gets its turn after every ``SLICE`` messages.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import numpy as np

from decoders.catalogue import Catalogue
from decoders.device import Definition
from decoders.networks import Adapter, adapters
from ingest.decoding import Understood, plausible, understand
from ingest.devices import Devices
from ingest.outputs import outputs
from ingest.topics import Topics
from model.batch import Batch, Frame, SetAside
from model.device import DeviceRef, State
from model.errors import DecodeError, PenfeldError, Reason, SetAsideError
from model.instants import EPOCH, microseconds, moment
from model.ports import Codecs, DeviceLookup
from model.readings import Column, Ints, Readings
from model.told import Told
from model.uplink import Message, Uplink

logger = logging.getLogger(__name__)

UNKNOWN_SOURCE = "unknown"
SLICE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Frames that come in under one name in the ledger. ``topics`` empty: those of the adapter."""

    name: str
    adapter: Adapter
    topics: tuple[str, ...] = ()

    @property
    def filters(self) -> tuple[str, ...]:
        """The MQTT filters to subscribe to."""
        return self.topics or self.adapter.topics


def default_sources() -> tuple[Source, ...]:
    """Return one source for each network adapter, under the adapter's name."""
    return tuple(Source(name=adapter.name, adapter=adapter) for adapter in adapters().values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A batch to write. ``messages[i]`` is the message that brought ``batch.frames[i]``: quarantine keeps it whole."""

    batch: Batch = field(default_factory=Batch)
    messages: list[Message] = field(default_factory=list)

    def without(self, rejected: dict[int, str]) -> "Prepared":
        """Return the batch with these frames (position and why) set aside, as those that the database refused."""
        batch, kept = self.batch, [i for i in range(len(self.batch.frames)) if i not in rejected]
        position = np.full(len(batch.frames), -1, dtype=np.int64)
        position[kept] = np.arange(len(kept))
        refused = [self._refused(i, why) for i, why in sorted(rejected.items())]
        return Prepared(
            batch=Batch(
                frames=[batch.frames[i] for i in kept],
                readings=[rows for rows in (_moved(readings, position) for readings in batch.readings) if len(rows)],
                set_aside=[*batch.set_aside, *refused],
                told=batch.told,
            ),
            messages=[self.messages[i] for i in kept],
        )

    def _refused(self, index: int, why: str) -> SetAside:
        frame = self.batch.frames[index]
        return replace(
            _aside(self.messages[index], frame.source, Reason.REJECTED_BY_DATABASE, why, frame.uplink.network),
            device=frame.uplink.device,
            device_type=frame.device_type,
            simulated=frame.simulated,
        )


@dataclass(slots=True)
class _Heard:
    """Uplinks on their way, with what is known of each: lists of one length, cheaper than an object a frame."""

    uplinks: list[Uplink] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    arrived_us: list[int] = field(default_factory=list)


_Group = list[tuple[int, DeviceRef]]
"""Frames of one device type: positions in ``_Heard``, each with its device."""


class Pipeline:
    """Turns messages into what is stored. ``codecs``: who runs makers' scripts; without, types that have one wait."""

    def __init__(
        self, catalogue: Catalogue, sources: Sequence[Source], lookup: DeviceLookup, codecs: Codecs | None = None
    ) -> None:
        self._catalogue = catalogue
        self._codecs = codecs
        self._adapters = {source.name: source.adapter for source in sources}
        self._topics = Topics({source.name: source.filters for source in sources})
        self._devices = Devices(lookup)

    async def process(self, messages: Sequence[Message]) -> Prepared:
        """Return all that these messages say; raise ``UnavailableError`` when devices cannot be looked up now."""
        prepared, heard = Prepared(), _Heard()
        for start in range(0, len(messages), SLICE):
            self._hear(messages[start : start + SLICE], heard, prepared.batch)
            await asyncio.sleep(0)
        if not heard.uplinks:
            return prepared
        known = await self._devices.identify((one.device for one in heard.uplinks), heard.messages[-1].received_at)
        refs = [known.get(one.device) for one in heard.uplinks]
        for name, group in self._by_type(heard, refs, prepared.batch).items():
            await self._decode(self._catalogue[name], heard, group, prepared)
        return prepared

    def forget(self) -> None:
        """Look up every device again: what is known of one has proved wrong."""
        self._devices.forget()

    def _hear(self, messages: Sequence[Message], heard: _Heard, batch: Batch) -> None:
        """Find uplinks and facts in messages; set aside whole where they cannot be found."""
        find, arrival, arrived_us = self._topics.find, None, 0
        for message in messages:
            name = find(message.topic)
            if name is None or message.cut:
                batch.set_aside.append(_unread(message, name))
                continue
            try:
                found = self._adapters[name].uplinks(message.topic, message.payload)
            except SetAsideError as error:
                network = self._adapters[name].name
                batch.set_aside.append(_aside(message, name, error.reason, str(error), network=network))
                continue
            except Exception as error:  # a bug here must not stop the frames of others; the message is kept
                logger.exception("the adapter of %s failed on a message of %r", name, message.topic)
                detail, network = f"the adapter failed: {error!r}", self._adapters[name].name
                batch.set_aside.append(_aside(message, name, Reason.BAD_ENVELOPE, detail, network=network))
                continue
            if message.received_at is not arrival:  # messages of one read share it
                arrival = message.received_at
                arrived_us = microseconds(arrival)
            for one in found:
                if isinstance(one, Told):
                    batch.told.append(_timed(one, message.received_at))
                    continue
                heard.uplinks.append(one)
                heard.messages.append(message)
                heard.sources.append(name)
                heard.arrived_us.append(arrived_us)

    def _by_type(self, heard: _Heard, refs: Sequence[DeviceRef | None], batch: Batch) -> dict[str, _Group]:
        """Group what is of registered devices by device type; set the others aside."""
        groups: dict[str, _Group] = {}
        for position, (uplink, ref) in enumerate(zip(heard.uplinks, refs, strict=True)):
            if ref is None:
                detail = f"{uplink.device} is not registered; register it and its frames count"
                aside = _aside_heard(heard, position, Reason.UNKNOWN_DEVICE, detail, uplink.device_type)
                batch.set_aside.append(aside)
                continue
            name = ref.type or uplink.device_type or ""
            group = groups.get(name)
            if group is None or uplink.device_type is not None or ref.state is not State.ACTIVE:
                problem = self._problem(uplink, ref)
                if problem is not None:
                    aside = _aside_heard(heard, position, *problem, name or None, simulated=ref.simulated)
                    batch.set_aside.append(aside)
                    continue
                group = groups.setdefault(name, [])
            group.append((position, ref))
        return groups

    def _problem(self, uplink: Uplink, ref: DeviceRef) -> tuple[Reason, str] | None:
        """Return why the frame of this device cannot be decoded, ``None`` where it can."""
        if ref.state is State.PENDING:
            return Reason.PENDING_DEVICE, f"{uplink.device} is pending: register it to take its frames"
        if ref.state is State.RETIRED:
            return Reason.RETIRED_DEVICE, f"{uplink.device} is retired: register it again to take its frames"
        if ref.type and uplink.device_type and ref.type != uplink.device_type:
            detail = f"topic: says {uplink.device_type}, but {uplink.device} is registered as {ref.type}"
            return Reason.BAD_ENVELOPE, detail
        name = ref.type or uplink.device_type
        if not name:
            return Reason.UNKNOWN_TYPE, f"{uplink.device} is registered without a device type"
        try:
            self._catalogue[name]
        except SetAsideError as error:
            return error.reason, str(error)
        return None

    async def _decode(self, definition: Definition, heard: _Heard, group: _Group, prepared: Prepared) -> None:
        """Decode the frames of one device type and add them to the batch."""
        uplinks = [heard.uplinks[position] for position, _ in group]
        arrived = np.array([heard.arrived_us[position] for position, _ in group], dtype=np.int64)
        try:
            told = await outputs(self._codecs, definition, uplinks, arrived)
            understood = understand(definition, uplinks, arrived, told)
        except PenfeldError:
            raise
        except Exception as error:  # a bug here must not stop the frames of others: they are decoded apart from it
            await asyncio.sleep(0)
            if len(group) > 1:
                half = len(group) // 2
                await self._decode(definition, heard, group[:half], prepared)
                await self._decode(definition, heard, group[half:], prepared)
                return
            logger.exception("decoding a frame of %s failed", definition.type.name)
            understood = Understood(errors={0: DecodeError(f"the decoder failed: {error!r}")})
        batch, errors = prepared.batch, understood.errors
        for i, why in sorted(errors.items()):
            position, ref = group[i]
            aside = _aside_heard(heard, position, why.reason, str(why), definition.type.name, simulated=ref.simulated)
            batch.set_aside.append(aside)
        good = [i for i in range(len(group)) if i not in errors]
        place = np.full(len(group), -1, dtype=np.int64)
        place[good] = np.arange(len(batch.frames), len(batch.frames) + len(good))
        batch.readings += [replace(rows, frame=place[rows.frame]) for rows in understood.readings]
        for start in range(0, len(good), SLICE):
            await asyncio.sleep(0)
            some = good[start : start + SLICE]
            batch.frames += _frames(definition, heard, group, understood, some)
            prepared.messages.extend(heard.messages[group[i][0]] for i in some)


def _frames(
    definition: Definition, heard: _Heard, group: _Group, understood: Understood, some: Sequence[int]
) -> list[Frame]:
    """Return the frames at these places of a group."""
    name, version = definition.type.name, definition.type.version
    uplinks, sources, arrived_us = heard.uplinks, heard.sources, heard.arrived_us
    times_us, network_us = understood.time_us[some].tolist(), understood.network_us
    return [
        Frame(
            uplink=(uplink := uplinks[position]),
            key=uplink.frame_key(EPOCH if uplink.f_cnt is not None else moment(time_us)),
            source=sources[position],
            device=ref.key,
            device_type=name,
            time_us=time_us,
            received_us=arrived_us[position],
            network_us=network_us[i],
            simulated=uplink.simulated or ref.simulated,
            decoded_with=version,
            rest=understood.rest.get(i),
        )
        for i, (position, ref), time_us in zip(some, [group[i] for i in some], times_us, strict=True)
    ]


def _timed(told: Told, arrived: datetime) -> Told:
    """Return the facts with a time: the arrival where the network tells none, or one that no set clock can tell."""
    return told if plausible(told.time, arrived) else msgspec.structs.replace(told, time=arrived)


def _aside(message: Message, source: str, reason: Reason, detail: str, network: str | None = None) -> SetAside:
    return SetAside(
        source=source,
        reason=reason,
        detail=detail,
        topic=message.topic,
        message=message.payload,
        received_at=message.received_at,
        network=network,
    )


def _aside_heard(
    heard: _Heard, position: int, reason: Reason, detail: str, device_type: str | None, *, simulated: bool = False
) -> SetAside:
    uplink = heard.uplinks[position]
    return replace(
        _aside(heard.messages[position], heard.sources[position], reason, detail, uplink.network),
        device=uplink.device,
        device_type=device_type,
        simulated=simulated or uplink.simulated,
    )


def _unread(message: Message, name: str | None) -> SetAside:
    """Return a message that nobody reads: no source takes it, or it is not there as a whole."""
    if name is None:
        return _aside(message, UNKNOWN_SOURCE, Reason.UNKNOWN_TOPIC, "no source takes this topic")
    size = len(message.payload) + message.cut
    detail = f"the message has {size} bytes, too many to be a frame; its first {len(message.payload)} are kept"
    return _aside(message, name, Reason.BAD_ENVELOPE, detail)


def _moved(rows: Readings, position: Ints) -> Readings:
    """Return the rows whose frame keeps a place, pointing to it."""
    frame = position[rows.frame]
    kept = np.flatnonzero(frame >= 0)
    return replace(
        rows,
        frame=frame[kept],
        time_us=rows.time_us[kept],
        columns={name: Column(column.values[kept], column.valid[kept]) for name, column in rows.columns.items()},
        flags={new: rows.flags[old] for new, old in enumerate(kept.tolist()) if old in rows.flags},
    )
