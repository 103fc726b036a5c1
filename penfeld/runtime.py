"""What runs now for a data folder: written by ``penfeld run`` and ``demo``, read by every other command.

``runtime.json`` in the data folder holds the addresses of the embedded broker and database and of the API. It holds no
secret: the embedded ones have none, and addresses of external ones are never written.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from model.errors import ConfigError
from penfeld.config import Config
from penfeld.processes import alive, lock


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs, and where. ``broker`` and ``database`` are ``None`` where the configuration names external ones."""

    pid: int
    api: str
    broker: str | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder that holds all that Penfeld keeps on this machine."""

    path: Path

    @property
    def _runtime(self) -> Path:
        return self.path / "runtime.json"

    def make(self) -> None:
        """Make the folder and see that it can be written; raise ``ConfigError`` with what to do."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                [f"cannot write to {self.path}: {error.strerror}; choose another folder with --data DIR or data_dir"]
            ) from error

    def lock(self) -> IO[str]:
        """Lock the folder for this process; raise ``ConfigError`` if another one runs on it."""
        held = lock(self.path / ".lock")
        if held is None:
            running = self.running()
            who = f" (process {running.pid}, {running.api})" if running else ""
            raise ConfigError(
                [f"Penfeld already runs on {self.path}{who}; stop it first, or choose another folder with --data DIR"]
            )
        return held

    def running(self) -> Runtime | None:
        """Return what runs on this folder now, ``None`` if nothing does."""
        try:
            runtime = msgspec.json.decode(self._runtime.read_bytes(), type=Runtime)
        except (OSError, msgspec.DecodeError):
            return None
        return runtime if alive(runtime.pid) else None

    def announce(self, runtime: Runtime) -> None:
        """Tell other commands what runs."""
        unfinished = self.path / ".runtime.json"
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(runtime)) + b"\n")
        unfinished.replace(self._runtime)

    def withdraw(self) -> None:
        """Tell other commands that nothing runs any more."""
        self._runtime.unlink(missing_ok=True)


def broker_url(config: Config) -> str:
    """Return the address of the broker to use; raise ``ConfigError`` if the embedded one does not run."""
    if not config.broker.embedded:
        return config.broker.url
    running = DataFolder(config.data_dir).running()
    if running is None or running.broker is None:
        remedy = "start `penfeld run` or `penfeld demo` in another terminal, or set [broker] url to yours"
        raise ConfigError([f"no broker runs on {config.data_dir}: {remedy}"])
    return running.broker


@contextlib.asynccontextmanager
async def database_url(config: Config) -> AsyncIterator[str]:
    """Yield the address of the database; the embedded one is started for as long as needed if it does not run."""
    folder = DataFolder(config.data_dir)
    running = folder.running()
    if not config.database.embedded:
        yield config.database.url
    elif running is not None and running.database is not None:
        yield running.database
    else:
        # imported here: most commands find a running database or an external one
        from penfeld.embedded.postgres import alone  # noqa: PLC0415 -- see above

        folder.make()
        with folder.lock():
            async with alone(config.data_dir) as url:
                yield url
