"""Servers for all faults, a city for each, and at the end a table of what became of everything."""

import contextlib
import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.conftest import temporary_folder
from tests.acceptance.faults.account import Account
from tests.acceptance.faults.city import RSS_MB, City, running
from tests.acceptance.faults.server import Server, made

_ROWS: list[str] = []
_HEAD = "fault | engine | published | stored | quarantined | duplicates | lost | double | recovered after | peak memory"

Start = Callable[..., City]
Close = Callable[[City, Account], None]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run one server of each kind a session; databases are copies of a template."""
    with temporary_folder() as folder:
        server = made(request.param, folder)
        server.start()
        try:
            with temporary_folder() as aside:
                server.make_template(aside)
            yield server
        finally:
            server.stop()
            if server.sockets not in (folder, folder / "postgres"):
                shutil.rmtree(server.sockets, ignore_errors=True)


@pytest.fixture
def start(server: Server) -> Iterator[Start]:
    """Return what starts a city for this test."""
    with contextlib.ExitStack() as stack:

        def make(*, toml: str = "", database: str = "") -> City:
            if not database:
                database = server.database()
                stack.callback(server.drop, database)
            folder = stack.enter_context(temporary_folder())
            return stack.enter_context(running(folder, server, database, toml))

        yield make


@pytest.fixture
def city(start: Start) -> City:
    """Run a city with the settings it ships with."""
    return start()


@pytest.fixture
def close(request: pytest.FixtureRequest) -> Close:
    """Return what ends each test: the account holds, memory was bounded, and the figures go into the table."""

    def check(city: City, found: Account) -> None:
        peak = max(worker.peak_mb for worker in city.workers)
        recovery = "-" if city.recovery_s is None else f"{city.recovery_s:.1f} s"
        figures = (
            found.published,
            found.stored,
            found.quarantined,
            found.duplicates,
            found.lost,
            found.double,
            recovery,
            f"{peak:.0f} MB",
        )
        name = (
            request.node.name.removeprefix("test_")
            .replace(f"{city.server.engine}-", "")
            .replace(f"[{city.server.engine}]", "")
        )
        _ROWS.append(" | ".join([name, city.server.engine, *map(str, figures)]))
        found.check()
        assert peak < RSS_MB, f"a worker needed {peak:.0f} MB"

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _ROWS:
        terminalreporter.write_sep("-", "faults")
        for row in (_HEAD, *_ROWS):
            terminalreporter.write_line(row)
