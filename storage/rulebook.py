"""Where rules are kept: ``model.alert_ports.RuleBook``. Shipped ones come with device files, saved ones from people.

Rules:

1. Of one name the saved rule counts. Saving nothing in its place switches the shipped one off.
2. Every version that a rule ever had stays, since alarms show the rule as it was; every change is a line of audit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from model.alarm import AuditLine, Origin, StoredRule
from model.errors import ConflictError, NotFoundError
from model.rule import Rule, change, plain, rule_json
from storage.alerts import rules_of
from storage.connection import Connection, Database
from storage.connection import rows as fetch
from storage.statements import statement

SHIPPED: Origin = "device"


def version_of(rule: Rule) -> str:
    """Return what tells a rule from any other that it could be."""
    return blake2b(rule_json(rule), digest_size=6).hexdigest()


class RuleBook:
    """The ``RuleBook`` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[StoredRule]:
        """Return the rules that count, in order of their names."""
        return rules_of(await self._database.fetch(statement("rules_that_count")))

    async def put(
        self, rule: Rule, *, who: str, origin: Origin, at: datetime, version: str | None = None
    ) -> StoredRule:
        """Store a rule; raise ``ConflictError`` where ``version`` is given and another is stored."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_rules"))
            known = await _known(connection, rule.name)
            if version is not None and (known is None or known.version != version):
                raise ConflictError(f"the rule {rule.name} was changed meanwhile: read it again, then change it")
            stored = await _write(connection, rule, who, origin, at)
            if known is None or known.version != stored.version:
                what = change(None if known is None else known.rule, rule)
                await audit(connection, at, who, what, rule.name, {"version": stored.version, "rule": plain(rule)})
        return stored

    async def remove(self, name: str, *, who: str, at: datetime) -> None:
        """Remove a saved rule, or switch off a shipped one; raise ``NotFoundError``."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_rules"))
            known = await _known(connection, name)
            if known is None:
                raise NotFoundError(f"there is no rule {name!r}: `penfeld rules list` shows all")
            if known.origin == SHIPPED:
                nothing = {"name": name, "origin": "console", "version": "", "definition": None, "at": at, "who": who}
                await connection.execute(statement("put_rule"), nothing)
            else:
                await connection.execute(statement("forget_rule"), {"name": name, "shipped": False})
            await audit(connection, at, who, "rule.removed", name, {"version": known.version})

    async def take(self, rules: Sequence[Rule], at: datetime) -> Sequence[str]:
        """Make these the shipped rules, all of them; return the names of those that changed."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_rules"))
            known = dict(await fetch(connection, statement("shipped_rules")))
            wanted = {rule.name: rule for rule in rules}
            changed = [name for name, rule in wanted.items() if known.get(name) != version_of(rule)]
            for name in changed:
                await _write(connection, wanted[name], "", SHIPPED, at)
            gone = [name for name in known if name not in wanted]
            for name in gone:
                await connection.execute(statement("forget_rule"), {"name": name, "shipped": True})
        return sorted([*changed, *gone])

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what, the newest first."""
        found = await self._database.fetch(statement("audit"), {"target": target, "limit": limit})
        return [AuditLine(id=row[0], at=row[1], who=row[2], what=row[3], target=row[4], detail=row[5]) for row in found]


async def audit(
    connection: Connection, at: datetime, who: str, what: str, target: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Write down who changed what."""
    document = Jsonb(msgspec.to_builtins(detail or {}))
    parameters = {"at": at, "who": who, "what": what, "target": target, "detail": document}
    await connection.execute(statement("write_audit"), parameters)


async def _known(connection: Connection, name: str) -> StoredRule | None:
    found = rules_of(await fetch(connection, statement("rule_of_name"), (name,)))
    return found[0] if found else None


async def _write(connection: Connection, rule: Rule, who: str, origin: Origin, at: datetime) -> StoredRule:
    version, definition = version_of(rule), Jsonb(plain(rule))
    values = {"name": rule.name, "origin": origin, "version": version, "definition": definition, "at": at, "who": who}
    await connection.execute(statement("put_rule"), values)
    await connection.execute(
        statement("keep_rule_version"), {"name": rule.name, "version": version, "definition": definition}
    )
    return StoredRule(rule=rule, version=version, origin=origin, changed_at=at, changed_by=who)
