"""Arrays as PostgreSQL parameters in its binary form, made from whole columns.

The driver turns a list into an array element by element in Python, about 1 µs each; numpy and ``bytes.join`` do a
column at once. Elements are never NULL: where values may be absent, a second array says where there are any (in an
array with NULLs PostgreSQL would count from its beginning to find an element). A wrapper's class says the array's
type; connections know them after ``register``.
"""

from collections.abc import Sequence
from struct import pack
from typing import Any, ClassVar

import numpy as np
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from model.readings import Array, Ints

POSTGRES_EPOCH_US = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL counts from."""

JSONB_VERSION = b"\x01"
"""What stands before JSON in the binary form of ``jsonb``."""


def _head(element: int, count: int) -> bytes:
    return pack("!iiIii", 1, 0, element, count, 1) if count else pack("!iiI", 0, 0, element)


def _fixed(element: int, values: Array, form: str) -> bytes:
    """Return an array of numbers: each is its length, then its bytes."""
    cells = np.empty(len(values), dtype=[("length", ">i4"), ("value", form)])
    cells["length"] = cells.dtype["value"].itemsize
    cells["value"] = values
    return _head(element, len(values)) + cells.tobytes()


def _varying(element: int, values: Sequence[bytes]) -> bytes:
    parts = [_head(element, len(values))]
    for value in values:
        parts += (len(value).to_bytes(4, "big"), value)
    return b"".join(parts)


class ArrayParameter:
    """The base of the wrappers below: ``data`` is the array as PostgreSQL receives it."""

    oid: ClassVar[int]
    data: bytes


class Int4s(ArrayParameter):
    """``integer[]``."""

    oid = 1007

    def __init__(self, values: Array) -> None:
        self.data = _fixed(23, values, ">i4")


class Int8s(ArrayParameter):
    """``bigint[]``."""

    oid = 1016

    def __init__(self, values: Array) -> None:
        self.data = _fixed(20, values, ">i8")


class Float8s(ArrayParameter):
    """``double precision[]``."""

    oid = 1022

    def __init__(self, values: Array) -> None:
        self.data = _fixed(701, values, ">f8")


class Times(ArrayParameter):
    """``timestamptz[]`` from microseconds since 1970 UTC."""

    oid = 1185

    def __init__(self, time_us: Ints) -> None:
        self.data = _fixed(1184, time_us - POSTGRES_EPOCH_US, ">i8")


class Flags(ArrayParameter):
    """``boolean[]``."""

    oid = 1000

    def __init__(self, values: Array) -> None:
        self.data = _fixed(16, values, "u1")


class Bytes(ArrayParameter):
    """``bytea[]``."""

    oid = 1001

    def __init__(self, values: Sequence[bytes]) -> None:
        self.data = _varying(17, values)


class Texts(ArrayParameter):
    """``text[]`` from UTF-8."""

    oid = 1009

    def __init__(self, values: Sequence[bytes]) -> None:
        self.data = _varying(25, values)


def _dumper(wrapper: type[ArrayParameter]) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = wrapper.oid

        def dump(self, obj: Any) -> Buffer:  # noqa: ANN401 -- the driver's own signature
            data: bytes = obj.data
            return data

    return ArrayDumper


_DUMPERS = {wrapper: _dumper(wrapper) for wrapper in (Int4s, Int8s, Float8s, Times, Flags, Bytes, Texts)}


def register(context: AdaptContext) -> None:
    """Teach a connection these parameters."""
    for wrapper, dumper in _DUMPERS.items():
        context.adapters.register_dumper(wrapper, dumper)
