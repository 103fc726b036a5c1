"""The door to a service that the Apprise library knows: chat rooms, text messages, push services, pagers.

Rules:

1. The library is an extra (``penfeld[apprise]``): who names such a channel without it is told what to install.
2. An address holds tokens: none of it is ever shown or logged, but for the service's name before ``://``.
3. The library says yes or no, and why only in its log; that goes nowhere but here, cleared of what the address holds.
4. A channel is one address: each has its own retries, and none gets a message twice because another one failed.
"""

import asyncio
import logging
import re
from contextvars import ContextVar
from typing import Any

from alerts.messages import Message
from alerts.texts import clean, one_line
from model.errors import ConfigError, UnavailableError

INSTALL = 'install it with: pip install "penfeld[apprise]"'

_KINDS = {"critical": "failure", "warning": "warning", "info": "info"}
_SHORTEST_SECRET = 3
_TIMEOUT_S = 25.0
_heard: ContextVar[list[str] | None] = ContextVar("apprise_heard", default=None)


class Apprise:
    """Sends messages to one service, at an address as the library's documentation has it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = scheme(url)
        self._service = _library().Apprise.instantiate(url, suppress_exceptions=True)
        if self._service is None:
            raise ConfigError([f"url ({self._name}) is no address that Apprise understands: see its list of services"])

    async def send(self, message: Message) -> str:
        """Tell the service. As ``Door.send``."""
        kind = "info" if message.test else "success" if message.over else _KINDS[message.severity]
        heard: list[str] = []
        token = _heard.set(heard)  # the library hands our context on to its threads
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                good = await self._service.async_notify(
                    body=clean(message.body), title=one_line(message.subject), notify_type=kind, body_format="text"
                )
        except TimeoutError:
            raise UnavailableError(f"{self._name} does not answer in time") from None
        finally:
            _heard.reset(token)
        if not good:
            why = f": {hidden(heard[0], self._url)}" if heard else ""
            raise UnavailableError(f"{self._name} did not take it{why}")
        return ""


def scheme(url: str) -> str:
    """Return the name of an address's service, all of it that may be shown."""
    match = re.match(r"([a-z][a-z0-9+-]{0,30})://", url.strip(), re.IGNORECASE)
    return match[1].lower() if match else "?"


def hidden(text: str, url: str) -> str:
    """Return a text without anything that stands in an address, but for its service's name."""
    words = re.findall(r"[^\s/:@?&=#,;]+", url.partition("://")[2])
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _SHORTEST_SECRET:
            text = text.replace(word, "…")
    return one_line(text)


class _Ear(logging.Handler):
    """Hears what the library warns of, for whoever waits for its answer."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it for the one who asked."""
        heard = _heard.get()
        if heard is not None:
            heard.append(record.getMessage())


_EAR = _Ear(logging.WARNING)


def _library() -> Any:  # noqa: ANN401 -- a module that may not be there
    try:
        import apprise  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ConfigError([f"needs the library Apprise: {INSTALL}"]) from None
    log = logging.getLogger("apprise")
    log.addHandler(_EAR)  # adding it again changes nothing
    log.propagate = False
    return apprise
