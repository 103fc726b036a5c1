"""What frames say, and when: event times above all."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ingest.decoding import IMPLAUSIBLE, Understood, understand
from model.instants import microseconds, moment
from model.uplink import Uplink, Value
from tests.unit.ingest.scene import NOON, catalogue

ARRIVED = NOON + timedelta(seconds=3)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uplink(
    payload: str | None = None, *, f_port: int | None = 1, time: datetime | None = NOON, **values: Value
) -> Uplink:
    given = None if payload is None else bytes.fromhex(payload)
    return Uplink(network="chirpstack", device="d", f_port=f_port, time=time, payload=given, values=values or None)


def said(*uplinks: Uplink) -> Understood:
    arrived = np.full(len(uplinks), microseconds(ARRIVED))
    return understand(catalogue()["probe"], uplinks, arrived)


def times(understood: Understood) -> list[datetime]:
    return [moment(time_us) for time_us in understood.time_us.tolist()]


def rows(understood: Understood) -> list[tuple[int, datetime, dict[str, object], tuple[str, ...]]]:
    return [
        (
            int(part.frame[row]),
            EPOCH + timedelta(microseconds=int(part.time_us[row])),
            {name: column.values[row] for name, column in part.columns.items() if column.valid[row]},
            part.flags.get(row, ()),
        )
        for part in understood.readings
        for row in range(len(part))
    ]


def test_payload_and_values() -> None:
    """Payloads and named values of one type are understood side by side, each pointing to its frame."""
    understood = said(uplink(temperature_c=20), uplink("09c405"), uplink(lit_on=True, state_text="busy", door_count=2))

    assert sorted(rows(understood), key=lambda row: row[0]) == [
        (0, NOON, {"temperature_c": 20.0}, ()),
        (1, NOON, {"temperature_c": 25.0, "door_count": 5}, ()),
        (2, NOON, {"lit_on": True, "state_text": "busy", "door_count": 2}, ()),
    ]
    assert understood.errors == {}


def test_errors() -> None:
    """What does not fit is named at its frame, and hides no other."""
    understood = said(uplink("09"), uplink(wind_ms=3), uplink(door_count=2**70), uplink("09c405"))

    assert list(understood.errors) == [0, 1, 2]
    assert "temperature_c" in str(understood.errors[0])
    assert "wind_ms" in str(understood.errors[1])
    assert "door_count" in str(understood.errors[2])
    assert [row[0] for row in rows(understood)] == [3]


def test_nothing_told() -> None:
    """Values of which none is known make a row with none."""
    understood = said(uplink(temperature_c=None))

    assert rows(understood) == [(0, NOON, {}, ())]


def test_log() -> None:
    """Records of a data logger lie their age before the frame, whose time is that of the newest."""
    understood = said(uplink("09c409c509c6", f_port=2))

    assert [row[1] for row in rows(understood)] == [NOON - timedelta(minutes=10 * i) for i in range(3)]
    assert times(understood) == [NOON]


def test_own_time() -> None:
    """The payload's own time comes before the network's."""
    own = datetime(2026, 5, 4, 11, 59, tzinfo=UTC)

    understood = said(uplink(f"{int(own.timestamp()):08x}09c481", f_port=3))

    assert times(understood) == [own]
    assert rows(understood)[0][1] == own


def test_no_time() -> None:
    """Without any time the arrival counts, and nothing is flagged."""
    understood = said(uplink("09c405", time=None))

    assert rows(understood)[0][1:] == (ARRIVED, {"temperature_c": 25.0, "door_count": 5}, ())


@pytest.mark.parametrize(
    "time", [datetime(2014, 12, 31, 23, 59, 59, tzinfo=UTC), ARRIVED + timedelta(days=1, microseconds=1)]
)
def test_implausible(time: datetime) -> None:
    """A time before 2015, or more than a day after the arrival, gives way to the arrival, and the row is flagged."""
    understood = said(uplink("09c405", time=time))

    assert times(understood) == [ARRIVED]
    assert [(row[1], row[3]) for row in rows(understood)] == [(ARRIVED, (IMPLAUSIBLE,))]


@pytest.mark.parametrize("time", [datetime(2015, 1, 1, tzinfo=UTC), ARRIVED + timedelta(days=1)])
def test_just_plausible(time: datetime) -> None:
    """The bounds themselves are plausible."""
    understood = said(uplink("09c405", time=time))

    assert [(row[1], row[3]) for row in rows(understood)] == [(time, ())]


def test_log_of_unset_clock() -> None:
    """A log under a wrong time is counted back from the arrival, every row flagged."""
    understood = said(uplink("09c409c5", f_port=2, time=datetime(2000, 1, 1, tzinfo=UTC)))

    expected = [(ARRIVED, (IMPLAUSIBLE,)), (ARRIVED - timedelta(minutes=10), (IMPLAUSIBLE,))]
    assert [(row[1], row[3]) for row in rows(understood)] == expected


def test_range() -> None:
    """A value out of range is kept and flagged, beside what else is wrong."""
    understood = said(uplink("7ffe05", time=datetime(2000, 1, 1, tzinfo=UTC)), uplink(temperature_c=-41))

    assert [row[3] for row in rows(understood)] == [("temperature_c:range", IMPLAUSIBLE), ("temperature_c:range",)]


def test_silence() -> None:
    """An empty frame on port 0 is no error and has no readings; an empty one on another port is an error."""
    understood = said(uplink("", f_port=0), uplink("", f_port=1), uplink("", f_port=0, time=EPOCH))

    assert list(understood.errors) == [1]
    assert rows(understood) == []
    assert (times(understood)[0], times(understood)[2]) == (NOON, ARRIVED)


def test_microseconds() -> None:
    """Times keep their microseconds."""
    exact = datetime(2026, 5, 4, 11, 59, 59, 999_999, tzinfo=UTC)

    assert times(said(uplink("09c405", time=exact))) == [exact]


def test_network_time() -> None:
    """What the network told stays beside the time in use, and so does that it told nothing."""
    understood = said(uplink("09c405", time=EPOCH), uplink("09c405", time=None), uplink("09c405"))

    assert list(understood.network_us) == [0, None, microseconds(NOON)]
    assert times(understood) == [ARRIVED, ARRIVED, NOON]
