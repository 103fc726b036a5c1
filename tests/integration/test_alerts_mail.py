"""Mails of alarms, on a real mail server: what arrives, what is refused, what is tried again."""

import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.channels.mail import Mail, MailConfig
from alerts.messages import Message
from model.errors import BadRequestError, UnavailableError
from tests.integration.fix_mail import PASSWORD, USER, MailServer
from tests.unit.alerts.post import NIGHT, Post, channel, sender

MESSAGE = Message(
    id="penfeld_1",
    at=NIGHT,
    subject="Critique : Lampe trop chaude – Rue de Siam 12",
    body="Depuis : 23/11/2026 03:12 CET\n.\n71,25 °C",
    severity="critical",
    document=b"{}",
    thread="alarm-17",
)
FROM = "Penfeld <alerts@city.example>"


def door(server: MailServer, *to: str, **more: object) -> Mail:
    """Return a door to this server."""
    said = {"host": "127.0.0.1", "port": server.port, "tls": "none", "timeout_s": 10.0, **more}
    return Mail(MailConfig(**said), sender=FROM, to=to or ("ops@city.example",))  # type: ignore[arg-type]


async def test_a_mail_arrives_as_it_was_written() -> None:
    """Sender, addresses, subject and text with accents, a date, and that a machine sent it."""
    async with MailServer().running() as server:
        assert await door(server, "ops@city.example", "Night shift <night@city.example>").send(MESSAGE) == ""

    ((envelope, recipients, mail),) = server.mails
    assert (envelope, recipients) == ("alerts@city.example", ["ops@city.example", "night@city.example"])
    assert mail["Subject"] == MESSAGE.subject
    assert mail.get_content() == MESSAGE.body + "\n"
    assert mail.get_content_type() == "text/plain"
    assert mail["Message-ID"] == "<penfeld_1@city.example>"
    assert mail["References"] == "<penfeld-alarm-17@city.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == NIGHT
    assert mail["Importance"] == "high"


async def test_a_header_cannot_be_smuggled_in_by_a_device_s_name() -> None:
    """Ends of lines in a subject become spaces: no header, no recipient, no second mail comes of it."""
    sly = replace(
        MESSAGE, subject="Lamp\r\nBcc: thief@elsewhere.example\r\n\r\nHello", body="x\r\n.\r\nMAIL FROM:<a@b>"
    )
    async with MailServer().running() as server:
        await door(server).send(sly)

    ((_, recipients, mail),) = server.mails
    assert recipients == ["ops@city.example"]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Lamp Bcc: thief@elsewhere.example Hello"
    ours = "From To Subject Date Message-ID Auto-Submitted References Importance"
    assert sorted(mail.keys()) == sorted(f"{ours} Content-Type Content-Transfer-Encoding MIME-Version".split())
    assert mail.get_content() == "x\n.\nMAIL FROM:<a@b>\n"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_mail_and_password_go_encrypted(tls: str, certificate: tuple[Path, ssl.SSLContext]) -> None:
    """With STARTTLS or TLS from the first byte, and a login; the authority is the one of the settings."""
    file, context = certificate
    server = MailServer(context=context, tls_first=tls == "tls", login=(USER, PASSWORD))
    async with server.running():
        await door(server, tls=tls, user=USER, password=PASSWORD, ca_file=file).send(MESSAGE)

    assert server.encrypted == [True]


async def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A certificate of an authority that is not known: no password, no mail; it is tried again."""
    server = MailServer(context=certificate[1], login=(USER, PASSWORD))
    async with server.running():
        with pytest.raises(UnavailableError, match=r"(?i)certificate"):
            await door(server, tls="starttls", user=USER, password=PASSWORD).send(MESSAGE)

    assert server.mails == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    """Where the settings want encryption and the server offers none, nothing is sent in the open."""
    async with MailServer().running() as server:
        with pytest.raises(UnavailableError, match="STARTTLS"):
            await door(server, tls="starttls").send(MESSAGE)

    assert server.mails == []


async def test_a_refused_login_is_told_without_the_password() -> None:
    """A person can mend it, so it is tried again; the error says what to check."""
    async with MailServer(login=(USER, PASSWORD)).running() as server:
        with pytest.raises(UnavailableError, match=r"check \[mail\] user and password") as caught:
            await door(server, user=USER).send(MESSAGE)

    assert PASSWORD not in str(caught.value)


async def test_no_password_goes_in_the_open() -> None:
    """Without TLS the door does not even knock."""
    async with MailServer(login=(USER, PASSWORD)).running() as server:
        with pytest.raises(BadRequestError, match="in the open"):
            await door(server, user=USER, password=PASSWORD).send(MESSAGE)


async def test_what_is_refused_for_good_is_not_tried_again() -> None:
    """5xx for every address, or for the mail itself; 4xx is for later."""
    server = MailServer(refuse={"ops@city.example": "550 no such user"})
    async with server.running():
        with pytest.raises(BadRequestError, match=r"ops@city.example \(550 no such user\).*check to"):
            await door(server).send(MESSAGE)
        server.refuse = {"ops@city.example": "450 come back later"}
        with pytest.raises(UnavailableError, match="450 come back later"):
            await door(server).send(MESSAGE)
        server.refuse, server.data = {}, "554 looks like spam"
        with pytest.raises(BadRequestError, match="554 looks like spam"):
            await door(server).send(MESSAGE)
        server.data = "451 disk full"
        with pytest.raises(UnavailableError, match="451 disk full"):
            await door(server).send(MESSAGE)

    assert server.mails == []


async def test_an_address_that_is_refused_does_not_keep_the_mail_from_the_others() -> None:
    """They have it; who does not is told."""
    async with MailServer(refuse={"b@city.example": "550 unknown"}).running() as server:
        said = await door(server, "a@city.example", "b@city.example").send(MESSAGE)

    assert [recipients for _, recipients, _ in server.mails] == [["a@city.example"]]
    assert "b@city.example (550 unknown)" in said


async def test_a_line_that_breaks_after_the_mail_was_taken_is_no_failure() -> None:
    """The server said yes: how it says goodbye does not make us send the mail again."""
    async with MailServer(hangs_up=True).running() as server:
        assert await door(server).send(MESSAGE) == ""

    assert len(server.mails) == 1


async def test_a_server_that_does_not_answer_is_left_after_a_while() -> None:
    """Nobody listens, or somebody who says nothing: both are for later."""
    server = MailServer(mute=True)
    async with server.running():
        with pytest.raises(UnavailableError, match="in time"):
            await door(server, timeout_s=0.05).send(MESSAGE)
    with pytest.raises(UnavailableError, match="cannot be used"):
        await door(server).send(MESSAGE)


async def test_a_mail_server_that_is_dead_for_a_while_gets_every_message_afterwards() -> None:
    """Twenty alarms in ten minutes without mail server: each is in a mail after, once, in order."""
    post, server = Post(), MailServer()
    async with server.running():
        pass  # now its port is known, and nobody is there
    working = sender(post, channel("duty", door(server), language="en"))
    for number in range(1, 21):
        post.opened(number)
        await working.once()
        post.clock.go(seconds=30)
    assert set(post.states()) == {"waiting"}
    async with server.running():
        for _ in range(30):
            await working.once()
            post.clock.go(seconds=20)

    assert set(post.states()) == {"sent"}
    lines = [line for _, _, mail in server.mails for line in mail.get_content().splitlines() if line.startswith("• ")]
    told = [re.findall(r"lamp-(\d+)", line) for line in lines]
    assert told == [[str(number)] for number in range(1, 21)]
