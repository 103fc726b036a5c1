"""Where makers' codecs run: in a process of its own, which is killed when it takes too long.

Rules:

1. Limits inside (time, memory and stack of the engine) stop most of what a script may do wrong; the clock outside ends
   the rest. The process has neither our environment nor our files open; a new one takes its place.
2. Where a limit stops several calls together, each is asked by itself: a bad frame never costs a good one its reading.
3. A codec that oversteps again and again is *suspended*: it is asked no more until its file changes, or ingest starts
   again. What it should have decoded is set aside, and can be replayed.
4. One question at a time: codecs share one process, and one processor.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from decoders.javascript import Stopped, results
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
    """``alone_s``, ``each_s``: seconds by the clock for a question, and for each of its calls; ``load_s``: a script's.

    ``strikes``: from how many a codec is suspended. A call that was stopped counts what it took in ``frame_s``, the
    processor time that a frame may take; a process that was killed, and anything else at most, ``kill``. A question
    without any takes one back. ``start_s``: how long a process may take to start.
    """

    alone_s: float = 0.3
    each_s: float = 0.0015
    frame_s: float = 0.05
    load_s: float = 2.0
    strikes: int = 15
    kill: int = 5
    start_s: float = 10.0


class _KilledError(Exception):
    """The process took too long."""


class _LoadError(_KilledError):
    """The process took too long to load a script, or ended over it."""


class _EndedError(_KilledError):
    """The process ended by itself, or somebody else ended it."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process with its two pipes."""

    process: asyncio.subprocess.Process
    goes: asyncio.StreamWriter
    comes: asyncio.StreamReader

    async def ask(self, question: Question) -> Answer:
        """Return the answer; raise ``_KilledError`` where none comes in time."""
        try:
            async with asyncio.timeout(question.wall_s):
                self.goes.write(framed(msgspec.json.encode(question)))
                await self.goes.drain()
                size = int.from_bytes(await self.comes.readexactly(HEAD))
                return _ANSWER.decode(await self.comes.readexactly(size))
        except TimeoutError:
            raise _KilledError(f"ended after {question.wall_s:.1f} s: it could not be stopped") from None
        except (OSError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            raise _EndedError("its process ended: it took more than it may") from None

    async def kill(self) -> None:
        """End the process, whatever it does."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)  # its own `kill` would take the end from who waits for it
        self.goes.close()
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
                    await (await self._next).kill()
            if self._worker is not None:
                await self._worker.kill()
            self._next = self._worker = None

    async def _some(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the results of a few calls, asked together where that goes."""
        if (suspension := self._suspended.get(script.digest)) is not None:
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
            said = f"{answer.stopped} (payload {_shown(calls[0])}, port {calls[0].f_port})"
            found = [Result(errors=(said,), stopped=True)]
        elif len(calls) == 1 and answer.cpu_s > self._config.frame_s:
            found = [msgspec.structs.replace(found[0], stopped=True)]
        bad = next((one for one in found if one.stopped), None)
        if bad is None:
            self._forgive(script)
        else:
            self._strike(script, answer.cpu_s, next(iter(bad.errors), f"{script.name}: {answer.cpu_s:.2f} s a frame"))
        return found

    async def _ask(self, script: Script, way: Way, calls: Sequence[Call]) -> Answer:
        """Return the worker's answer; a worker that takes too long is killed, which counts as stopped."""
        question = Question(
            digest=script.digest,
            wall_s=self._config.alone_s + self._config.each_s * len(calls),
            way=way,
            calls=msgspec.Raw(_CALLS.encode(calls)),
            count=len(calls),
        )
        async with self._lock:
            try:
                try:
                    answer = await self._exchange(question, script)
                except _EndedError:  # perhaps not for what was asked: whoever ends it twice did it
                    await self._replace()
                    answer = await self._exchange(question, script)
            except _KilledError as error:
                await self._replace()
                said, cost_s = f"{script.name}: {error}", self._config.kill * self._config.frame_s
                if isinstance(error, _LoadError):  # it would be loaded again for each frame
                    self._suspend(script, said)
                elif len(calls) > 1:
                    self._strike(script, cost_s, said)
                return Answer(stopped=said, cpu_s=cost_s)
        return answer

    async def _exchange(self, question: Question, script: Script) -> Answer:
        """Return the worker's answer, having told it the script where it does not know it."""
        worker = await self._ready()
        answer = await worker.ask(question)
        if answer.needed:
            try:
                await worker.ask(Question(digest=script.digest, wall_s=self._config.load_s, script=script))
            except _KilledError as error:
                raise _LoadError(f"loading it {error}") from None
            answer = await worker.ask(question)
        return answer

    async def _ready(self) -> _Worker:
        """Return the worker, with the next one on its way."""
        if self._worker is None:
            waiting, self._next = self._next, None
            self._worker = await (waiting or self._start())
            self._next = asyncio.create_task(self._start())
        return self._worker

    async def _replace(self) -> None:
        """End the worker; the next question goes to the one that waits."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.kill()

    async def _start(self) -> _Worker:
        """Start a process, and return it when it answers: that it starts slowly is no codec's fault."""
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
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process with pipes has none")
        worker = _Worker(process, process.stdin, process.stdout)
        try:
            await worker.ask(Question(digest="", wall_s=self._config.start_s))
        except _KilledError as error:
            await worker.kill()
            raise UnavailableError(f"the process for makers' codecs does not start: {error}") from error
        return worker

    def _strike(self, script: Script, cpu_s: float, said: str) -> None:
        """Count against a codec, by what it cost; suspend it when it is enough."""
        cost = min(self._config.kill, max(1, round(cpu_s / self._config.frame_s)))
        strikes = self._strikes[script.digest] = self._strikes.get(script.digest, 0) + cost
        if strikes >= self._config.strikes:
            self._suspend(script, said)

    def _suspend(self, script: Script, said: str) -> None:
        """Ask a codec no more."""
        if script.digest not in self._suspended:
            logger.warning("codec %s is suspended until its file changes: %s", script.name, said)
            self._suspended[script.digest] = Suspension(codec=script.name, reason=said)

    def _forgive(self, script: Script) -> None:
        """Take a strike back."""
        if self._strikes.get(script.digest, 0) > 1:
            self._strikes[script.digest] -= 1
        else:
            self._strikes.pop(script.digest, None)


def _refused(suspension: Suspension) -> Result:
    said = f"{suspension.codec} is suspended, because it overstepped its limits again and again: {suspension.reason}"
    return Result(errors=(said,), suspended=True)


def _shown(call: Call) -> str:
    if isinstance(call.given, Mapping):
        return "object"
    return bytes(call.given[:64]).hex() or "empty"
