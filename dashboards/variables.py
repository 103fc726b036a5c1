"""The choices at the top of a board: district, experiment, device type, device, field."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable
from grafana_foundation_sdk.models import dashboard as models

from dashboards.query import database

EVERY = "'*'"
"""What "all" is in SQL: Grafana puts it in as it stands."""


def many(name: str, label: str, sql: str, every: str, value: str | None = EVERY) -> QueryVariable:
    """Return a choice of several, of which "all" is the first: ``value`` in SQL, ``None`` for each of them."""
    variable = (
        _asked(name, label, sql)
        .multi(True)  # noqa: FBT003  the SDK's methods take one value
        .include_all(True)  # noqa: FBT003
        .current(models.VariableOption(selected=True, text=[every], value=["$__all"]))
    )
    return variable if value is None else variable.all_value(value)


def some(name: str, label: str, sql: str) -> QueryVariable:
    """Return a choice of several, without "all": there may be thousands."""
    return _asked(name, label, sql).multi(True)  # noqa: FBT003


def one(name: str, label: str, sql: str) -> QueryVariable:
    """Return a choice of one."""
    return _asked(name, label, sql)


def of(name: str, label: str, options: dict[str, str]) -> CustomVariable:
    """Return a choice among values known in advance: what people read -> value."""
    values = [
        models.VariableOption(selected=n == 0, text=text, value=value)
        for n, (text, value) in enumerate(options.items())
    ]
    return (
        CustomVariable(name)
        .label(label)
        .values(", ".join(f"{text} : {value}" for text, value in options.items()))
        .options(values)
        .current(values[0])
    )


def _asked(name: str, label: str, sql: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(database())
        .query(sql)
        .definition(sql)
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(models.VariableSort.DISABLED)
    )
