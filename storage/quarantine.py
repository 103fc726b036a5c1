"""Keeps what could not be understood, with its original bytes, and registers devices that nobody knows as pending.

Quarantine is the last resort, so it refuses nothing: characters that PostgreSQL cannot keep in a text (NUL, halves of
surrogate pairs) are written as escapes; the bytes of the message stay as they came.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from model.batch import SetAside
from model.errors import Reason
from storage.connection import Connection
from storage.statements import statement

_HEARD = {Reason.PENDING_DEVICE, Reason.UNKNOWN_DEVICE}


async def set_aside(connection: Connection, asides: Sequence[SetAside]) -> None:
    """Store each message once, counting how often it came; in order of hash, so that writers never wait in a circle."""
    if not asides:
        return
    messages: dict[bytes, dict[str, Any]] = {}
    devices: dict[str, dict[str, Any]] = {}
    for aside in asides:
        row = _row(aside)
        known = messages.setdefault(row["hash"], row)
        if known is not row:
            _again(known, row)
        if aside.device and aside.reason in _HEARD:
            _hear(devices, aside)
    async with connection.cursor() as cursor:
        await cursor.executemany(statement("write_quarantine"), [messages[key] for key in sorted(messages)])
        for name in sorted(devices):
            heard = devices[name]
            sql = "hear_device" if heard["unknown"] else "hear_known_device"
            await cursor.execute(statement(sql), heard)


def _row(aside: SetAside) -> dict[str, Any]:
    topic, device = _text(aside.topic), _text(aside.device)
    identity = f"{topic}\0{device}\0".encode() + aside.message
    return {
        "hash": blake2b(identity, digest_size=16).digest(),
        "source": _text(aside.source),
        "reason": aside.reason.value,
        "detail": _text(aside.detail),
        "topic": topic,
        "message": aside.message,
        "network": _text(aside.network),
        "device": device,
        "device_type": _text(aside.device_type),
        "received_at": aside.received_at,
        "last_received_at": aside.received_at,
        "times": 1,
        "simulated": aside.simulated,
    }


def _again(known: dict[str, Any], row: dict[str, Any]) -> None:
    known["times"] += 1
    known["received_at"] = min(known["received_at"], row["received_at"])
    known["last_received_at"] = max(known["last_received_at"], row["last_received_at"])
    known.update(reason=row["reason"], detail=row["detail"])


def _hear(devices: dict[str, dict[str, Any]], aside: SetAside) -> None:
    name = _text(aside.device)
    heard = devices.setdefault(
        name or "",
        {
            "device": name,
            "device_type": _text(aside.device_type),
            "network": _text(aside.network),
            "simulated": aside.simulated,
            "first": aside.received_at,
            "last": aside.received_at,
            "unknown": False,
        },
    )
    heard["first"] = min(heard["first"], aside.received_at)
    heard["last"] = max(heard["last"], aside.received_at)
    heard["unknown"] |= aside.reason is Reason.UNKNOWN_DEVICE


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
