"""What panels ask: SQL of the database, or a channel of Grafana Live.

Rules:

1. SQL names schema ``grafana`` only, whose names stay (docs/grafana.md).
2. What a person chooses comes in as quoted texts (``:sqlstring``), never as SQL. What a device file says is quoted
   here.
"""

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef

DATABASE_UID = "penfeld-database"
"""Of the data source, wherever it is: ``provisioning`` makes it, panels name it."""
DATABASE_TYPE = "grafana-postgresql-datasource"
LIVE = DataSourceRef(type_val="datasource", uid="grafana")
"""What Grafana itself has: the channels of Grafana Live."""
STREAM = "penfeld"
"""The stream that ``penfeld grafana live`` pushes; its channels are ``stream/penfeld/<device>``."""

Format = Literal["time_series", "table"]


def database() -> DataSourceRef:
    """Return the reference to the data source."""
    return DataSourceRef(type_val=DATABASE_TYPE, uid=DATABASE_UID)


@dataclass
class SqlQuery(variants.Dataquery):
    """A query of Grafana's PostgreSQL data source, which the SDK has no class for."""

    sql: str
    format: Format = "table"
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """Return what Grafana keeps of it."""
        return {
            "refId": self.ref_id,
            "datasource": database(),
            "format": self.format,
            "rawQuery": True,
            "editorMode": "code",
            "rawSql": self.sql,
        }


@dataclass
class LiveQuery(variants.Dataquery):
    """What is pushed into a channel. ``fields``: only these."""

    channel: str
    fields: tuple[str, ...] = ()
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """Return what Grafana keeps of it."""
        filtered: dict[str, object] = {"filter": {"fields": ["Time", *self.fields]}} if self.fields else {}
        return {
            "refId": self.ref_id,
            "datasource": LIVE,
            "queryType": "measurements",
            "channel": self.channel,
            "buffer": 300_000,  # ms that a panel keeps, at most
            **filtered,
        }


@dataclass
class Query(Builder[variants.Dataquery]):
    """A query where the SDK wants a builder."""

    what: SqlQuery | LiveQuery

    def build(self) -> variants.Dataquery:
        """Return the query."""
        return self.what


def series(sql: str, ref_id: str = "A") -> Query:
    """Return a query for curves: its columns are time, metric and value."""
    return Query(SqlQuery(sql, "time_series", ref_id))


def rows(sql: str, ref_id: str = "A") -> Query:
    """Return a query for a table."""
    return Query(SqlQuery(sql, "table", ref_id))


def live(channel: str, *fields: str) -> Query:
    """Return a query for what is pushed into a channel of our stream."""
    return Query(LiveQuery(f"stream/{STREAM}/{channel}", fields))


def literal(text: str) -> str:
    """Return a text as SQL writes it. Grafana replaces variables everywhere: a dollar sign must not begin one."""
    doubled = text.replace("'", "''").replace("\\", "\\\\").replace("$", "\\x24").replace("[[", "\\x5b\\x5b")
    return f"E'{doubled}'" if "\\" in doubled else f"'{doubled}'"
