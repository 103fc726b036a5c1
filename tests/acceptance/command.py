"""The command ``penfeld`` as a person runs it: a process of its own, in a folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "penfeld")
PATIENCE_S = 60.0


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a person who has set nothing of ours."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PENFELD_")}
    return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def penfeld(*words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        (*COMMAND, *words),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )


@dataclass
class Service:
    """A command that runs until it is told to stop. ``said``: where its output goes."""

    process: subprocess.Popen[bytes]
    folder: Path
    said: Path

    @property
    def output(self) -> str:
        """What it said so far."""
        return self.said.read_text()

    @property
    def runtime(self) -> Mapping[str, Any]:
        """What it tells other commands."""
        found: Mapping[str, Any] = json.loads((self.folder / "penfeld-data" / "runtime.json").read_text())
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def service(*words: str, folder: Path, **more: str) -> Iterator[Service]:
    """Run a command in the background for as long as the block lasts."""
    said = folder / f"{words[0]}.log"
    with said.open("ab") as log:
        process = subprocess.Popen(
            (*COMMAND, *words), cwd=folder, env=environment(**more), stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield Service(process, folder, said)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(what: Callable[[], Any], running: Service | None = None) -> Any:  # noqa: ANN401 -- whatever is waited for
    """Return the first truthy answer of ``what``; fail when there is none in time, or the service ends before."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, LookupError, ValueError):
            if found := what():
                return found
        assert running is None or running.process.poll() is None, running.output
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE_S:.0f} s: {running.output if running else what}")


def get(address: str) -> Any:  # noqa: ANN401 -- JSON
    """Return what an address answers, as JSON."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 -- our own service
        return json.load(answer)


def processes_of(folder: Path) -> list[str]:
    """Return the processes that work for a data folder: those with its path in command line or environment."""
    needle = os.fsencode(folder.resolve())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if int(process.name) != os.getpid() and needle in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found
