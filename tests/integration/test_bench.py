"""The benchmarks run: at the smallest size, without looking at a clock."""

import os
from importlib import import_module

import pytest

from tests.bench.__main__ import benchmarks
from tests.bench.figure import Figure, Size
from tests.integration.fix_database import Cluster, bindir_with_timescaledb

KEYS = ["figure", "value", "unit", "beside", "beside_value", "ratio"]
TIMESCALEDB = bool(os.environ.get("PENFELD_TEST_DSN") or bindir_with_timescaledb())
PROMISED = {
    "adapters": {"adapters.chirpstack", "adapters.chirpstack.protobuf", "adapters.thingpark", "adapters.fuzz"},
    "bytes_per_reading": {"bytes_per_reading"},
    "decode": {"decode"},
    "end_to_end": {"end_to_end", "latency_p99", "latency_p95", "latency_p50", "rss_peak", "plain_script"},
    "queries": {"query.device_day", "query.city_month", "query.districts_year", "query.map", "query.top_month"},
}


@pytest.mark.parametrize("name", benchmarks())
@pytest.mark.parametrize("cluster", ["timescaledb" if TIMESCALEDB else "embedded"], indirect=True)
def test_each_benchmark_gives_its_figures(name: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every benchmark yields the figures that it promises, each beside another, with exactly the agreed keys."""
    if TIMESCALEDB:  # a server of its own for each would take longer than all that is measured
        monkeypatch.setenv("PENFELD_TEST_DSN", cluster.dsn("postgres"))
    elif name == "bytes_per_reading":
        pytest.skip("no TimescaleDB: install the extension beside pg_config")
    lines = [figure.line() for figure in import_module(f"tests.bench.{name}").figures(Size.TINY)]
    assert all(list(line) == KEYS for line in lines), lines
    assert all(isinstance(line[key], float) for line in lines for key in ("value", "beside_value", "ratio"))
    assert {str(line["figure"]) for line in lines} >= PROMISED.get(name, set())


def test_a_ratio_is_value_by_beside_value() -> None:
    """A figure's ratio is its value divided by the other, to three significant digits, also of nothing."""
    assert Figure("speed", 23_456.7, "frames/s", "drain", 33_333.3).line() == {
        "figure": "speed",
        "value": 23457.0,
        "unit": "frames/s",
        "beside": "drain",
        "beside_value": 33333.0,
        "ratio": 0.704,
    }
    assert Figure("speed", 1.0, "frames/s", "nothing", 0.0).ratio == 0.0
