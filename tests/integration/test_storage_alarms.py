"""Alarms as people see them and what they do about them, on every engine."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from model.alarm import AlarmFilter, AlarmState, EventKind, Silence, Subject
from model.errors import BadRequestError, NotFoundError
from model.weekly import DAYS, Weekly
from storage.connection import Database
from tests.integration.fix_alerts import AlertHouse, episode, opening, over, revision
from tests.unit.storage.batches import HOUR, NOON

FOLDED = {"folded_into": 1}


@pytest.fixture
async def house(database: Database) -> AlertHouse:
    """Make a house with three lamps, two of them in a district, and six alarms."""
    made = AlertHouse(database)
    await made.begin()
    async with database.connection() as connection:
        await connection.execute("update penfeld.device set district = 'Siam' where id <> 'lamp-2'")
    lamps = [made.subject("lamp-1"), made.subject("lamp-2"), made.subject("lamp-3", simulated=True)]
    await made.opened(opening(Subject(name="source:lora"), episode(0), rule="quiet", severity="critical"))
    await made.opened(opening(lamps[0], episode(0), folded_into=1))
    await made.opened(opening(lamps[1], episode(60, 120)))
    await made.opened(opening(lamps[2], episode(60)))
    await made.opened(opening(lamps[1], episode(180), severity="info"))
    await made.opened(opening(lamps[0], episode(180), rule="other"))
    gone = revision(6, episode(180), AlarmState.WITHDRAWN, EventKind.WITHDRAWN, reason="late_data")
    await made.revise(gone)
    return made


def silence(**more: object) -> Silence:
    """Return a silence of this hour."""
    given: dict[str, Any] = {"starts_at": NOON, "ends_at": NOON + HOUR, "reason": "work", "by": "Anne"}
    return Silence(**{**given, **more})


async def now(house: AlertHouse) -> Any:  # noqa: ANN401 -- a time
    """Return the time by the database's clock."""
    [(at,)] = await house.database.fetch(SQL("select now()"))
    return at


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"state": (AlarmState.OPEN,)}, [5, 4, 2, 1]),
        ({"state": (AlarmState.CLEARED, AlarmState.WITHDRAWN)}, [6, 3]),
        ({"severity": ("critical", "info")}, [5, 1]),
        ({"rule": "hot"}, [5, 4, 3, 2]),
        ({"subject": "lamp-2"}, [5, 3]),
        ({"device_type": "probe"}, [6, 5, 4, 3, 2]),
        ({"district": "Siam"}, [6, 4, 2]),
        ({"folded": True}, [2]),
        ({"simulated": True}, [4]),
        ({"acknowledged": False, "simulated": False, "folded": False, "state": (AlarmState.OPEN,)}, [5, 1]),
        ({"start": NOON + 2 * HOUR, "end": NOON + 3 * HOUR}, [4, 3, 2, 1]),
        ({"start": NOON + 2 * HOUR + timedelta(seconds=1)}, [6, 5, 4, 2, 1]),
        ({"rule": "unheard_of"}, []),
    ],
)
async def test_alarms_are_found_by_what_they_are(house: AlertHouse, wanted: dict[str, Any], ids: list[int]) -> None:
    """Each part of a filter counts, all together, and the newest come first."""
    page = await house.alarms.page(AlarmFilter(**wanted))

    assert [one.id for one in page.alarms] == ids
    assert page.next_before is None


async def test_pages_follow_one_another_without_gap_or_overlap(house: AlertHouse) -> None:
    """Each tells where the next begins; the last tells that there is none."""
    seen, before = [], None
    while True:
        page = await house.alarms.page(AlarmFilter(), limit=2, before=before)
        seen.append([one.id for one in page.alarms])
        if (before := page.next_before) is None:
            break

    assert seen == [[6, 5], [4, 3], [2, 1]]


async def test_counted_is_what_somebody_should_look_at(house: AlertHouse) -> None:
    """Open alarms that are neither folded into others nor simulated, by severity and whether they are acknowledged."""
    assert await house.alarms.counts() == {("critical", False): 1, ("info", False): 1}
    await house.alarms.acknowledge([1], "Anne")
    assert await house.alarms.counts() == {("critical", True): 1, ("info", False): 1}


async def test_an_alarm_says_how_many_it_explains(house: AlertHouse) -> None:
    """Open ones that are folded into it: when they end, they are no longer counted."""
    assert (await house.alarms.alarm(1)).folded == 1
    await house.revise(over(2, episode(0, 5), folded_into=1))
    assert (await house.alarms.alarm(1)).folded == 0


async def test_whoever_acknowledges_first_did(house: AlertHouse) -> None:
    """Again changes nothing; several at once are one by one noted, in the alarm and in the audit."""
    [five, one] = await house.alarms.acknowledge([1, 5], "Anne", "on my way")
    [again] = await house.alarms.acknowledge([1], "Jean")
    events = await house.alarms.events(1)

    assert (one.acknowledged_by, five.acknowledged_by) == ("Anne", "Anne")
    assert again == one
    assert [(event.kind, event.who, event.text) for event in events] == [
        (EventKind.OPENED, "", ""),
        (EventKind.ACKNOWLEDGED, "Anne", "on my way"),
    ]
    assert [(line.who, line.what, line.target) for line in await house.book.audit("1")] == [
        ("Anne", "alarm.acknowledged", "1")
    ]


async def test_of_two_who_acknowledge_at_once_one_is_noted(house: AlertHouse) -> None:
    """The alarm has one who looks after it, and one event says so."""
    await asyncio.gather(*(house.alarms.acknowledge([1, 5], f"person {i}") for i in range(4)))

    assert [event.kind for event in await house.alarms.events(5)].count(EventKind.ACKNOWLEDGED) == 1


async def test_of_several_alarms_of_which_one_is_unknown_none_is_acknowledged(house: AlertHouse) -> None:
    """The error names it."""
    with pytest.raises(NotFoundError, match="4711"):
        await house.alarms.acknowledge([1, 4711], "Anne")

    assert (await house.alarms.alarm(1)).acknowledged_at is None


async def test_comments_and_whose_it_is_are_kept_in_order(house: AlertHouse) -> None:
    """What was said, and who has it, in the alarm's events and in the audit."""
    await house.alarms.comment(1, "Anne", "<b>called</b> the “operator”")
    assigned = await house.alarms.assign(1, "Anne", "Jean")
    freed = await house.alarms.assign(1, "Jean", None)
    events = await house.alarms.events(1)

    assert (assigned.assigned_to, freed.assigned_to) == ("Jean", None)
    assert [(event.kind, event.who, event.text) for event in events][1:] == [
        (EventKind.COMMENTED, "Anne", "<b>called</b> the “operator”"),
        (EventKind.ASSIGNED, "Anne", "Jean"),
        (EventKind.ASSIGNED, "Jean", ""),
    ]
    assert [line.what for line in await house.book.audit("1")] == ["alarm.assigned"] * 2 + ["alarm.commented"]


@pytest.mark.parametrize("what", ["alarm", "events", "comment", "assign"])
async def test_what_is_not_there_is_named(house: AlertHouse, what: str) -> None:
    """Every way to look at or change an alarm says which one is missing."""
    more = {"comment": ("Anne", "a"), "assign": ("Anne", "Jean")}.get(what, ())
    with pytest.raises(NotFoundError, match="4711"):
        await getattr(house.alarms, what)(4711, *more)


@pytest.mark.parametrize(
    ("of", "ids"),
    [
        ({}, [5, 4, 2, 1]),
        ({"rule": "quiet"}, [1]),
        ({"subject": "lamp-2"}, [5]),
        ({"device_type": "probe"}, [5, 4, 2]),
        ({"district": "Siam"}, [4, 2]),
        ({"rule": "hot", "subject": "lamp-1"}, [2]),
        ({"rule": "quiet", "subject": "lamp-1"}, []),
    ],
)
async def test_a_silence_is_of_open_alarms_that_fit_in_all_it_says(
    house: AlertHouse, of: dict[str, str], ids: list[int]
) -> None:
    """Those show until when; others, and those that are over, do not."""
    at = await now(house)
    await house.alarms.silence(silence(starts_at=at - HOUR, ends_at=at + HOUR, **of))
    shorter = silence(starts_at=at - HOUR, ends_at=at + HOUR / 2, **of)
    await house.alarms.silence(shorter)
    alarms = (await house.alarms.page(AlarmFilter())).alarms

    assert [one.id for one in alarms if one.silenced_until is not None] == ids
    assert {one.silenced_until for one in alarms} <= {at + HOUR, None}


async def test_a_silence_that_is_over_or_to_come_silences_nothing(house: AlertHouse) -> None:
    """One that is over is only shown to who asks for all."""
    at = await now(house)
    over_ = await house.alarms.silence(silence(starts_at=at - 2 * HOUR, ends_at=at - HOUR))
    later = await house.alarms.silence(silence(starts_at=at + HOUR, ends_at=at + 2 * HOUR, maintenance=True))

    assert (await house.alarms.alarm(1)).silenced_until is None
    assert await house.alarms.silences() == [later]
    assert await house.alarms.silences(ended=True) == [later, over_]


async def test_a_silence_can_be_ended_and_both_is_written_down(house: AlertHouse) -> None:
    """People are told again from then on; ending it twice does no harm; one that is unknown is named."""
    at = await now(house)
    stored = await house.alarms.silence(silence(starts_at=at - HOUR, ends_at=at + HOUR, rule="quiet"))
    await house.alarms.unsilence(stored.id, "Jean")
    [ended] = await house.alarms.silences(ended=True)
    await house.alarms.unsilence(stored.id, "Jean")

    assert (await house.alarms.alarm(1)).silenced_until is None
    assert await house.alarms.silences(ended=True) == [ended]
    lines = [(line.who, line.what) for line in await house.book.audit(str(stored.id))]
    assert lines[-2:] == [("Jean", "silence.ended"), ("Anne", "silence.added")]
    with pytest.raises(NotFoundError, match="4711"):
        await house.alarms.unsilence(4711, "Jean")


async def test_a_silence_that_ends_before_it_starts_is_refused(house: AlertHouse) -> None:
    """The error says what is wrong, and nothing is stored."""
    with pytest.raises(BadRequestError, match="ends_at"):
        await house.alarms.silence(silence(ends_at=NOON))

    assert await house.alarms.silences(ended=True) == []


async def test_a_silence_of_every_week_holds_as_it_says(house: AlertHouse) -> None:
    """The database counts hours of every week as the values do, at all moments around the changes of the clocks."""
    random = Random(5)  # noqa: S311 -- chooses examples
    clocks = ["00:00", "01:59", "02:00", "02:30", "03:00", "03:30", "12:00", "22:00"]
    rows, wanted = [], []
    for _ in range(600):
        changed = random.choice([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
        at = changed + timedelta(minutes=random.randint(-2000, 2000))
        days = tuple(day for day in DAYS if random.random() < 0.6) or ("sun",)
        weekly = Weekly(days=days, start=random.choice(clocks), end=random.choice(clocks))
        one = silence(starts_at=changed - 20 * HOUR, ends_at=changed + 20 * HOUR, weekly=weekly)
        rows.append([one.starts_at, one.ends_at, Jsonb(msgspec.to_builtins(weekly)), at])
        wanted.append(one.until(at))
    ask = SQL("select penfeld.silent_until(%s, %s, %s, %s)")
    found = [(await house.database.fetch(ask, row))[0][0] for row in rows]

    assert found == wanted
    assert 50 < sum(one is None for one in found) < 550


async def test_a_silence_of_every_week_is_kept_and_silences_in_its_hours(house: AlertHouse) -> None:
    """Alarms are silenced in one of its turns, and told between; what can be no hours is refused."""
    at = await now(house)
    day, until = DAYS[at.weekday()], None
    others = tuple(
        one for one in DAYS if one not in {day, DAYS[(at - HOUR).weekday()], DAYS[(at - 24 * HOUR).weekday()]}
    )
    for weekly in (
        Weekly(days=others, start="00:00", end="23:59", zone="UTC"),
        Weekly(days=DAYS, start="00:00", end="00:00", zone="UTC"),
    ):
        stored = await house.alarms.silence(silence(starts_at=at - HOUR, ends_at=at + 100 * HOUR, weekly=weekly))
        assert (await house.alarms.silences())[0] == stored
        until = stored.until(at)
        assert (await house.alarms.alarm(1)).silenced_until == until
    assert until is not None
    assert until - at <= timedelta(days=1)
    with pytest.raises(BadRequestError, match="no time of the day"):
        await house.alarms.silence(silence(weekly=Weekly(days=("mon",), start="25:00", end="00:00")))
