"""The way of a message: which source, which frames, which device, which type, what it says.

Rules:

1. No message is lost on the way: each frame ends in ``Batch.frames`` or, with a reason, in ``Batch.set_aside``.
2. Frames are decoded together, one device type at a time; ``ingest.decoding`` says when they were and what they hold.
3. A bug in one adapter or decoder sets its frames aside, and is logged; it does not stop the others.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from decoders.catalogue import Catalogue
from decoders.device import Definition
from decoders.networks import Adapter, adapters
from ingest.decoding import Understood, understand
from ingest.devices import Devices
from ingest.topics import Topics
from model.batch import Batch, Frame, SetAside
from model.device import DeviceRef, State
from model.errors import Reason, SetAsideError
from model.instants import microseconds
from model.ports import DeviceLookup
from model.readings import Column, Ints, Readings
from model.uplink import Message, Uplink

logger = logging.getLogger(__name__)

UNKNOWN_SOURCE = "unknown"


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


class _Heard(NamedTuple):
    """An uplink on its way, with all that is known of it by then."""

    uplink: Uplink
    message: Message
    source: str
    device: int = 0
    simulated: bool = False


class Pipeline:
    """Turns messages into what is stored."""

    def __init__(self, catalogue: Catalogue, sources: Sequence[Source], lookup: DeviceLookup) -> None:
        self._catalogue = catalogue
        self._sources = {source.name: source for source in sources}
        self._topics = Topics({source.name: source.filters for source in sources})
        self._devices = Devices(lookup)

    async def process(self, messages: Sequence[Message]) -> Prepared:
        """Return all that these messages say; raise ``UnavailableError`` when devices cannot be looked up now."""
        prepared = Prepared()
        heard = [one for message in messages for one in self._hear(message, prepared.batch)]
        if not heard:
            return prepared
        known = await self._devices.identify((one.uplink.device for one in heard), heard[-1].message.received_at)
        for name, group in self._by_type(heard, known, prepared.batch).items():
            self._decode(self._catalogue[name], group, prepared.batch, prepared.messages)
        return prepared

    def forget(self) -> None:
        """Look up every device again: what is known of one has proved wrong."""
        self._devices.forget()

    def _hear(self, message: Message, batch: Batch) -> list[_Heard]:
        """Return the uplinks of a message; set it aside whole where they cannot be found."""
        name = self._topics.find(message.topic)
        if name is None:
            batch.set_aside.append(_aside(message, UNKNOWN_SOURCE, Reason.UNKNOWN_TOPIC, "no source takes this topic"))
            return []
        adapter = self._sources[name].adapter
        try:
            uplinks = adapter.uplinks(message.topic, message.payload)
        except SetAsideError as error:
            batch.set_aside.append(_aside(message, name, error.reason, str(error), network=adapter.name))
            return []
        except Exception as error:  # a bug here must not stop the frames of others; the message is kept
            logger.exception("the adapter %s failed on a message of %r", adapter.name, message.topic)
            detail = f"the adapter failed: {error!r}"
            batch.set_aside.append(_aside(message, name, Reason.BAD_ENVELOPE, detail, network=adapter.name))
            return []
        if not uplinks:
            logger.debug("no frame in a message of %r", message.topic)
        return [_Heard(uplink, message, name) for uplink in uplinks]

    def _by_type(
        self, heard: Sequence[_Heard], known: Mapping[str, DeviceRef], batch: Batch
    ) -> dict[str, list[_Heard]]:
        """Group what is of registered devices by device type; set the others aside."""
        groups: dict[str, list[_Heard]] = defaultdict(list)
        for one in heard:
            uplink, ref = one.uplink, known.get(one.uplink.device)
            if ref is None:
                detail = f"{uplink.device} is not registered; register it and its frames count"
                batch.set_aside.append(_aside_heard(one, Reason.UNKNOWN_DEVICE, detail, uplink.device_type))
                continue
            device_type = ref.type or uplink.device_type
            problem = self._problem(uplink, ref)
            if problem is not None:
                batch.set_aside.append(_aside_heard(one, *problem, device_type))
                continue
            simulated = uplink.simulated or ref.simulated
            groups[device_type or ""].append(one._replace(device=ref.key, simulated=simulated))
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

    def _decode(self, definition: Definition, group: Sequence[_Heard], batch: Batch, messages: list[Message]) -> None:
        """Decode the frames of one device type and add them to the batch."""
        try:
            understood = understand(
                definition, [one.uplink for one in group], [one.message.received_at for one in group]
            )
        except Exception as error:  # a bug here must not stop the frames of others; each is tried alone, and kept
            if len(group) > 1:
                for one in group:
                    self._decode(definition, [one], batch, messages)
                return
            logger.exception("decoding a frame of %s failed", definition.type.name)
            understood = Understood(errors={0: f"the decoder failed: {error!r}"})
        position = np.full(len(group), -1, dtype=np.int64)
        for i, one in enumerate(group):
            why = understood.errors.get(i)
            if why is not None:
                batch.set_aside.append(_aside_heard(one, Reason.BAD_PAYLOAD, why, definition.type.name))
                continue
            position[i] = len(batch.frames)
            batch.frames.append(_frame(one, definition, understood.times[i]))
            messages.append(one.message)
        batch.readings += [replace(rows, frame=position[rows.frame]) for rows in understood.readings]


def _frame(heard: _Heard, definition: Definition, time: datetime) -> Frame:
    return Frame(
        uplink=heard.uplink,
        key=heard.uplink.frame_key(time),
        source=heard.source,
        device=heard.device,
        device_type=definition.type.name,
        time_us=microseconds(time),
        received_us=microseconds(heard.message.received_at),
        network_us=None if heard.uplink.time is None else microseconds(heard.uplink.time),
        simulated=heard.simulated,
        decoded_with=definition.type.version,
    )


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


def _aside_heard(heard: _Heard, reason: Reason, detail: str, device_type: str | None) -> SetAside:
    return replace(
        _aside(heard.message, heard.source, reason, detail, heard.uplink.network),
        device=heard.uplink.device,
        device_type=device_type,
        simulated=heard.simulated or heard.uplink.simulated,
    )


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
