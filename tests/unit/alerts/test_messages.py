"""Messages: one alarm, many at once, a test; the same lines give the same id."""

from datetime import timedelta

import msgspec

from alerts.messages import NAMED, Message, Tongue, message_id, message_of, message_of_test
from alerts.texts import Facts
from model.alarm import Alarm, AlarmState, EventKind
from model.notification import Due, Notification
from tests.unit.alerts.post import HOT, NIGHT, PARIS, alarm_of


def due(number: int, alarm: Alarm, kind: EventKind = EventKind.OPENED) -> Due:
    """Return a line of the outbox."""
    line = Notification(id=number, channel="duty", kind=kind, alarm=alarm.id, created_at=NIGHT, due_at=NIGHT)
    return Due(notification=line, alarm=alarm, rule=HOT)


def message(*dues: Due, language: Tongue = "en", facts: Facts | None = None) -> Message:
    """Return the message of these lines."""
    known = {one.alarm.id: facts for one in dues if one.alarm is not None and facts is not None}
    return message_of("duty", dues, known, language, PARIS, NIGHT)


def test_many_alarms_are_one_message_the_worst_first() -> None:
    """How many, how many of them critical; then each in a line, what is over last."""
    over = alarm_of(4, state=AlarmState.CLEARED, ended_at=NIGHT, severity="critical")
    told = message(
        due(1, alarm_of(1)),
        due(2, alarm_of(2, severity="info")),
        due(3, alarm_of(3, severity="critical")),
        due(4, over, EventKind.CLEARED),
    )

    assert told.subject == "3 alarms, 1 over, 1 critical: Lamp too hot – lamp-3, …"
    assert [text.partition(" (")[0] for text in told.body.splitlines()] == [
        "• Critical: Lamp too hot – lamp-3, 71.25",
        "• Warning: Lamp too hot – lamp-1, 71.25",
        "• Information: Lamp too hot – lamp-2, 71.25",
        "• Over: Lamp too hot – lamp-4, 71.25",
    ]
    assert told.severity == "critical"
    assert not told.over


def test_at_most_twenty_are_named_and_the_rest_counted() -> None:
    """A flood is a message that can be read on a telephone; its document has all of them."""
    told = message(*(due(number, alarm_of(number)) for number in range(1, 61)), language="fr")

    lines = told.body.splitlines()
    assert len(lines) == NAMED + 1
    assert lines[-1] == "… et 40 de plus"
    assert len(msgspec.json.decode(told.document)["alarms"]) == 60


def test_both_languages_stand_one_after_the_other() -> None:
    """French, then English, of one and of many."""
    one, many = (
        message(due(1, alarm_of(1)), language="both"),
        message(due(1, alarm_of(1)), due(2, alarm_of(2)), language="both"),
    )

    assert one.subject == "Avertissement : Lampe trop chaude – lamp-1 / Warning: Lamp too hot – lamp-1"
    assert one.body.index("Depuis") < one.body.index("Since")
    assert many.subject.startswith("2 alarmes : Lampe trop chaude – lamp-1, … / 2 alarms: ")


def test_an_alarm_that_opened_and_is_over_is_told_once() -> None:
    """Of two events of one alarm the last counts; the document names both lines."""
    over = alarm_of(1, state=AlarmState.CLEARED, ended_at=NIGHT + timedelta(minutes=1))
    told = message(due(1, over), due(2, over, EventKind.CLEARED))

    document = msgspec.json.decode(told.document)
    assert told.subject.startswith("Over: ")
    assert [(one["event"], one["notifications"]) for one in document["alarms"]] == [("cleared", [1, 2])]
    assert told.over
    assert told.thread == "alarm-1"


def test_the_document_says_what_a_program_needs() -> None:
    """The alarm as the API has it, with the texts that people read, and the unit."""
    told = message(due(7, alarm_of(1)), facts=Facts(name="Rue de Siam 12"))

    document = msgspec.json.decode(told.document)
    assert document["type"] == "alarms"
    assert document["id"] == told.id
    assert document["timestamp"] == "2026-11-23T02:12:00Z"
    assert document["alarms"][0]["name"] == "Rue de Siam 12"
    assert document["alarms"][0]["alarm"]["last_value"] == 71.25
    assert document["alarms"][0]["alarm"]["subject"] == "lamp-1"


def test_the_id_follows_from_the_lines_alone() -> None:
    """In whatever order and whenever they are sent; other lines or another channel give another one."""
    first, second = due(1, alarm_of(1)).notification, due(2, alarm_of(2)).notification

    assert message_id("duty", [first, second]) == message_id("duty", [second, first])
    assert len({message_id("duty", [first]), message_id("duty", [first, second]), message_id("ops", [first])}) == 3


def test_a_test_message_says_that_it_is_one() -> None:
    """Who gets it knows that nothing is wrong, and from which channel it comes."""
    line = Notification(id=1, channel="duty", kind=None, alarm=None, created_at=NIGHT, due_at=NIGHT)
    told = message_of_test(line, "both", NIGHT)

    assert told.subject == "Essai du canal duty / Test of the channel duty"
    assert "Nothing is wrong." in told.body
    assert msgspec.json.decode(told.document)["type"] == "test"
