"""What is measured: its broker, its database with its lamps registered, and ``penfeld ingest`` as a process.

1. ``penfeld`` runs as a person runs it: its own command and process, a ``penfeld.toml`` with addresses and one source;
   everything else is as it comes.
2. What was stored is what another connection to the database sees in the ledger; each line of it is committed in the
   transaction of its frames.
3. Frames that are not stored exactly once void the measurement: ``VoidError`` says what is wrong; no figure is given.
"""

import contextlib
import csv
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL

from tests.acceptance.command import ROOT, Service, environment, penfeld, service, until
from tests.bench import processes
from tests.bench.frames import DEVICES, TYPE, devices
from tests.bench.progress import tell
from tests.bench.servers import broker, cluster, url_of
from tests.bench.topics import topic_filter
from tests.integration.fix_brokers import Broker
from tests.integration.fix_database import Cluster, admin

PATIENCE_S = 60.0
"""How long nothing may be stored before it counts as a failure."""
_DATABASE = "city"
_LEDGER = """select coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
coalesce(sum(quarantined), 0)::bigint from penfeld.ledger"""

_KEPT_UP = """select from penfeld.upkeep
where at - took > to_timestamp(%s) and waiting = 0"""


class VoidError(Exception):
    """A measurement that does not count, and why."""


@dataclass
class Program:
    """A program of this folder that runs; ``result`` is the last line it prints."""

    process: subprocess.Popen[str]

    def ready(self) -> None:
        """Return when it says so."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise VoidError("it did not get ready")

    def result(self) -> str:
        """Wait for its end."""
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        if self.process.wait():
            raise VoidError("it failed; see above")
        return said


@dataclass
class Rig:
    """A city to measure. ``stored``: how many frames must be in the database by now."""

    folder: Path
    broker: Broker
    cluster: Cluster
    lamps: int = DEVICES
    stored: int = 0

    @property
    def dsn(self) -> str:
        """The address of the database, as the settings want it."""
        return url_of(self.cluster.dsn(_DATABASE))

    @property
    def engine(self) -> str:
        """What the database is."""
        return "TimescaleDB" if self.cluster.engine == "timescaledb" else "plain PostgreSQL"

    def connect(self) -> psycopg.Connection[tuple[int, ...]]:
        """Return a connection that sees what is committed."""
        return psycopg.connect(self.dsn, autocommit=True)

    def configure(self, share: str = "") -> None:
        """Write the settings; ``share``: a name for workers that divide the frames among them."""
        (self.folder / "penfeld.toml").write_text(
            f'[broker]\nurl = "mqtt://127.0.0.1:{self.broker.address.port}"\n[database]\nurl = "{self.dsn}"\n'
            f'[[source]]\nname = "lamps"\nnetwork = "chirpstack"\ntopic = "{topic_filter("ours")}"\n'
            f'[ingest]\nshare = "{share}"\n',
            encoding="utf-8",
        )

    @contextlib.contextmanager
    def ingest(self, number: int = 1) -> Iterator[Service]:
        """Run a worker for as long as the block lasts, which begins when it has subscribed."""
        worker = _worker(number)
        before = len(self.broker.log.read_bytes())
        with service("ingest", folder=self.folder, PENFELD_INGEST_WORKER=worker) as running:
            until(lambda: f"penfeld-{worker} 1 ".encode() in self.broker.log.read_bytes()[before:], running)
            yield running

    @contextlib.contextmanager
    def publishing(self, file: Path, start_s: float = 0.0, rate: float = 0.0) -> Iterator[None]:
        """Publish the frames of a file during the block, as fast as may be or at a rate, to the last of them."""
        timing = [repr(start_s), repr(rate)] if rate else []
        with self._program("publisher", str(file), *timing) as publisher:
            yield
            late_s = float(publisher.result())
        if rate:
            tell(f"the publisher was {late_s * 1000:.0f} ms late at most")

    def bare_client(self, count: int) -> contextlib.AbstractContextManager[Program]:
        """Run the bare client until it has taken so many messages."""
        return self._program("drain", str(count))

    def plain_script(self, count: int, batch: int) -> contextlib.AbstractContextManager[Program]:
        """Run the plain script until it has stored so many messages."""
        return self._program("plain_script", self.dsn, str(count), str(batch))

    def forget(self, number: int) -> None:
        """Remove a worker's session from the broker, with all that waits in it."""
        name = f"penfeld-{_worker(number)}".encode()
        with socket.create_connection((self.broker.address.host, self.broker.address.port)) as line:
            line.sendall(b"\x10" + bytes([12 + len(name), 0, 4]) + b"MQTT\x04\x02\0\0\0" + bytes([len(name)]) + name)
            if line.recv(4, socket.MSG_WAITALL)[3:] != b"\0":
                raise VoidError("the broker takes no connection")
            line.sendall(b"\xe0\0")

    def watched(
        self, count: int, *running: Service, every_s: float = 0.01, again: bool = False, aside: bool = False
    ) -> Iterator[tuple[float, int]]:
        """Yield when (seconds since 1970) how many of ``count`` new frames were stored, at each change, to the end.

        ``again``: whether frames may come twice, as they do after a commit whose answer was lost. ``aside``: whether
        others may be set aside.
        """
        with self.connect() as connection:
            seen, since = 0, time.monotonic()
            while seen < count:
                stored, duplicate, quarantined = connection.execute(_LEDGER).fetchone() or (0, 0, 0)
                now = time.time()
                if (quarantined and not aside) or (duplicate and not again):
                    raise VoidError(f"{duplicate} frames count as duplicates, {quarantined} are in quarantine")
                if stored - self.stored > seen:
                    seen, since = stored - self.stored, time.monotonic()
                    yield now, seen
                elif time.monotonic() - since > PATIENCE_S or any(one.process.poll() is not None for one in running):
                    raise VoidError(f"{seen} of {count} frames were stored: {running[0].output[-2000:]}")
                time.sleep(every_s)

    def kept_up(self, running: Service) -> None:
        """Return when upkeep has had a round from now on, and has left nothing to do."""
        with self.connect() as connection:
            since = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
            began = time.monotonic()
            while not connection.execute(_KEPT_UP, since).fetchall():
                if time.monotonic() - began > 2 * PATIENCE_S or running.process.poll() is not None:
                    raise VoidError(f"upkeep has left something to do: {running.output[-2000:]}")
                time.sleep(0.1)

    def check(self, count: int, *, again: bool = False) -> None:
        """Raise ``VoidError`` unless ``count`` more frames are stored now, each exactly once, each with its reading."""
        self.stored += count
        with self.connect() as connection:
            frames = connection.execute(
                "select count(*), count(distinct (device, time, key)) from penfeld.uplink"
            ).fetchone()
            readings = connection.execute(f"select count(*) from readings.{TYPE}").fetchone()  # noqa: S608 our name
            ledger = connection.execute(_LEDGER).fetchone() or (0, 0, 0)
        wanted = (self.stored, ledger[1] if again else 0, 0)
        if (frames, readings, ledger) != ((self.stored, self.stored), (self.stored,), wanted):
            raise VoidError(
                f"{self.stored} frames were sent; rows and frames are {frames}, readings {readings}, ledger {ledger}"
            )

    def postgres_cpu_s(self) -> float:
        """Return the processor time of the database server and all its processes; 0 for one that is elsewhere."""
        if not self.cluster.stoppable:
            return 0.0
        with self.connect() as connection:
            return processes.cpu_s(processes.parent(connection.info.backend_pid))

    def broker_cpu_s(self) -> float:
        """Return the processor time of the broker."""
        assert self.broker.process is not None
        return processes.cpu_s(self.broker.process.pid)

    @contextlib.contextmanager
    def _program(self, name: str, *words: str) -> Iterator[Program]:
        address = self.broker.address
        command = (sys.executable, "-P", "-m", f"tests.bench.{name}", address.host, str(address.port), *words)
        process = subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            yield Program(process)
        finally:
            process.kill()
            process.communicate()


def _worker(number: int) -> str:
    return "ingest" if number == 1 else f"ingest-{number}"


@contextlib.contextmanager
def rig(folder: Path, lamps: int = DEVICES) -> Iterator[Rig]:
    """Make a city: servers, tables, lamps, and the session of the bare client."""
    with broker(folder / "broker") as mosquitto, cluster(folder / "database") as server:
        admin(server, SQL("drop database if exists {} with (force)"), _DATABASE)
        admin(server, SQL("create database {}"), _DATABASE)
        made = Rig(folder=folder, broker=mosquitto, cluster=server, lamps=lamps)
        made.configure()
        try:
            _prepare(made)
            yield made
        finally:
            admin(server, SQL("drop database if exists {} with (force)"), _DATABASE)


def _prepare(made: Rig) -> None:
    lamps = made.folder / "lamps.csv"
    with lamps.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "type", "name", "network", "latitude", "longitude", "district"))
        rows.writerows(
            (d.id, d.type, d.name, "chirpstack", d.latitude, d.longitude, d.district) for d in devices(made.lamps)
        )
    for words in (("db", "migrate"), ("devices", "import", str(lamps))):
        done = penfeld(*words, folder=made.folder)
        if done.returncode:
            raise VoidError(f"penfeld {' '.join(words)}: {done.stderr}")
    with made.bare_client(0) as bare:
        bare.result()
