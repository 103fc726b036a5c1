"""A whole installation that can fail: lamps, broker, workers, database, each a process, and a line between each pair.

publisher ── ``lamps_line`` ── Mosquitto ── ``broker_line`` ── ``penfeld ingest`` ── ``database_line`` ── PostgreSQL
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from tests.acceptance.command import COMMAND, ROOT, environment
from tests.acceptance.faults.account import Account, account, ledger, settled
from tests.acceptance.faults.load import Publication, publications
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.publisher import Publisher
from tests.acceptance.faults.scale import RATE
from tests.acceptance.faults.server import Server
from tests.integration.fix_brokers import Broker, mosquitto

PATIENCE_S = 90.0
RSS_MB = 200.0
"""More memory than this no worker may need, whatever happens."""
FLAT_MB = 10.0
"""When the window is full, what a worker needs grows by no more than this."""
_CONNECTED = "connected to mqtt"
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def until(what: Callable[[], bool], because: Callable[[], str], within_s: float = PATIENCE_S) -> float:
    """Return the seconds that it took to come true; fail with the reason when it does not in time."""
    start = time.monotonic()
    while not what():
        assert time.monotonic() < start + within_s, f"not within {within_s:g} s: {because()}"
        time.sleep(0.05)
    return time.monotonic() - start


@dataclass
class Worker:
    """``penfeld ingest`` as a process, again and again. ``rss_mb``: when it needed how much memory, MB."""

    folder: Path
    name: str
    settings: Mapping[str, str]
    command: tuple[str, ...] = COMMAND
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    rss_mb: list[tuple[float, float]] = field(default_factory=list, repr=False)

    @property
    def said(self) -> list[str]:
        """The lines of its log, from its first start on."""
        file = self.folder / f"{self.name}.log"
        return file.read_text().splitlines() if file.exists() else []

    def lines(self, pattern: str) -> list[str]:
        """Return the lines in which the pattern is found."""
        return [line for line in self.said if re.search(pattern, line)]

    def start(self) -> None:
        """Start it and return when it listens."""
        before = len(self.lines(_CONNECTED))
        more = {"PENFELD_INGEST_WORKER": self.name, **self.settings}
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                (*self.command, "ingest"), cwd=self.folder, env=environment(**more), stdout=log, stderr=log
            )
        until(lambda: self._listens(before), lambda: "\n".join([f"{self.name} does not listen", *self.said[-20:]]))

    def _listens(self, before: int) -> bool:
        assert self.runs, "\n".join(self.said)
        return len(self.lines(_CONNECTED)) > before

    @property
    def runs(self) -> bool:
        """Whether it lives."""
        return self.process is not None and self.process.poll() is None

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def kill(self) -> None:
        """Take it away without a word, ``kill -9``."""
        self.end(signal.SIGKILL)

    def look(self) -> None:
        """Note how much memory it needs now."""
        process = self.process
        if process is not None:
            with contextlib.suppress(OSError, IndexError):
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                if pages:
                    self.rss_mb.append((time.monotonic(), pages * _PAGE_MB))

    @property
    def peak_mb(self) -> float:
        """The most memory that it ever needed."""
        return max((mb for _, mb in self.rss_mb), default=0.0)

    def grown_mb(self, since: float) -> float:
        """Return how much more memory it needed in the second half of the time since that moment than in the first."""
        middle = (since + time.monotonic()) / 2
        first = max(mb for at, mb in self.rss_mb if since <= at < middle)
        return max(mb for at, mb in self.rss_mb if at >= middle) - first


@dataclass
class City:
    """One installation with a database of its own. ``recovery_s``: until frames were stored after the fault."""

    folder: Path
    server: Server
    database: str
    broker: Broker
    lamps_line: Proxy
    broker_line: Proxy
    database_line: Proxy
    workers: list[Worker] = field(default_factory=list)
    recovery_s: float | None = None

    @property
    def dsn(self) -> str:
        """The database, past every line."""
        return self.server.dsn(self.database)

    def worker(self, name: str = "ingest", command: tuple[str, ...] = COMMAND, **settings: str) -> Worker:
        """Start a worker; ``settings`` are environment."""
        worker = Worker(self.folder, name, settings, command)
        self.workers.append(worker)
        worker.start()
        return worker

    def unlucky_worker(self) -> Worker:
        """Start a worker whose clock can be set."""
        clock = self.folder / "clock"
        clock.write_text("0")
        command = (*COMMAND[:-1], "tests.acceptance.faults.unlucky")
        return self.worker(command=command, UNLUCKY_CLOCK=str(clock))

    def set_clock(self, wrong_s: float) -> None:
        """Set the clock of the unlucky worker: wrong by so many seconds."""
        new = self.folder / "clock.new"
        new.write_text(str(wrong_s))
        new.replace(self.folder / "clock")

    def broker_saves(self) -> None:
        """Let Mosquitto write its file now and not at its next ``autosave_interval``."""
        assert self.broker.process is not None
        self.broker.process.send_signal(signal.SIGUSR1)
        until((self.folder / "mosquitto.db").exists, lambda: "Mosquitto has written no file")
        time.sleep(0.5)

    def load(self, messages: Iterator[Publication] | None = None, *, rate: float = RATE) -> Publisher:
        """Return a publisher behind its line."""
        return Publisher(self.lamps_line.port, messages or publications(), rate=rate)

    def stored(self) -> int:
        """Return how many frames are stored."""
        return ledger(self.dsn).stored

    def stored_by(self, worker: str) -> int:
        """Return how many frames that worker has stored."""
        return ledger(self.dsn, worker).stored

    def works(self, within_s: float = PATIENCE_S) -> float:
        """Return the seconds until more is stored than now."""
        before = self.stored()
        return until(lambda: self.stored() > before, lambda: self._story("nothing is stored"), within_s)

    def recovers(self, within_s: float, *, after_s: float = 0.0) -> None:
        """Wait until frames are stored again after a fault that ended so long ago; fail when it takes longer."""
        self.recovery_s = max(self.recovery_s or 0.0, after_s + self.works(within_s - after_s))

    def account(self, load: Publisher, within_s: float = PATIENCE_S, *, earlier: Sequence[Publication] = ()) -> Account:
        """Wait until all is published and stored; return what became of it and of what was published ``earlier``."""
        published = [*earlier, *load.finish(within_s)]
        with contextlib.suppress(AssertionError):  # the account says what is missing
            until(lambda: settled(self.dsn, published), str, within_s)
            before = None
            while before != (before := ledger(self.dsn)):  # what comes again is counted, too
                time.sleep(0.3)
        return account(self.dsn, published)

    def _story(self, what: str) -> str:
        return "\n".join([what, *(line for worker in self.workers for line in worker.said[-20:])])


@contextlib.contextmanager
def running(folder: Path, server: Server, database: str, toml: str) -> Iterator[City]:
    """Run broker and lines for as long as the block lasts; ``toml``: more settings."""
    broker = mosquitto(folder)
    _as_deployed(folder)
    broker.start()
    lamps_line, broker_line = (Proxy((broker.address.host, broker.address.port)) for _ in range(2))
    database_line = Proxy(server.socket)
    (folder / "penfeld.toml").write_text(
        f'[broker]\nurl = "mqtt://127.0.0.1:{broker_line.port}"\n'
        f'[database]\nurl = "postgresql://{server.superuser}@127.0.0.1:{database_line.port}/{database}"\n' + toml
    )
    city = City(folder, server, database, broker, lamps_line, broker_line, database_line)
    looking = Event()
    watch = Thread(target=_watch, args=(city, looking))
    watch.start()
    try:
        yield city
    finally:
        looking.set()
        watch.join()
        for worker in city.workers:
            if worker.runs:
                worker.kill()
        for line in (lamps_line, broker_line, database_line):
            line.close()
        broker.stop()


def _watch(city: City, end: Event) -> None:
    while not end.wait(0.1):
        for worker in city.workers:
            worker.look()


_THE_TESTS_OWN = ("#", "listener", "per_listener", "allow_anonymous", "plugin", "persistence_location")


def _as_deployed(folder: Path) -> None:
    """Let Mosquitto keep messages as deploy/mosquitto.conf says; where it listens and to whom is the tests' affair."""
    ours = (folder / "mosquitto.conf").read_text().splitlines()
    theirs = [
        line
        for line in (ROOT / "deploy" / "mosquitto.conf").read_text().splitlines()
        if line and not line.startswith(_THE_TESTS_OWN)
    ]
    set_by_them = tuple(line.split()[0] for line in theirs)
    kept = [line for line in ours if not line.startswith(set_by_them) or line.startswith("persistence_location")]
    (folder / "mosquitto.conf").write_text("\n".join([*kept, *theirs]) + "\n")
