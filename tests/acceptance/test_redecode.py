"""``penfeld redecode`` as a person uses it: a device file is mended, history follows, whatever happens meanwhile."""

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from decoders.catalogue import Catalogue
from decoders.networks import Adapter
from ingest.pipeline import Pipeline, Source
from model.device import Device
from model.uplink import Message, Uplink
from storage.connection import Database
from storage.migrate import migrate
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.acceptance.command import penfeld, service, until
from tests.acceptance.conftest import temporary_folder
from tests.acceptance.test_commands import LAB_SOIL
from tests.integration.fix_database import make_cluster

MENDED = LAB_SOIL.replace("i16 * 0.01", "i16 * 0.1").replace("= 12.0", "= 120.0").replace("[-10, 40]", "[-10, 400]")
START = datetime(2026, 7, 1, tzinfo=UTC)
CUT = "2026-07-02T00:00Z"
FRAMES, DEVICES = 1200, 3


@dataclass
class Lab:
    """A folder with a device file, and a database that holds what it once decoded."""

    folder: Path
    dsn: str

    @property
    def device_file(self) -> Path:
        """The file that people mend."""
        return self.folder / "my-devices" / "lab_soil.toml"

    def ask(self, query: str) -> Any:  # noqa: ANN401 -- whatever is asked for
        """Return the first value that the database answers."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row and row[0]

    def run(self, *words: str, code: int = 0) -> str:
        """Run ``penfeld redecode`` and return what it prints: errors if it fails."""
        done = penfeld("redecode", *words, folder=self.folder, PENFELD_DATABASE_URL=self.dsn)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module", params=["embedded", "timescaledb"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Decode history by a device file into a database of each kind, then mend the file."""
    with temporary_folder() as folder:
        folder.chmod(0o755)  # the server's user is not ours
        server = make_cluster(request.param, folder)
        found = Lab(folder, server.dsn("postgres"))
        found.device_file.parent.mkdir()
        asyncio.run(_fill(found.dsn))
        found.device_file.write_text(MENDED)
        yield found
        server.stop()


async def _fill(dsn: str) -> None:
    uplinks = [
        Uplink(
            network="test",
            device=f"soil-{number % DEVICES}",
            time=START + number * timedelta(minutes=5),
            payload=number.to_bytes(2, "big") + b"\x0f\xa0",
            f_port=1,
            f_cnt=number,
        )
        for number in range(FRAMES)
    ]
    adapter = Adapter(name="test", topics=("test",), uplinks=lambda _, payload: (uplinks[int(payload)],))
    catalogue = Catalogue({"lab_soil": LAB_SOIL})
    async with Database(dsn) as database:
        await migrate(database)
        await prepare(database, catalogue.types())
        registry = Registry(database)
        await registry.register([Device(id=f"soil-{number}", type="lab_soil") for number in range(DEVICES)])
        pipeline = Pipeline(catalogue, [Source(name="test", adapter=adapter)], registry)
        messages = [
            Message(
                topic="test", payload=str(number).encode(), received_at=START + (5 * number + 1) * timedelta(minutes=1)
            )
            for number in range(FRAMES)
        ]
        await Writer(database, "w").write((await pipeline.process(messages)).batch)


def test_the_difference_is_shown_first(lab: Lab) -> None:
    """``--dry-run``: counts, how the field changes, the worst examples with their bytes; and nothing is changed."""
    shown = lab.run("--device-type", "lab_soil", "--to", CUT, "--dry-run")

    assert "readings that change            287" in shown
    assert "temperature_c  Cel   287       12.96         25.83       0         0" in shown
    assert "soil-2  2026-07-01T23:55:00+00:00  2.87    28.7   1     011f0fa0" in shown
    assert lab.ask("select count(*) from penfeld.redecode where state = 'open'") == 0
    assert lab.run("--device-type", "lab_soil", code=2).endswith("add --yes, or --dry-run to see the difference only\n")


def test_a_killed_run_goes_on_without_repeating_or_skipping(lab: Lab) -> None:
    """``kill -9`` in the middle: the list shows it, another device file is refused, resuming changes the rest once."""
    words = ("redecode", "--device-type", "lab_soil", "--from", CUT, "--yes", "--batch", "50")
    with psycopg.connect(lab.dsn) as held, service(*words, folder=lab.folder, PENFELD_DATABASE_URL=lab.dsn) as running:
        held.execute("select from readings.lab_soil where time = '2026-07-03T05:05Z' for update")
        until(lambda: lab.ask("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"), running)
        running.stop(signal.SIGKILL)
    [left] = json.loads(lab.run("--list", "--json"))
    lab.device_file.write_text(LAB_SOIL)
    refused = lab.run("--resume", code=1)
    lab.device_file.write_text(MENDED)

    ended = json.loads(lab.run("--resume", "--json"))["run"]

    assert (left["state"], left["working"]) == ("open", False)
    assert 0 < left["counts"]["frames"] < ended["frames"]
    assert "put the earlier file back and resume" in refused
    assert (ended["state"], ended["counts"]["frames"], ended["counts"]["changed"]) == ("finished", 912, 912)
    assert lab.ask("select count(*) from penfeld.superseded") == 912
    assert lab.ask("select count(*) from (select distinct device, time from penfeld.superseded) as s") == 912
    assert lab.ask("select max(temperature_c) from readings.lab_soil") == pytest.approx(119.9)
    assert lab.ask("select max(temperature_c) from latest.lab_soil") == pytest.approx(119.9)
    assert lab.ask("select count(*) from penfeld.audit where what = 'readings.redecoded' and target = 'lab_soil'") == 1
    assert "no run waits to be resumed" in lab.run("--resume", code=1)
    now, before = json.loads(lab.run("--history", "soil-0", "2026-07-02T00:00:00Z", "--json"))
    assert (now["values"]["temperature_c"], now["run"]) == (pytest.approx(28.8), None)
    assert (before["values"]["temperature_c"], before["run"]) == (pytest.approx(2.88), ended["number"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--device-type", "lab_sail", "--dry-run"), "did you mean lab_soil?"),
        (("--device-type", "lab_soil", "--dry-run", "--device", "nobody"), "there is no device 'nobody'"),
        (("--device-type", "lab_soil", "--dry-run", "--from", "soon"), "'soon' is no time: write 2026-07-01"),
        (("--device-type", "lab_soil", "--dry-run", "--from", "now", "--to", "-1h"), "nothing lies between"),
    ],
)
def test_wrong_words_are_one_line_with_what_to_do(lab: Lab, words: tuple[str, ...], says: str) -> None:
    """Each mistake is told before anything is looked at or changed."""
    lines = lab.run(*words, code=1).splitlines()

    assert len(lines) == 1
    assert says in lines[0]
