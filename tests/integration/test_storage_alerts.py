"""Alert rules on a real database: the evaluator finds there what it finds in memory, and nothing is lost or doubled."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from alerts.evaluator import Evaluator, EvaluatorConfig
from model.alarm import AlarmFilter, AlarmState
from model.device import Device
from model.instants import moment
from model.rule import Rule
from storage.alarms import Alarms
from storage.alerts import AlertStore
from storage.connection import Database
from storage.news import Bound
from storage.registry import Registry
from storage.rulebook import RuleBook
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.alerts.city import DAY, LAMP, RULES, START, TYPE, City, Reading, history, told
from tests.unit.storage.batches import Builder

LAMPS = replace(LAMP, networks=("lorawan",))


class RealCity:
    """The same city on a database: readings through the writer, an evaluator that may be killed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = Registry(database)
        self.writer = Writer(database, "worker-1")
        self.store = AlertStore(database)
        self.now_us = START
        self.evaluator = self.new()
        self.refs: dict[str, object] = {}

    def new(self) -> Evaluator:
        """Return an evaluator that knows nothing but what is stored."""
        self.store = AlertStore(self.database)
        config = EvaluatorConfig(rows=200)
        return Evaluator(self.store, {TYPE: LAMPS}, lambda: moment(self.now_us), config)

    async def begin(self, devices: int, rules: Sequence[Rule], *, simulated: bool = False) -> None:
        """Make tables, devices and rules."""
        await prepare(self.database, [LAMPS])
        names = [f"lamp-{key}" for key in range(1, devices + 1)]
        await self.registry.register(
            [
                Device(id=name, type=TYPE, district="north" if i % 2 else "south", simulated=simulated)
                for i, name in enumerate(names, 1)
            ]
        )
        self.refs = dict(await self.registry.identify(names))
        for rule in rules:
            await RuleBook(self.database).put(rule, who="test", origin="file", at=moment(0))
        await self.look()

    async def look(self) -> None:
        """Look until there is nothing new."""
        more = True
        while more:
            _, more = await self.evaluator.look()

    async def write(self, rows: Sequence[Reading]) -> None:
        """Store readings as ingest does."""
        builder = Builder(self.refs)  # type: ignore[arg-type]
        for device, time_us, values in rows:
            builder.frame(f"lamp-{device}", moment(time_us), values, received_at=moment(self.now_us))
        await self.writer.write(builder.build([LAMPS]))

    async def told(self) -> list[tuple[str, str, object, object, object, object]]:
        """Return alarms as rows that can be compared."""
        page = await Alarms(self.database).page(AlarmFilter(state=(AlarmState.OPEN, AlarmState.CLEARED)), limit=10_000)
        rows = [
            (
                one.rule,
                one.subject,
                one.started_at,
                one.raised_at,
                one.ended_at,
                round(one.first_value, 6) if isinstance(one.first_value, float) else one.first_value,
            )
            for one in page.alarms
        ]
        return sorted(rows, key=lambda row: row[:3])


@pytest.fixture
def city(database: Database) -> RealCity:
    """Make a city on a real database."""
    return RealCity(database)


@pytest.mark.parametrize(("seed", "bound"), [(0, None), (1, None), (2, Bound(size=1, every_s=0.0))])
async def test_as_in_memory(city: RealCity, seed: int, bound: Bound | None) -> None:
    """A rough month through the real writer and database raises the alarms that a calm one raises in memory.

    Also where nobody evaluates for days, and what writers tell meanwhile is let go.
    """
    random = Random(seed)  # noqa: S311 -- makes a history, guards nothing
    readings = history(random, 3, 15)
    end_us = START + 20 * DAY
    calm = City(3)
    calm.store.member_list = [replace(one, since_us=0) for one in calm.store.member_list]
    await calm.live([(one[1], one) for one in readings], end_us)
    arrivals = sorted((one[1] + random.choice([0, 0, random.randrange(3 * DAY)]), one) for one in readings)
    await city.begin(3, [one.rule for one in RULES])
    await city.store.want({TYPE: [field.name for field in LAMP.fields]})
    city.writer = Writer(city.database, "worker-1", bound)
    lost = 0
    at = 0
    while city.now_us < end_us:
        city.now_us = min(end_us, city.now_us + random.randrange(1, DAY))
        some = []
        while at < len(arrivals) and arrivals[at][0] <= city.now_us:
            some.append(arrivals[at][1])
            at += 1
        if some:
            await city.write(some)
        if random.random() < 0.1:
            city.evaluator = city.new()
        if bound is not None and random.random() < 0.8 and city.now_us < end_us:
            continue
        lost += (await city.store.news()).lost_us is not None
        await city.look()
    assert (lost > 1) is (bound is not None)
    found, wanted = await city.told(), told(calm.store)
    assert found == wanted
    assert len(found) > 50
