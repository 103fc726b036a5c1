"""The process in the cage: loads codecs, calls them, and answers over its standard input and output. Run by ``cage``.

Rules:

1. A message is its length in four bytes, then JSON. One answer for each question, in order.
2. It knows the ``MOST`` codecs asked last; asked for another it says that it needs its source.
3. A question that takes more processor time than it may ends the process, by a signal that nobody catches.
"""

import resource
import signal
import sys
import time
from collections import OrderedDict
from typing import IO

import msgspec

from decoders.javascript import Codec, Stopped
from model.errors import ConfigError
from model.script import Script, Way

MOST = 64
_ADDRESS_SPACE = 2**30
HEAD = 4


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Load a script, or call a codec ``count`` times. ``cpu_s``: processor time after which the process ends itself.

    ``calls``: JSON of as many ``Call``; handed on as it is, as the results are.
    """

    key: str
    cpu_s: float
    script: Script | None = None
    way: Way = "uplink"
    calls: msgspec.Raw = msgspec.Raw(b"[]")
    count: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Results; or that a limit stopped the calls together; or that the source is needed; or what is wrong with it.

    ``cpu_s``: processor time that the calls took. ``fresh``: each call has a realm of its own, as the codec's answers
    depend on what it was asked before.
    """

    results: msgspec.Raw = msgspec.Raw(b"[]")
    stopped: str = ""
    needed: bool = False
    broken: str = ""
    cpu_s: float = 0.0
    fresh: bool = False


def read(stream: IO[bytes]) -> bytes:
    """Return the next message, nothing at the end."""
    head = stream.read(HEAD)
    return stream.read(int.from_bytes(head)) if len(head) == HEAD else b""


def framed(message: bytes) -> bytes:
    """Return a message as it is sent."""
    return len(message).to_bytes(HEAD) + message


class Codecs:
    """The codecs that this process knows."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Codec | str] = OrderedDict()

    def answer(self, question: Question) -> Answer:
        """Return the answer to a question."""
        if question.script is not None:
            self._known[question.key] = _load(question.script)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        codec = self._known.get(question.key)
        if codec is None:
            return Answer(needed=True)
        self._known.move_to_end(question.key)
        if isinstance(codec, str):
            return Answer(broken=codec)
        began = time.process_time()
        try:
            codec.prepare()
            began = time.process_time()  # the realm is no frame's fault
            text = (
                codec.together(question.way, bytes(question.calls).decode(), question.count) if question.count else "[]"
            )
        except Stopped as error:
            return Answer(stopped=str(error), cpu_s=time.process_time() - began)
        took_s = time.process_time() - began
        return Answer(results=msgspec.Raw(text.encode(errors="replace")), cpu_s=took_s, fresh=codec.fresh)


def _load(script: Script) -> Codec | str:
    """Return the codec, or what is wrong with it."""
    try:
        codec = Codec(script.source, name=script.name)
        codec.fresh = not codec.steady(script.probes)
    except ConfigError as error:
        return str(error)
    return codec


def main() -> None:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    codecs = Codecs()
    questions, answers = msgspec.json.Decoder(Question), msgspec.json.Encoder()
    came, goes = sys.stdin.buffer, sys.stdout.buffer
    while message := read(came):
        question = questions.decode(message)
        signal.setitimer(signal.ITIMER_PROF, question.cpu_s)  # its signal ends a process, also inside the engine
        answer = codecs.answer(question)
        signal.setitimer(signal.ITIMER_PROF, 0)
        goes.write(framed(answers.encode(answer)))
        goes.flush()


if __name__ == "__main__":
    main()
