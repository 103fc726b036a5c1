"""``model.alert_ports.Rules`` in memory: a rule works if its name has no blank."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from model.alarm import AuditLine, Origin, StoredRule
from model.errors import BadRequestError, ConflictError, NotFoundError
from model.rule import Rule, change
from model.trial import Trial


class Rules:
    """Rules in a dictionary. ``trial``: what every test of a rule answers."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.rules: dict[str, StoredRule] = {}
        self.lines: list[AuditLine] = []
        self.trial: Trial | None = None
        self._clock = clock

    async def all(self) -> Sequence[StoredRule]:
        """Return all rules."""
        return [self.rules[name] for name in sorted(self.rules)]

    async def rule(self, name: str) -> StoredRule:
        """Return one rule."""
        if name not in self.rules:
            raise NotFoundError(f"there is no rule {name!r}")
        return self.rules[name]

    async def problems(self, rule: Rule) -> Sequence[str]:
        """Return what keeps a rule from working."""
        return [f"name: {rule.name!r} has a blank: leave it out"] if " " in rule.name else []

    async def notes(self, rule: Rule) -> Sequence[str]:
        """Return what whoever writes it should know."""
        del rule
        return []

    async def save(self, rule: Rule, *, who: str, origin: Origin, version: str | None = None) -> StoredRule:
        """Store a rule that works."""
        if problems := await self.problems(rule):
            raise BadRequestError("; ".join(problems))
        known = self.rules.get(rule.name)
        if version is not None and (known is None or known.version != version):
            raise ConflictError(f"the rule {rule.name} was changed meanwhile: read it again, then change it")
        number = str(1 + int(known.version if known else 0))
        stored = StoredRule(rule=rule, version=number, origin=origin, changed_at=self._clock(), changed_by=who)
        self.rules[rule.name] = stored
        self._note(who, change(known.rule if known else None, rule), rule.name)
        return stored

    async def switch(self, name: str, who: str, *, on: bool, version: str | None = None) -> StoredRule:
        """Switch a rule on or off; one that does not work only off."""
        stored = await self.rule(name)
        if version is not None and stored.version != version:
            raise ConflictError(f"the rule {name} was changed meanwhile: read it again, then switch it")
        rule = msgspec.structs.replace(stored.rule, enabled=on)
        if on and (problems := await self.problems(rule)):
            raise BadRequestError("; ".join(problems))
        if rule == stored.rule:
            return stored
        number = str(int(stored.version) + 1)
        self.rules[name] = replace(stored, rule=rule, version=number, changed_by=who)
        self._note(who, change(stored.rule, rule), name)
        return self.rules[name]

    async def remove(self, name: str, who: str) -> None:
        """Remove a rule."""
        await self.rule(name)
        del self.rules[name]
        self._note(who, "rule.removed", name)

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        """Return the trial that is given."""
        if problems := await self.problems(rule):
            raise BadRequestError("; ".join(problems))
        progress(0.5)
        progress(1.0)
        return self.trial or Trial(
            start=start,
            end=end,
            readings=0,
            subjects=0,
            found=[],
            alarms=0,
            open=0,
            raised_s=0.0,
            longest_s=0.0,
            by_hour=[0] * 24,
            by_day=[],
        )

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what, the newest first."""
        return [one for one in reversed(self.lines) if target in (None, one.target)][:limit]

    def _note(self, who: str, what: str, name: str) -> None:
        self.lines.append(AuditLine(id=len(self.lines) + 1, at=self._clock(), who=who, what=what, target=name))
