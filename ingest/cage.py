"""Where makers' codecs run: in a process of its own, which ends when it takes too much.

Rules:

1. Limits inside (time, memory and stack of the engine) stop most of what a script may do wrong. What they cannot stop,
   a timer of the process ends, by the processor time that it takes: on a busy machine nobody is ended for waiting. It
   has neither our environment nor our files open; a new one takes its place.
2. Where a limit stops several calls together, each is asked by itself: a bad frame never costs a good one its reading.
3. A codec that oversteps again and again is *suspended*: it is asked no more until its file changes, or ingest starts
   again. What it should have decoded is set aside, and can be replayed.
4. One question at a time: codecs share one process, and one processor. A question that is given up ends the process,
   so that no answer is ever taken for that of another one.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from decoders.javascript import Stopped, about, results
from ingest.codec_worker import HEAD, Answer, Question, framed
from model.errors import UnavailableError
from model.script import Call, Result, Script, Suspension, Way

logger = logging.getLogger(__name__)

AT_ONCE = 200
"""Calls in one question."""
_ROOT = Path(__file__).parents[1]
_ANSWER = msgspec.json.Decoder(Answer)
_CALLS = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class CageConfig:
    """``alone_s``, ``each_s``: processor time for a question, and for each of its calls; ``load_s``: for a script.

    ``strikes``: from how many a codec is suspended. A call that was stopped counts what it took in ``frame_s``, the
    processor time that a frame may take; a process that ended over it, and anything else at most, ``kill``. A question
    without any takes one back. ``wall_s``: for how long, by the clock, a process may not answer at all.
    """

    alone_s: float = 0.3
    each_s: float = 0.0015
    frame_s: float = 0.05
    load_s: float = 2.0
    strikes: int = 15
    kill: int = 5
    wall_s: float = 30.0


class _EndedError(Exception):
    """The process ended over a question. ``overstepped``: by its timer, and by nobody else."""

    def __init__(self, said: str, *, overstepped: bool = False, loading: bool = False) -> None:
        super().__init__(said)
        self.overstepped = overstepped
        self.loading = loading


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process with its two pipes."""

    process: asyncio.subprocess.Process
    goes: asyncio.StreamWriter
    comes: asyncio.StreamReader

    async def ask(self, question: Question, wall_s: float) -> Answer:
        """Return the answer; raise ``_EndedError`` where the process ends over it, ``TimeoutError`` for none at all."""
        try:
            async with asyncio.timeout(wall_s):
                self.goes.write(framed(msgspec.json.encode(question)))
                await self.goes.drain()
                size = int.from_bytes(await self.comes.readexactly(HEAD))
                message = await self.comes.readexactly(size)
        except TimeoutError:  # an OSError, too
            raise
        except (OSError, asyncio.IncompleteReadError):
            code = await self.process.wait()
            if code == -signal.SIGPROF:
                said = f"ended after {question.cpu_s:.1f} s of CPU time: it could not be stopped"
                raise _EndedError(said, overstepped=True) from None
            raise _EndedError(f"its process ended by itself (exit code {code})") from None
        try:
            return _ANSWER.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Answer(stopped=f"its answer cannot be read: {error}")

    def end(self) -> None:
        """End the process, whatever it does; ``gone`` waits for that."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)  # its own `kill` would take the end from who waits for it
        self.goes.close()

    async def gone(self) -> None:
        """Return when the process has ended."""
        await self.process.wait()


class Cage:
    """Runs codecs in a worker process, which starts when the first is asked; another waits to take its place.

    Both end with the block ``async with``, or with ``close``.
    """

    def __init__(self, config: CageConfig | None = None) -> None:
        self._config = config or CageConfig()
        self._worker: _Worker | None = None
        self._next: asyncio.Task[_Worker] | None = None
        self._lock = asyncio.Lock()
        self._strikes: dict[str, int] = {}
        self._suspended: dict[str, Suspension] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process, ``None`` where none runs."""
        return self._worker.process.pid if self._worker is not None else None

    def suspended(self) -> Sequence[Suspension]:
        """Return the codecs that are asked no more."""
        return tuple(self._suspended.values())

    async def run(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the result of each call, in order; what went wrong is in the results.

        Raise ``UnavailableError`` when no process can be started.
        """
        found: list[Result] = []
        for start in range(0, len(calls), AT_ONCE):
            found += await self._some(script, way, calls[start : start + AT_ONCE])
        return found

    async def problem(self, script: Script) -> str:
        """Return why a script cannot be called at all, empty where it can."""
        answer = await self._ask(script, "uplink", ())
        return answer.broken or answer.stopped

    async def steady(self, script: Script) -> bool:
        """Return whether a script's answers to its probes do not depend on what it was asked before."""
        return not (await self._ask(script, "uplink", ())).fresh

    async def close(self) -> None:
        """End the processes."""
        async with self._lock:
            if self._next is not None:
                with contextlib.suppress(UnavailableError):
                    worker = await self._next
                    worker.end()
                    await worker.gone()
            if self._worker is not None:
                self._worker.end()
                await self._worker.gone()
            self._next = self._worker = None

    async def _some(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the results of a few calls, asked together where that goes."""
        if (suspension := self._suspended.get(script.key)) is not None:
            return [_refused(suspension)] * len(calls)
        answer = await self._ask(script, way, calls)
        if answer.broken:
            return [Result(errors=(answer.broken,))] * len(calls)
        try:
            found = () if answer.stopped else results(answer.results, len(calls))
        except Stopped as error:
            answer, found = msgspec.structs.replace(answer, stopped=f"{script.name}: {error}"), ()
        if answer.stopped and len(calls) > 1:
            return [result for call in calls for result in await self._some(script, way, [call])]
        if answer.stopped:
            found = [Result(errors=(about(answer.stopped, calls[0]),), stopped=True)]
        elif len(calls) == 1 and answer.cpu_s > self._config.frame_s:
            found = [msgspec.structs.replace(found[0], stopped=True)]
        bad = next((one for one in found if one.stopped), None)
        if bad is None:
            self._forgive(script)
        else:
            self._strike(script, answer.cpu_s, next(iter(bad.errors), f"{script.name}: {answer.cpu_s:.2f} s a frame"))
        return found

    async def _ask(self, script: Script, way: Way, calls: Sequence[Call]) -> Answer:
        """Return the worker's answer; that its process ended over it counts as stopped."""
        question = Question(
            key=script.key,
            cpu_s=self._config.alone_s + self._config.each_s * len(calls),
            way=way,
            calls=msgspec.Raw(_CALLS.encode(calls)),
            count=len(calls),
        )
        async with self._lock:
            try:
                try:
                    return await self._exchange(question, script)
                except _EndedError as error:
                    if error.overstepped:
                        raise
                    return await self._exchange(question, script)  # somebody else may have ended it
            except _EndedError as error:
                said, cost_s = f"{script.name}: {error}", self._config.kill * self._config.frame_s
                if error.loading and error.overstepped:  # it would be loaded again for each frame
                    self._suspend(script, said)
                elif len(calls) > 1:
                    self._strike(script, cost_s, said)
                return Answer(stopped=said, cpu_s=cost_s)
            except TimeoutError:
                raise UnavailableError(
                    "the process for makers' codecs does not answer: is the machine stopped?"
                ) from None

    async def _exchange(self, question: Question, script: Script) -> Answer:
        """Return the worker's answer, having told it the script where it does not know it.

        Whatever else comes of it, also that nobody waits any more: the worker is ended, and the next one takes over.
        """
        worker = await self._ready()
        try:
            answer = await worker.ask(question, self._config.wall_s)
            if answer.needed:
                await self._load(worker, script)
                answer = await worker.ask(question, self._config.wall_s)
        except BaseException:
            self._worker = None
            worker.end()
            raise
        return answer

    async def _load(self, worker: _Worker, script: Script) -> None:
        question = Question(key=script.key, cpu_s=self._config.load_s, script=script)
        try:
            await worker.ask(question, self._config.wall_s)
        except _EndedError as error:
            raise _EndedError(f"loading it {error}", overstepped=error.overstepped, loading=True) from None

    async def _ready(self) -> _Worker:
        """Return the worker, with the next one on its way; a start goes on also when nobody waits for it any more."""
        if self._worker is None:
            starting = self._next = self._next or asyncio.create_task(self._start())
            try:
                self._worker = await asyncio.shield(starting)
            finally:
                if starting.done():
                    self._next = None
            self._next = asyncio.create_task(self._start())
        return self._worker

    async def _start(self) -> _Worker:
        """Start a process, and return it when it answers."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ingest.codec_worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd="/",
                env={"TZ": "UTC", "PYTHONPATH": os.fspath(_ROOT)},
                start_new_session=True,  # Ctrl-C is for us; we let it finish
            )
        except OSError as error:
            raise UnavailableError(f"the process for makers' codecs does not start: {error}") from error
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process with pipes has none")
        worker = _Worker(process, process.stdin, process.stdout)
        try:
            await worker.ask(Question(key="", cpu_s=self._config.wall_s), self._config.wall_s)
        except (_EndedError, TimeoutError) as error:
            worker.end()
            raise UnavailableError(f"the process for makers' codecs does not start: {error}") from error
        return worker

    def _strike(self, script: Script, cpu_s: float, said: str) -> None:
        """Count against a codec, by what it cost; suspend it when it is enough."""
        cost = min(self._config.kill, max(1, round(cpu_s / self._config.frame_s)))
        strikes = self._strikes[script.key] = self._strikes.get(script.key, 0) + cost
        if strikes >= self._config.strikes:
            self._suspend(script, said)

    def _suspend(self, script: Script, said: str) -> None:
        """Ask a codec no more."""
        if script.key not in self._suspended:
            logger.warning("codec %s is suspended until its file changes: %s", script.name, said)
            self._suspended[script.key] = Suspension(codec=script.name, reason=said)

    def _forgive(self, script: Script) -> None:
        """Take a strike back."""
        if self._strikes.get(script.key, 0) > 1:
            self._strikes[script.key] -= 1
        else:
            self._strikes.pop(script.key, None)


def _refused(suspension: Suspension) -> Result:
    said = f"{suspension.codec} is suspended, because it overstepped its limits again and again: {suspension.reason}"
    return Result(errors=(said,), suspended=True)
