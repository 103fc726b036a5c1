"""The door to a mail server: one message as one mail to all addresses of a channel, over SMTP.

Rules:

1. TLS is checked against the system's authorities (or ``ca_file``); without it, no password is sent.
2. The Message-ID follows from the message's id, so a mail that comes twice is seen to be the same one.
3. What the server refuses for good (5xx) is not tried again; a refused login is, since a person can mend that.
4. Where only some addresses are refused, the others have the mail: it counts as sent, and the refused ones are told.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Literal

import aiosmtplib

from alerts.messages import Message
from alerts.texts import clean, one_line
from model.errors import BadRequestError, UnavailableError

Tls = Literal["starttls", "tls", "none"]
PORTS: dict[Tls, int] = {"starttls": 587, "tls": 465, "none": 25}

_FOR_GOOD = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where the server is and how to be let in. ``port`` 0: the usual one. ``timeout_s``: for the whole of a mail."""

    host: str
    port: int = 0
    tls: Tls = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    timeout_s: float = 20.0


class Mail:
    """Sends mails from ``sender`` to ``to``, addresses as ``a@b.example`` or ``Name <a@b.example>``."""

    def __init__(self, config: MailConfig, *, sender: str, to: Sequence[str]) -> None:
        self._config = config
        self._sender = sender
        self._to = tuple(to)
        self._server = f"the mail server {config.host}:{config.port or PORTS[config.tls]}"

    async def send(self, message: Message) -> str:
        """Hand a mail over; return which addresses are refused, if some are. As ``Door.send``."""
        try:
            async with asyncio.timeout(self._config.timeout_s):
                refused = await self._sent(mail_of(message, sender=self._sender, to=self._to))
        except TimeoutError:
            raise UnavailableError(f"{self._server} does not answer in time") from None
        except aiosmtplib.SMTPException as error:
            raise self._told(error) from error
        except OSError as error:
            raise UnavailableError(f"{self._server} does not answer: {one_line(str(error))}") from error
        return f"{self._server} refuses {_answers(refused)}; the others have it" if refused else ""

    async def _sent(self, mail: EmailMessage) -> dict[str, aiosmtplib.SMTPResponse]:
        """Send a mail; return address -> answer of those that are refused, of which there are not all."""
        config = self._config
        if config.password and config.tls == "none":
            raise BadRequestError(f'no password is sent to {self._server} in the open: set [mail] tls = "starttls"')
        client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port or PORTS[config.tls],
            use_tls=config.tls == "tls",
            start_tls=config.tls == "starttls",
            tls_context=None if config.tls == "none" else ssl.create_default_context(cafile=config.ca_file),
            timeout=config.timeout_s,
        )
        try:
            await client.connect()
            if config.user:
                await client.login(config.user, config.password)
            recipients = [parseaddr(one)[1] for one in self._to]
            refused, _ = await client.send_message(mail, sender=parseaddr(self._sender)[1], recipients=recipients)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # it has the mail; how we part does not matter
                await client.quit()
        finally:
            client.close()
        return refused

    def _told(self, error: aiosmtplib.SMTPException) -> UnavailableError | BadRequestError:
        """Return our error for one of SMTP."""
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            why = f"{self._server} refuses the login ({error.code}): check [mail] user and password"
            return UnavailableError(why)
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            answers = {one.recipient: aiosmtplib.SMTPResponse(one.code, one.message) for one in error.recipients}
            why = f"{self._server} refuses {_answers(answers)}"
            good = all(one.code >= _FOR_GOOD for one in answers.values())
            return BadRequestError(f"{why}: check to of this channel") if good else UnavailableError(why)
        if isinstance(error, aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPDataError):
            why = f"{self._server} refuses the mail: {error.code} {one_line(error.message)}"
            return BadRequestError(why) if error.code >= _FOR_GOOD else UnavailableError(why)
        why = one_line(str(error)) or type(error).__name__
        return UnavailableError(f"{self._server} cannot be used: {why}; check [mail] host, port and tls")


def mail_of(message: Message, *, sender: str, to: Sequence[str]) -> EmailMessage:
    """Return a message as a mail of plain text."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail = EmailMessage(policy=WIRE)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = one_line(message.subject)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.thread:
        mail["References"] = f"<penfeld-{message.thread}@{domain}>"  # mail programs show these together
    if message.severity == "critical" and not message.over:
        mail["Importance"] = "high"
    mail.set_content(clean(message.body))
    return mail


def _answers(refused: dict[str, aiosmtplib.SMTPResponse]) -> str:
    return ", ".join(f"{address} ({one.code} {one_line(one.message, 80)})" for address, one in refused.items())
