"""A small city of lamps for alert rules: what they say, and an evaluator that looks at it, or is killed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from alerts.evaluator import Evaluator, EvaluatorConfig
from model.alarm import Episode, StoredRule
from model.alert_ports import Member
from model.device import DeviceType, Field, Kind, Text
from model.errors import UnavailableError
from model.instants import moment
from model.rule import Rule, rule_of
from tests.fakes.alert_store import AlertStore, Row

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_780_000_000 * 1_000_000
PERIOD = 3 * HOUR
"""Lamps that speak eight times a day: their month is short to look at."""
TYPE = "vendor_lamp"
NOTHING = Text(en="", fr="")

Reading = tuple[int, int, Row]
"""Device, event time, values."""


def field(name: str, kind: Kind = Kind.FLOAT) -> Field:
    """Return a field that is of no matter here but for its kind."""
    return Field(name=name, kind=kind, quantity="temperature", unit="Cel", title=NOTHING)


LAMP = DeviceType(
    name=TYPE,
    title=NOTHING,
    vendor="",
    model="",
    domain="lighting",
    networks=("lorawan",),
    period=timedelta(hours=3),
    source="",
    fields=(
        field("heat"),
        field("volts"),
        field("lit", Kind.BOOL),
        field("latitude_deg"),
        field("longitude_deg"),
    ),
    version="1",
)


def member(key: int, **more: object) -> Member:
    """Return a device."""
    given: dict[str, object] = {
        "district": "north" if key % 2 else "south",
        "experiment": None,
        "network": None,
        "tags": {},
        "simulated": False,
        "latitude": None,
        "longitude": None,
        "since_us": START,
    }
    return Member(key=key, id=f"lamp-{key}", type=TYPE, **{**given, **more})  # type: ignore[arg-type]


def stored(name: str, when: dict[str, object], **more: object) -> StoredRule:
    """Return a rule that has been there for ever."""
    rule: Rule = rule_of({"name": name, "title": {"en": name, "fr": name}, "when": when, **more})
    return StoredRule(rule=rule, version="1", origin="file", changed_at=moment(0), changed_by="")


RULES = [
    stored("hot", {"kind": "threshold", "field": "heat", "above": 60, "clear": 50}),
    stored("hot/long", {"kind": "threshold", "field": "heat", "above": 60, "clear": 55, "for": "8 h"}),
    stored("hot/again", {"kind": "threshold", "field": "heat", "above": 60, "repeat": 3, "clear_for": "6 h"}),
    stored("volts", {"kind": "range", "field": "volts", "low": 207, "high": 253, "margin": 5}),
    stored("lit", {"kind": "is", "field": "lit", "values": [True], "for": "10 h"}, schedule={"sun": "day"}),
    stored("jump", {"kind": "rate", "field": "heat", "per": "12 h", "beyond": 90}),
    stored("stuck", {"kind": "stuck", "field": "volts", "for": "10 h"}),
    stored("silent", {"kind": "silence", "times": 3}),
    stored("silent/heat", {"kind": "silence", "field": "heat", "after": "12 h"}),
    stored("silent/night", {"kind": "silence", "after": "12 h"}, schedule={"start": "14:00", "end": "05:00"}),
    stored("away", {"kind": "geofence", "circle": {"latitude": 48.4, "longitude": -4.5, "radius_m": 500}, "repeat": 2}),
    stored(
        "both",
        {
            "kind": "all",
            "of": [
                {"kind": "threshold", "field": "heat", "above": 55, "clear": 45},
                {"kind": "not", "of": {"kind": "is", "field": "lit", "values": [True]}},
            ],
        },
    ),
    stored(
        "either",
        {
            "kind": "any",
            "of": [
                {"kind": "threshold", "field": "heat", "above": 65, "for": "4 h"},
                {
                    "kind": "all",
                    "of": [{"kind": "silence", "after": "12 h"}, {"kind": "is", "field": "lit", "values": [True]}],
                },
            ],
        },
    ),
    stored(
        "district", {"kind": "group", "measure": "mean", "field": "heat", "every": "12 h", "above": 42, "clear": 41}
    ),
    stored(
        "dark",
        {
            "kind": "group",
            "measure": "share",
            "where": {"field": "lit", "values": [False]},
            "by": "all",
            "every": "6 h",
            "above": 60,
        },
    ),
]


def history(random: Random, devices: int, days: int) -> list[Reading]:
    """Return what lamps say: mostly well, at times hot, silent, stuck or elsewhere."""
    found = []
    for device in range(1, devices + 1):
        heat, volts, lit, mood = 40.0, 230.0, False, 0.0
        silent = 0
        for step in range(days * 8):
            time_us = START + step * PERIOD + device * 84_000_000 + random.randrange(240_000_000)
            if random.random() < 0.04:
                mood = random.choice([0.0, 0.0, 30.0, 45.0])
            if random.random() < 0.03:
                silent = random.randrange(2, 12)
            heat += 0.5 * (40.0 + mood - heat) + random.uniform(-4, 4)
            if random.random() < 0.7:
                volts = 230.0 + random.gauss(0, 14)
            lit ^= random.random() < 0.1
            if silent:
                silent -= 1
                continue
            values: Row = {"heat": heat, "volts": volts, "lit": lit}
            if random.random() < 0.15:
                del values["heat"]
            values |= {"latitude_deg": 48.4 + random.choice([0, 0, 0, 0.01]), "longitude_deg": -4.5}
            found.append((device, time_us, values))
    return sorted(found, key=lambda row: row[1])


class City:
    """A database, an evaluator that may be killed, and a clock."""

    def __init__(self, devices: int, rules: Sequence[StoredRule] = RULES) -> None:
        self.now_us = START
        self.store = AlertStore([member(key) for key in range(1, devices + 1)], rules)
        self.evaluator = self.new()

    def new(self) -> Evaluator:
        """Return an evaluator that knows nothing but what is stored."""
        return Evaluator(self.store, {TYPE: LAMP}, lambda: moment(self.now_us), EvaluatorConfig(rows=200))

    async def look(self) -> None:
        """Look until there is nothing new."""
        more = True
        while more:
            try:
                _, more = await self.evaluator.look()
            except UnavailableError:
                more = True

    async def live(
        self,
        arrivals: Sequence[tuple[int, Reading]],
        end_us: int,
        chance: Random | None = None,
        *,
        loses: Random | None = None,
    ) -> None:
        """Let readings arrive at their times; with ``chance`` things go wrong meanwhile.

        With ``loses``, nobody evaluates for days, what is told meanwhile is let go, and the evaluator is a new one.
        """
        waiting = sorted(arrivals, key=lambda one: one[0])
        at = 0
        while self.now_us < end_us:
            step_us = DAY if chance is None else chance.randrange(1, 8 * PERIOD)
            self.now_us = min(end_us, self.now_us + step_us)
            some = []
            while at < len(waiting) and waiting[at][0] <= self.now_us:
                some.append(waiting[at][1])
                at += 1
            if some:
                self.store.add(TYPE, some)
            if chance is not None and chance.random() < 0.1:
                self.evaluator = self.new()
            if loses is not None and loses.random() < 0.5:
                if loses.random() < 0.5:
                    self.store.lose()
                    self.evaluator = self.new()
                if loses.random() < 0.9 and self.now_us < end_us:
                    continue
            if chance is not None and chance.random() < 0.1:
                self.store.fail, self.store.after = 1, False
            await self.look()
        assert at == len(waiting)


def told(store: AlertStore) -> list[tuple[str, str, datetime, datetime, datetime | None, object]]:
    """Return alarms as rows that can be compared: whose they are, from when to when, with which first value."""

    def row(rule: str, subject: str, one: Episode) -> tuple[str, str, datetime, datetime, datetime | None, object]:
        end = None if one.end_us is None else moment(one.end_us)
        first = round(one.first, 6) if isinstance(one.first, float) else one.first
        return rule, subject, moment(one.start_us), moment(one.raised_us), end, first

    return [row(*one) for one in store.episodes()]
