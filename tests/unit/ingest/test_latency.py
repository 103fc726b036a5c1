"""How long frames took from the air to the commit."""

from datetime import datetime, timedelta

import pytest

from ingest.latency import Latency
from model.batch import Frame
from model.instants import microseconds
from model.uplink import Uplink
from tests.unit.ingest.scene import NOON

MS = timedelta(milliseconds=1)
ON_AIR = NOON + MS


def frame(on_air: datetime | None, *, received_at: datetime = NOON) -> Frame:
    return Frame(
        uplink=Uplink(network="n", device="d", payload=b"", time=on_air),
        key=b"",
        source="s",
        device=1,
        device_type="t",
        time_us=microseconds(received_at),
        received_us=microseconds(received_at),
        network_us=None if on_air is None else microseconds(on_air),
        simulated=False,
        decoded_with="",
    )


def test_nothing() -> None:
    """Without frames there is no latency."""
    assert Latency().percentiles_ms(50, 99) == (None, None)


def test_percentiles() -> None:
    """Latencies are from the time in the envelope to the commit."""
    latency = Latency()
    latency.add([frame(ON_AIR, received_at=ON_AIR + 5 * MS) for _ in range(3)], ON_AIR + 20 * MS)
    latency.add([frame(ON_AIR, received_at=ON_AIR)], ON_AIR + 60 * MS)

    assert latency.percentiles_ms(0, 50, 100) == (20.0, 20.0, 60.0)


@pytest.mark.parametrize("on_air", [None, ON_AIR - timedelta(minutes=1), ON_AIR + MS])
def test_not_counted(on_air: datetime | None) -> None:
    """A frame without time, one that came late, and one from the future tell nothing."""
    latency = Latency()

    latency.add([frame(on_air, received_at=ON_AIR)], ON_AIR + 10 * MS)

    assert latency.percentiles_ms(50) == (None,)


@pytest.mark.parametrize(("arrived", "expected"), [(400 * MS, 50.0), (1500 * MS, 550.0)])
def test_whole_seconds(arrived: timedelta, expected: float) -> None:
    """A time in whole seconds counts from the arrival, at most from the end of its second."""
    latency = Latency()

    latency.add([frame(NOON, received_at=NOON + arrived)], NOON + arrived + 50 * MS)

    assert latency.percentiles_ms(50) == (expected,)


def test_newest() -> None:
    """Only the newest frames count, however many come at once."""
    latency = Latency(newest=3)
    for ms in (100, 1, 2, 3):
        latency.add([frame(ON_AIR, received_at=ON_AIR)], ON_AIR + ms * MS)
    one_by_one = latency.percentiles_ms(0, 100)
    latency.add([frame(ON_AIR, received_at=ON_AIR) for _ in range(10)], ON_AIR + 7 * MS)

    assert one_by_one == (1.0, 3.0)
    assert latency.percentiles_ms(0, 100) == (7.0, 7.0)


def test_large_batch() -> None:
    """Of a large batch, frames from its beginning to its end stand for all."""
    latency = Latency()
    latency.add([frame(ON_AIR + i * MS, received_at=ON_AIR + i * MS) for i in range(2500)], ON_AIR + 2500 * MS)

    assert latency.percentiles_ms(0, 50, 100) == (1.0, 1250.5, 2500.0)
