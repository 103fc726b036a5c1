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

_HEARD = {Reason.PENDING_DEVICE, Reason.RETIRED_DEVICE, Reason.UNKNOWN_DEVICE}


async def set_aside(connection: Connection, asides: Sequence[SetAside]) -> None:
    """Store each message once, in order of arrival, counting how often it came."""
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
        await cursor.execute(statement("lock_quarantine"))
        await cursor.executemany(statement("write_quarantine"), list(messages.values()))
        await cursor.executemany(statement("hear_device"), list(devices.values()))


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
    # Simulated is what was never anything else: a purge takes nothing real.
    known.update(reason=row["reason"], detail=row["detail"], simulated=known["simulated"] and row["simulated"])


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
        },
    )
    heard["first"] = min(heard["first"], aside.received_at)
    heard["last"] = max(heard["last"], aside.received_at)
    heard["simulated"] &= aside.simulated


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
