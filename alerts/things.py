"""Gateways and sources that go quiet: by arrival, since what they hand on late was still held up. No I/O.

Rules:

1. A gateway or source is known from its first frame on. How far apart its frames usually are is a running mean.
2. Frames of few devices come in no order, so its rule should wait for many times the usual pause.
3. What was held back comes in a burst, which teaches a pause far too short: unless the rule says after how long, a
   quarter of an hour is no silence.
"""

from collections.abc import Mapping, Sequence

from alerts.board import Board
from alerts.compiled import Compiled
from alerts.settling import opening, revision
from model.alarm import Episode, Heard, Subject, Verdict
from model.rule import Silence

SOURCE, GATEWAY = "source:", "gateway:"
_CLOCK = "clock:"
"""Kept like a thing: up to when what the clock tells was concluded."""
_AT_LEAST_US = 900_000_000
_UNKNOWN_US = 3_600_000_000
"""After so long one that was heard once only is quiet."""
_WEIGHT = 0.1
_SAVE_EVERY_US = 10_000_000


class Things:
    """What is known of gateways and sources, and the rules that watch them."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}
        self._unsaved: set[str] = set()
        self._saved_us = 0
        self._rules: Sequence[Compiled] = ()

    def start(self, heard: Mapping[str, Heard]) -> int | None:
        """Begin with what is stored; return up to when the clock was believed then, ``None`` if it never was."""
        self._heard = dict(heard)
        self._unsaved.clear()
        clock = self._heard.pop(_CLOCK, None)
        return clock.last_us if clock else None

    def use(self, rules: Sequence[Compiled]) -> None:
        """Take the rules that watch gateways and sources."""
        self._rules = rules

    def last_us(self, subject: str) -> int:
        """Return when its newest frame arrived; 0: never."""
        known = self._heard.get(subject)
        return known.last_us if known else 0

    def heard(self, arrivals: Mapping[str, int]) -> None:
        """Note the newest arrivals."""
        for subject, at_us in arrivals.items():
            known = self._heard.get(subject)
            if known is None:
                self._heard[subject] = Heard(last_us=at_us)
            elif at_us > known.last_us:
                gap = at_us - known.last_us
                usual = gap if not known.usual_us else int((1 - _WEIGHT) * known.usual_us + _WEIGHT * gap)
                self._heard[subject] = Heard(last_us=at_us, usual_us=usual)
            else:
                continue
            self._unsaved.add(subject)

    def look(self, board: Board, now_us: int, verdict: Verdict) -> None:
        """Write what went quiet and what speaks again."""
        for of in self._rules:
            silence = of.rule.when
            if not isinstance(silence, Silence):
                continue
            kind = SOURCE if silence.of == "source" else GATEWAY
            names = {kind + name for name in of.rule.scope.device}
            for subject, known in self._heard.items():
                if subject.startswith(kind) and (not names or subject in names):
                    self._look_at(of, silence, subject, known, board, now_us, verdict)

    def _look_at(
        self, of: Compiled, silence: Silence, name: str, known: Heard, board: Board, now_us: int, verdict: Verdict
    ) -> None:
        subject, standing = Subject(name=name), board.standing.get((of.rule.name, name))
        limit_us = max(int(silence.times * known.usual_us), _AT_LEAST_US) if known.usual_us else _UNKNOWN_US
        if silence.after is not None:
            limit_us = silence.after.us
        if standing is not None:
            was = standing.episode
            if known.last_us > was.start_us:
                over = Episode(start_us=was.start_us, raised_us=was.raised_us, end_us=known.last_us)
                if changed := revision(of, subject, standing, over):
                    verdict.revisions.append(changed)
        elif now_us - known.last_us > limit_us:
            episode = Episode(start_us=known.last_us, raised_us=known.last_us + limit_us)
            if new := opening(of, subject, episode, now_us):
                verdict.openings.append(new)

    def save(self, verdict: Verdict, now_us: int, horizon_us: int) -> None:
        """Add to a verdict what is to be kept, now and then: what is a little old does no harm."""
        if (self._unsaved or verdict.taken) and (
            now_us - self._saved_us >= _SAVE_EVERY_US or verdict.openings or verdict.revisions
        ):
            verdict.heard = {subject: self._heard[subject] for subject in self._unsaved}
            verdict.heard |= {_CLOCK: Heard(last_us=horizon_us)}
            self._unsaved.clear()
            self._saved_us = now_us
