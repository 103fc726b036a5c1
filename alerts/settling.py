"""From episodes to what is written: which alarms open, change, end or prove to be none. Pure.

Rules:

1. An episode that was over for a quarter of an hour when it became known is *late*: it is recorded, and pages nobody.
2. An episode that was over before its rule became what it is, is not recorded.
3. What is withdrawn comes before what ends, and that before what opens (again): at no moment two are open.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from alerts.compiled import Compiled
from alerts.reconcile import match
from model.alarm import AlarmState, Episode, EventKind, Opening, Revision, Standing, Subject, Verdict
from model.value import Value

LATE_US = 15 * 60 * 1_000_000
_ORDER = {EventKind.WITHDRAWN: 0, EventKind.CLEARED: 1}


def opening(of: Compiled, subject: Subject, episode: Episode, now_us: int) -> Opening | None:
    """Return the alarm to store for an episode, ``None`` where it is none of the rule's."""
    if episode.end_us is not None and episode.end_us < of.since_us:
        return None
    late = episode.end_us is not None and now_us - episode.end_us > LATE_US
    return Opening(
        rule=of.rule.name,
        version=of.stored.version,
        severity=of.rule.severity,
        subject=subject,
        episode=episode,
        late=late,
        notify=of.notify(simulated=subject.simulated, late=late, folded=False),
    )


def revision(of: Compiled, subject: Subject, standing: Standing, episode: Episode) -> Revision | None:
    """Return what becomes of a stored alarm whose episode is this now; ``None`` where nothing does."""
    was = standing.episode
    if episode.first is None and episode.start_us == was.start_us:
        episode = replace(episode, first=was.first)
    moved = (was.start_us, was.raised_us, was.end_us) != (episode.start_us, episode.raised_us, episode.end_us)
    if not moved and _same(was.first, episode.first):
        return None
    ends = was.end_us is None and episode.end_us is not None
    again = was.end_us is not None and episode.end_us is None
    notify = of.notify(simulated=subject.simulated, late=standing.late, folded=standing.folded_into is not None)
    return Revision(
        id=standing.id,
        episode=episode,
        state=AlarmState.OPEN if episode.end_us is None else AlarmState.CLEARED,
        kind=EventKind.CLEARED if ends else EventKind.CHANGED,
        folded_into=standing.folded_into,
        notify=notify if ends or again else (),  # who heard that it was over hears that it is not
    )


def _same(one: Value | None, other: Value | None) -> bool:
    """Whether two values are one, up to the order in which a database adds."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other


def withdrawal(of: Compiled, subject: Subject, standing: Standing) -> Revision:
    """Return that a stored alarm was none."""
    return Revision(
        id=standing.id,
        episode=standing.episode,
        state=AlarmState.WITHDRAWN,
        kind=EventKind.WITHDRAWN,
        reason="late_data",
        notify=of.notify(simulated=subject.simulated, late=standing.late, folded=standing.folded_into is not None),
    )


def ending(standing: Standing, reason: str, at_us: int) -> Revision:
    """Return the end of an alarm that no data ends: its rule changed, or its rule or device went."""
    return Revision(
        id=standing.id,
        episode=replace(standing.episode, end_us=standing.episode.end_us or max(at_us, standing.episode.raised_us)),
        state=AlarmState.CLEARED,
        kind=EventKind.CLEARED,
        reason=reason,
    )


def settle(
    of: Compiled,
    subject: Subject,
    stored: Sequence[Standing],
    found: Sequence[Episode],
    now_us: int,
    verdict: Verdict,
) -> None:
    """Write into a verdict what the episodes found mean for the alarms stored."""
    result = match(stored, found)
    for one in result.gone:
        same = one.version == of.stored.version
        verdict.revisions.append(withdrawal(of, subject, one) if same else ending(one, "rule_changed", now_us))
    for standing, episode in result.same:
        if changed := revision(of, subject, standing, episode):
            verdict.revisions.append(changed)
    for episode in result.new:
        if new := opening(of, subject, episode, now_us):
            verdict.openings.append(new)


def ordered(verdict: Verdict) -> None:
    """Put what is written into an order in which at no moment two alarms of one rule and subject are open."""
    verdict.revisions.sort(key=lambda one: _ORDER.get(one.kind, 2 if one.state is not AlarmState.OPEN else 3))
