"""What raw frames say by today's definition, held against the readings that are stored. Pure.

Rules:

1. Frames of one device and time are merged as they were when they came: in order of arrival, each fills what the ones
   before left empty (``storage.writer``). So a reading is remade of all frames that say something of its time.
2. A stored reading was made by a frame of its device that arrived when the reading did; of several, by the first whose
   time is not before the reading's. It is gone when that frame, decoded again, says nothing of its time any more, and
   no other frame does.
3. What cannot be told again is kept: a reading, or a value of it, of a frame that no longer decodes or is not there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from decoders.device import Definition
from ingest.decoding import IMPLAUSIBLE, Understood, understand
from ingest.outputs import Said
from model.batch import Frame
from model.device import DeviceType, Kind
from model.errors import CodecSuspendedError, ConflictError
from model.history import Counts, Reach, Rows
from model.readings import Array, Bools, Column, Ints, Readings

MOST_DEVICES = 500
"""More are not compared at once: device and time together have to fit into 63 bits."""
_TIME_BITS = 53
_TYPES: dict[Kind, Any] = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}


@dataclass(slots=True, kw_only=True)
class Told:
    """Frames and what they say now; ``new_us``: their event times now, ``errors``: those that do not decode, and why.

    ``row_frame``, ``row_us``, ``columns`` and ``flags`` are what they say, a row each, before anything is merged.
    """

    frames: list[Frame]
    device: Ints
    time_us: Ints
    received_us: Ints
    new_us: Ints
    errors: dict[int, str]
    row_frame: Ints
    row_us: Ints
    columns: dict[str, Column]
    flags: dict[int, tuple[str, ...]]

    @property
    def decodable(self) -> Bools:
        """Which frames decode."""
        found = np.ones(len(self.frames), dtype=np.bool_)
        found[list(self.errors)] = False
        return found

    def __add__(self, other: "Told") -> "Told":
        """Return the frames of both, the other's behind."""
        frames, rows = len(self.frames), len(self.row_frame)
        return Told(
            frames=self.frames + other.frames,
            device=np.concatenate((self.device, other.device)),
            time_us=np.concatenate((self.time_us, other.time_us)),
            received_us=np.concatenate((self.received_us, other.received_us)),
            new_us=np.concatenate((self.new_us, other.new_us)),
            errors=self.errors | {frames + position: why for position, why in other.errors.items()},
            row_frame=np.concatenate((self.row_frame, other.row_frame + frames)),
            row_us=np.concatenate((self.row_us, other.row_us)),
            columns={
                name: Column(
                    np.concatenate((one.values, other.columns[name].values)),
                    np.concatenate((one.valid, other.columns[name].valid)),
                )
                for name, one in self.columns.items()
            },
            flags=self.flags | {rows + row: flags for row, flags in other.flags.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is not as it would be. ``rows`` are to be written; ``stored[i]``: in place of which stored row (-1: none).

    ``first[i]``: the (first) frame that says ``rows[i]``. ``gone``: stored rows that nobody says any more.
    ``counted[i]``: an earlier part of the run has counted ``rows[i]`` already, and written it if it writes.
    ``counts`` has what concerns readings; ``reach``: how far rows of the run's frames lie from these.
    """

    rows: Rows
    stored: Ints
    first: Ints
    gone: Ints
    counted: Bools
    counts: Counts
    reach: Reach


def tell(definition: Definition, frames: Sequence[Frame], said: Said = ()) -> Told:
    """Decode raw frames by this definition; ``said``: what its script says of them, where it has one.

    Raise ``ConflictError`` where that is suspended.
    """
    received_us = np.array([one.received_us for one in frames], dtype=np.int64)
    understood = understand(definition, [one.uplink for one in frames], received_us, said)
    suspended = next((one for one in understood.errors.values() if isinstance(one, CodecSuspendedError)), None)
    if suspended is not None:
        raise ConflictError(f"{suspended}; mend the script, then decode again")
    errors = {position: str(error) for position, error in understood.errors.items()}
    errors.update(_unstorable(understood))
    parts = [_known(part, errors) for part in understood.readings]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    flags = {}
    for start, part in zip(starts.tolist(), parts, strict=False):
        flags.update({start + row: names for row, names in part.flags.items()})
    return Told(
        frames=list(frames),
        device=np.array([one.device for one in frames], dtype=np.int64),
        time_us=np.array([one.time_us for one in frames], dtype=np.int64),
        received_us=received_us,
        new_us=understood.time_us,
        errors=errors,
        row_frame=_joined([part.frame for part in parts]),
        row_us=_joined([part.time_us for part in parts]),
        columns=_columns(definition.type, parts, int(starts[-1])),
        flags=flags,
    )


def compare(
    told: Told, mine: Bools, stored: Rows, *, earlier: Bools | None = None, drop_undecodable: bool = False
) -> Difference:
    """Return how the readings that the frames at ``mine`` say, or said, differ from the stored ones.

    ``told`` holds besides all other frames that may say something of the same device and time; those at ``earlier``
    were in an earlier part of the run.
    """
    merged, first, speakers = _merge(told)
    ours = speakers(mine)
    counted = speakers(np.zeros_like(mine) if earlier is None else earlier)
    maker = _makers(told, stored)
    devices = np.unique(np.concatenate((told.device, stored.device)))
    now = _keys(devices, merged.device, merged.time_us)
    before = _keys(devices, stored.device, stored.time_us)
    _, left, right = np.intersect1d(now, before, assume_unique=True, return_indices=True)

    lost = ~told.decodable & (not drop_undecodable)  # frames whose word stands although it is not understood
    decided = (maker >= 0) & ~lost[maker]
    beside = np.isin(before, _keys(devices, told.device[lost], told.time_us[lost]))
    my_row = (maker >= 0) & mine[maker]

    kept = _keep(merged, stored, (left, right), head=~decided[right], values=(~decided | beside)[right])
    ours[left] |= (my_row & decided)[right]
    paired = np.full(len(merged), -1, dtype=np.int64)
    paired[left] = right
    differs = paired < 0
    differs[left] = _differing(merged, stored, left, right)
    unpaired = np.ones(len(stored), dtype=np.bool_)
    unpaired[right] = False
    chosen = np.flatnonzero(ours & differs)
    fresh = ours & ~counted
    gone = np.flatnonzero(unpaired & my_row & decided & ~beside)
    by_loss = unpaired & my_row & (beside | ~decided)
    return Difference(
        rows=merged.take(chosen),
        stored=paired[chosen],
        first=first[chosen],
        gone=gone,
        counted=counted[chosen],
        counts=Counts(
            unchanged=int(np.count_nonzero(fresh & ~differs)),
            changed=int(np.count_nonzero(fresh & differs & (paired >= 0))),
            new=int(np.count_nonzero(fresh & (paired < 0))),
            gone=len(gone),
            kept=int(np.count_nonzero(by_loss)) + int(np.count_nonzero(kept & fresh[left])),
        ),
        reach=_reach(told, mine, stored, maker, my_row),
    )


def _unstorable(understood: Understood) -> dict[int, str]:
    """Return frames with a text that no database takes."""
    found = {}
    for part in understood.readings:
        for name, column in part.columns.items():
            if column.values.dtype.kind != "O":
                continue
            for row in np.flatnonzero(column.valid).tolist():
                text = str(column.values[row])
                if "\0" in text or text.encode(errors="replace").decode() != text:
                    found[int(part.frame[row])] = f"{name}: the text has characters that cannot be stored"
    return found


def _known(part: Readings, errors: dict[int, str]) -> Readings:
    """Return the rows of frames without errors."""
    if not errors:
        return part
    rows = np.flatnonzero(~np.isin(part.frame, list(errors)))
    return Readings(
        device_type=part.device_type,
        version=part.version,
        frame=part.frame[rows],
        time_us=part.time_us[rows],
        columns={name: Column(one.values[rows], one.valid[rows]) for name, one in part.columns.items()},
        flags={new: part.flags[old] for new, old in enumerate(rows.tolist()) if old in part.flags},
    )


def _joined(arrays: Sequence[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)


def _columns(device_type: DeviceType, parts: Sequence[Readings], count: int) -> dict[str, Column]:
    """Return every field of the type over all parts; a number that is not finite counts as absent."""
    columns = {}
    for field in device_type.fields:
        values: Array = np.zeros(count, dtype=_TYPES[field.kind])
        valid = np.zeros(count, dtype=np.bool_)
        start = 0
        for part in parts:
            place = slice(start, start + len(part))
            start = place.stop
            column = part.columns.get(field.name)
            if column is None:
                continue
            values[place], valid[place] = column.values, column.valid
            if field.kind is Kind.FLOAT:
                valid[place] &= np.isfinite(values[place])
        columns[field.name] = Column(values, valid)
    return columns


def _merge(told: Told) -> tuple[Rows, Ints, Callable[[Bools], Bools]]:
    """Return one row for each device and time (rule 1), the frame that says it first, and what tells who does.

    The latter returns, of some frames, which rows one of them says.
    """
    frame = told.row_frame
    counter = np.array([-1 if one.uplink.f_cnt is None else one.uplink.f_cnt for one in told.frames], dtype=np.int64)
    device, received = told.device[frame], told.received_us[frame]
    order = np.lexsort((frame, counter[frame], received, told.row_us, device))
    starts = np.ones(len(order), dtype=np.bool_)
    starts[1:] = (np.diff(device[order]) != 0) | (np.diff(told.row_us[order]) != 0)
    group = np.cumsum(starts) - 1
    rank = np.arange(len(order)) - np.flatnonzero(starts)[group]
    base = order[starts]
    simulated = np.array([one.simulated for one in told.frames], dtype=np.bool_)
    rows = Rows(
        device=device[base],
        time_us=told.row_us[base],
        received_us=received[base],
        simulated=simulated[frame[base]],
        columns={name: Column(one.values[base], one.valid[base]) for name, one in told.columns.items()},
        flags={new: told.flags[old] for new, old in enumerate(base.tolist()) if old in told.flags}
        if told.flags
        else {},
    )
    for turn in range(1, int(rank.max(initial=0)) + 1):
        next_ones = np.flatnonzero(rank == turn)
        _fill(rows, group[next_ones], told, order[next_ones])

    def speakers(some: Bools) -> Bools:
        found = np.zeros(len(rows), dtype=np.bool_)
        found[group[some[frame[order]]]] = True
        return found

    return rows, frame[base], speakers


def _fill(rows: Rows, at: Ints, told: Told, source: Ints) -> None:
    """Fill what ``rows[at]`` left empty from the rows at ``source``; flags come along where something was filled."""
    news = np.zeros(len(at), dtype=np.bool_)
    for name, column in rows.columns.items():
        other = told.columns[name]
        needed = ~column.valid[at] & other.valid[source]
        column.values[at[needed]] = other.values[source[needed]]
        column.valid[at[needed]] = True
        news |= needed
    for i in np.flatnonzero(news).tolist() if told.flags else ():
        if more := told.flags.get(int(source[i])):
            place = int(at[i])
            rows.flags[place] = tuple(sorted({*rows.flags.get(place, ()), *more}))


def _keys(devices: Ints, device: Ints, time_us: Ints) -> Ints:
    """Return device and time as one number."""
    keys: Ints = (np.searchsorted(devices, device) << _TIME_BITS) | time_us
    return keys


def _makers(told: Told, stored: Rows) -> Ints:
    """Return the frame that made each stored row (rule 2), -1 where it is not there."""
    rows, frames = len(stored), len(told.frames)
    device = np.concatenate((stored.device, told.device))
    received = np.concatenate((stored.received_us, told.received_us))
    time_us = np.concatenate((stored.time_us, told.time_us))
    is_frame = np.concatenate((np.zeros(rows, dtype=np.bool_), np.ones(frames, dtype=np.bool_)))
    order = np.lexsort((is_frame, time_us, received, device))
    place = np.where(is_frame[order], np.arange(rows + frames), rows + frames)
    behind = np.minimum.accumulate(place[::-1])[::-1]  # the next frame at or behind each place
    maker = np.full(rows, -1, dtype=np.int64)
    here = np.flatnonzero(~is_frame[order] & (behind < rows + frames))
    frame, row = order[behind[here]], order[here]
    same = (device[frame] == device[row]) & (received[frame] == received[row])
    maker[row[same]] = frame[same] - rows
    return maker


def _keep(merged: Rows, stored: Rows, pairs: tuple[Ints, Ints], *, head: Bools, values: Bools) -> Bools:
    """Put back what is kept of stored rows (rule 3); return for which pairs something was.

    ``head``: pairs whose arrival and mark stay; ``values``: those whose values stay where nobody says another.
    """
    left, right = pairs
    merged.received_us[left[head]] = stored.received_us[right[head]]
    merged.simulated[left[head]] = stored.simulated[right[head]]
    kept = np.zeros(len(left), dtype=np.bool_)
    names: dict[int, list[str]] = {}
    for name, column in merged.columns.items():
        other = stored.columns[name]
        needed = values & ~column.valid[left] & other.valid[right]
        column.values[left[needed]] = other.values[right[needed]]
        column.valid[left[needed]] = True
        kept |= needed
        for pair in np.flatnonzero(needed).tolist() if stored.flags else ():
            names.setdefault(pair, []).append(f"{name}:range")
    for pair in np.flatnonzero(values).tolist() if stored.flags else ():
        stay = {*names.get(pair, ()), *([IMPLAUSIBLE] if head[pair] else [])}
        if more := stay & {*stored.flags.get(int(right[pair]), ())}:
            place = int(left[pair])
            merged.flags[place] = tuple(sorted({*merged.flags.get(place, ()), *more}))
    return kept


def _differing(merged: Rows, stored: Rows, left: Ints, right: Ints) -> Bools:
    """Return which pairs are not the same."""
    differs: Bools = (merged.received_us[left] != stored.received_us[right]) | (
        merged.simulated[left] != stored.simulated[right]
    )
    for name in merged.columns:
        differs |= changed(merged.columns[name], stored.columns[name], left, right)
    if merged.flags or stored.flags:
        flagged = np.isin(left, list(merged.flags)) | np.isin(right, list(stored.flags))
        for pair in np.flatnonzero(flagged & ~differs).tolist():
            now, before = merged.flags.get(int(left[pair]), ()), stored.flags.get(int(right[pair]), ())
            differs[pair] = {*now} != {*before}
    return differs


def changed(now: Column, before: Column, left: Ints, right: Ints) -> Bools:
    """Return in which pairs of rows a field says something else."""
    there, was = now.valid[left], before.valid[right]
    other = (now.values[left] != before.values[right]).astype(np.bool_)
    found: Bools = (there != was) | (there & was & other)
    return found


def _reach(told: Told, mine: Bools, stored: Rows, maker: Ints, my_row: Bools) -> Reach:
    """Return how far rows of the run's frames lie from their frames' times, as they are and as they were."""
    said = mine[told.row_frame]
    ahead = told.row_us[said] - told.time_us[told.row_frame[said]]
    back = told.time_us[maker[my_row]] - stored.time_us[my_row]
    return Reach(back_us=max(int(back.max(initial=0)), -int(ahead.min(initial=0))), ahead_us=int(ahead.max(initial=0)))
