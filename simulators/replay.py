"""Recorded frames, read from a file and sent again.

Three forms, told apart line by line or by the file's ending:

1. JSON lines, or one JSON array, of events as they came: ``{"topic": …, "payload": …, "time": …}``. The payload is an
   object (sent as JSON), or a text: with ``"encoding": "base64"`` its bytes, else itself. ``time`` (RFC 3339 or
   seconds) is when it arrived and paces the replay.
2. The same with frames of device types: ``{"device_type": …, "payload": HEX, "f_port": …, "device": …, "time": …}``.
3. CSV (``.csv``) with these words as its first line.

A frame is wrapped into the event of a network server: of ChirpStack if it has a port, else native. Such events are
marked as simulated; recorded events stay as they are. Every problem of a file is reported at once, with its line.
"""

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from model.device import Device
from model.errors import ConfigError
from simulators.envelopes import Event, Frame, Sender, event
from simulators.fleet import Sending

_MOST_PROBLEMS = 20
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_SOURCES = (
    (re.compile(r"application/[^/]+/device/[^/]+/event/.+"), "chirpstack"),
    (re.compile(r"v3/[^/]+/devices/.+"), "thethingsstack"),
    (re.compile(r"penfeld/v1/callbacks/sigfox"), "sigfox"),
    (re.compile(r"penfeld/v1/[^/]+/[^/]+/up(/simulated)?"), "native"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a file holds: events in its order, and the devices that its frames were wrapped for."""

    sendings: tuple[Sending, ...]
    devices: tuple[Device, ...]


def load(path: Path, *, start: datetime, interval_s: float = 0.01) -> Recording:
    """Read a file; raise ``ConfigError`` with every problem in it.

    ``start``: when a frame without a time was on air, if it is the first; each further one ``interval_s`` later.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None
    return read(text, name=str(path), start=start, interval_s=interval_s)


def read(text: str, *, name: str, start: datetime, interval_s: float = 0.01) -> Recording:
    """Return what a file of this text and name holds, as ``load`` does."""
    problems: list[str] = []
    sendings: list[Sending] = []
    devices: dict[str, Device] = {}
    for number, entry in _entries(text, name, problems):
        try:
            row = msgspec.convert(entry, _Row, strict=False)
            at = _seconds(row.time)
            at = start.timestamp() + len(sendings) * interval_s if at is None else at
            sendings.append(Sending(at, _event(row, at, len(sendings), devices)))
        except (ValueError, msgspec.ValidationError) as error:
            problems.append(f"{name}:{number}: {error}")
    if not sendings and not problems:
        problems.append(f"{name}: holds no frames")
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise ConfigError([*problems[:_MOST_PROBLEMS], *([f"{name}: and {more} problems more"] if more > 0 else [])])
    return Recording(sendings=tuple(sendings), devices=tuple(devices.values()))


class _Row(msgspec.Struct):
    topic: str | None = None
    payload: str | dict[str, object] | None = None
    encoding: str = "text"
    device_type: str | None = None
    device: str | None = None
    f_port: int | None = None
    time: str | float | None = None


def _entries(text: str, name: str, problems: list[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the entries of a file, each with its line (its position, in a JSON array)."""
    if name.endswith(".csv"):
        for row in (reader := csv.DictReader(io.StringIO(text))):
            yield reader.line_num, {key: value for key, value in row.items() if value not in {None, ""}}
        return
    if text.lstrip().startswith("["):
        try:
            yield from enumerate(msgspec.json.decode(text, type=list[dict[str, object]]), 1)
        except msgspec.DecodeError as error:
            problems.append(f"{name}: not a JSON array of objects: {error}")
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line, type=dict[str, object])
            except msgspec.DecodeError as error:
                problems.append(f"{name}:{number}: not a JSON object: {error}")


def _event(row: _Row, at: float, position: int, devices: dict[str, Device]) -> Event:
    if row.payload is None:
        raise ValueError("payload is missing")
    if row.topic is not None:
        return Event(_source(row.topic), row.topic, _bytes(row.payload, row.encoding))
    if row.device_type is None:
        raise ValueError("topic or device_type is missing: one of them says what this frame is")
    if not isinstance(row.payload, str) or not _HEX.fullmatch(bare := re.sub(r"[\s:]", "", row.payload)):
        raise ValueError("payload must be bytes in hex digits")
    network = "native" if row.f_port is None else "chirpstack"
    sender = _sender(row.device_type, row.device, network)
    devices.setdefault(
        sender.id, Device(id=sender.id, type=row.device_type, name=sender.name, network=network, simulated=True)
    )
    frame = Frame(sender=sender, time=at, counter=position, payload=bytes.fromhex(bare), f_port=row.f_port)
    return event(frame)


def _sender(device_type: str, device: str | None, network: str) -> Sender:
    """Return the device of a frame; where the file names none, one that stands for its type."""
    digest = blake2b(f"{device_type} {device}".encode(), digest_size=8).hexdigest()
    name = device or f"{device_type} (replay)"
    if network == "native":
        return Sender(id=device or f"replay-{digest[:8]}", name=name, device_type=device_type, network=network)
    eui = device.lower() if device and re.fullmatch(r"[0-9a-fA-F]{16}", device) else f"70b3d5{digest[:10]}"
    return Sender(id=eui, name=name, device_type=device_type, network=network, address=f"260b{digest[:4]}")


def _source(topic: str) -> str:
    return next((source for pattern, source in _SOURCES if pattern.fullmatch(topic)), "mqtt")


def _bytes(payload: str | Mapping[str, object], encoding: str) -> bytes:
    if not isinstance(payload, str):
        return msgspec.json.encode(payload)
    if encoding != "base64":
        return payload.encode()
    try:
        return base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise ValueError(f"payload: not base64: {error}") from None


def _seconds(time: str | float | None) -> float | None:
    if time is None or isinstance(time, float):
        return time
    try:
        return float(time)
    except ValueError:
        moment = datetime.fromisoformat(time)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
