"""The outbox on every engine: each line is sent by one, none is forgotten, and who does not answer is passed over."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from model.alarm import AlarmState, EventKind, Silence, Subject
from model.notification import Due, NotificationState, Outcome
from storage.connection import Database
from storage.outbox import Outbox
from tests.integration.fix_alerts import AlertHouse, episode, opening, over, revision, rule
from tests.unit.storage.batches import HOUR, MINUTE, NOON

STEPS = [{"after": "10 min", "notify": ["boss", "deputy"]}, {"after": "1 h", "notify": ["mayor"]}]


@pytest.fixture
async def house(database: Database) -> AlertHouse:
    """Make a house with three lamps, a rule with two steps, and an open alarm whose line waits."""
    made = AlertHouse(database)
    await made.begin()
    stored = await made.book.put(rule(escalate=STEPS), who="Anne", origin="file", at=NOON)
    await made.opened(opening(made.subject(), episode(0), version=stored.version))
    return made


async def settle(house: AlertHouse, dues: Sequence[Due], state: NotificationState, at: datetime = NOON) -> None:
    """Write down what became of lines."""
    await house.outbox.settle([Outcome(id=due.notification.id, state=state, detail="because") for due in dues], at)


async def escalated(house: AlertHouse, at: datetime) -> list[tuple[str, int]]:
    """Escalate; return the channel and the step of all such lines, in order."""
    await house.outbox.escalate(at)
    lines = await house.outbox.page(limit=1000)
    return sorted((line.channel, line.step) for line in lines if line.kind is EventKind.ESCALATED)


async def test_a_line_comes_with_its_alarm_and_the_rule_as_it_was(house: AlertHouse) -> None:
    """The rule was changed and removed since: the line still has that of its alarm; a test has neither."""
    before = [one.rule for one in await house.book.all()]
    await house.book.put(rule(severity="critical"), who="Anne", origin="file", at=NOON)
    await house.book.remove("hot", who="Anne", at=NOON)
    test = await house.outbox.test("duty", "Anne", NOON)
    [due, tested] = await house.outbox.due(NOON)

    assert due.rule == before[0]
    assert due.alarm == await house.alarms.alarm(1)
    assert (due.notification.channel, due.notification.kind, due.notification.alarm) == ("duty", EventKind.OPENED, 1)
    assert (tested.notification, tested.alarm, tested.rule) == (test, None, None)


async def test_a_line_that_one_took_is_not_given_to_another_for_a_minute(house: AlertHouse) -> None:
    """After that it is: whoever took it was killed."""
    [due] = await house.outbox.due(NOON)

    assert await house.outbox.due(NOON + timedelta(seconds=59)) == []
    [again] = await Outbox(house.database).due(NOON + MINUTE)
    assert again.notification == due.notification


async def test_of_many_senders_at_once_each_line_is_given_to_one(house: AlertHouse) -> None:
    """Five hundred lines to eight who ask in pieces: every line once, none left."""
    await house.opened(*(opening(Subject(name=f"thing:{i}"), episode(0)) for i in range(499)))

    async def sender() -> list[int]:
        mine: list[int] = []
        while dues := await Outbox(house.database).due(NOON, 20):
            mine += [due.notification.id for due in dues]
        return mine

    taken = [number for some in await asyncio.gather(*(sender() for _ in range(8))) for number in some]
    left = [due.notification.id for due in await house.outbox.due(NOON + 2 * MINUTE, 1000)]

    assert len(taken) == len(set(taken)) == len(left) == 500
    assert sorted(taken) == left


async def test_lines_come_when_they_are_due_the_oldest_first(house: AlertHouse) -> None:
    """Not before, and no more than asked for."""
    house.now = NOON + HOUR
    await house.opened(opening(house.subject("lamp-2"), episode(60)))
    house.now = NOON + HOUR / 2
    await house.opened(opening(Subject(name="all"), episode(30)))

    assert await house.outbox.due(NOON - timedelta(seconds=1)) == []
    assert [one.notification.alarm for one in await house.outbox.due(NOON + 2 * HOUR, 2)] == [1, 3]
    assert [one.notification.alarm for one in await house.outbox.due(NOON + 2 * HOUR)] == [2]


async def test_every_attempt_is_written_down_and_who_waits_is_due_again(house: AlertHouse) -> None:
    """It waits until the time given, with what went wrong; sent, it is never due again."""
    for attempt in range(3):
        at = NOON + attempt * HOUR
        [due] = await house.outbox.due(at)
        assert due.notification.attempts == attempt
        again = Outcome(id=due.notification.id, state=NotificationState.WAITING, detail="no answer", due_at=at + HOUR)
        await house.outbox.settle([again], at)
        assert await house.outbox.due(at + HOUR - timedelta(seconds=1)) == []
    await settle(house, await house.outbox.due(NOON + 3 * HOUR), NotificationState.SENT, NOON + 3 * HOUR)
    [line] = await house.outbox.page()

    assert (line.state, line.attempts, line.sent_at) == (NotificationState.SENT, 4, NOON + 3 * HOUR)
    assert await house.count("notification_attempt") == 4
    assert await house.outbox.due(NOON + 99 * HOUR) == []


async def test_what_was_sent_stays_sent_whatever_a_slower_sender_says(house: AlertHouse) -> None:
    """Two had the line in turn: one sent it, the other did not get through, in whichever order they say so."""
    dues = await house.outbox.due(NOON)
    await settle(house, dues, NotificationState.SENT)
    await settle(house, dues, NotificationState.WAITING)
    assert await house.outbox.due(NOON + HOUR) == []
    await house.outbox.test("duty", "Anne", NOON)
    dues = await house.outbox.due(NOON)
    await settle(house, dues, NotificationState.FAILED)
    await settle(house, dues, NotificationState.SENT)

    assert await house.outbox.counts() == {"sent": 2}
    assert await house.count("notification_attempt") == 4


async def test_what_is_held_back_is_no_attempt(house: AlertHouse) -> None:
    """Why stands with it."""
    [due] = await house.outbox.due(NOON)
    held = Outcome(id=due.notification.id, state=NotificationState.HELD_BACK, detail="a silence", attempted=False)
    await house.outbox.settle([held], NOON)
    [line] = await house.outbox.page(state=NotificationState.HELD_BACK)

    assert (line.detail, line.attempts, line.sent_at) == ("a silence", 0, None)
    assert await house.count("notification_attempt") == 0


async def test_nobody_acknowledges_and_one_step_follows_the_other(house: AlertHouse) -> None:
    """Each step once, to each of its channels, when it is time; the alarm says that it was escalated."""
    await settle(house, await house.outbox.due(NOON), NotificationState.SENT)

    assert await escalated(house, NOON + timedelta(minutes=9)) == []
    assert await escalated(house, NOON + timedelta(minutes=10)) == [("boss", 1), ("deputy", 1)]
    assert await escalated(house, NOON + timedelta(minutes=50)) == [("boss", 1), ("deputy", 1)]
    assert await escalated(house, NOON + HOUR) == [("boss", 1), ("deputy", 1), ("mayor", 2)]
    assert await escalated(house, NOON + 9 * HOUR) == [("boss", 1), ("deputy", 1), ("mayor", 2)]
    kinds = [event.kind for event in await house.alarms.events(1)]
    assert kinds == [EventKind.OPENED, EventKind.ESCALATED, EventKind.ESCALATED]


async def test_after_an_outage_all_steps_whose_time_has_come_follow_at_once(house: AlertHouse) -> None:
    """And two who escalate at the same time make no line twice."""
    await settle(house, await house.outbox.due(NOON), NotificationState.SENT)
    made = await asyncio.gather(*(Outbox(house.database).escalate(NOON + 2 * HOUR) for _ in range(4)))

    assert sum(made) == 3
    assert await escalated(house, NOON + 2 * HOUR) == [("boss", 1), ("deputy", 1), ("mayor", 2)]


@pytest.mark.parametrize("why", ["acknowledged", "over", "withdrawn", "folded", "silenced", "untold"])
async def test_who_need_not_answer_is_not_passed_over(house: AlertHouse, why: str) -> None:
    """Acknowledged, over, none at all, explained by another, silenced, or told to nobody: nothing is escalated."""
    state = NotificationState.HELD_BACK if why == "untold" else NotificationState.SENT
    await settle(house, await house.outbox.due(NOON), state)
    at = NOON + 2 * HOUR
    match why:
        case "acknowledged":
            await house.alarms.acknowledge([1], "Anne")
        case "over":
            await house.revise(over(1, episode(0, 5)))
        case "withdrawn":
            await house.revise(revision(1, episode(0), AlarmState.WITHDRAWN, EventKind.WITHDRAWN))
        case "folded":
            await house.revise(revision(1, episode(0), AlarmState.OPEN, EventKind.FOLDED, folded_into=99))
        case "silenced":
            quiet = Silence(starts_at=NOON, ends_at=NOON + 3 * HOUR, reason="", by="Anne", device_type="probe")
            await house.alarms.silence(quiet)

    assert await escalated(house, at) == []


async def test_pages_of_lines_are_the_newest_first(house: AlertHouse) -> None:
    """By alarm, by state, and on from where the last page ended."""
    await house.opened(opening(house.subject("lamp-2"), episode(0), notify=("duty", "boss")))
    lines = await house.outbox.page()

    assert [line.id for line in lines] == sorted((line.id for line in lines), reverse=True)
    assert [line.alarm for line in await house.outbox.page(alarm=2)] == [2, 2]
    assert await house.outbox.page(limit=2, before=lines[0].id) == lines[1:3]
    assert await house.outbox.page(state=NotificationState.SENT) == []
    assert await house.outbox.counts() == {"waiting": 3}


async def test_who_tested_a_channel_is_written_down(house: AlertHouse) -> None:
    """As what people do is."""
    await house.outbox.test("duty", "Anne", NOON)

    assert [(one.who, one.what) for one in await house.book.audit("duty")] == [("Anne", "channel.tested")]
