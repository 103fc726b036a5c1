"""Every query of every generated board, run as Grafana runs it: as the role that only reads, on both databases."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.board import Setting
from dashboards.generated import boards
from decoders.catalogue import Catalogue
from model.device import Device, DeviceType, Field, Kind
from model.uplink import Value
from storage import reader
from storage.connection import Database
from storage.registry import Registry
from storage.tables import prepare
from storage.upkeep import Upkeep
from storage.writer import Writer
from tests.fakes.grafana_macros import View, expand
from tests.unit.dashboards.asked import Asked, asked
from tests.unit.storage.batches import Builder

TYPES = Catalogue.builtin().types()
IN_USE = {each.name: each for each in TYPES if each.name.startswith("penfeld_")}
PASSWORD = "made up for a test"  # noqa: S105 -- of a database that is thrown away
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""Views ask the database's clock."""
HOURS = 30
CHOSEN = {"by": "district", "device": "", "type": "", "field": ""}
ALL = {"district": "'*'", "experiment": "'*'"}
VIEWS = (
    View(NOW - timedelta(hours=HOURS), NOW, timedelta(seconds=30), CHOSEN, ALL),
    View(NOW - timedelta(days=30), NOW, timedelta(hours=1), CHOSEN | {"by": "device"}, ALL),
    View(
        NOW - timedelta(days=900),
        NOW,
        timedelta(days=1),
        CHOSEN | {"district": ["O'Brien", "Europe"]},
        {"experiment": "'*'"},
    ),
)
"""A day by district, a month by device, years of two districts."""


def sample(field: Field, n: int) -> Value:
    """Return a value of a field."""
    if field.kind is Kind.BOOL:
        return n % 3 == 0
    if field.kind is Kind.TEXT:
        return field.choices[0] if field.choices else "a"
    return n if field.kind is Kind.INT else float(n)


@pytest.fixture
async def guest(database: Database, dsn: str) -> Any:  # noqa: ANN401 -- a generator of a fixture
    """Return a city with a device of each of our own types that spoke for a day, seen by the role."""
    await prepare(database, TYPES)
    registry = Registry(database)
    await registry.register(
        [
            Device(id=f"dev-{n}", type=name, name=f"Number {n}", district="Europe", latitude=48.4, longitude=-4.5)
            for n, name in enumerate(IN_USE)
        ]
    )
    builder = Builder(await registry.identify([f"dev-{n}" for n in range(len(IN_USE))]))
    for n, each in enumerate(IN_USE.values()):
        for hour in range(HOURS):
            time = NOW - timedelta(hours=HOURS - hour)
            values = {field.name: sample(field, hour) for field in each.fields}
            builder.frame(f"dev-{n}", time, values, payload=bytes([n, hour]), received_at=time + timedelta(seconds=2))
    await Writer(database, "worker-1").write(builder.build(tuple(IN_USE.values())))
    assert (await Upkeep(database, TYPES, lambda: NOW).round()).left == 0
    await reader.let_log_in(database, PASSWORD)
    with psycopg.connect(make_conninfo(dsn, user=reader.ROLE, password=PASSWORD), autocommit=True) as connection:
        yield connection


def of_device(question: Asked, view: View, types: Sequence[DeviceType]) -> View:
    """Return the view with a device chosen that the board is about."""
    names = [each.name for each in types]
    found = next((name for name in names if question.board == f"penfeld-type-{name.replace('_', '-')}"), names[0])
    chosen = {"device": f"dev-{names.index(found)}", "type": found, "field": IN_USE[found].fields[1].name}
    return View(view.start, view.end, view.interval, {**view.values, **chosen}, view.raw)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_query_of_every_board_can_be_run(guest: psycopg.Connection[Any], language: Any) -> None:  # noqa: ANN401
    """Also those of types that are not in use; curves have a time and numbers, as Grafana wants them."""
    wrong: list[str] = []
    number = 0
    types = tuple(IN_USE.values())
    for question in [each for board in boards(TYPES, Setting(language)) for each in asked(board)]:
        for view in VIEWS:
            sql = expand(question.sql, of_device(question, view, types))
            number += 1
            try:
                cursor = guest.execute(sql.encode())
            except psycopg.Error as error:
                wrong.append(f"{question.board}: {question.where}: {error}")
                continue
            columns = {column.name: column.type_code for column in cursor.description or ()}
            if question.format == "time_series" and not ("time" in columns and "value" in columns):
                wrong.append(f"{question.board}: {question.where}: no curve: {columns}")
            if question.format == "annotation" and not {"time", "timeend", "text", "tags"} <= columns.keys():
                wrong.append(f"{question.board}: {question.where}: no annotation: {columns}")
    assert wrong == []
    assert number > 1000


async def test_curves_of_what_is_in_use_are_not_empty(guest: psycopg.Connection[Any]) -> None:
    """Each curve of a type, of its domain and of the page of its device shows what the device said."""
    types = tuple(IN_USE.values())
    names = {f"penfeld-type-{name.replace('_', '-')}" for name in IN_USE} | {"penfeld-device"}
    empty = []
    for board in boards(TYPES, Setting("fr")):
        if board.uid not in names:
            continue
        for question in asked(board):
            if question.format != "time_series" or "Signal" in question.where or "signal" in question.where:
                continue
            for view in VIEWS[:2]:
                if not guest.execute(expand(question.sql, of_device(question, view, types)).encode()).fetchall():
                    empty.append((board.uid, question.where, view.interval))  # noqa: PERF401 -- reads better
    assert empty == []


async def test_the_table_of_types_leads_to_their_boards(guest: psycopg.Connection[Any], database: Database) -> None:
    """SQL makes the same uid as the board has, also where the name is too long for Grafana."""
    types = [*TYPES, replace(TYPES[0], name="a_maker_whose_names_are_very_long_indeed")]
    await Registry(database).register([Device(id=f"of-{each.name}", type=each.name) for each in types])
    every = boards(types, Setting("fr"))
    [sql] = [each.sql for board in every for each in asked(board) if " as board" in each.sql]

    found = {row[0] for row in guest.execute(expand(sql, VIEWS[0]).encode()).fetchall()}

    assert max(map(len, found)) == 40
    assert found == {board.uid for board in every if board.uid.startswith("penfeld-type-")}
