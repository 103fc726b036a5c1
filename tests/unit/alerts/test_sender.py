"""Sending notifications: each once, in order, whatever goes wrong; and nobody woken for nothing."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import time, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.sender import AT_ONCE, ATTEMPTS_AT_LEAST, Sender, nothing_known
from alerts.texts import Facts
from model.alarm import AlarmState, EventKind
from model.errors import BadRequestError, UnavailableError
from model.notification import Due, NotificationState
from model.quiet import Quiet
from tests.unit.alerts.post import NIGHT, PARIS, Door, Middle, Post, alarm_of, channel, no_pause, sender

AWAY = UnavailableError("the mail server does not answer")


async def settled(working: Sender, post: Post, hours: float = 1.0) -> None:
    """Let time pass in steps of twenty seconds, looking each time."""
    for _ in range(int(hours * 180)):
        await working.once()
        post.clock.go(seconds=20)


async def test_an_alarm_is_told_at_once_and_once() -> None:
    """A line whose turn it is goes out with the first look, and never again."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door))
    post.opened(1)

    await working.once()
    await settled(working, post)

    assert door.told() == [(1, "opened")]
    assert post.states() == ["sent"]
    assert post.lines[1].sent_at == NIGHT


async def test_a_dead_channel_gets_every_message_afterwards_once_and_in_order() -> None:
    """Ten minutes without mail server: every alarm is told after, once, in the order in which they came."""
    post, door = Post(), Door(broken=AWAY)
    working = sender(post, channel("duty", door))
    for number in range(1, 31):
        post.opened(number)
        await working.once()
        post.clock.go(seconds=20)
    asked, door.broken = door.asked, None

    await settled(working, post)

    assert door.told() == [(number, "opened") for number in range(1, 31)]
    assert set(post.states()) == {"sent"}
    assert asked < 12, "pauses grow"
    assert working.troubles() == {}


async def test_a_dead_channel_holds_up_no_other() -> None:
    """A channel that does not answer, or fails, leaves the others as quick as ever."""
    post, slow, dead, good = Post(), Door(shut=asyncio.Event()), Door(broken=AWAY), Door()
    working = sender(post, channel("slow", slow), channel("dead", dead), channel("good", good))
    for number, name in enumerate(("slow", "dead", "good"), 1):
        post.opened(number, name)

    await working.step()
    for _ in range(20):
        await asyncio.sleep(0)
    assert good.told() == [(3, "opened")]
    post.clock.go(minutes=1)
    post.opened(4, "good")
    await working.step()
    for _ in range(20):
        await asyncio.sleep(0)

    assert good.told() == [(3, "opened"), (4, "opened")]
    assert working.troubles() == {"dead": str(AWAY)}
    assert slow.shut is not None
    slow.shut.set()
    await settled(working, post, 0.1)
    assert slow.told() == [(1, "opened")]


async def test_what_comes_while_a_message_is_on_its_way_follows_it_in_order() -> None:
    """A slow channel is given one message at a time; what waited goes next, together."""
    post, slow = Post(), Door(shut=asyncio.Event())
    working = sender(post, channel("duty", slow))
    for number in range(1, 5):
        post.opened(number)
        await working.step()
        await asyncio.sleep(0)
        post.clock.go(seconds=1)
    assert slow.asked == 1
    assert slow.shut is not None
    slow.shut.set()

    await settled(working, post, 0.1)

    assert slow.told() == [(number, "opened") for number in range(1, 5)]
    assert len(slow.messages) == 2


async def test_a_message_that_takes_longer_than_the_outbox_waits_is_not_begun_again() -> None:
    """After its minute the outbox offers a line again; as long as it is on its way here, it stays one message."""
    post, slow = Post(), Door(shut=asyncio.Event())
    working = sender(post, channel("duty", slow))
    post.opened(1)
    await post.test("duty", "Anne", post.clock())
    for _ in range(4):
        await working.step()
        await asyncio.sleep(0)
        post.clock.go(minutes=2)
    assert slow.shut is not None
    slow.shut.set()

    await settled(working, post, 0.1)

    assert [message.test for message in slow.messages] == [True, False]


async def test_what_comes_within_the_group_wait_goes_together() -> None:
    """The first alarm goes at once; those of the next ten seconds are one message."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door, group_wait=timedelta(seconds=10)))
    for number in range(1, 6):
        post.opened(number)
        await working.once()
        post.clock.go(seconds=2)
    assert len(door.messages) == 1

    post.clock.go(seconds=1)
    await working.once()

    assert [len(msgspec.json.decode(message.document)["alarms"]) for message in door.messages] == [1, 4]
    assert door.told() == [(number, "opened") for number in range(1, 6)]


async def test_a_flood_is_few_messages() -> None:
    """A thousand alarms at once are two messages, not a thousand."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door))
    for number in range(2 * AT_ONCE):
        post.opened(number)

    await working.once()

    assert len(door.messages) == 2
    assert sorted(alarm for alarm, _ in door.told()) == list(range(2 * AT_ONCE))
    assert set(post.states()) == {"sent"}


async def test_what_was_over_before_anybody_was_told_is_told_to_nobody() -> None:
    """Opened and cleared while the channel was away: both lines are held back, and say why."""
    post, door = Post(), Door(broken=AWAY)
    working = sender(post, channel("duty", door))
    post.opened(1)
    await working.once()
    post.cleared(1)
    door.broken = None

    await settled(working, post)

    assert door.messages == []
    assert post.states() == ["held_back", "held_back"]
    assert post.details() == ["it was over before anybody was told"] * 2


async def test_a_critical_alarm_is_told_even_if_it_is_over() -> None:
    """It is told once, as over, in one message, and both lines count as sent."""
    post, door = Post(), Door(broken=AWAY)
    working = sender(post, channel("duty", door))
    post.opened(1, severity="critical")
    await working.once()
    post.clock.go(seconds=1)
    post.cleared(1)
    await working.once()
    door.broken = None

    await settled(working, post)

    assert door.told() == [(1, "cleared")]
    assert post.states() == ["sent", "sent"]


async def test_the_end_is_told_to_whom_the_beginning_was() -> None:
    """Of two channels only the one that told of the opening tells of the end."""
    post, duty, late = Post(), Door(), Door(broken=AWAY)
    working = sender(post, channel("duty", duty), channel("late", late))
    post.opened(1, "duty")
    post.opened(1, "late")
    await working.once()
    post.cleared(1, "duty")
    post.cleared(1, "late")
    late.broken = None

    await settled(working, post)

    assert duty.told() == [(1, "opened"), (1, "cleared")]
    assert late.told() == []


async def test_an_alarm_that_late_data_withdraws_is_taken_back() -> None:
    """Who was told of it hears that it was none; who was not hears nothing."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door, language="en"))
    post.opened(1)
    await working.once()
    post.withdrawn(1)
    post.opened(2)
    post.withdrawn(2)

    await settled(working, post)

    assert door.told() == [(1, "opened"), (1, "withdrawn")]
    assert "no alarm" in door.messages[-1].body
    assert post.states() == ["sent", "sent", "held_back", "held_back"]


async def test_folded_alarms_are_told_to_nobody() -> None:
    """A device whose gateway is away is held back, with the alarm that explains it."""
    post, door = Post(), Door()
    post.opened(1, folded_into=7)

    await sender(post, channel("duty", door)).once()

    assert (door.messages, post.states(), post.details()) == ([], ["held_back"], ["alarm 7 explains it"])


async def test_an_alarm_that_stands_by_itself_again_is_told() -> None:
    """The gateway is back, the device is not: that line is told as an alarm that opened."""
    post, door = Post(), Door()
    post.tell(EventKind.UNFOLDED, alarm_of(1))

    await sender(post, channel("duty", door)).once()

    assert door.told() == [(1, "opened")]


async def test_silenced_alarms_are_told_when_the_silence_ends_if_they_go_on() -> None:
    """In a silence nobody hears anything; what is over by its end is never told, what goes on is."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door))
    ends = NIGHT + timedelta(hours=2)
    post.opened(1, silenced_until=ends)
    post.opened(2, silenced_until=ends, severity="critical")
    post.opened(3, silenced_until=ends)
    await settled(working, post, 1)
    assert door.messages == []
    assert "silenced" in post.lines[1].detail
    post.cleared(1)
    post.cleared(2)

    await settled(working, post, 2)

    assert door.told() == [(3, "opened")]
    assert post.states() == ["held_back", "held_back", "sent", "held_back", "held_back"]
    assert post.lines[3].sent_at is not None
    assert ends <= post.lines[3].sent_at <= ends + timedelta(minutes=1)


async def test_a_silence_that_ends_early_ends_for_what_waits() -> None:
    """Somebody lifts the silence: within minutes, what waits is told."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door))
    post.opened(1, silenced_until=NIGHT + timedelta(days=9))
    await working.once()
    post.alarms[1] = alarm_of(1)

    await settled(working, post, 0.1)

    assert door.told() == [(1, "opened")]


async def test_in_quiet_hours_only_what_is_bad_enough_is_told() -> None:
    """At three in the morning a warning waits until seven, local time; a critical alarm goes at once."""
    post, door = Post(), Door()
    quiet = Quiet(time(22), time(7))
    working = sender(post, channel("duty", door, quiet=quiet))
    post.opened(1)
    post.opened(2, severity="critical")

    await settled(working, post, 1)
    assert door.told() == [(2, "opened")]
    await settled(working, post, 4)

    assert door.told() == [(2, "opened"), (1, "opened")]
    assert post.lines[1].sent_at is not None
    assert post.lines[1].sent_at.astimezone(PARIS).hour == 7


async def test_escalation_goes_on_only_while_nobody_answers() -> None:
    """A line of the escalation is held back once somebody has acknowledged, or it is over."""
    post, door = Post(), Door()
    working = sender(post, channel("duty", door))
    post.tell(EventKind.ESCALATED, alarm_of(1), step=1)
    post.tell(EventKind.ESCALATED, alarm_of(2, acknowledged_at=NIGHT, acknowledged_by="Anne"), step=1)
    post.tell(EventKind.ESCALATED, alarm_of(3, state=AlarmState.CLEARED, severity="critical"), step=1)

    await working.once()

    assert door.told() == [(1, "escalated")]
    assert post.details() == ["", "Anne looks after it", "it was over before anybody was told"]
    assert post.escalations == 1


async def test_the_outbox_is_asked_for_escalations_every_few_seconds() -> None:
    """Not with each look, but again and again."""
    post = Post()
    working = sender(post)

    for _ in range(20):
        await working.once()
        post.clock.go(seconds=1)

    assert post.escalations == 4


async def test_simulated_devices_page_nobody_unless_the_rule_says_so() -> None:
    """A line for a simulated device is held back even if one was made."""
    post, door = Post(), Door()
    post.opened(1, simulated=True)
    await sender(post, channel("duty", door)).once()
    assert post.states() == ["held_back"]

    asked = Post(rule=msgspec.structs.replace(post.rule, simulated=True))
    asked.opened(1, simulated=True)
    await sender(asked, channel("duty", door)).once()

    assert asked.states() == ["sent"]


async def test_a_test_message_goes_at_once_and_its_failure_is_told_at_once() -> None:
    """In quiet hours, behind a failing channel: who presses the button sees what happens now."""
    post, door = Post(), Door(broken=AWAY)
    working = sender(post, channel("duty", door, quiet=Quiet(time(22), time(7), None)))
    post.opened(1, severity="critical")
    await working.once()
    await post.test("duty", "Anne", post.clock())
    await working.once()
    door.broken = None
    await post.test("duty", "Anne", post.clock())
    await working.once()

    assert post.states() == ["waiting", "failed", "sent"]
    assert post.details()[1] == str(AWAY)
    assert [message.test for message in door.messages] == [True]


async def test_a_message_is_given_up_after_its_time_and_not_sooner() -> None:
    """Tried for three days, then failed with the last reason; a line that is old but was hardly tried is tried on."""
    post, door = Post(), Door(broken=AWAY)
    working = sender(post, channel("duty", door))
    post.opened(1)
    for _ in range(3 * 24 * 20):
        await working.once()
        post.clock.go(minutes=3)
    assert post.states() == ["waiting"]
    old = post.opened(2)
    post.lines[old] = msgspec.structs.replace(post.lines[old], created_at=NIGHT - timedelta(days=30))

    post.clock.go(minutes=10)
    await working.once()
    assert post.states() == ["failed", "waiting"]
    assert "given up after" in post.details()[0]
    assert str(AWAY) in post.details()[0]
    for _ in range(ATTEMPTS_AT_LEAST):
        post.clock.go(minutes=10)
        await working.once()

    assert post.states() == ["failed", "failed"]
    assert post.lines[2].attempts == ATTEMPTS_AT_LEAST


async def test_a_message_that_is_refused_for_good_does_not_take_others_with_it() -> None:
    """One alarm that the other side cannot take fails; those that came with it are told."""

    class Picky(Door):
        async def send(self, message: object) -> str:
            if b"lamp-3" in message.document:  # type: ignore[attr-defined]
                self.asked += 1
                raise BadRequestError("422: no lamp 3 here")
            return await super().send(message)  # type: ignore[arg-type]

    post, door = Post(), Picky()
    for number in range(1, 6):
        post.opened(number)
    working = sender(post, channel("duty", door))

    await working.once()

    assert post.states() == ["sent", "sent", "failed", "sent", "sent"]
    assert [alarm for alarm, _ in door.told()] == [1, 2, 4, 5]


async def test_a_channel_that_refuses_everything_is_not_asked_for_each_line() -> None:
    """After three refusals in a row the rest of the message fails with the same reason."""
    post, door = Post(), Door(broken=BadRequestError("550 no such user"))
    for number in range(100):
        post.opened(number)
    working = sender(post, channel("duty", door))

    await working.once()

    assert set(post.states()) == {"failed"}
    assert set(post.details()) == {"550 no such user"}
    assert door.asked == 4
    assert working.troubles() == {"duty": "550 no such user"}


async def test_a_channel_that_is_gone_is_told_as_trouble() -> None:
    """A line for a channel that the settings do not name fails, and says what to do."""
    post = Post()
    post.opened(1, "nobody")
    working = sender(post, channel("duty", Door()))

    await working.once()

    assert post.states() == ["failed"]
    assert "there is no [[channel]] called 'nobody'" in working.troubles()["nobody"]


async def test_an_address_that_is_refused_while_others_are_taken_is_told_as_trouble() -> None:
    """The message counts as sent; what the door says of it is kept with it."""
    post, door = Post(), Door(says="refuses b@city.example (550 unknown); the others have it")
    post.opened(1)
    working = sender(post, channel("duty", door))

    await working.once()

    assert post.states() == ["sent"]
    assert "b@city.example" in post.details()[0]
    assert working.troubles() == {"duty": door.says}


async def test_a_library_that_raises_what_it_wants_costs_nothing() -> None:
    """An error that nobody foresaw is an attempt that failed; its text, which may hold a secret, is not told."""
    post, door = Post(), Door(broken=RuntimeError("token=hush"))
    post.opened(1)
    working = sender(post, channel("duty", door))
    await working.once()
    assert "hush" not in str(working.troubles()) + str(post.attempts)
    assert "RuntimeError" in working.troubles()["duty"]
    door.broken = None

    await settled(working, post, 0.1)

    assert door.told() == [(1, "opened")]


async def test_what_was_sent_is_noted_when_the_database_is_back_and_not_sent_again() -> None:
    """The database goes away between the sending and the note: the note is made first when it is back."""
    post = Post()

    class Cutting(Door):
        async def send(self, message: object) -> str:
            post.away = True
            return await super().send(message)  # type: ignore[arg-type]

    door = Cutting()
    post.opened(1)
    working = sender(post, channel("duty", door))
    await working.once()
    for _ in range(10):
        post.clock.go(minutes=1)
        with contextlib.suppress(UnavailableError):
            await working.once()
    post.away = False

    await settled(working, post, 0.1)

    assert len(door.messages) == 1
    assert post.states() == ["sent"]


async def test_it_goes_on_when_the_database_was_away() -> None:
    """``run`` outlives a database that does not answer, with growing pauses."""
    post, door, pauses = Post(away=True), Door(), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            post.away = False
            post.opened(1)
        await asyncio.sleep(0)

    working = Sender(post, {"duty": channel("duty", door)}, post.clock, zone=PARIS, pause=pause, random=Middle())
    running = asyncio.create_task(working.run())
    await door.begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert pauses[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 0.5]
    assert post.states() == ["sent"]


async def test_what_is_on_its_way_arrives_before_the_end() -> None:
    """Who stops the service waits for the message that is being sent, and its note is made."""
    post, door = Post(), Door(shut=asyncio.Event())
    post.opened(1)
    working = Sender(post, {"duty": channel("duty", door)}, post.clock, zone=PARIS, pause=no_pause, random=Middle())
    running = asyncio.create_task(working.run())
    await door.begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    assert door.shut is not None
    door.shut.set()

    await asyncio.gather(running, return_exceptions=True)

    assert door.told() == [(1, "opened")]
    assert post.states() == ["sent"]


async def test_a_repeat_after_a_kill_has_the_same_id() -> None:
    """Killed between the channel's yes and our note: the message comes again under the id that it had."""
    post, door = Post(), Door()
    post.opened(1)
    post.opened(2)

    async def cut(*_: object) -> None:
        raise UnavailableError("killed")

    killed = sender(post, channel("duty", door))
    note, post.settle = post.settle, cut  # type: ignore[method-assign,assignment]
    await killed.once()
    post.settle = note  # type: ignore[method-assign]
    post.clock.go(minutes=2)

    await sender(post, channel("duty", door)).once()

    first, second = door.messages
    assert first.id == second.id
    assert post.states() == ["sent", "sent"]


async def test_names_and_fields_come_from_who_knows_and_no_alarm_waits_for_them() -> None:
    """A device is called by its name; where the register does not answer, by its id."""
    post, door = Post(), Door()

    async def names(dues: Sequence[Due]) -> Mapping[int, Facts]:
        if post.clock() > NIGHT:
            raise UnavailableError("no register")
        return {due.alarm.id: Facts(name="Rue de Siam 12") for due in dues if due.alarm is not None}

    working = Sender(
        post, {"duty": channel("duty", door)}, post.clock, zone=PARIS, pause=no_pause, lookup=names, random=Middle()
    )
    post.opened(1)
    await working.once()
    post.clock.go(minutes=1)
    post.opened(2)
    await working.once()

    assert "Rue de Siam 12" in door.messages[0].subject
    assert "lamp-2" in door.messages[1].subject
    assert await nothing_known([]) == {}


Happening = tuple[str, int]
happenings = st.lists(
    st.tuples(
        st.sampled_from(["open", "critical", "clear", "withdraw", "door", "database", "wait", "look", "look"]),
        st.integers(0, 9),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings)
async def test_whatever_happens_everybody_hears_what_goes_on_once_and_in_order(happened: list[Happening]) -> None:
    """Doors and database come and go at any moment: in the end each line is told once or held back with a reason."""
    post, doors = Post(), {"a": Door(), "b": Door()}
    working = sender(post, *(channel(name, door) for name, door in doors.items()))
    for what, number in happened:
        await _happen(post, doors, working, what, number)
    post.away, doors["a"].broken, doors["b"].broken = False, None, None

    await settled(working, post, 0.5)

    assert NotificationState.WAITING not in post.states()
    assert all(line.detail for line in post.lines.values() if line.state is NotificationState.HELD_BACK)
    for name, door in doors.items():
        told = door.told()
        assert len(told) == len(set(told)), "nothing twice"
        opened = [alarm for alarm, event in told if event == "opened"]
        going_on = {alarm.id for alarm in post.alarms.values() if alarm.state is AlarmState.OPEN}
        assert going_on & {line.alarm for line in post.lines.values() if line.channel == name} <= set(opened)
        assert all((alarm, "opened") in told for alarm, event in told if event == "withdrawn")


async def _happen(post: Post, doors: dict[str, Door], working: Sender, what: str, number: int) -> None:
    name = "ab"[number % 2]
    if what in ("open", "critical"):
        alarm = len(post.alarms) + 1
        post.opened(alarm, name, severity="critical" if what == "critical" else "warning")
    elif what in ("clear", "withdraw"):
        alarms = [one.id for one in post.alarms.values() if one.state is AlarmState.OPEN]
        if alarms:
            chosen = alarms[number % len(alarms)]
            of = next(line.channel for line in post.lines.values() if line.alarm == chosen)
            (post.cleared if what == "clear" else post.withdrawn)(chosen, of)
    elif what == "door":
        doors[name].broken = None if doors[name].broken else AWAY
    elif what == "database":
        post.away = not post.away
    elif what == "wait":
        post.clock.go(seconds=7 * number)
    else:
        with contextlib.suppress(UnavailableError):
            await working.once()
