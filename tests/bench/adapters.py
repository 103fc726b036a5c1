"""Network adapters: what reading an event costs, and what becomes of a great many that are broken.

Each main event is read beside msgspec's untyped decoding of the same bytes, which understands nothing of it; that of
ChirpStack in Protocol Buffers beside the same in JSON. Broken events, in turns over all adapters and kinds of event,
have a part exchanged for a value that is odd there, or some bytes put in, taken away or exchanged, or are bytes by
chance. One that gives anything but a tuple or ``EnvelopeError`` ends the benchmark, and so its figure.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from decoders.networks import adapters
from model.errors import EnvelopeError
from tests.bench.figure import Figure, Size, compare
from tests.unit.decoders.networks.events import EVENTS, MAIN, PROTOBUF, encoded

_TRIES = {Size.TINY: 1_000, Size.SHORT: 100_000, Size.FULL: 1_000_000}
_AT_ONCE = 1_000
_MOST_CHANGES = 4
_LONGEST = 200
_COUNT = 100
_SIGNS = b'{}[]",:0123456789-.eEtrufalsn\\ \x00\x08\x0a\x12\x1a\x7f\x80\xff'

_ODD: Sequence[object] = (
    *(None, True, False, 0, -1, 1, 255, 256, 4096, 2**32, 2**63, 10**30, 0.0, -0.5, 1e17, 1e308, 253402300800),
    *("", "0", "-1", "1e400", "nan", "null", "true", "\0", "é", "x" * 600, "01", "AQ==", "2026-05-04T06:12:09Z"),
    *([], {}, [None], [[]], [{}], [1, "a"], {"": None}, {"a": {"b": []}}),
)

_Try = tuple[Callable[[str, bytes], object], str, bytes]


def figures(size: Size) -> Iterator[Figure]:
    """Yield what an event costs, by network, and how many broken ones are refused in a second."""
    rounds = {Size.TINY: 1, Size.SHORT: 20, Size.FULL: 100}[size]
    for name, kinds in EVENTS.items():
        topic, document = kinds[MAIN]
        payload = encoded(document)
        yield _cost(
            f"adapters.{name}", topic, payload, "msgspec untyped", partial(msgspec.json.decode, payload), rounds
        )
    topic, document = EVENTS["chirpstack"][MAIN]
    in_json = partial(adapters()["chirpstack"].uplinks, topic, encoded(document))
    yield _cost("adapters.chirpstack.protobuf", topic, PROTOBUF["up"], "the same event in JSON", in_json, rounds)
    yield _fuzz(_TRIES[size])


def _cost(figure: str, topic: str, payload: bytes, beside: str, other: Callable[[], object], rounds: int) -> Figure:
    """Return what one event takes."""
    name = figure.split(".")[1]
    work = partial(adapters()[name].uplinks, topic, payload)
    return compare(figure, partial(_often, work), beside, partial(_often, other), count=_COUNT, rounds=rounds)


def _often(work: Callable[[], object]) -> None:
    for _ in range(_COUNT):
        work()


def _fuzz(tries: int) -> Figure:
    """Return how many broken events the adapters answer in a second, beside msgspec alone."""
    draw = random.Random(2026)  # noqa: S311 - a benchmark, not a secret
    good = [
        (adapters()[name].uplinks, topic, encoded(document))
        for name, kinds in EVENTS.items()
        for topic, document in kinds.values()
    ]
    good += [
        (adapters()["chirpstack"].uplinks, f"application/x/device/y/event/{kind}", payload)
        for kind, payload in PROTOBUF.items()
    ]
    ours = theirs = 0.0
    for start in range(0, tries, _AT_ONCE):
        some = [_broken(good, start + number, draw) for number in range(min(_AT_ONCE, tries - start))]
        began = time.thread_time()
        _answer(some)
        between = time.thread_time()
        _decode(some)
        ours += between - began
        theirs += time.thread_time() - between
    return Figure("adapters.fuzz", tries / ours, "tries/s", "msgspec untyped", tries / theirs)


def _broken(good: Sequence[_Try], number: int, draw: random.Random) -> _Try:
    """Return the next try: half of them with odd parts, an eighth of bytes by chance, the others with odd bytes."""
    read, topic, payload = good[number % len(good)]
    kind = draw.randrange(8)
    if kind == 0:
        return read, topic, draw.randbytes(draw.randrange(_LONGEST))
    if kind % 2 and payload.startswith(b"{"):
        return read, topic, _with_odd_part(payload, draw)
    changed = bytearray(payload)
    for _ in range(draw.randint(1, _MOST_CHANGES)):
        at, gone = draw.randrange(len(changed) + 1), draw.choice((0, 0, 1, 1, 2, 8))
        changed[at : at + gone] = bytes(draw.choices(_SIGNS, k=draw.choice((0, 1, 1, 2, 4))))
    return read, topic, bytes(changed)


def _with_odd_part(payload: bytes, draw: random.Random) -> bytes:
    """Return an event with anything in the place of one of its parts, or without it."""
    event = msgspec.json.decode(payload)
    place = event
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw.randrange(4) == 0:
            break
        place = inner
    odd = draw.randrange(len(_ODD) + 4)
    if odd < len(_ODD):
        place[key] = _ODD[odd]
    else:
        del place[key]
    return msgspec.json.encode(event)


def _answer(some: list[_Try]) -> None:
    """Read these events; only a tuple and our own error are answers."""
    for read, topic, payload in some:
        try:
            if type(read(topic, payload)) is not tuple:
                raise TypeError(f"{topic}: no tuple for {payload!r}")
        except EnvelopeError:
            pass


def _decode(some: list[_Try]) -> None:
    """Decode the same bytes, understanding nothing of them."""
    for _, _, payload in some:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            msgspec.json.decode(payload)
