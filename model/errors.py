"""Every error that Penfeld raises on purpose, named by what the caller does next.

``SetAsideError`` and its children: keep the frame in quarantine with its reason; retrying cannot help.
``UnavailableError``: wait, then try again; nothing is lost meanwhile.
``WriteRejectedError``: some rows can never be stored; the others can.
``ConfigError``: stop; a person must act; every problem is in it at once.
``EncodeError``, ``NotFoundError``, ``ConflictError``, ``BadRequestError``: tell whoever asked; nothing was changed.
"""

from collections.abc import Sequence
from enum import StrEnum


class Reason(StrEnum):
    """Why a frame is in quarantine: a closed list, stored, counted and shown as it stands here."""

    UNKNOWN_TOPIC = "unknown_topic"
    BAD_ENVELOPE = "bad_envelope"
    UNKNOWN_DEVICE = "unknown_device"
    PENDING_DEVICE = "pending_device"
    RETIRED_DEVICE = "retired_device"
    UNKNOWN_TYPE = "unknown_type"
    BAD_PAYLOAD = "bad_payload"
    CODEC_SUSPENDED = "codec_suspended"
    REJECTED_BY_DATABASE = "rejected_by_database"


class PenfeldError(Exception):
    """The root of all errors raised on purpose; never raised itself."""


class SetAsideError(PenfeldError):
    """A frame cannot be understood: keep it in quarantine under ``reason``, and go on."""

    reason: Reason = Reason.BAD_PAYLOAD


class EnvelopeError(SetAsideError):
    """What a network server sent is not the event it should be; the message names the missing or wrong field."""

    reason = Reason.BAD_ENVELOPE


class UnknownTypeError(SetAsideError):
    """The device type is in no catalogue."""

    reason = Reason.UNKNOWN_TYPE


class DecodeError(SetAsideError):
    """The payload does not fit the device's layout.

    ``offset`` is the byte, counted from 0 and never behind the payload's end, at which decoding stopped.
    """

    reason = Reason.BAD_PAYLOAD

    def __init__(self, message: str, *, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class CodecSuspendedError(DecodeError):
    """The codec overstepped its limits too often, and is asked no more until its file changes."""

    reason = Reason.CODEC_SUSPENDED


class EncodeError(PenfeldError):
    """Values do not fit the layout: out of the field's range, of the wrong kind, or of no field at all."""


class UnavailableError(PenfeldError):
    """A broker or database does not answer now; wait, then try again."""


class WriteRejectedError(PenfeldError):
    """Some rows can never be stored. ``rejected`` says which (position in the batch) and why; the others can."""

    def __init__(self, rejected: dict[int, str]) -> None:
        super().__init__("; ".join(f"frame {index}: {why}" for index, why in rejected.items()))
        self.rejected = rejected


class NotFoundError(PenfeldError):
    """What was asked for does not exist."""


class ConflictError(PenfeldError):
    """What was asked for contradicts what is there already."""


class BadRequestError(PenfeldError):
    """What was asked for makes no sense; the message says which part and what would."""


class ConfigError(PenfeldError):
    """Settings or a device file are wrong; a person must act. ``problems`` holds every one found, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def the_problem(group: BaseExceptionGroup[BaseException]) -> PenfeldError | None:
    """Return the first of ours where a group of tasks ended with nothing else in it; else ``None``."""
    ours, others = group.split(PenfeldError)
    if ours is None or others is not None:
        return None
    first: BaseException = ours
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, PenfeldError) else None
