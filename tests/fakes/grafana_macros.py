"""What Grafana makes of a query before it sends it: variables and the macros of its PostgreSQL data source.

Only what our boards use; anything else is an error, so that no query is tried in another form than Grafana's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

Value = str | Sequence[str]

ALL = "$__all"


@dataclass(frozen=True)
class View:
    """What a person looks at. ``values``: variable -> what is chosen; ``raw``: what "all" is, put in as it stands."""

    start: datetime
    end: datetime
    interval: timedelta = timedelta(minutes=1)
    values: Mapping[str, Value] = field(default_factory=dict)
    raw: Mapping[str, str] = field(default_factory=dict)


def expand(sql: str, view: View) -> str:
    """Return the SQL that the database gets; raise ``ValueError`` for what is not known."""
    text = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: _sqlstring(match[1], view), sql)
    text = re.sub(r"\$\{(\w+)(?::(\w+))?\}", lambda match: _plain(match[1], match[2], view), text)
    text = re.sub(
        r"\$__timeGroup\(([^,()]+),\s*\$__interval\)",
        lambda match: f"floor(extract(epoch from {match[1]})/{_seconds(view)})*{_seconds(view)}",
        text,
    )
    text = text.replace("$__interval_ms", str(int(view.interval.total_seconds() * 1000)))
    text = re.sub(
        r"\$__timeFilter\(([^()]+)\)",
        lambda match: f"{match[1]} BETWEEN {_time(view.start)} AND {_time(view.end)}",
        text,
    )
    text = text.replace("$__timeFrom()", _time(view.start)).replace("$__timeTo()", _time(view.end))
    if "$" in text or "[[" in text:
        raise ValueError(f"Grafana would leave a variable or macro as it is: {text}")
    return text


def _sqlstring(name: str, view: View) -> str:
    if name in view.raw:
        return view.raw[name]
    value = view.values[name]
    return ",".join("'" + each.replace("'", "''") + "'" for each in ([value] if isinstance(value, str) else value))


def _plain(name: str, form: str | None, view: View) -> str:
    if form not in {None, "text"}:
        raise ValueError(f"no form of a variable that our boards use: {form}")
    value = view.values[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} has several values: say in which form")  # noqa: TRY004 -- the form is wrong
    return value


def _time(moment: datetime) -> str:
    return "'" + moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") + "'"


def _seconds(view: View) -> int:
    return max(1, int(view.interval.total_seconds()))
