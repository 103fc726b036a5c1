"""``model.alert_ports.RuleBook`` in memory: rules of device files below, saved ones above."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from model.alarm import AuditLine, Origin, StoredRule
from model.errors import ConflictError, NotFoundError
from model.rule import Rule, change, rule_json


class RuleBook:
    """Two layers of rules by name; ``None`` above switches off what is below."""

    def __init__(self) -> None:
        self.shipped: dict[str, StoredRule] = {}
        self.saved: dict[str, StoredRule | None] = {}
        self.lines: list[AuditLine] = []

    async def all(self) -> Sequence[StoredRule]:
        """Return the rules that count."""
        each = {**self.shipped, **self.saved}
        return [one for _, one in sorted(each.items()) if one is not None]

    async def put(
        self, rule: Rule, *, who: str, origin: Origin, at: datetime, version: str | None = None
    ) -> StoredRule:
        """Store a rule."""
        known = {one.rule.name: one for one in await self.all()}.get(rule.name)
        if version is not None and (known is None or known.version != version):
            raise ConflictError(f"the rule {rule.name} was changed meanwhile")
        stored = StoredRule(rule=rule, version=_version(rule), origin=origin, changed_at=at, changed_by=who)
        self.saved[rule.name] = stored
        self._note(at, who, change(known.rule if known else None, rule), rule.name)
        return stored

    async def remove(self, name: str, *, who: str, at: datetime) -> None:
        """Remove a saved rule, or switch off a shipped one."""
        if self.saved.get(name) is not None:
            del self.saved[name]
        elif name in self.shipped and name not in self.saved:
            self.saved[name] = None
        else:
            raise NotFoundError(f"there is no rule {name!r}")
        self._note(at, who, "rule.removed", name)

    async def take(self, rules: Sequence[Rule], at: datetime) -> Sequence[str]:
        """Make these the shipped rules."""
        before = {name: one.version for name, one in self.shipped.items()}
        self.shipped = {
            rule.name: StoredRule(rule=rule, version=_version(rule), origin="device", changed_at=at, changed_by="")
            for rule in rules
        }
        after = {name: one.version for name, one in self.shipped.items()}
        return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what, the newest first."""
        return [one for one in reversed(self.lines) if target in (None, one.target)][:limit]

    def _note(self, at: datetime, who: str, what: str, target: str) -> None:
        self.lines.append(AuditLine(id=len(self.lines) + 1, at=at, who=who, what=what, target=target))


def _version(rule: Rule) -> str:
    return blake2b(rule_json(rule), digest_size=6).hexdigest()
