"""Columns, and what becomes of them on the way into tables: pure."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.device import DeviceRef, State
from model.instants import microseconds, moment
from model.readings import Column
from storage import rows
from storage.arrays import Int4s, Texts
from tests.unit.storage.batches import NOON, SECOND, Builder

REFS = {
    name: DeviceRef(key=key, type="probe", state=State.ACTIVE, simulated=False) for key, name in enumerate("abc", 1)
}


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- Hypothesis adds the zone
def test_microseconds_are_exact(when: datetime) -> None:
    """A time and its microseconds are one and the same."""
    assert moment(microseconds(when)) == when
    assert microseconds(when.astimezone(timezone(timedelta(hours=2)))) == microseconds(when)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3))))
def test_ranks_number_the_rows_of_one_device_and_time(pairs: list[tuple[int, int]]) -> None:
    """The first is 0, the next 1, in the order of the batch."""
    seen: Counter[tuple[int, int]] = Counter()
    expected = []
    for pair in pairs:
        expected.append(seen[pair])
        seen[pair] += 1
    device, time = (np.array([pair[n] for pair in pairs], dtype=np.int64) for n in (0, 1))

    assert rows.ranks(device, time).tolist() == expected


@given(st.sets(st.integers(0, 5)))
def test_a_part_of_a_batch_has_its_frames_and_their_readings(chosen: set[int]) -> None:
    """Readings follow their frames; flags stay with their rows."""
    builder = Builder(REFS)
    for number in range(6):
        flags = (f"flag-{number}",) if number % 2 else ()
        builder.frame("abc"[number % 3], NOON, [(NOON + n * SECOND, {"steps": number}) for n in range(2)], flags=flags)
    whole = builder.build()
    positions = sorted(chosen)

    part = rows.part(whole, positions)

    assert part.frames == [whole.frames[position] for position in positions]
    [readings] = part.readings
    assert [positions[frame] for frame in readings.frame] == [position for position in positions for _ in range(2)]
    if positions:
        assert readings.columns["steps"].values.tolist() == [position for position in positions for _ in range(2)]
    assert readings.flags == {
        2 * place + n: (f"flag-{position}",) for place, position in enumerate(positions) if position % 2 for n in (0, 1)
    }


def test_months_and_days_are_those_of_utc() -> None:
    """A part of a table begins with the month in UTC; frames are looked up day by day in UTC."""
    times = [
        datetime(1970, 1, 31, 23, 59, tzinfo=UTC),
        datetime(1970, 2, 1, tzinfo=UTC),
        datetime(2026, 7, 1, tzinfo=UTC),
    ]
    time_us = np.array([microseconds(time) for time in times])

    assert rows.months(time_us) == [0, 1, 678]
    assert [positions.tolist() for positions in rows.days(time_us[[2, 0, 1, 2]])] == [[1], [2], [0, 3]]


@pytest.mark.parametrize("time_us", [-1, rows.LATEST_US, 2**63 - 1, -(2**63)])
def test_times_that_no_table_keeps_are_named_with_their_frame(time_us: int) -> None:
    """Before 1970, from 2200 on, or beyond any calendar: the frame is named, and the time if it can be."""
    batch = Builder(REFS).frame("a", NOON, {"steps": 1}).frame("b", NOON, {"steps": 1}).build()
    batch.readings[0].time_us[1] = time_us

    misplaced = rows.misplaced(batch, rows.Frames(batch.frames))

    assert list(misplaced) == [1]
    assert "not between 1970 and 2200" in misplaced[1]


def test_a_column_of_another_kind_does_not_fit() -> None:
    """Integers become floats where floats are wanted; nothing else is converted."""
    valid = np.array([True])
    whole, real, text = (Column(np.array(each), valid) for each in ([1], [1.5], ["x"]))

    assert rows.fitting(whole, "bigint") is whole
    converted = rows.fitting(whole, "double precision")
    assert converted is not None
    assert converted.values.dtype == np.float64
    assert rows.fitting(real, "bigint") is None
    assert rows.fitting(text, "text") is text
    assert rows.fitting(text, "boolean") is None


def test_arrays_have_postgresql_s_binary_form() -> None:
    """Dimensions, flags, element type, length, lower bound, then each element behind its length."""
    assert Int4s(np.array([1, -2])).data.hex(" ", 4) == (
        "00000001 00000000 00000017 00000002 00000001 00000004 00000001 00000004 fffffffe"
    )
    assert Texts([b"a", b""]).data.endswith(b"\0\0\0\x01a\0\0\0\0")
    assert Texts([]).data == bytes(8) + b"\0\0\0\x19"
