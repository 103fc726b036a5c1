"""Silences of devices that another silence explains: that of all their gateways, or of the source they come from.

Rules:

1. While the one is open, the others are recorded, shown under it, and told to nobody.
2. When it is over they have as long as the other took to be noticed to speak again; who still is silent then is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alerts.board import Board
from alerts.compiled import Key
from alerts.things import GATEWAY, SOURCE
from model.alarm import AlarmState, EventKind, Revision, Standing, Verdict
from model.alert_ports import AlertStore
from model.rule import Silence

_AFTER_US = 120_000_000
"""A device has at least so long to speak again."""


class Folding:
    """Folds silences, and unfolds them."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store
        self._known: set[int] = set()
        self._over: dict[int, int] = {}

    async def fold(self, board: Board, verdict: Verdict, now_us: int) -> None:
        """Fold what is about to open and, if a gateway or source just went quiet, what did before it."""
        parents = {key: one for key, one in board.standing.items() if key[1].startswith((SOURCE, GATEWAY))}
        new = [i for i, one in enumerate(verdict.openings) if one.episode.end_us is None and _silent(board, one.rule)]
        fresh = {one.id for one in parents.values()} - self._known
        self._known = {one.id for one in parents.values()}
        old = [key for key, one in board.standing.items() if fresh and not one.folded_into and _silent(board, key[0])]
        if parents and (new or old):
            await self._fold(board, parents, new, old, verdict)
        self._unfold(board, {one.id for one in parents.values()}, verdict, now_us)

    async def _fold(
        self, board: Board, parents: Mapping[Key, Standing], new: Sequence[int], old: Sequence[Key], verdict: Verdict
    ) -> None:
        devices = {verdict.openings[i].subject.device for i in new}
        devices |= {board.world.by_id[key[1]].key for key in old if key[1] in board.world.by_id}
        through = await self._store.heard_by([key for key in devices if key is not None])
        quiet = {key[1]: one for key, one in parents.items()}
        for i in new:
            one = verdict.openings[i]
            parent = _parent(quiet, through.get(one.subject.device or 0))
            if parent is not None:
                verdict.openings[i] = replace(one, folded_into=parent.id, notify=())
        revised = {one.id for one in verdict.revisions}
        for key in old:
            standing, member = board.standing[key], board.world.by_id.get(key[1])
            parent = _parent(quiet, through.get(member.key)) if member else None
            if parent is not None and standing.id not in revised:
                verdict.revisions.append(_revision(standing, EventKind.FOLDED, parent.id))

    def _unfold(self, board: Board, parents: set[int], verdict: Verdict, now_us: int) -> None:
        """Tell of devices that are silent still, some time after what explained it was over."""
        folded = {key: one for key, one in board.standing.items() if one.folded_into is not None}
        gone = {one.folded_into for one in folded.values() if one.folded_into is not None} - parents
        self._over = {parent: self._over.get(parent, now_us) for parent in gone}
        revised = {one.id for one in verdict.revisions}
        for key, one in folded.items():
            since_us = self._over.get(one.folded_into or 0)
            wait_us = max(one.episode.raised_us - one.episode.start_us, _AFTER_US)
            if since_us is None or now_us - since_us < wait_us or one.id in revised:
                continue
            of, member = board.rules.get(key[0]), board.world.by_id.get(key[1])
            notify = of.notify(simulated=member.simulated, late=one.late, folded=False) if of and member else ()
            verdict.revisions.append(replace(_revision(one, EventKind.UNFOLDED, None), notify=notify))


def _revision(standing: Standing, kind: EventKind, parent: int | None) -> Revision:
    return Revision(id=standing.id, episode=standing.episode, state=AlarmState.OPEN, kind=kind, folded_into=parent)


def _silent(board: Board, rule: str) -> bool:
    of = board.rules.get(rule)
    return of is not None and isinstance(of.rule.when, Silence) and of.rule.when.of == "device"


def _parent(quiet: Mapping[str, Standing], through: tuple[str, Sequence[str]] | None) -> Standing | None:
    """Return the open alarm that explains a device's silence."""
    if through is None:
        return None
    source, gateways = through
    if (found := quiet.get(SOURCE + source)) is not None:
        return found
    each = [quiet.get(GATEWAY + gateway) for gateway in gateways]
    return each[0] if each and all(one is not None for one in each) else None
