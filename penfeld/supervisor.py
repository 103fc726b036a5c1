"""Child processes: started in order, their lines passed on, restarted when they die, and none left behind.

Rules:

1. Each child leads its own process group: Ctrl-C in a terminal reaches us alone, and we stop children in order.
2. The kernel signals every child when we die, however we die (``penfeld.processes.dies_with_parent``).
3. A child that dies is started again after a pause that doubles. One that dies within its first seconds, or
   ``MOST_RESTARTS`` times within ``RESTART_PERIOD_S``, ends the whole with what it said last: ``Supervisor.failed``.
4. Stopping asks, waits ``stop_within_s``, then kills the whole group.
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import UnavailableError
from penfeld.processes import dies_with_parent

FIRST_SECONDS_S = 5.0
MOST_RESTARTS = 5
RESTART_PERIOD_S = 60.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
_LONGEST_LINE = 1 << 20  # bytes: a line longer than this is cut, never an error

Tell = Callable[[str, str], None]
"""Takes a child's name and one line that it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start. ``environment`` is whole, not an addition. ``once``: it ends by itself, and that is well.

    ``answers``: its standard output is kept for who asks (``Child.output``) in place of being passed on.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: Path | None = None
    user: int | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    stop_within_s: float = 15.0
    once: bool = False
    answers: bool = False


@dataclass(slots=True, eq=False)
class Child:
    """A program that was started. ``exit_code`` is ``None`` while it runs."""

    program: Program
    process: asyncio.subprocess.Process | None = None
    output: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    exit_code: int | None = None
    task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, ``None`` before the start."""
        return self.process.pid if self.process else None


class Supervisor:
    """Starts and stops children. Use from the main thread: the kernel ties children to the thread that forked them."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self._children: list[Child] = []
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self, program: Program) -> Child:
        """Start a program and watch it from now on."""
        child = Child(program)
        self._children.append(child)
        readers = await self._spawn(child)
        child.task = asyncio.create_task(self._watch(child, readers))
        return child

    async def stop(self, child: Child) -> None:
        """Stop a child and wait until it is gone."""
        child.stopping.set()
        self._ask_to_stop(child)
        try:
            async with asyncio.timeout(child.program.stop_within_s):
                await child.ended.wait()
        except TimeoutError:
            self.tell(child.program.name, f"did not stop within {child.program.stop_within_s:.0f} s and was killed")
            self._kill_group(child)
            await child.ended.wait()
        self._kill_group(child)
        if child in self._children:
            self._children.remove(child)

    async def restart(self, child: Child) -> Child:
        """Stop a child and start its program again, in its place among the others."""
        position = self._children.index(child)
        await self.stop(child)
        fresh = await self.start(child.program)
        self._children.remove(fresh)
        self._children.insert(position, fresh)
        return fresh

    async def until(self, event: asyncio.Event, *, timeout_s: float | None = None) -> bool:
        """Wait for an event and return whether it came in time; raise ``UnavailableError`` if a child dies for good."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait(
                (waiting, asyncio.ensure_future(self.failed)), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        if self.failed.done():
            raise UnavailableError(self.failed.result())
        return event.is_set()

    async def stop_all(self) -> None:
        """Stop the children, the last started first."""
        for child in reversed(tuple(self._children)):
            await self.stop(child)

    async def _spawn(self, child: Child) -> list[asyncio.Task[None]]:
        program = child.program
        process = await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=program.environment,
            cwd=program.working_dir,
            limit=_LONGEST_LINE,
            start_new_session=True,
            preexec_fn=dies_with_parent(program.death_signal),
            user=program.user,
            group=program.group,
            extra_groups=None if program.user is None else (),
        )
        child.process = process
        return [
            asyncio.create_task(self._read(child, process.stdout, answers=program.answers)),
            asyncio.create_task(self._read(child, process.stderr, answers=False)),
        ]

    async def _read(self, child: Child, stream: asyncio.StreamReader | None, *, answers: bool) -> None:
        while stream is not None:
            try:
                raw = await stream.readline()
            except ValueError:  # longer than a line may be: what was read of it is dropped
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            if answers:
                child.output.append(line)
                continue
            child.last_words.append(line)
            self.tell(child.program.name, line)

    async def _watch(self, child: Child, readers: list[asyncio.Task[None]]) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        deaths: deque[float] = deque(maxlen=MOST_RESTARTS)
        try:
            while child.process is not None:
                child.exit_code = await child.process.wait()
                await asyncio.gather(*readers)
                if child.stopping.is_set() or (child.program.once and child.exit_code == 0):
                    return
                deaths.append(clock())
                if self._is_hopeless(child, deaths, started):
                    self._fail(child)
                    return
                pause = min(FIRST_PAUSE_S * 2 ** (len(deaths) - 1), LONGEST_PAUSE_S)
                self.tell(child.program.name, f"ended ({_ending(child.exit_code)}); starting it again in {pause:.1f} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.stopping.wait(), pause)
                    return
                readers = await self._spawn(child)
                if child.stopping.is_set():  # asked to stop while it was being started again
                    self._ask_to_stop(child)
        finally:
            child.ended.set()

    @staticmethod
    def _is_hopeless(child: Child, deaths: deque[float], started: float) -> bool:
        first_time = len(deaths) == 1 and deaths[-1] - started < FIRST_SECONDS_S
        too_often = len(deaths) == MOST_RESTARTS and deaths[-1] - deaths[0] < RESTART_PERIOD_S
        return child.program.once or first_time or too_often

    def _fail(self, child: Child) -> None:
        words = next((line for line in reversed(child.last_words) if line.strip()), "")
        if not self.failed.done():
            reason = f"{child.program.name} ended ({_ending(child.exit_code)})"
            self.failed.set_result(f"{reason}: {words}" if words else reason)

    @staticmethod
    def _ask_to_stop(child: Child) -> None:
        if child.process is not None and child.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(child.program.stop_signal)

    @staticmethod
    def _kill_group(child: Child) -> None:
        if child.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)


def _ending(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
