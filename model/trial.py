"""A rule tried on the past: what it would have raised. Values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from model.alarm import Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectEpisodes:
    """What a rule finds for one subject."""

    subject: str
    episodes: Sequence[Episode]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What another limit would have done: ``limit`` in the field's unit, alarms, and how many subjects they concern."""

    limit: float
    alarms: int
    subjects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A rule over stored history.

    ``readings``: how many were read; those that can surely raise nothing may be left out. ``subjects``: how many
    there are. ``found``: those with episodes, the ones with most first; ``alarms``: how many episodes; ``open``: of
    these still going on at the end; ``raised_s``: how long in all, each subject for itself; ``longest_s``.
    ``by_hour``: 24 counts, of the local hour in which they would have paged somebody; ``by_day``: (day, count).
    ``alternatives``: other limits, where the rule has one. ``simulated``: alarms of simulated devices among them.
    """

    start: datetime
    end: datetime
    readings: int
    subjects: int
    found: Sequence[SubjectEpisodes]
    alarms: int
    open: int
    raised_s: float
    longest_s: float
    by_hour: Sequence[int]
    by_day: Sequence[tuple[str, int]]
    alternatives: Sequence[Alternative] = ()
    simulated: int = 0
