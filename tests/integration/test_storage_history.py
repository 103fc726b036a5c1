"""History decoded again, in every database: what changes, what stays, what is remembered, and who is not disturbed."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Literal

from decoders.catalogue import Catalogue
from ingest.history import Redecoding
from model.device import DeviceType
from model.errors import ConfigError, ConflictError, NotFoundError, UnavailableError
from model.history import Changes, Counts, Part, Place, Run, RunState, Scope
from model.ports import Answer, HistoryStep
from model.uplink import Uplink
from storage.connection import Database
from storage.history import History
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries as FakeQueries
from tests.fakes.registry import Registry as FakeRegistry
from tests.integration.fix_database import Cluster
from tests.unit.ingest.past import (
    DEVICES,
    HOUR,
    MINUTE,
    NEW_CATALOGUE,
    NOON,
    OLD,
    OLD_CATALOGUE,
    Heard,
    frame,
    heard,
    ingest,
    uplinks,
    without_version,
)

NEW = NEW_CATALOGUE["sensor"]
SENSOR = Scope(device_type="sensor")
DROPPING = replace(SENSOR, drop_undecodable=True)
DAY = tuple(frame(f"{1000 + number:04x}05", 15 * number) for number in range(24))


class House:
    """A database with devices, as the old device file left it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.history = History(database)

    async def take(self, *frames: Heard, catalogue: Catalogue = OLD_CATALOGUE) -> list[Heard]:
        """Let frames arrive."""
        return await ingest(frames, catalogue, Registry(self.database), Writer(self.database, "w"))

    def again(self, at_once: int = 100, history: History | None = None) -> Redecoding:
        """Return what decodes again by the new device file."""
        return Redecoding(history or self.history, NEW, at_once=at_once)

    async def redecode(self, scope: Scope = SENSOR, at_once: int = 100, history: History | None = None) -> Run:
        """Find the difference and make it."""
        again = self.again(at_once, history)
        return await again.change(await again.begin(await again.survey(scope)), stop=lambda: False)

    async def temperatures(self) -> list[Any]:
        """Return the temperatures of the first device, in order of time."""
        rows = (await Queries(self.database).readings(NEW.type, devices=["sensor-1"])).rows
        return [row.values["temperature_c"] for row in rows]

    async def one(self, query: LiteralString) -> Any:  # noqa: ANN401 -- whatever is asked for
        """Return the only value of a query."""
        [(value,)] = await self.database.fetch(SQL(query))
        return value

    async def everything(self) -> list[Any]:
        """Return what all tables that matter hold."""
        tables = [("penfeld", "uplink"), ("readings", "sensor"), ("latest", "sensor"), ("penfeld", "heard")]
        query = SQL("select coalesce(jsonb_agg(t order by t::text), '[]') from {} as t")
        return [await self.database.fetch(query.format(Identifier(*name))) for name in tables]

    async def compress(self) -> None:
        """On TimescaleDB, put all chunks of frames and readings into the columnstore."""
        if await self.one("select count(*) from pg_extension where extname = 'timescaledb'"):
            await self._columnstore(("penfeld", "uplink"), "time desc, key")
            await self._columnstore(("readings", "sensor"), "time desc")

    async def _columnstore(self, name: tuple[str, str], order: str) -> None:
        settings = SQL(
            "alter table {} set (timescaledb.enable_columnstore, timescaledb.segmentby = 'device',"
            " timescaledb.orderby = {})"
        ).format(Identifier(*name), Literal(order))
        async with self.database.connection() as connection:
            await connection.execute(settings)
            await connection.execute(SQL("select compress_chunk(c, true) from show_chunks(%s) as c"), (".".join(name),))


@pytest.fixture
async def house(database: Database) -> House:
    """Give a database with tables and devices."""
    await prepare(database, NEW_CATALOGUE.types())
    await Registry(database).register(DEVICES)
    return House(database)


async def wipe(database: Database) -> None:
    """Empty all tables, so that one database serves many examples."""
    async with database.connection() as connection:
        await connection.execute(
            SQL(
                "truncate penfeld.uplink, penfeld.heard, latest.sensor, penfeld.device, penfeld.ledger,"
                " penfeld.quarantine, penfeld.redecode, penfeld.superseded, penfeld.moved, penfeld.changed_hour,"
                " readings.sensor restart identity cascade"
            )
        )


def test_history_decoded_again_is_what_ingest_would_have_stored(dsn: str) -> None:
    """Readings and latest values are those that the new device file would have made from the beginning."""

    @settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.lists(uplinks(), min_size=4, max_size=14), st.integers(1, 20))
    def check(drawn: list[Uplink], at_once: int) -> None:
        asyncio.run(compare(dsn, drawn, at_once))

    async def set_up() -> None:
        async with Database(dsn) as database:
            await prepare(database, NEW_CATALOGUE.types())

    asyncio.run(set_up())
    check()


async def compare(dsn: str, drawn: list[Uplink], at_once: int) -> None:
    async with Database(dsn) as database:
        await wipe(database)
        house = House(database)
        await Registry(database).register(DEVICES)
        stored = await house.take(*heard(drawn))
        memory = Memory()
        model = FakeRegistry(memory)
        await model.register(DEVICES)
        await ingest(stored, NEW_CATALOGUE, model, memory)

        run = await house.redecode(DROPPING, at_once)

        assert run.state is RunState.FINISHED
        found = (await Queries(database).readings(NEW.type)).rows
        expected = (await FakeQueries(memory).readings(NEW.type)).rows
        assert without_version(found) == without_version(expected)
        latest = {one.device.id: (one.time, one.values, one.flags) for one in await Queries(database).latest()}
        promised = {one.device.id: (one.time, one.values, one.flags) for one in await FakeQueries(memory).latest()}
        assert latest == promised
        assert (await house.again().survey(DROPPING)).counts.differences == 0


async def test_looking_changes_nothing(house: House) -> None:
    """A survey leaves every table as it was."""
    await house.take(*DAY, frame("09c403e8", 3000, f_port=2))
    before = await house.everything()

    survey = await house.again(7).survey(SENSOR)

    assert survey.counts.differences == 26
    assert await house.everything() == before


async def test_frames_and_readings_in_the_columnstore_change_like_others(house: House) -> None:
    """Compressed chunks are decoded again row by row, without being unpacked as a whole; others stay packed."""
    await house.take(*DAY, *(frame("09c405", 60 * 24 * 40 + number, device="sensor-2") for number in range(10)))
    await house.compress()

    run = await house.redecode(replace(SENSOR, device="sensor-1"), 10)

    assert (run.counts.changed, run.counts.frames) == (24, 24)
    assert await house.temperatures() == [(1000 + number) / 50 for number in range(24)]
    rows = (await Queries(house.database).readings(NEW.type, devices=["sensor-2"])).rows
    assert {row.values["temperature_c"] for row in rows} == {25.0}


async def test_what_a_reading_said_before_can_be_read(house: House) -> None:
    """Each row knows the version that made it; what it said under others is kept with the run that changed it."""
    await house.take(frame("09c405"), frame("09c403e8", 60, f_port=2))
    run = await house.redecode()

    now, before = await house.history.said("sensor-1", NOON, NOON + MINUTE)
    [gone] = await house.history.said("sensor-1", NOON + 50 * MINUTE, NOON + 51 * MINUTE)

    old = OLD_CATALOGUE["sensor"].type.version
    assert (now.values, now.version, now.run) == ({"temperature_c": 50.0, "door_count": 5}, NEW.type.version, None)
    assert (before.values, before.version, before.run) == ({"temperature_c": 25.0, "door_count": 5}, old, run.number)
    assert before.received_at == NOON + MINUTE
    assert before.replaced_at is not None
    assert (gone.values, gone.run) == ({"temperature_c": 10.0}, run.number)
    with pytest.raises(NotFoundError, match=r"'nobody'.*penfeld devices list"):
        await house.history.said("nobody", NOON, NOON + MINUTE)


async def test_hours_that_changed_are_noted_for_rollups(house: House) -> None:
    """Where a reading was and where it is now: both hours are to be summed up again; others are not."""
    await house.take(frame("7fff05", -180), frame("09c403e8", 5, f_port=2), frame("09c405", 200))
    async with house.database.connection() as connection:
        await connection.execute(SQL("truncate penfeld.changed_hour"))

    await house.redecode(replace(SENSOR, start=NOON, end=NOON + HOUR))

    found = await house.database.fetch(SQL("select distinct device_type, hour from penfeld.changed_hour order by hour"))
    assert found == [("sensor", NOON - HOUR)]


async def test_a_continuous_aggregate_follows(house: House, cluster: Cluster) -> None:
    """TimescaleDB notes the change of a compressed chunk by itself, and the next refresh counts it."""
    if cluster.engine != "timescaledb":
        pytest.skip("continuous aggregates are TimescaleDB's")
    await house.take(*DAY)
    await house.compress()
    async with house.database.connection() as connection:
        await connection.execute(
            SQL(
                "create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as"
                " select time_bucket('1 hour', time) as bucket, device, avg(temperature_c) as mean"
                " from readings.sensor group by 1, 2 with no data"
            )
        )
        refresh = SQL("call refresh_continuous_aggregate('hourly', null, null)")
        await connection.execute(refresh)
    before = await house.one("select avg(mean) from hourly")

    await house.redecode()
    async with house.database.connection() as connection:
        await connection.execute(refresh)

    assert await house.one("select avg(mean) from hourly") == pytest.approx(2 * before)


async def test_a_frame_that_follows_its_time_is_still_known_when_it_comes_again(house: House) -> None:
    """Raw frames move with the time that they tell now; delivered once more, they are duplicates."""
    own = int((NOON - 5 * HOUR).timestamp())
    first = (
        Uplink(network="test", device="sensor-1", payload=bytes.fromhex(f"{own:08x}80"), f_port=3, f_cnt=7),
        NOON,
    )
    await house.take(first)

    run = await house.redecode()
    stored = await house.take((first[0], NOON + 20 * MINUTE), catalogue=NEW_CATALOGUE)

    assert (run.counts.moved, run.counts.new, run.counts.gone) == (1, 1, 1)
    assert stored == []
    assert await house.one("select time from penfeld.uplink") == NOON
    assert await house.one("select time_before from penfeld.moved") == NOON - 5 * HOUR


async def test_frames_that_move_forward_are_taken_once(house: House) -> None:
    """A clock that was an hour behind: frames pass each other, and each is decoded once."""
    frames = [
        (Uplink(network="test", device="sensor-1", time=NOON + number * MINUTE, f_port=3, f_cnt=number,
                payload=bytes.fromhex(f"{int((NOON + (number - 60) * MINUTE).timestamp()):08x}80")),
         NOON + number * MINUTE)
        for number in range(30)
    ]  # fmt: skip
    frames += [frame("09c405", -30 + number) for number in range(30)]
    await house.take(*frames)

    run = await house.redecode(at_once=7)

    assert (run.counts.frames, run.counts.moved) == (60, 30)
    assert await house.one("select count(*) from readings.sensor where lit_on") == 30
    assert await house.one("select min(time) from readings.sensor where lit_on") == NOON


async def test_a_stopped_run_goes_on_at_its_place(house: House) -> None:
    """Place, sums and state are in the database: another process resumes, and what is done is not done again."""
    await house.take(*DAY)
    again = house.again(10)
    answers = iter([False, True])
    left = await again.change(await again.begin(await again.survey(SENSOR)), stop=lambda: next(answers))

    [found] = await History(house.database).runs()
    done = await house.again(10, History(house.database)).change(found, stop=lambda: False)

    assert (left.state, found.counts, found.place) == (RunState.OPEN, left.counts, left.place)
    assert (done.state, done.counts) == (RunState.FINISHED, Counts(frames=24, changed=24))
    assert await house.one("select count(*) from penfeld.superseded") == 24


class Killed(History):
    """A history whose process dies behind a step, before newest values are found again."""

    async def _settle(self, run: Run, columns: Mapping[str, str]) -> None:
        if self._settled:
            raise UnavailableError("killed")
        await super()._settle(run, columns)


async def test_newest_values_are_right_after_a_kill_at_the_worst_moment(house: House) -> None:
    """A process dies when readings are changed and newest values are not: who resumes finds them again."""
    await house.take(*DAY)
    again = house.again(history=Killed(house.database))
    run = await again.begin(await again.survey(SENSOR))
    with pytest.raises(UnavailableError):
        await again.change(run, stop=lambda: False)
    [before] = await Queries(house.database).latest()

    await house.again().change(await house.history.run(run.number), stop=lambda: False)

    [after] = await Queries(house.database).latest()
    newest = DAY[-1][0].time
    assert (before.values["temperature_c"].value, before.values["temperature_c"].time) == (10.23, newest)
    assert (after.values["temperature_c"].value, after.values["temperature_c"].time) == (20.46, newest)


async def test_simulated_devices_take_their_past_with_them(house: House) -> None:
    """Purging them removes what their readings said before; that of real ones stays."""
    await house.take(frame("09c405"), frame("09c405", device="toy"))
    await house.redecode()

    await Registry(house.database).purge_simulated()

    assert await house.one("select count(*) from penfeld.superseded") == 1
    assert len(await house.history.said("sensor-1", NOON, NOON + MINUTE)) == 2


async def test_two_processes_do_not_work_at_one_type(house: House) -> None:
    """The second is refused; a process that goes on behind another's back changes nothing."""
    await house.take(*DAY)
    again = house.again(10)
    run = await again.begin(await again.survey(SENSOR))

    async with house.history.working("sensor"):
        assert (await house.history.run(run.number)).working
        with pytest.raises(ConflictError, match="another process decodes sensor again"):
            async with House(house.database).history.working("sensor"):
                pass
    await again.change(run, stop=iter([False, True]).__next__)
    with pytest.raises(ConflictError, match="run 1 was changed by another process"):
        await again.change(run, stop=lambda: False)
    assert not (await house.history.run(run.number)).working


class Disturbed(History):
    """A history in which somebody else writes just before a step does, once."""

    def __init__(self, database: Database, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(database)
        self.meanwhile: Callable[[], Awaitable[object]] | None = meanwhile
        self.tries = 0

    async def step(
        self,
        device_type: DeviceType,
        scope: Scope,
        part: Part,
        work: Callable[[HistoryStep], Awaitable[Answer]],
        *,
        until: datetime,
        run: Run | None = None,
    ) -> Answer:
        """Let the other one write between look and change."""

        async def disturbed(step: HistoryStep) -> Answer:
            self.tries += run is not None
            return await work(_Slow(step, self) if run else step)

        return await super().step(device_type, scope, part, disturbed, until=until, run=run)


class _Slow:
    """A step that is overtaken."""

    def __init__(self, step: HistoryStep, history: Disturbed) -> None:
        self.frames, self.neighbours, self.rows = step.frames, step.neighbours, step.rows
        self._step, self._history = step, history

    async def change(self, changes: Changes, place: Place, counts: Counts) -> None:
        """Let the other one write first."""
        if (meanwhile := self._history.meanwhile) is not None:
            self._history.meanwhile = None
            await meanwhile()
        await self._step.change(changes, place, counts)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_frame_that_comes_meanwhile_is_not_lost(house: House, packed: bool) -> None:  # noqa: FBT001 -- a parameter
    """A late frame fills a reading while it is decoded again: the step is done once more, and has both."""
    await house.take(frame("09c405"), frame("7fff05", 15))
    if packed:
        await house.compress()
    late = frame("7fff09", 15, late=90)[0]
    other = Uplink(network="test", device="sensor-1", time=late.time, payload=bytes.fromhex("0bb801"), f_port=1)
    history = Disturbed(house.database, lambda: house.take((other, NOON + 2 * HOUR), catalogue=NEW_CATALOGUE))

    await house.redecode(history=history)

    assert history.tries == 2
    assert await house.temperatures() == [50.0, 655.34]
    assert (await house.again().survey(SENSOR)).counts.differences == 0


async def test_a_new_reading_where_one_is_to_go_is_not_lost(house: House) -> None:
    """A frame arrives at a time to which a log's row moves: both are merged, none is refused."""
    await house.take(frame("09c403e8", f_port=2))
    history = Disturbed(house.database, lambda: house.take(frame("7fff09", -20, late=90), catalogue=NEW_CATALOGUE))

    await house.redecode(history=history)

    rows = (await Queries(house.database).readings(NEW.type)).rows
    assert history.tries == 2
    assert [(row.values["temperature_c"], row.values["door_count"]) for row in rows] == [(10.0, 9), (25.0, None)]


async def test_readers_see_a_reading_as_it_was_or_as_it_is(house: House) -> None:
    """While history changes, no look finds a reading missing, doubled or half changed."""
    await house.take(*DAY)
    seen = []

    async def look() -> None:
        async with Database(_dsn(house.database)) as other:
            while True:
                seen.append(await other.fetch(SQL("select temperature_c from readings.sensor order by time")))
                await asyncio.sleep(0)

    reader = asyncio.create_task(look())
    await house.redecode(at_once=1)
    reader.cancel()

    before, after = ([(1000 + number) / scale for number in range(24)] for scale in (100, 50))
    assert len(seen) > 5
    for rows in seen:
        values = [value for (value,) in rows]
        changed = sum(value == new for value, new in zip(values, after, strict=True))
        assert values == after[:changed] + before[changed:]


def _dsn(database: Database) -> str:
    return database._dsn


async def test_a_field_of_another_kind_is_refused_with_the_way_to_do_it(house: House) -> None:
    """A number that became a text cannot be compared: it needs another name."""
    await house.take(frame("09c405"))
    as_text = re.sub(r"(door_count +u\d+)", r"\1 {5 = five}", OLD).replace("door_count = 5", 'door_count = "five"')
    as_text = as_text.replace("range = [0, 200]", "").replace('quantity = "count"', 'quantity = "state"')
    text = Catalogue({"sensor": as_text})

    with pytest.raises(ConfigError, match=r"field door_count is text in the device file.*give the field a new name"):
        await Redecoding(house.history, text["sensor"]).survey(SENSOR)


async def test_a_new_field_needs_its_column_before_anything_changes(house: House) -> None:
    """What is asked says which command makes it."""
    await house.take(frame("09c405"))
    async with house.database.connection() as connection:
        await connection.execute(SQL("alter table readings.sensor drop column extra_count cascade"))

    assert (await house.again().survey(SENSOR)).counts.changed == 1
    with pytest.raises(ConfigError, match=r"readings.sensor has no column extra_count: run `penfeld db migrate`"):
        await house.redecode()


async def test_a_type_without_frames_has_no_difference(house: House) -> None:
    """Nothing was ever decoded by it: nothing to do, no error."""
    survey = await house.again().survey(SENSOR)

    assert (survey.extent.frames, survey.counts) == (0, Counts())
    with pytest.raises(NotFoundError, match="there is no run 7"):
        await house.history.run(7)
