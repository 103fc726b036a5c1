"""Rules for people: ``model.alert_ports.Rules`` over where they are kept, checked before they are, tried on the past.

Rules:

1. Only a rule that works is saved. One that stopped working (its device type is gone) stays, and can be removed.
2. What is tried changes nothing. Gateways and sources cannot be tried: when they spoke is not kept.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

import msgspec

from alerts import check
from alerts.backtest import trial
from alerts.check_conditions import THINGS
from alerts.compiled import Place
from alerts.known import Known
from model.alarm import AuditLine, Origin, StoredRule
from model.alert_ports import AlertStore, RuleBook
from model.device import DeviceType
from model.errors import BadRequestError, ConflictError, NotFoundError
from model.rule import Rule, Silence
from model.said import Said, joined
from model.trial import Trial

_KNOWN_FOR = timedelta(seconds=2)
"""So long devices are not asked for again: a file of many rules is checked against the same ones."""


class RuleDesk:
    """The ``Rules``. ``types``: the device types in use, by name, asked each time; ``channels``: names of channels."""

    def __init__(
        self,
        *,
        book: RuleBook,
        store: AlertStore,
        types: Callable[[], Mapping[str, DeviceType]],
        channels: Callable[[], Collection[str]],
        clock: Callable[[], datetime],
        place: Place,
    ) -> None:
        self._book = book
        self._store = store
        self._types = types
        self._channels = channels
        self._clock = clock
        self._place = place
        self._known: tuple[datetime, Known] | None = None

    async def all(self) -> Sequence[StoredRule]:
        """Return all rules in order of their names."""
        return await self._book.all()

    async def rule(self, name: str) -> StoredRule:
        """Return one rule; raise ``NotFoundError`` with the nearest names."""
        each = {one.rule.name: one for one in await self._book.all()}
        if name in each:
            return each[name]
        near = get_close_matches(name, each, 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`penfeld rules list` shows all"
        raise NotFoundError(f"there is no rule {name!r}; {hint}")

    async def known(self) -> Known:
        """Return what rules are checked against."""
        now = self._clock()
        if self._known is None or not timedelta() <= now - self._known[0] < _KNOWN_FOR:
            members = await self._store.members()
            self._known = now, Known(types=self._types(), members=members, channels=self._channels())
        return self._known[1]

    async def problems(self, rule: Rule) -> Sequence[str]:
        """Return what keeps a rule from working, each with what to change; none if it works."""
        return check.problems(rule, await self.known())

    async def notes(self, rule: Rule) -> Sequence[str]:
        """Return what whoever writes a rule should know."""
        return check.notes(rule, await self.known())

    async def save(self, rule: Rule, *, who: str, origin: Origin, version: str | None = None) -> StoredRule:
        """Store a rule that works; raise ``BadRequestError`` with its problems, ``ConflictError`` as the book does."""
        await self._refuse(rule)
        return await self._book.put(rule, who=who, origin=origin, at=self._clock(), version=version)

    async def switch(self, name: str, who: str, *, on: bool, version: str | None = None) -> StoredRule:
        """Switch a rule on or off; what no longer works can be switched off, not on."""
        stored = await self.rule(name)
        if version is not None and stored.version != version:
            raise ConflictError(f"the rule {name} was changed meanwhile: read it again, then switch it")
        rule = msgspec.structs.replace(stored.rule, enabled=on)
        if rule == stored.rule:
            return stored
        if on:
            await self._refuse(rule)
        origin: Origin = "console" if stored.origin == "device" else stored.origin
        return await self._book.put(rule, who=who, origin=origin, at=self._clock(), version=stored.version)

    async def remove(self, name: str, who: str) -> None:
        """Remove a rule; raise ``NotFoundError``."""
        await self.rule(name)
        await self._book.remove(name, who=who, at=self._clock())

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        """Return what a rule would have raised; raise ``BadRequestError`` with its problems."""
        if end <= start:
            raise BadRequestError(
                Said(
                    f"the end ({end.isoformat()}) does not lie behind the start ({start.isoformat()})",
                    f"la fin ({end.isoformat()}) n’est pas après le début ({start.isoformat()})",
                )
            )
        await self._refuse(rule)
        if isinstance(rule.when, Silence) and rule.when.of != "device":
            raise BadRequestError(
                Said(
                    f"a {rule.when.of} cannot be tried: when it spoke is not kept; save the rule and watch",
                    f"une {THINGS[rule.when.of]} ne peut être essayée : quand elle a parlé n’est pas gardé ; "
                    "enregistrez la règle et observez",
                ).at("when")
            )
        world = (await self.known()).world
        now = self._clock()
        return await trial(
            rule, start, min(end, max(now, start)), store=self._store, world=world, place=self._place, progress=progress
        )

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what, the newest first."""
        return await self._book.audit(target, limit=limit)

    async def _refuse(self, rule: Rule) -> None:
        if problems := await self.problems(rule):
            raise BadRequestError(joined(problems))
