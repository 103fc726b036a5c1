"""A mail server on a free port of this machine, with what goes wrong on real ones: it takes mails and keeps them."""

import asyncio
import base64
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

USER, PASSWORD = "penfeld", "Keroual"


@dataclass
class MailServer:
    """``refuse``: address -> answer; ``data``: answer to the mail itself; ``mute``: it never answers.

    ``context``: speaks TLS, at once (``tls_first``) or after STARTTLS. ``login``: user and password that it asks for.
    ``hangs_up``: it takes the mail, and breaks the line before the goodbye.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    data: str = "250 taken"
    mute: bool = False
    context: ssl.SSLContext | None = None
    tls_first: bool = False
    login: tuple[str, str] | None = None
    hangs_up: bool = False
    mails: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MailServer"]:
        """Take connections, on the same port each time."""
        first = self.context if self.tls_first else None
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=first)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.mute:
                await asyncio.Event().wait()
            await _Talk(self, reader, writer).all()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side has left, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()


class _Talk:
    """One connection."""

    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.sender, self.recipients, self.known = "", list[str](), server.login is None

    async def all(self) -> None:
        await self.say("220 mail.city.example")
        while line := await self.reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    await self.greet()
                case "STARTTLS":
                    await self.say("220 go")
                    await self.writer.start_tls(self.server.context)  # type: ignore[arg-type]
                case "AUTH":
                    await self.auth(rest)
                case "MAIL":
                    self.sender, self.recipients = _address(rest), []
                    await self.say("250 ok" if self.known else "530 log in first")
                case "RCPT":
                    await self.recipient(_address(rest))
                case "DATA":
                    await self.take()
                    if self.server.hangs_up:
                        return
                case "QUIT":
                    await self.say("221 bye")
                    return
                case _:
                    await self.say("250 ok")

    async def greet(self) -> None:
        encrypted = self.writer.get_extra_info("ssl_object") is not None
        offers = ["SMTPUTF8", "8BITMIME"]
        offers += ["STARTTLS"] if self.server.context and not encrypted else []
        offers += ["AUTH PLAIN"] if self.server.login else []
        await self.say("\r\n".join(["250-mail.city.example", *(f"250-{one}" for one in offers), "250 HELP"]))

    async def auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self.known = (user, password) == self.server.login
        await self.say("235 welcome" if self.known else "535 wrong user or password")

    async def recipient(self, address: str) -> None:
        answer = self.server.refuse.get(address, "250 ok")
        if answer.startswith("250"):
            self.recipients.append(address)
        await self.say(answer)

    async def take(self) -> None:
        await self.say("354 go on")
        raw = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        if self.server.data.startswith("250"):
            mail = message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=default)
            assert isinstance(mail, EmailMessage)
            self.server.mails.append((self.sender, self.recipients, mail))
            self.server.encrypted.append(self.writer.get_extra_info("ssl_object") is not None)
        await self.say(self.server.data)

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()


def _address(said: str) -> str:
    return said.partition("<")[2].partition(">")[0]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for 127.0.0.1 that is its own authority, and a server's context with it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: apt install openssl")
    folder = tmp_path_factory.mktemp("tls")
    file, key = folder / "server.pem", folder / "server.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", str(file)]
    subprocess.run([openssl, "req", "-x509", *curve, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context
