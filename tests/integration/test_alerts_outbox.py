"""From an alarm that is stored to a mail, over the real outbox and a real mail server: each told once."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from alerts.channels.mail import Mail, MailConfig
from alerts.sender import Sender
from model.alarm import AlarmState, Episode, EventKind, Opening, Revision, Subject, Verdict
from model.errors import UnavailableError
from model.instants import moment
from model.notification import NotificationState, Outcome
from model.rule import rule_of
from storage.alerts import AlertStore
from storage.connection import Database
from storage.outbox import Outbox
from storage.rulebook import RuleBook
from tests.integration.fix_mail import MailServer
from tests.unit.alerts.post import PARIS, Clock, channel, no_pause

RULE = rule_of(
    {
        "name": "city/quiet",
        "title": {"en": "Too quiet", "fr": "Trop calme"},
        "when": {"kind": "group", "measure": "count", "every": "1 h", "below": 5},
        "notify": ["duty"],
        "escalate": [{"after": "10 min", "notify": ["boss"]}],
    }
)


class Forgetful(Outbox):
    """An outbox whose notes are lost for a while, as when the process is killed before it could make them."""

    lost = False

    async def settle(self, outcomes: Sequence[Outcome], at: object) -> None:
        """Write down what became of them, or lose it."""
        if self.lost:
            raise UnavailableError("killed")
        await super().settle(outcomes, at)  # type: ignore[arg-type]


class House:
    """A database with a rule, a mail server, and people who are told."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.server = database, Clock(), MailServer()
        self.store, self.outbox = AlertStore(database), Forgetful(database)
        self.ids: dict[str, int] = {}
        self.version = ""

    def sender(self) -> Sender:
        """Return a sender that knows nothing but the outbox."""
        mail = Mail(
            MailConfig(host="127.0.0.1", port=self.server.port, tls="none"),
            sender="alerts@city.example",
            to=["ops@city.example"],
        )
        channels = {name: channel(name, mail, language="en") for name in ("duty", "boss")}
        random = Random(1)  # noqa: S311 -- spreads retries, guards nothing
        return Sender(self.outbox, channels, self.clock, zone=PARIS, pause=no_pause, random=random)

    async def raised(self, *districts: str) -> None:
        """Store alarms of these districts."""
        if not self.version:
            stored = await RuleBook(self.database).put(RULE, who="test", origin="file", at=moment(0))
            self.version = stored.version
        openings = [
            Opening(
                rule=RULE.name,
                version=self.version,
                severity="warning",
                subject=Subject(name=f"district:{name}"),
                episode=self.episode(),
                notify=("duty",),
            )
            for name in districts
        ]
        notices = await self.store.commit(Verdict(openings=openings), self.clock())
        self.ids |= {notice.alarm.subject.partition(":")[2]: notice.alarm.id for notice in notices}

    async def over(self, district: str) -> None:
        """Store that an alarm is over."""
        revision = Revision(
            id=self.ids[district],
            episode=self.episode(ended=True),
            state=AlarmState.CLEARED,
            kind=EventKind.CLEARED,
            notify=("duty",),
        )
        await self.store.commit(Verdict(revisions=[revision]), self.clock())

    def episode(self, *, ended: bool = False) -> Episode:
        """Return one that began when the clock was set."""
        start_us = int(Clock().now.timestamp()) * 1_000_000
        end_us = int(self.clock.now.timestamp()) * 1_000_000 + 1 if ended else None
        return Episode(start_us=start_us, raised_us=start_us, end_us=end_us, first=3, last=3)

    async def live(self, working: Sender, minutes: float) -> None:
        """Let time pass, looking every twenty seconds."""
        for _ in range(int(minutes * 3)):
            await working.once()
            self.clock.go(seconds=20)

    def subjects(self) -> list[str]:
        """Return the subjects of all mails, in order."""
        return [str(mail["Subject"]) for _, _, mail in self.server.mails]

    async def states(self) -> list[NotificationState]:
        """Return the states of all lines, in order."""
        return [line.state for line in reversed(await self.outbox.page(limit=1000))]


@pytest.fixture
def house(database: Database) -> House:
    """Make a house."""
    return House(database)


async def test_an_alarm_that_is_stored_is_a_mail_and_so_is_its_end(house: House) -> None:
    """One mail when it opens, one when it is over; both lines are sent, and each attempt is noted."""
    async with house.server.running():
        working = house.sender()
        await house.raised("Siam")
        await working.once()
        house.clock.go(minutes=1)
        await house.over("Siam")
        await working.once()

    assert house.subjects() == ["Warning: Too quiet – district Siam", "Over: Too quiet – district Siam"]
    assert await house.states() == [NotificationState.SENT] * 2


async def test_ten_minutes_without_mail_server_cost_no_message_and_double_none(house: House) -> None:
    """Alarms go on and end meanwhile: what goes on is told after, once; what is over is told to nobody."""
    async with house.server.running():
        pass  # now its port is known, and nobody is there
    working = house.sender()
    names = [f"quarter-{number:02}" for number in range(15)]
    for name in names:
        await house.raised(name)
        await house.live(working, 2 / 3)
    await house.over(names[0])
    async with house.server.running():
        await house.live(working, 15)
    bodies = "\n".join(mail.get_content() for _, _, mail in house.server.mails)
    lines = [line for line in bodies.splitlines() if line.startswith("• ")]

    assert [line.partition("district ")[2].partition(",")[0] for line in lines if "Nobody" not in line] == names[1:]
    assert NotificationState.WAITING not in await house.states()


async def test_who_is_killed_before_the_note_repeats_the_same_message(house: House) -> None:
    """Sent, but not noted: after the minute for which lines are kept from others, the same mail goes again."""
    async with house.server.running():
        await house.raised("Siam", "Recouvrance")
        house.outbox.lost = True
        await house.sender().once()
        house.outbox.lost = False
        house.clock.go(seconds=61)
        await house.live(house.sender(), 1)

    first, second = (mail for _, _, mail in house.server.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert await house.states() == [NotificationState.SENT] * 2


async def test_two_senders_tell_everything_once(house: House) -> None:
    """Lines that one has taken are kept from the other."""
    async with house.server.running():
        one, other = house.sender(), house.sender()
        for number in range(5):
            await house.raised(f"quarter-{number}")
            await one.step()
            await other.step()
            house.clock.go(seconds=20)
        await house.live(one, 1)
        await house.live(other, 1)
    text = "\n".join(f"{mail['Subject']}\n{mail.get_content()}" for _, _, mail in house.server.mails)

    assert [text.count(f"Warning: Too quiet – district quarter-{number}") for number in range(5)] == [1] * 5


async def test_nobody_answers_and_the_next_is_called(house: House) -> None:
    """Ten minutes after it was told, an alarm that nobody acknowledged goes to the next channel, once."""
    async with house.server.running():
        working = house.sender()
        await house.raised("Siam")
        await house.live(working, 30)

    assert house.subjects() == [
        "Warning: Too quiet – district Siam",
        "Nobody has answered (1), warning: Too quiet – district Siam",
    ]
    lines = await house.outbox.page(limit=10)
    assert lines[0].sent_at is not None
    assert lines[1].sent_at is not None
    assert timedelta(minutes=10) <= lines[0].sent_at - lines[1].sent_at <= timedelta(minutes=11)


async def test_a_test_message_arrives_and_is_noted(house: House) -> None:
    """The button makes a line, the sender a mail."""
    async with house.server.running():
        working = house.sender()
        await house.outbox.test("duty", "Anne", house.clock())
        await working.once()

    assert house.subjects() == ["Test of the channel duty"]
    assert await house.states() == [NotificationState.SENT]
