"""``penfeld db`` on a real database, as a person uses it."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from decoders.catalogue import Catalogue
from penfeld.cli import main
from storage.connection import Database
from storage.migrate import TIMESCALEDB
from storage.tables import engine
from tests.integration.rollup_days import city, write

LAMP = "penfeld_streetlight"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command on the database: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def lit(dsn: str) -> str:
    """Store a day of readings of three lamps, not summed up yet; return the engine."""
    start = datetime(2026, 3, 1, tzinfo=UTC)

    async def prepare() -> str:
        async with Database(dsn) as database:
            of = Catalogue.builtin()[LAMP].type
            await city(database, of)
            times = [start + timedelta(minutes=15 * number) for number in range(96)]
            readings = [{"device": key, "time": time, "power_w": 40.0} for key in (1, 2, 3) for time in times]
            await write(database, of, readings)
            return await engine(database)

    return asyncio.run(prepare())


def test_status(dsn: str, said: Said) -> None:
    """Tables with size, parts, age and retention; the database's jobs; what waits to be computed."""
    kind = lit(dsn)

    waiting = said("db", "status")
    refreshed = said("db", "refresh", "--device-type", LAMP, "--from", "2026-03-01T06:00Z", "--to", "2026-03-01T09:00Z")
    code, after, remarks = said("db", "status")
    *_, text, trouble = said("db", "status", "--json")

    assert trouble == ""
    found: dict[str, Any] = json.loads(text)
    assert (waiting[0], code, remarks) == (0, 0, "")
    assert f"24 hours of {LAMP}, the oldest 2026-03-01T00:00+00:00" in waiting[1]
    assert "no round yet" in waiting[1]
    assert refreshed[1] == f"3 hours of {LAMP} computed again, 0 left\n"
    assert "24 hours, 0 left" in after
    tables = {one["name"]: one for one in found["inventory"]["tables"]}
    readings = tables[f"readings.{LAMP}"]
    ahead = 0 if kind == TIMESCALEDB else 2
    assert (readings["parts"], readings["kept"]) == (1 + ahead, None)
    assert (readings["oldest"], readings["newest"]) == ("2026-03-01T00:00:00+00:00", "2026-03-01T23:45:00+00:00")
    assert readings["bytes"] > 8192
    assert tables[f"rollups.{LAMP}_1h_group"]["oldest"] == "2026-03-01T00:00:00+00:00"
    assert f"rollups.{LAMP}_1d" in tables
    jobs = {(job["does"], job["table"]) for job in found["inventory"]["jobs"]}
    assert (("refresh", f"rollups.{LAMP}_1d") in jobs) == (kind == TIMESCALEDB)
    assert ("columnstore" in after) == (kind == TIMESCALEDB)


def test_refresh_says_what_is_wrong(said: Said) -> None:
    """A type that there is not, and a time behind its end: one line each, with what would be right."""
    unknown = said("db", "refresh", "--device-type", "penfeld_streetlihgt")
    behind = said("db", "refresh", "--device-type", LAMP, "--from", "2026-03-02", "--to", "2026-03-01")
    nothing = said("db", "refresh", "--device-type", LAMP)

    assert (unknown[0], "did you mean penfeld_streetlight" in unknown[2]) == (1, True)
    assert (behind[0], "is not before --to" in behind[2]) == (1, True)
    assert (nothing[0], nothing[1]) == (0, f"0 hours of {LAMP} computed again, 0 left\n")


def test_doctor_sees_rollups_that_nobody_keeps(dsn: str, said: Said) -> None:
    """Hours that wait, and no round of upkeep for long: doctor says what to start, though not in the first minutes."""
    lit(dsn)

    young = said("doctor")[1]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("update penfeld.migration set applied_at = now() - interval '1 hour'")
    behind = said("doctor")[1]
    said("db", "refresh", "--device-type", LAMP)
    after = said("doctor")[1]

    assert "24 hours to compute" in young
    assert "24 hours wait to be computed, which is done beside ingest, never yet" in behind
    assert "start `penfeld run` or `penfeld ingest`" in behind
    assert "rollups" in after
    assert "wait to be computed" not in after


def test_retention_of_an_unknown_type_is_refused(said: Said) -> None:
    """What penfeld.toml says of a type that there is not is told with its line, by status and by doctor."""
    Path("penfeld.toml").write_text('[retention.types.penfeld_streetlihgt]\nreadings = "90 days"\n')

    status, doctor = said("db", "status"), said("doctor")

    for text in (status[2], doctor[1]):
        assert "penfeld.toml:1: 'penfeld_streetlihgt' is no device type" in text
