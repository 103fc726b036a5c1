"""Children are passed on, restarted, given up, and never left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model.errors import UnavailableError
from penfeld.processes import alive
from penfeld.supervisor import Program, Supervisor

PATIENCE_S = 20


class Stage:
    """A supervisor, and the lines of its children."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.supervisor = Supervisor(self._tell)
        self._heard = asyncio.Event()

    def _tell(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._heard.set()

    async def line(self, text: str, times: int = 1) -> None:
        """Wait until children have said this, so many times."""
        async with asyncio.timeout(PATIENCE_S):
            while [line for _, line in self.lines].count(text) < times:
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Make a supervisor that ends with its children."""
    made = Stage()
    try:
        yield made
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await made.supervisor.stop_all()


def child(code: str, *, name: str = "child", once: bool = False, answers: bool = False, stop_s: float = 10) -> Program:
    """Return a Python program."""
    command = (sys.executable, "-u", "-c", code)
    return Program(
        name=name, command=command, environment=dict(os.environ), once=once, answers=answers, stop_within_s=stop_s
    )


SLEEP = "import time; print('up'); time.sleep(60)"


async def test_lines_carry_the_name_of_who_wrote_them(stage: Stage) -> None:
    """Both outputs of a child are passed on, line by line."""
    await stage.supervisor.start(child("import sys; print('out'); print('err', file=sys.stderr)", once=True))

    await stage.line("out")
    await stage.line("err")
    assert {name for name, _ in stage.lines} == {"child"}


async def test_answers_are_kept_for_who_asks(stage: Stage) -> None:
    """What a child answers is not passed on."""
    asked = await stage.supervisor.start(child("print('{}')", once=True, answers=True))

    async with asyncio.timeout(PATIENCE_S):
        await asked.ended.wait()
    assert list(asked.output) == ["{}"]
    assert stage.lines == []


async def test_a_stopped_child_is_gone(stage: Stage) -> None:
    """``stop`` returns when the process has ended."""
    running = await stage.supervisor.start(child(SLEEP))
    await stage.line("up")

    await stage.supervisor.stop(running)

    assert running.exit_code == -signal.SIGTERM
    assert not stage.supervisor.failed.done()


async def test_a_child_that_will_not_stop_is_killed(stage: Stage) -> None:
    """After its time it is killed, and that is told."""
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    running = await stage.supervisor.start(child(stubborn, stop_s=0.2))
    await stage.line("up")

    await stage.supervisor.stop(running)

    assert running.exit_code == -signal.SIGKILL
    assert stage.lines[-1] == ("child", "did not stop within 0 s and was killed")


async def test_the_last_started_is_stopped_first(stage: Stage) -> None:
    """Whoever sends stops before the one it sends to."""
    polite = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()));"
    for name in ("first", "second"):
        await stage.supervisor.start(child(f"{polite} print({name!r}); time.sleep(60)", name=name))
        await stage.line(name)

    await stage.supervisor.stop_all()

    assert [name for name, line in stage.lines if line == "bye"] == ["second", "first"]


async def test_a_child_that_is_restarted_keeps_its_place(stage: Stage) -> None:
    """Who is started again, with the same program, is stopped in its turn, and never counted as dead."""
    polite = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()));"
    first, _ = [
        await stage.supervisor.start(child(f"{polite} print({name!r}); time.sleep(60)", name=name))
        for name in ("first", "second")
    ]
    await stage.line("first")
    await stage.line("second")

    fresh = await stage.supervisor.restart(first)
    await stage.line("first", times=2)
    await stage.supervisor.stop_all()

    assert fresh.pid != first.pid
    assert [name for name, line in stage.lines if line == "bye"] == ["first", "second", "first"]
    assert not stage.supervisor.failed.done()


async def test_a_child_that_dies_at_once_ends_the_whole_with_its_last_words(stage: Stage) -> None:
    """A restart would not help: what it said is the reason."""
    await stage.supervisor.start(child("import sys; sys.exit('penfeld: the database is gone')"))

    with pytest.raises(UnavailableError, match=r"child ended \(exit code 1\): penfeld: the database is gone"):
        await asyncio.wait_for(stage.supervisor.until(asyncio.Event()), PATIENCE_S)


async def test_a_child_that_dies_later_is_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle is healed, and told."""
    monkeypatch.setattr("penfeld.supervisor.FIRST_SECONDS_S", 0.0)
    monkeypatch.setattr("penfeld.supervisor.FIRST_PAUSE_S", 0.01)
    running = await stage.supervisor.start(child(SLEEP))
    await stage.line("up")
    assert running.pid is not None
    first = running.pid

    os.kill(first, signal.SIGKILL)
    await stage.line("ended (SIGKILL); starting it again in 0.0 s")
    await stage.line("up", times=2)

    assert running.pid != first
    assert not stage.supervisor.failed.done()


async def test_a_child_that_runs_once_is_never_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did cannot be done again: its crash ends the whole, however late it comes."""
    monkeypatch.setattr("penfeld.supervisor.FIRST_SECONDS_S", 0.0)
    running = await stage.supervisor.start(child(SLEEP, once=True))
    await stage.line("up")
    assert running.pid is not None

    os.kill(running.pid, signal.SIGKILL)

    with pytest.raises(UnavailableError, match=r"child ended \(SIGKILL\)"):
        await asyncio.wait_for(stage.supervisor.until(asyncio.Event()), PATIENCE_S)


async def test_a_child_that_dies_again_and_again_ends_the_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five deaths in a minute a person must look."""
    monkeypatch.setattr("penfeld.supervisor.FIRST_SECONDS_S", 0.0)
    monkeypatch.setattr("penfeld.supervisor.FIRST_PAUSE_S", 0.001)
    await stage.supervisor.start(child("print('no'); raise SystemExit(3)"))

    with pytest.raises(UnavailableError, match=r"child ended \(exit code 3\): no"):
        await asyncio.wait_for(stage.supervisor.until(asyncio.Event()), PATIENCE_S)
    assert [line for _, line in stage.lines].count("no") == 5


@pytest.mark.skipif(sys.platform != "linux", reason="only the kernel of Linux ends children with their parent")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Even ``kill -9`` of the parent leaves no child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "pid")], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        parent.stdout.readline()
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)

    parent.kill()
    parent.wait()

    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    for _ in range(1000):
        if not alive(pid):
            break
        os.sched_yield()
    assert not alive(pid)


PARENT = """
import asyncio, os, sys
from pathlib import Path
from penfeld.supervisor import Program, Supervisor

async def main():
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    child = await Supervisor(print).start(Program(name="child", command=command, environment=dict(os.environ)))
    Path(sys.argv[1]).write_text(str(child.pid))
    print("up", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
