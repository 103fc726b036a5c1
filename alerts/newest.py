"""The newest value of alarms that are open, so that people see how it goes on. Pure.

Rules:

1. Told are alarms of rules with one condition on a number (a limit, a range, a value that is stuck), once a minute and
   only where the device has measured again. A rate, a state and a silence have no value that goes on.
2. It is a reading newer than all before it: late ones change nothing. What ended an alarm stays its last value.
"""

import math

from alerts.board import Board
from model.alarm import Newest, Verdict
from model.rule import Range, Stuck, Threshold

_EVERY_US = 60_000_000
_GOING_ON = (Threshold, Range, Stuck)


class NewestValues:
    """What was told of open alarms."""

    def __init__(self) -> None:
        self._told_us = 0
        self._known: dict[int, int] = {}

    def tell(self, board: Board, now_us: int, verdict: Verdict) -> None:
        """Write into a verdict which open alarms have a newer value, where it is time for that."""
        if now_us - self._told_us < _EVERY_US:
            return
        self._told_us = now_us
        changing = {one.id for one in verdict.revisions}
        known: dict[int, int] = {}
        for (rule, subject), standing in board.standing.items():
            member = board.world.by_id.get(subject)
            places = board.places.get((rule, member.key)) if member is not None else None
            if not places or standing.id in changing:
                continue
            group, instance = places[0]
            part = group.part_of(instance)
            if not part.alone or not isinstance(part.condition, _GOING_ON):
                continue
            at_us, shown = int(group.carry.last_us[instance]), float(group.carry.last[instance])
            before_us = self._known.get(standing.id, standing.episode.start_us)
            known[standing.id] = max(at_us, before_us)
            value = None if math.isnan(shown) else group.value(instance, shown)
            if value is not None and at_us > before_us:
                verdict.newest.append(Newest(id=standing.id, value=value, time_us=at_us))
        self._known = known
