"""What networks tell of devices beside frames (``penfeld.device_state``): the newest of each fact.

Rules:

1. No fact goes backwards in time; of one time the one that came later counts. What is simulated never takes the place
   of what is real, and what is real always that of what is simulated.
2. Facts stop no frame: what is not in ``model.told.FACTS``, is of another kind, or of a time that no table keeps, is
   left out; so is what is told of devices that nobody heard or registered, and of retired ones.
3. What is told of a frame (by its counter) also fills what its row says nothing of: signal, gateway. So does what a
   repeat of that frame says which came with it. Nothing is made of it where there is no such frame, and nothing is
   overwritten.
4. All facts of a batch are one statement, in order of their key; a batch without facts costs none.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from model.device import DeviceRef, Kind, State
from model.instants import microseconds, moment
from model.readings import Bools, Ints
from model.told import FACTS, Told
from model.uplink import Value
from model.views import StateValue
from storage import rows
from storage.arrays import Flags, Float8s, Int4s, Int8s, Texts, Times
from storage.connection import Connection, Database
from storage.rows import HOUR_US, Frames
from storage.statements import statement

logger = logging.getLogger(__name__)

_AT_ONCE = 500
"""So many are looked at before what waits beside it gets its turn."""
_LONGEST = 500
"""Characters that are kept of a text."""
_REACH_S = {"sigfox": 1.0}
_REACH_OTHERS_S = 10.0
"""How far from the time of a frame lies what is told of it: Sigfox tells both in whole seconds, of one clock."""
_RSSI, _SNR, _GATEWAY = "rssi_dbm", "snr_db", "gateway"
_RADIO = {_RSSI, _SNR, _GATEWAY}


_Frame = tuple[int, int]
_Newest = tuple[bool, int, Value, str, str]
"""The newest fact of one name of one device: what is real and newer stands higher. Then value, network, event."""


@dataclass(frozen=True, slots=True)
class _Radio:
    """What is told of one frame."""

    device: int
    f_cnt: int
    time_us: int
    reach_s: float
    simulated: bool
    rssi_dbm: float
    snr_db: float
    gateway: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a batch tells of devices, ready to be written.

    ``devices``: their keys. ``said``: the newest of each fact, as the statement takes it. ``about``: frames (device and
    counter) that something is told of; ``radio``: what of that goes into their rows.
    """

    devices: Ints
    said: Mapping[str, Any]
    about: Collection[_Frame]
    radio: Sequence[_Radio]


async def lay_out(told: Sequence[Told], known: Mapping[str, DeviceRef]) -> Facts | None:
    """Return what is told of known devices, ``None`` for nothing."""
    newest: dict[tuple[int, str], _Newest] = {}
    about: set[_Frame] = set()
    radio: list[_Radio] = []
    passed = 0
    for number, one in enumerate(told, 1):
        ref = known.get(one.device)
        if ref is None or ref.state is State.RETIRED:
            passed += 1
        elif one.time is not None:
            time_us = microseconds(one.time)
            if rows.EARLIEST_US <= time_us < rows.LATEST_US:
                sound = _take(one, time_us, ref, newest)
                if one.f_cnt is not None and 0 <= one.f_cnt < 2**63:
                    about.add((ref.key, one.f_cnt))
                    if not _RADIO.isdisjoint(sound):
                        radio.append(_radio_of(one, time_us, ref, sound))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if passed:
        logger.debug("passed over what networks told of unknown or retired devices: %d of %d", passed, len(told))
    if not newest:
        return None
    keys = sorted(newest)
    await asyncio.sleep(0)
    devices = np.fromiter((device for device, _ in keys), dtype=np.int64, count=len(keys))
    said = _said(devices, [fact for _, fact in keys], [newest[key] for key in keys])
    return Facts(np.unique(devices), said, about, radio)


def _take(told: Told, time_us: int, ref: DeviceRef, newest: dict[tuple[int, str], _Newest]) -> Mapping[str, Value]:
    """Take in facts where they are newer; return those that can be."""
    real = not (told.simulated or ref.simulated)
    sound = {name: value for name, raw in told.facts.items() if (value := _sound(name, raw)) is not None}
    for name, value in sound.items():
        old = newest.get((ref.key, name))
        if old is None or (real, time_us) >= old[:2]:
            newest[ref.key, name] = (real, time_us, value, told.network, told.event)
    return sound


def _radio_of(told: Told, time_us: int, ref: DeviceRef, sound: Mapping[str, Value]) -> _Radio:
    return _Radio(
        device=ref.key,
        f_cnt=told.f_cnt or 0,
        time_us=time_us,
        reach_s=_REACH_S.get(told.network, _REACH_OTHERS_S),
        simulated=told.simulated or ref.simulated,
        rssi_dbm=_real(sound.get(_RSSI)),
        snr_db=_real(sound.get(_SNR)),
        gateway=str(sound.get(_GATEWAY, "")),
    )


def _sound(name: str, value: Value) -> Value:
    """Return the value as its fact wants it; ``None`` for what is no fact, or of another kind."""
    fact = FACTS.get(name)
    if fact is None or value is None:
        return None
    match fact.kind:
        case Kind.TEXT if isinstance(value, str):
            return value.replace("\0", "\\x00")[:_LONGEST].encode("utf-8", "backslashreplace").decode() or None
        case Kind.BOOL if isinstance(value, bool):
            return value
        case Kind.INT if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case Kind.FLOAT if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) if abs(value) < rows.LARGEST_REAL else None
    return None


def _real(value: Value) -> float:
    """Return the number as a column of ``real`` holds it (PostgreSQL refuses what is too small), NaN for none."""
    return float(np.float32(value)) if isinstance(value, float) else math.nan


async def read(database: Database, device: str) -> Mapping[str, StateValue]:
    """Return what networks told of a device, fact by fact in order of name; nothing of one that there is not."""
    found = await database.fetch(statement("device_state"), (device,)) if device.isprintable() else []
    return {
        fact: StateValue(value=_read(fact, value), time=time, network=network, event=event, simulated=simulated)
        for fact, value, time, network, event, simulated in found
    }


def _read(name: str, value: Value) -> Value:
    """Return the value of its fact's kind: of a large number JSON does not tell that it was no whole one."""
    if isinstance(value, int) and name in FACTS and FACTS[name].kind is Kind.FLOAT:
        return float(value)
    return value


async def write(connection: Connection, facts: Facts, frames: Frames, kept: Bools) -> None:
    """Write facts; tell frames what is known of their radio now. ``kept``: which of the batch's frames were new."""
    await connection.execute(statement("write_state"), facts.said)
    radio = _to_fill(facts, frames, kept)
    if not radio:
        return
    await connection.execute(statement("plan_for_filling"))
    times = np.array([one.time_us for one in radio], dtype=np.int64)
    for part in rows.days(times):
        await connection.execute(statement("fill_radio"), _filling([radio[place] for place in part.tolist()]))


def _said(devices: Ints, names: Sequence[str], values: Sequence[_Newest]) -> dict[str, Any]:
    return {
        "devices": Int4s(devices),
        "facts": Texts([name.encode() for name in names]),
        "times": Times(np.array([one[1] for one in values], dtype=np.int64)),
        "values": Texts([msgspec.json.encode(one[2]) for one in values]),
        "networks": Texts([one[3].encode() for one in values]),
        "events": Texts([one[4].encode() for one in values]),
        "simulated": Flags(np.array([not one[0] for one in values], dtype=np.bool_)),
    }


def _to_fill(facts: Facts, frames: Frames, kept: Bools) -> Sequence[_Radio]:
    """Return what may be missing in the rows of frames that something is told of.

    What was stored just now mostly says all of it itself; a repeat may say what the first one did not.
    """
    if not facts.about:
        return ()
    complete, repeats = set(), list[_Radio]()
    devices, new, times = frames.device.tolist(), kept.tolist(), frames.time_us.tolist()
    for place, uplink in enumerate(frames.uplinks):
        if uplink.f_cnt is None or (devices[place], uplink.f_cnt) not in facts.about:
            continue
        says = (uplink.rssi_dbm, uplink.snr_db, uplink.gateway)
        if new[place]:
            if None not in says:
                complete.add((devices[place], uplink.f_cnt))
        elif says != (None, None, None):
            told_us = times[place] if uplink.time is None else microseconds(uplink.time)
            repeats.append(
                _Radio(
                    device=devices[place],
                    f_cnt=uplink.f_cnt,
                    time_us=told_us,
                    reach_s=_REACH_S.get(uplink.network, _REACH_OTHERS_S),
                    simulated=bool(frames.simulated[place]),
                    rssi_dbm=_real(_sound(_RSSI, uplink.rssi_dbm)),
                    snr_db=_real(_sound(_SNR, uplink.snr_db)),
                    gateway=str(_sound(_GATEWAY, uplink.gateway) or ""),
                )
            )
    return [one for one in (*facts.radio, *repeats) if (one.device, one.f_cnt) not in complete]


def _filling(radio: Sequence[_Radio]) -> dict[str, Any]:
    times = np.array([one.time_us for one in radio], dtype=np.int64)
    return {
        "devices": Int4s(np.array([one.device for one in radio], dtype=np.int64)),
        "counters": Int8s(np.array([one.f_cnt for one in radio], dtype=np.int64)),
        "times": Times(times),
        "reaches": Float8s(np.array([one.reach_s for one in radio])),
        "simulated": Flags(np.array([one.simulated for one in radio], dtype=np.bool_)),
        "rssi_dbm": Float8s(np.array([one.rssi_dbm for one in radio])),
        "snr_db": Float8s(np.array([one.snr_db for one in radio])),
        "gateways": Texts([one.gateway.encode() for one in radio]),
        "start": _bound(int(times.min()) - HOUR_US),
        "end": _bound(int(times.max()) + HOUR_US),
    }


def _bound(time_us: int) -> datetime:
    return moment(max(time_us, rows.EARLIEST_US))
