"""What the door of SensorThings to the database promises: these tests run on the fake and on every real database.

A module that runs them makes a class from ``ObservationPromises`` and a fixture ``archive``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from api.sta.filter import parse, text_of
from model.device import DeviceType, Field, Kind, Text
from model.errors import BadRequestError
from model.observations import Chosen, Extent, Key, Observations, Observed
from model.terms import (
    FALSE,
    TRUE,
    Both,
    Call,
    Compare,
    Comparison,
    Constant,
    Interval,
    Not,
    Operator,
    Path,
    Reckon,
    Term,
)
from tests.fakes.observations import holds
from tests.unit.storage.batches import HOUR, METER, MINUTE, NOON, PROBE, SECOND, device, device_type
from tests.unit.storage.promises import House

BY_TIME = (Key("time"), Key("device"), Key("field"))


def _place(name: str) -> Field:
    return Field(name=f"{name}_deg", kind=Kind.FLOAT, quantity=name, unit="deg", title=Text(en=name, fr=name))


TRAM: DeviceType = device_type("tram", _place("latitude"), _place("longitude"))
TYPES = (PROBE, METER, TRAM)
POWER, STEPS, LAMP, ROLE = PROBE.fields


@dataclass
class Archive:
    """A storage with the door to its observations."""

    house: House
    observations: Observations

    async def fill(self) -> None:
        """Store readings of a lamp, of another and of a meter, the second's with flags."""
        builder = await self.house.builder()
        builder.frame("lamp-1", NOON, {"power_w": 10.5, "steps": 3, "lamp_on": True, "role": "solar"})
        builder.frame("lamp-1", NOON + HOUR, {"power_w": 20.0, "steps": None, "lamp_on": False, "role": "it's"})
        builder.frame("lamp-1", NOON + 2 * HOUR, {"power_w": 30.0, "steps": 5, "lamp_on": None, "role": None})
        builder.frame("lamp-2", NOON, {"power_w": 400.0}, flags=("out_of_range",), simulated=True)
        builder.frame("meter-1", NOON + MINUTE, {"power_w": 7.0})
        await self.house.sink.write(builder.build(TYPES))

    async def ask(
        self,
        *chosen: Chosen,
        order: Sequence[Key] = BY_TIME,
        limit: int = 100,
        **more: Any,  # noqa: ANN401
    ) -> Sequence[Observed]:
        """Return a page of observations."""
        return await self.observations.observations(chosen, order=order, limit=limit, **more)

    async def results(self, condition: str, **more: Any) -> list[Any]:  # noqa: ANN401 -- of any kind
        """Return what the probes' observations say of which a condition holds, in order of time and field."""
        return [one.value for one in await self.ask(everything(where=parse(condition)), **more)]


def everything(device_type: DeviceType = PROBE, **more: Any) -> Chosen:  # noqa: ANN401 -- what Chosen takes
    """Return all series of a type."""
    return Chosen(**{"device_type": device_type, "devices": None, "fields": device_type.fields, **more})


def of(field: Field, *devices: str, **more: Any) -> Chosen:  # noqa: ANN401 -- what Chosen takes
    """Return one field of these probes."""
    return everything(devices=devices or None, fields=(field,), **more)


CONDITIONS: tuple[tuple[str, list[Any]], ...] = (
    ("result eq 10.5", [10.5]),
    ("result gt 10.5 and result le 30", [20.0, 30.0]),
    ("result ge 5 and result lt 10", [5]),
    ("result ne 400 and result gt 30", []),
    ("not result lt 30", [400.0, 30.0]),
    ("result eq 'solar'", ["solar"]),
    ("result eq 'it''s'", ["it's"]),
    ("result eq true", [True]),
    ("result eq false", [False]),
    ("result", [True]),
    ("result eq null", []),
    ("result ne null and phenomenonTime ge 2026-07-01T14:00:00Z", [30.0, 5]),
    ("result gt null", []),
    ("resultQuality eq null and result eq 3", [3]),
    ("validTime gt 2026-07-01T14:00:00Z", []),
    ("1 add result mul 2 sub -1 eq 42", [20.0]),
    ("6 div 2 eq result", [3]),
    ("result div 0 eq 1", []),
    ("result mod 7 eq 6", [20.0]),
    ("result mod 0 eq 0", []),
    ("round(result) eq 11", [10.5]),
    ("floor(result) eq 10 or ceiling(result) eq 3", [10.5, 3]),
    ("startswith(result, 'sol')", ["solar"]),
    ("endswith(result,'lar') or endswith(result,'s')", ["solar", "it's"]),
    ("substringof('ola', result)", ["solar"]),
    ("contains(result, '''')", ["it's"]),
    ("length(result) eq 5", ["solar"]),
    ("indexof(result, 'l') eq 2", ["solar"]),
    ("substring(result, 1) eq 'olar' and substring(result, 1, 2) eq 'ol'", ["solar"]),
    ("toupper(result) eq 'SOLAR' and tolower('SOLAR') eq result", ["solar"]),
    ("concat(trim('  so '), 'lar') eq result", ["solar"]),
    ("phenomenonTime eq 2026-07-01T13:00:00Z and result gt 1", [20.0]),
    ("phenomenonTime ne 2026-07-01T12:00:00Z and result eq 5", [5]),
    ("phenomenonTime lt 2026-07-01T12:30:00Z and result lt 11", [10.5, 3]),
    ("phenomenonTime gt 2026-07-01T14:30:00+02:00 and result lt 11", [5]),
    ("resultTime gt 2026-07-01T14:00:00Z and result gt 6", [30.0]),
    ("phenomenonTime gt resultTime", []),
    ("resultTime sub phenomenonTime eq duration'PT1S' and result eq 5", [5]),
    ("phenomenonTime add duration'PT1H' gt 2026-07-01T14:30:00Z and result eq 5", [5]),
    ("phenomenonTime sub duration'P1D' lt 2026-06-30T12:30:00Z and result eq 3", [3]),
    ("during(phenomenonTime, 2026-07-01T13:00:00Z/2026-07-01T13:30:00Z) and result gt 0", [20.0]),
    ("before(phenomenonTime, 2026-07-01T13:00:00Z) and result lt 5", [3]),
    ("after(phenomenonTime, 2026-07-01T13:00:00Z) and result lt 9", [5]),
    ("phenomenonTime gt 2026-07-01T11:00:00Z/2026-07-01T13:00:00Z and result gt 0", [20.0, 30.0, 5]),
    ("phenomenonTime lt 2026-07-01T12:00:00Z/2026-07-01T13:00:00Z and result lt 5", [3]),
    ("2026-07-01T13:00:00Z/2026-07-01T14:00:00Z le phenomenonTime and result gt 6", [30.0]),
    ("phenomenonTime eq 2026-07-01T12:00:00Z/2026-07-01T13:00:00Z", []),
    ("year(phenomenonTime) eq 2026 and month(phenomenonTime) eq 7 and day(phenomenonTime) eq 1 and result eq 3", [3]),
    ("hour(phenomenonTime) eq 14 and minute(phenomenonTime) eq 0 and result gt 6", [30.0]),
    ("second(resultTime) eq 1 and fractionalseconds(resultTime) eq 0 and result gt 399", [400.0]),
    ("date(phenomenonTime) eq 2026-07-01 and time(phenomenonTime) eq 14:00:00 and result gt 6", [30.0]),
    ("totaloffsetminutes(phenomenonTime) eq 0 and result eq 5", [5]),
    ("parameters/simulated eq true", [400.0]),
    ("parameters/simulated", [400.0]),
    ("contains(parameters/flags, 'out_of_range')", [400.0]),
    ("'out_of_range' in parameters/flags", [400.0]),
    ("'out_of' in parameters/flags", []),
    ("parameters/flags eq '' and parameters/codec eq 'v1' and result eq 5", [5]),
    ("id eq 'lamp-1:power_w:1782910800000000'", [20.0]),
    ("result eq 2 and result eq 1 or result eq 3", [3]),
    ("result eq 2 and (result eq 1 or result eq 3)", []),
    (
        "not (result eq 'solar') and not (result in (10.5, 3)) and result ne true and hour(resultTime) lt 13",
        [400.0],
    ),
)
"""Conditions over the probes' readings, and the results that are left in order of time, device and field."""

SENSELESS = (
    ("phenomenonTime gt 5", "compares a moment with a number"),
    ("1 in result", "is the only list"),
    ("phenomenonTime", "a moment stands where a truth"),
    ("result gt true", "neither more nor less"),
    ("result add 'a' eq 2", "cannot be reckoned"),
    ("phenomenonTime mul 2 gt 1", "cannot be reckoned"),
    ("geo.distance(result, geography'POINT (0 0)') lt 1", "ask it of Locations"),
    ("result eq geography'POINT (0 0)'", "cannot be compared"),
    ("year(result) eq 2026", "a result is no moment"),
)


def truth(chance: Random, depth: int) -> Term:
    """Return some condition of observations."""
    inner = depth - 1
    if not depth:
        return chance.choice((Path(("parameters", "simulated")), Path(("result",)), TRUE, FALSE, Constant(None)))
    match chance.randrange(8):
        case 0:
            return Not(truth(chance, inner))
        case 1 | 2:
            return Both(chance.choice(("and", "or")), truth(chance, inner), truth(chance, inner))
        case 3:
            part = chance.choice((number, text, moment))
            return Compare(
                chance.choice(("eq", "ne")), part(chance, inner), chance.choice((Constant(None), part(chance, inner)))
            )
        case 4:
            name = chance.choice(("startswith", "endswith", "contains", "substringof"))
            return Call(name, (text(chance, inner), text(chance, inner)))
        case 5:
            span = Constant(Interval(NOON, NOON + HOUR))
            name = chance.choice(("before", "after", "during", "meets", "overlaps", "starts", "finishes"))
            return Call(name, (moment(chance, inner), chance.choice((span, moment(chance, inner)))))
        case _:
            part = chance.choice((number, number, text, moment))
            word: Comparison = chance.choice(("eq", "ne", "gt", "ge", "lt", "le"))
            return Compare(word, part(chance, inner), part(chance, inner))


def number(chance: Random, depth: int) -> Term:
    """Return something that is a number where it is anything."""
    if not depth:
        return chance.choice((Path(("result",)), Constant(chance.randrange(-3, 40)), Constant(10.5)))
    match chance.randrange(5):
        case 0 | 1:
            word: Operator = chance.choice(("add", "sub", "mul", "div", "mod"))
            return Reckon(word, number(chance, depth - 1), number(chance, depth - 1))
        case 2:
            return Call(chance.choice(("round", "floor", "ceiling")), (number(chance, depth - 1),))
        case 3:
            name = chance.choice(("year", "month", "day", "hour", "minute", "second", "fractionalseconds"))
            return Call(name, (moment(chance, depth - 1),))
        case _:
            return Call("length", (text(chance, depth - 1),))


def text(chance: Random, depth: int) -> Term:
    """Return something that is a text where it is anything."""
    if not depth:
        paths = (Path(("result",)), Path(("parameters", "codec")), Path(("parameters", "flags")), Path(("id",)))
        return chance.choice((*paths, Constant("solar"), Constant("it's"), Constant("")))
    match chance.randrange(3):
        case 0:
            return Call(chance.choice(("tolower", "toupper", "trim")), (text(chance, depth - 1),))
        case 1:
            return Call("concat", (text(chance, depth - 1), text(chance, depth - 1)))
        case _:
            return Call("substring", (text(chance, depth - 1), Constant(chance.randrange(-1, 4))))


def moment(chance: Random, depth: int) -> Term:
    """Return something that is a moment."""
    if not depth:
        times = (Path(("phenomenonTime",)), Path(("resultTime",)))
        return chance.choice((*times, Constant(NOON), Constant(NOON + HOUR)))
    length = Constant(chance.choice((SECOND, HOUR, -MINUTE)))
    return Reckon(chance.choice(("add", "sub")), moment(chance, depth - 1), length)


class ObservationPromises:
    """The promises."""

    async def test_every_value_is_one_observation(self, archive: Archive) -> None:
        """An observation has the value of its own kind, exactly, with its times, flags, codec and simulation mark."""
        await archive.fill()

        found = await archive.ask(everything(), everything(METER))

        assert [(one.device, one.field, one.time - NOON, one.value) for one in found] == [
            ("lamp-1", "lamp_on", 0 * HOUR, True),
            ("lamp-1", "power_w", 0 * HOUR, 10.5),
            ("lamp-1", "role", 0 * HOUR, "solar"),
            ("lamp-1", "steps", 0 * HOUR, 3),
            ("lamp-2", "power_w", 0 * HOUR, 400.0),
            ("meter-1", "power_w", MINUTE, 7.0),
            ("lamp-1", "lamp_on", HOUR, False),
            ("lamp-1", "power_w", HOUR, 20.0),
            ("lamp-1", "role", HOUR, "it's"),
            ("lamp-1", "power_w", 2 * HOUR, 30.0),
            ("lamp-1", "steps", 2 * HOUR, 5),
        ]
        assert {type(one.value) for one in found if one.field == "steps"} == {int}
        assert found[4] == Observed(
            device="lamp-2",
            field="power_w",
            time=NOON,
            received_at=NOON + SECOND,
            value=400.0,
            flags=("out_of_range",),
            simulated=True,
            version="v1",
        )

    async def test_series_are_chosen_by_device_and_field(self, archive: Archive) -> None:
        """Only what was chosen is told, in one order, whichever part of the choice it is from."""
        await archive.fill()

        found = await archive.ask(of(STEPS, "lamp-1"), of(POWER, "lamp-2"), everything(METER, devices=("nobody",)))

        assert [(one.device, one.value) for one in found] == [("lamp-1", 3), ("lamp-2", 400.0), ("lamp-1", 5)]
        assert not await archive.ask()
        assert await archive.observations.count((), limit=9) == 0

    async def test_conditions_are_kept(self, archive: Archive) -> None:
        """Each operator and function leaves the observations of which it holds."""
        await archive.fill()

        assert {condition: await archive.results(condition) for condition, _ in CONDITIONS} == dict(CONDITIONS)

    async def test_order_and_page(self, archive: Archive) -> None:
        """Pages by the place of the last observation hold each observation once, in every order and direction."""
        await archive.fill()
        orders: tuple[tuple[Key, ...], ...] = (
            BY_TIME,
            (Key("time", descending=True), Key("device"), Key("field")),
            (Key("received_at", descending=True), Key("time"), Key("device"), Key("field", descending=True)),
            (Key("device", descending=True), Key("field"), Key("time")),
        )
        for order in orders:
            whole = await archive.ask(everything(), order=order)
            paged: list[Observed] = []
            after = None
            while page := await archive.ask(everything(), order=order, limit=2, after=after):
                paged += page
                after = [getattr(page[-1], key.column) for key in order]
            assert paged == list(whole)
            assert await archive.ask(everything(), order=order, limit=3, skip=2) == whole[2:5]

    @pytest.mark.parametrize(
        ("field", "key", "wanted"),
        [
            (POWER, Key("number", descending=True), [400.0, 30.0, 20.0, 10.5]),
            (STEPS, Key("number"), [3, 5]),
            (ROLE, Key("word"), ["it's", "solar"]),
            (LAMP, Key("truth", descending=True), [True, False]),
        ],
    )
    async def test_order_by_result(self, archive: Archive, field: Field, key: Key, wanted: list[Any]) -> None:
        """Results are ordered as what they are, and pages go on behind a result."""
        await archive.fill()
        order = (key, *BY_TIME)

        first = await archive.ask(of(field), order=order, limit=1)
        after = [first[0].value, first[0].time, first[0].device, first[0].field]
        rest = await archive.ask(of(field), order=order, after=after)

        assert [one.value for one in [*first, *rest]] == wanted

    async def test_of_each(self, archive: Archive) -> None:
        """The newest of each series is found for many series at once, and a condition holds of each."""
        await archive.fill()
        newest = (Key("time", descending=True), Key("device"), Key("field"))
        both = everything(devices=("lamp-1", "lamp-2"))

        found = await archive.observations.of_each([both], order=newest, limit=1)
        low = await archive.observations.of_each(
            [of(POWER, "lamp-1", "lamp-2", where=parse("result lt 25"))], order=newest, limit=5
        )

        assert {(one.device, one.field): one.value for one in found} == {
            ("lamp-1", "power_w"): 30.0,
            ("lamp-1", "steps"): 5,
            ("lamp-1", "lamp_on"): False,
            ("lamp-1", "role"): "it's",
            ("lamp-2", "power_w"): 400.0,
        }
        assert [one.value for one in low] == [20.0, 10.5]
        assert not await archive.observations.of_each([], order=newest, limit=1)

    async def test_count(self, archive: Archive) -> None:
        """What is there is counted, and no further than asked."""
        await archive.fill()

        assert await archive.observations.count([everything(), everything(METER)], limit=100) == 11
        assert await archive.observations.count([everything(where=parse("result gt 15"))], limit=100) == 3
        assert await archive.observations.count([everything()], limit=4) == 4

    async def test_extents(self, archive: Archive) -> None:
        """A series goes from its device's first reading to its own newest value; one without values goes nowhere."""
        await archive.fill()

        found = await archive.observations.extents(PROBE, ["lamp-1", "lamp-2", "nobody"])

        late = NOON + 2 * HOUR
        assert found["lamp-1", "power_w"] == Extent(NOON, late, NOON + SECOND, late + SECOND)
        assert found["lamp-1", "role"] == Extent(NOON, NOON + HOUR, NOON + SECOND, late + SECOND)
        assert set(found) == {("lamp-1", name) for name in ("power_w", "steps", "lamp_on", "role")} | {
            ("lamp-2", "power_w")
        }
        assert await archive.observations.extents(PROBE, []) == {}

    async def test_places(self, archive: Archive) -> None:
        """An observation of a device that says where it is has the place that its reading says."""
        builder = await archive.house.builder(device("tram-1", type_="tram"))
        builder.frame("tram-1", NOON, {"latitude_deg": 48.39, "longitude_deg": -4.49})
        builder.frame("tram-1", NOON + MINUTE, {"latitude_deg": 48.4})
        await archive.house.sink.write(builder.build(TYPES))

        found = await archive.ask(everything(TRAM, fields=TRAM.fields[:1]))

        assert [(one.latitude, one.longitude) for one in found] == [(48.39, -4.49), (48.4, None)]

    async def test_device_of_another_type(self, archive: Archive) -> None:
        """A device that became another type has no observations of the old one: their datastreams are gone."""
        await archive.fill()
        await archive.house.registry.register([device("lamp-1", type_="meter")])

        assert [one.device for one in await archive.ask(everything())] == ["lamp-2"]

    async def test_spans_of_no_length(self, archive: Archive) -> None:
        """A span that ends when it begins is that moment."""
        await archive.fill()
        span = Interval(NOON + HOUR, NOON + HOUR)
        text = parse("phenomenonTime eq 2026-07-01T13:00:00Z/2026-07-01T13:00:00Z and result gt 0")

        assert [one.value for one in await archive.ask(everything(where=text))] == [20.0]
        assert Constant(span) in (text.left.left, text.left.right)  # type: ignore[union-attr]  # as it was written


class RealPromises(ObservationPromises):
    """What only a real database can refuse."""

    async def test_nonsense_is_refused(self, archive: Archive) -> None:
        """What compares values of different sorts is refused, and the message says which."""
        for condition, says in SENSELESS:
            with pytest.raises(BadRequestError, match=says):
                await archive.results(condition)

    async def test_it_says_what_the_evaluator_says(self, archive: Archive) -> None:
        """Whatever is asked, the database leaves what the evaluator of terms leaves, or refuses the question."""
        await archive.fill()
        every = await archive.ask(everything())
        chance = Random(11)  # noqa: S311 -- the same conditions each time
        answered = 0
        for term in (truth(chance, 3) for _ in range(400)):
            try:
                found = await archive.ask(everything(where=term))
            except BadRequestError:
                continue
            answered += 1
            assert list(found) == [one for one in every if holds(everything(where=term), one)], text_of(term)
        assert answered > 200

    async def test_what_cannot_be_reckoned_is_refused(self, archive: Archive) -> None:
        """A number or a time beyond what the database knows is the asker's mistake, not ours."""
        await archive.fill()

        for condition in ("result mul 1e308 gt 1", "phenomenonTime add duration'P200000000D' gt 2026-01-01T00:00:00Z"):
            with pytest.raises(BadRequestError, match="cannot be reckoned"):
                await archive.results(condition)
