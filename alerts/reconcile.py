"""What is stored of a rule's alarms on one subject, against the episodes that readings tell now. Pure.

Rules:

1. An episode is the stored alarm that it overlaps; of several, the one with its beginning, else the oldest. So an alarm
   whose beginning or end moves stays the same alarm.
2. A stored alarm that overlaps no episode any more was none: it is withdrawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.runs import LATER
from model.alarm import Episode, Standing


@dataclass(slots=True)
class Match:
    """``same``: stored alarms with what they are now; ``new``: episodes without an alarm; ``gone``: the rest."""

    same: list[tuple[Standing, Episode]] = field(default_factory=list)
    new: list[Episode] = field(default_factory=list)
    gone: list[Standing] = field(default_factory=list)


def match(stored: Sequence[Standing], found: Sequence[Episode]) -> Match:
    """Return which stored alarm is which episode."""
    result, left = Match(), sorted(stored, key=lambda one: one.id)
    for episode in sorted(found, key=lambda one: one.start_us):
        fitting = [one for one in left if _overlap(one.episode, episode)]
        best = next((one for one in fitting if one.episode.start_us == episode.start_us), None)
        best = best or (fitting[0] if fitting else None)
        if best is None:
            result.new.append(episode)
        else:
            left.remove(best)
            result.same.append((best, episode))
    result.gone = left
    return result


def _overlap(one: Episode, other: Episode) -> bool:
    ends = [LATER if episode.end_us is None else episode.end_us for episode in (one, other)]
    return one.start_us <= ends[1] and other.start_us <= ends[0]
