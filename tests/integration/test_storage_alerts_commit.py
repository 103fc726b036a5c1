"""What the evaluator writes is one transaction, keeps each alarm single, and is the same however often it is done."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from psycopg.sql import SQL

from model.alarm import AlarmFilter, AlarmState, EventKind, Newest, Subject, Verdict
from model.errors import ConflictError, PenfeldError, UnavailableError
from model.instants import moment
from storage.alerts import AlertStore
from storage.connection import Database
from tests.integration.fix_alerts import MINUTE_US, AlertHouse, T, episode, heard, opening, over, revision, signal
from tests.unit.storage.batches import NOON

EVERYTHING = AlarmFilter()


@pytest.fixture
async def house(database: Database) -> AlertHouse:
    """Make a house with three lamps."""
    made = AlertHouse(database)
    await made.begin()
    return made


async def test_an_alarm_that_opens_is_stored_with_its_event_its_message_and_its_notice(house: AlertHouse) -> None:
    """One commit: the alarm, what happened, a line for each channel that is named, and what to tell live."""
    new = opening(house.subject(), episode(), notify=("duty", "boss"))
    [notice] = await house.store.commit(Verdict(openings=[new]), NOON)
    alarm = await house.alarms.alarm(notice.alarm.id)
    lines = await house.outbox.page(alarm=alarm.id)

    assert notice.kind is EventKind.OPENED
    assert alarm == notice.alarm
    assert (alarm.device, alarm.device_type, alarm.first_value) == ("lamp-1", "probe", 61.5)
    assert (alarm.started_at, alarm.raised_at, alarm.ended_at, alarm.opened_at) == (NOON, NOON, None, NOON)
    assert [event.kind for event in await house.alarms.events(alarm.id)] == [EventKind.OPENED]
    assert sorted(line.channel for line in lines) == ["boss", "duty"]


async def test_values_of_every_kind_come_back_as_they_were(house: AlertHouse) -> None:
    """A number, a whole number, a truth, a text and none."""
    values = [61.5, 7, True, "solar “é”", None]
    subjects = [Subject(name=f"district:{number}") for number in range(len(values))]
    ids = await house.opened(*(opening(one, episode(first=some)) for one, some in zip(subjects, values, strict=True)))

    assert [(await house.alarms.alarm(number)).first_value for number in ids] == values


async def test_an_episode_that_was_over_when_it_became_known_is_cleared_at_once(house: AlertHouse) -> None:
    """It has both events, and is not open."""
    [number] = await house.opened(opening(house.subject(), episode(-60, -50), late=True, notify=()))
    alarm = await house.alarms.alarm(number)

    assert (alarm.state, alarm.late, alarm.closed_at) == (AlarmState.CLEARED, True, NOON)
    assert [one.kind for one in await house.alarms.events(number)] == [EventKind.OPENED, EventKind.CLEARED]
    assert await house.store.standing() == []
    assert await house.outbox.page() == []


async def test_a_second_open_alarm_of_a_rule_and_a_subject_is_impossible(house: AlertHouse) -> None:
    """The first stays, the second is left out, and all else of the commit is stored."""
    await house.opened(opening(house.subject(), episode(0)))
    verdict = Verdict(openings=[opening(house.subject(), episode(5)), opening(house.subject("lamp-2"), episode(5))])
    notices = await house.store.commit(verdict, NOON)

    assert [notice.alarm.subject for notice in notices] == ["lamp-2"]
    assert sorted(one.subject for one in await house.store.standing()) == ["lamp-1", "lamp-2"]
    assert await house.count("notification") == 2


async def test_the_same_verdict_twice_is_as_once(house: AlertHouse) -> None:
    """An evaluator that never learnt that its commit worked writes it again: one alarm, one message."""
    verdict = Verdict(
        openings=[opening(house.subject(), episode()), opening(house.subject("lamp-2"), episode(-9, -5))],
        signals={("hot", 0, "lamp-1", T): [signal(0, 0, None)]},
        heard={"source:chirpstack": heard(1)},
    )
    await house.store.commit(verdict, NOON)
    counts = [await house.count(name) for name in ("alarm", "alarm_event", "notification", "signal")]

    assert await house.store.commit(verdict, NOON) == []
    assert counts == [2, 3, 3, 1]
    assert [await house.count(name) for name in ("alarm", "alarm_event", "notification", "signal")] == counts


async def test_nothing_of_a_commit_that_fails_is_stored(house: AlertHouse) -> None:
    """News stay, alarms, signals and messages are not there: all of it, or nothing."""
    await house.store.want({"probe": ["power_w"]})
    await house.write(("lamp-1", 0, {"power_w": 61.5}))
    news = await house.store.news()
    async with house.database.connection() as connection:
        await connection.execute("alter table penfeld.notification rename to elsewhere")
    verdict = Verdict(
        taken=news.ids,
        openings=[opening(house.subject(), episode())],
        signals={("hot", 0, "lamp-1", T): [signal(0, 0, None)]},
        heard={"source:chirpstack": heard(1)},
    )
    with pytest.raises(PenfeldError):
        await house.store.commit(verdict, NOON)

    assert (await house.store.news()).ids == news.ids != []
    assert [await house.count(name) for name in ("alarm", "signal", "heard_through", "elsewhere")] == [0, 0, 0, 0]


async def test_an_alarm_ends_and_the_next_begins_in_one_commit(house: AlertHouse) -> None:
    """What ends goes first: at no moment two are open."""
    [first] = await house.opened(opening(house.subject(), episode(0)))
    verdict = Verdict(revisions=[over(first, episode(0, 5))], openings=[opening(house.subject(), episode(9))])
    notices = await house.store.commit(verdict, NOON + timedelta(minutes=10))

    assert [notice.kind for notice in notices] == [EventKind.CLEARED, EventKind.OPENED]
    assert (await house.alarms.alarm(first)).closed_at == NOON + timedelta(minutes=10)
    assert [one.episode.start_us for one in await house.store.standing()] == [T + 9 * MINUTE_US]


async def test_late_data_moves_alarms_onto_each_others_beginnings(house: AlertHouse) -> None:
    """Three alarms each move to where the next one began: no order of writing them is free of collisions but ours."""
    ids = await house.opened(*(opening(house.subject(), episode(10 * i, 10 * i + 5)) for i in range(3)))
    forward = [
        revision(number, episode(10 * i + 10, 10 * i + 15), AlarmState.CLEARED, EventKind.CHANGED)
        for i, number in enumerate(ids)
    ]
    await house.revise(*forward)
    starts = {one.id: one.started_at for one in (await house.alarms.page(EVERYTHING)).alarms}
    back = [
        revision(number, episode(10 * i, 10 * i + 5), AlarmState.CLEARED, EventKind.CHANGED)
        for i, number in enumerate(ids)
    ]
    await house.revise(*back)
    again = {one.id: one.started_at for one in (await house.alarms.page(EVERYTHING)).alarms}

    assert [starts[number] for number in ids] == [NOON + timedelta(minutes=10 * i + 10) for i in range(3)]
    assert [again[number] for number in ids] == [NOON + timedelta(minutes=10 * i) for i in range(3)]


async def test_an_alarm_that_is_over_goes_on_after_all(house: AlertHouse) -> None:
    """Opened again by late data it has no end and no time of closing, and keeps its first value."""
    [number] = await house.opened(opening(house.subject(), episode(0, 5)))
    await house.revise(revision(number, episode(0, None, None), AlarmState.OPEN, EventKind.CHANGED))
    alarm = await house.alarms.alarm(number)

    assert (alarm.state, alarm.ended_at, alarm.closed_at, alarm.first_value) == (AlarmState.OPEN, None, None, 61.5)


async def test_one_revision_that_the_database_refuses_does_not_hold_up_the_others(house: AlertHouse) -> None:
    """An alarm cannot become open beside another open one: that is left out, and all else is written."""
    closed, still = await house.opened(opening(house.subject(), episode(0, 5)), opening(house.subject(), episode(9)))
    [other] = await house.opened(opening(house.subject("lamp-2"), episode(0)))
    impossible = revision(closed, episode(0), AlarmState.OPEN, EventKind.CHANGED, notify=("duty",))
    notices = await house.revise(impossible, over(other, episode(0, 5)))

    assert [(notice.alarm.id, notice.kind) for notice in notices] == [(other, EventKind.CLEARED)]
    assert [one.id for one in await house.store.standing()] == [still]
    assert EventKind.CHANGED not in [one.kind for one in await house.alarms.events(closed)]


async def test_one_alarm_that_the_database_refuses_does_not_hold_up_the_others(house: AlertHouse) -> None:
    """A value that no document takes: that alarm is left out, and all else is written."""
    bad = opening(house.subject(), episode(0, None, "\x00"))
    notices = await house.store.commit(Verdict(openings=[bad, opening(house.subject("lamp-2"), episode(0))]), NOON)

    assert [notice.alarm.subject for notice in notices] == ["lamp-2"]


async def test_a_withdrawn_alarm_stays_and_makes_room_for_another(house: AlertHouse) -> None:
    """It is there with its reason and its messages, counts nowhere, and the same episode may be found again."""
    [number] = await house.opened(opening(house.subject(), episode(0)))
    gone = revision(number, episode(0), AlarmState.WITHDRAWN, EventKind.WITHDRAWN, reason="late_data", notify=("duty",))
    await house.revise(gone)
    [again] = await house.opened(opening(house.subject(), episode(0)))
    alarm = await house.alarms.alarm(number)

    assert (alarm.state, alarm.reason) == (AlarmState.WITHDRAWN, "late_data")
    assert [line.kind for line in await house.outbox.page(alarm=number)] == [EventKind.WITHDRAWN, EventKind.OPENED]
    assert [one.id for one in await house.store.standing()] == [again]
    assert [one.id for one in await house.store.since([("hot", "lamp-1", 0)])] == [again]


async def test_alarms_of_devices_that_went_meanwhile_are_passed_over(house: AlertHouse) -> None:
    """The evaluator still knows a device that was purged: its alarms are neither opened nor revised, the rest is."""
    gone, [known] = house.subject("lamp-3", simulated=True), await house.opened(opening(house.subject(), episode(0)))
    [number] = await house.opened(opening(gone, episode(0)))
    await house.registry.purge_simulated()
    verdict = Verdict(
        revisions=[over(number, episode(0, 5), notify=("duty",)), over(known, episode(0, 5))],
        openings=[opening(gone, episode(9))],
    )
    notices = await house.store.commit(verdict, NOON)

    assert [notice.alarm.id for notice in notices] == [known]


async def test_purging_simulated_devices_takes_their_alarms_with_all_that_hangs_on_them(house: AlertHouse) -> None:
    """Alarms, events, messages, signals and cadences of simulated devices go; those of real ones stay."""
    subjects = [house.subject("lamp-1"), house.subject("lamp-3", simulated=True)]
    await house.opened(*(opening(one, episode(0)) for one in subjects))
    await house.opened(opening(Subject(name="district:x", simulated=True), episode(0)))
    signals = {("hot", 0, one.name, T): [signal(0, 0, None, one.name)] for one in subjects}
    await house.store.commit(Verdict(signals=signals), NOON)
    await house.database.fetch(
        SQL("insert into penfeld.cadence select key, '1 hour', now() from penfeld.device returning device")
    )
    deleted = await house.registry.purge_simulated()

    assert deleted["penfeld.alarm"] == 2
    assert [one.subject for one in (await house.alarms.page(EVERYTHING)).alarms] == ["lamp-1"]
    tables = ("alarm_event", "notification", "signal", "cadence")
    assert [await house.count(name) for name in tables] == [1, 1, 1, 2]


async def test_only_one_evaluates_at_a_time(house: AlertHouse) -> None:
    """Another is told so, until the first is gone, however it went."""
    other = AlertStore(house.database)
    async with house.store.alone():
        with pytest.raises(ConflictError, match="another process"):
            async with other.alone():
                raise AssertionError("two evaluate")
    async with other.alone():
        assert await other.standing() == []


async def test_who_lost_the_right_to_evaluate_without_knowing_writes_nothing(house: AlertHouse) -> None:
    """The connection with the lock was cut and another took over: the next commit of the first is refused."""
    cut = SQL("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid::bigint = %s")
    [(number,)] = await house.database.fetch(SQL("select hashtext('penfeld.alerts')::bigint & 4294967295"))
    other = AlertStore(house.database)

    async def evaluate() -> None:
        async with house.store.alone():
            await house.opened(opening(house.subject(), episode()))
            await house.database.fetch(cut, (number,))
            for _ in range(100):
                try:
                    async with other.alone():
                        with pytest.raises(ConflictError, match="only evaluator"):
                            await house.opened(opening(house.subject("lamp-2"), episode()))
                        return
                except ConflictError:
                    await asyncio.sleep(0.05)

    with suppress(UnavailableError):  # its connection is gone when it is to be closed
        await evaluate()
    assert [one.subject for one in await house.store.standing()] == ["lamp-1"]


async def test_signals_are_replaced_from_their_time_on(house: AlertHouse) -> None:
    """What ended before stays, what was open or ended later is what the verdict says; other conditions stay."""
    first = {
        ("hot", 0, "lamp-1", T): [signal(0, 0, 5), signal(0, 10, 15), signal(0, 20, None)],
        ("hot", 1, "lamp-1", T): [signal(1, 0, None)],
    }
    await house.store.commit(Verdict(signals=first), NOON)
    again = {("hot", 0, "lamp-1", T + 12 * MINUTE_US): [signal(0, 10, 13)]}
    await house.store.commit(Verdict(signals=again), NOON)
    found = [(one.leaf, one) for one in await house.store.signals([("hot", "lamp-1", 0)])]

    assert sorted(found, key=lambda one: (one[0], one[1].start_us)) == [
        (0, signal(0, 0, 5)),
        (0, signal(0, 10, 13)),
        (1, signal(1, 0, None)),
    ]
    assert await house.store.signals([("hot", "lamp-1", T + 20 * MINUTE_US)]) == [signal(1, 0, None)]


async def test_what_was_heard_never_goes_back(house: AlertHouse) -> None:
    """An older arrival leaves the newer one; the usual pause is the newest."""
    await house.store.commit(Verdict(heard={"gateway:g": heard(9, 1)}), NOON)
    await house.store.commit(Verdict(heard={"gateway:g": heard(5, 2), "source:s": heard(1)}), NOON)

    assert await house.store.heard() == {"gateway:g": heard(9, 2), "source:s": heard(1)}


async def test_alarms_since_a_time_are_those_that_were_open_then(house: AlertHouse) -> None:
    """Ended before: not; ended at that time or later, or open: yes; of that rule and subject only."""
    ids = await house.opened(
        opening(house.subject(), episode(0, 5)),
        opening(house.subject(), episode(10, 15)),
        opening(house.subject(), episode(20)),
        opening(house.subject("lamp-2"), episode(20)),
    )
    found = await house.store.since([("hot", "lamp-1", T + 15 * MINUTE_US), ("other", "lamp-2", 0)])

    assert sorted(one.id for one in found) == ids[1:3]  # numbered as they began
    assert {one.id: moment(one.episode.start_us) for one in found}[ids[2]] == NOON + timedelta(minutes=20)


async def test_a_city_that_fails_at_once_is_one_quick_commit(house: AlertHouse) -> None:
    """Ten thousand alarms open and end again in two commits, each with its event, and none is missing."""
    subjects = [Subject(name=f"thing:{number}") for number in range(10_000)]
    notices = await house.store.commit(Verdict(openings=[opening(one, episode(0)) for one in subjects]), NOON)
    ended = [over(notice.alarm.id, episode(0, 5), notify=("duty",)) for notice in notices]
    done = await house.revise(*ended)

    assert (len(notices), len(done)) == (10_000, 10_000)
    assert await house.store.standing() == []
    assert [await house.count(name) for name in ("alarm_event", "notification")] == [20_000, 20_000]


async def test_an_open_alarm_says_its_newest_value(house: AlertHouse) -> None:
    """A newer value is kept without event or message; an older one, and one for what is over, change nothing."""
    [goes_on, is_over] = await house.opened(
        opening(house.subject(), episode()), opening(house.subject("lamp-2"), episode(0, 2))
    )
    newest = [Newest(id=number, value=64.25, time_us=T + 5 * MINUTE_US) for number in (goes_on, is_over)]
    before = await house.alarms.alarm(is_over)
    lines = len(await house.outbox.page())

    assert await house.store.commit(Verdict(newest=newest), NOON) == []
    await house.store.commit(Verdict(newest=[Newest(id=goes_on, value=60.0, time_us=T + MINUTE_US)]), NOON)

    alarm = await house.alarms.alarm(goes_on)
    assert (alarm.first_value, alarm.last_value) == (61.5, 64.25)
    assert alarm.last_at == NOON + timedelta(minutes=5)
    assert await house.alarms.alarm(is_over) == before
    assert [event.kind for event in await house.alarms.events(goes_on)] == [EventKind.OPENED]
    assert len(await house.outbox.page()) == lines
