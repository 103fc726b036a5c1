"""The settings of ``[mail]`` and ``[[channel]]``: what keys there are, and what is wrong with their values. Pure.

Rules:

1. Each kind of channel needs some keys and takes some more; a key of another kind is a problem.
2. Addresses and secrets are kept out of ``repr`` and of every message.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from alerts.signing import key_of
from model.broker import BrokerAddress
from model.errors import ConfigError
from model.quiet import Quiet
from model.spans import Span
from penfeld.setting_checks import between, word

Kind = Literal["mail", "webhook", "mqtt", "apprise"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NEEDS: Mapping[Kind, tuple[str, ...]] = {"mail": ("to",), "webhook": ("url", "secret"), "mqtt": (), "apprise": ("url",)}
TAKES: Mapping[Kind, tuple[str, ...]] = {
    "mail": ("to", "sender"),
    "webhook": ("url", "secret"),
    "mqtt": ("url", "topic"),
    "apprise": ("url",),
}
_A_WHILE, _LONG = Span.parse("10 s"), Span.parse("3 d")
_OWN = frozenset(key for keys in TAKES.values() for key in keys)
_ADDRESS = re.compile(r"[\x21-\x7e]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_NAMED = re.compile(r"(?P<name>[^<>@,;:\"\x00-\x1f\x7f]*)<(?P<address>[^<>]+)>")
_UNSAFE = frozenset('<>()[],;:\\"')


def address_problem(value: str) -> str | None:
    """Check an address of mail, with or without a name before it."""
    named = _NAMED.fullmatch(value)
    address = named["address"] if named else value
    if _ADDRESS.fullmatch(address) and not _UNSAFE & set(address) and address.count("@") == 1:
        return None
    return "must be addresses as ops@city.example or Night shift <ops@city.example>"


def _addresses(value: tuple[str, ...]) -> str | None:
    if not value:
        return 'names nobody: write to = ["ops@city.example"]'
    return next((problem for one in value if (problem := address_problem(one))), None)


def _sender(value: str) -> str | None:
    return address_problem(value) if value else None


def _host(value: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9.:_-]*", value) else 'must be a name or an address, as "mail.city.example"'


def _topic(value: str) -> str | None:
    """Check a topic to publish on."""
    if not value:
        return None
    wrong = set(value) & set("+#\0") or value.startswith("$") or len(value.encode()) > 65_535  # noqa: PLR2004 -- MQTT
    return "must be a topic without + and #, not beginning with $" if wrong else None


def _lasting(value: Span) -> str | None:
    return None if value.us else "must be longer than nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """``[mail]``: the server that takes mails. ``port`` 0: that which is usual for ``tls``."""

    host: str = field(default="", metadata={"check": _host})
    port: int = field(default=0, metadata={"check": between(0, 65535)})
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = field(default="", metadata={"check": _sender})
    ca_file: Path | None = field(default=None, metadata={"must_exist": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One ``[[channel]]``. Which keys count depends on ``kind``; ``language`` and what follows is of all of them."""

    name: str = field(metadata={"check": word})
    kind: Kind
    to: tuple[str, ...] = field(default=(), metadata={"check": _addresses})
    sender: str = field(default="", metadata={"check": _sender})
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    topic: str = field(default="", metadata={"check": _topic})
    language: Literal["fr", "en", "both"] = "fr"
    group_wait: Span = _A_WHILE
    quiet: Quiet | None = None
    give_up_after: Span = field(default=_LONG, metadata={"check": _lasting})


def channel_problems(said: Mapping[str, Any], values: Mapping[str, Any], mail: MailSettings) -> list[tuple[str, str]]:
    """Return (key, what is wrong) of a channel's table. ``values``: those of its keys that are good each alone."""
    kind: Kind | None = values.get("kind")
    if kind is None:
        return []
    found = [
        (key, f"{key} is no key of a channel of kind {kind}; it takes {', '.join(TAKES[kind])}")
        for key in said
        if key in _OWN and key not in TAKES[kind]
    ]
    lacking = [key for key in NEEDS[kind] if not said.get(key)]
    if lacking:
        found.append(("kind", f"a channel of kind {kind} needs {' and '.join(lacking)}"))
    found += [
        (key, f"{key} {problem}") for key, check in _CHECKS[kind].items() if (problem := _wrong(check, values, key))
    ]
    if kind == "mail":
        if not mail.host:
            found.append(("kind", 'a channel of kind mail needs a mail server: [mail] host = "mail.city.example"'))
        if not mail.sender and not values.get("sender"):
            found.append(("kind", "a channel of kind mail needs a sender, here or in [mail]"))
    return found


def mail_problem(mail: MailSettings) -> str | None:
    """Return what is wrong with keys of ``[mail]`` that are good each alone."""
    if mail.password and mail.tls == "none":
        return 'password would be sent in the open: set tls = "starttls" or "tls", or leave user and password out'
    return None


def _wrong(check: Callable[[str], str | None], values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    return check(value) if value else None


def _web(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for a port that is no number
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and value.isprintable() and " " not in value
    except ValueError:
        good = False
    return None if good else "must be an address as https://host.example/path"


def _broker(value: str) -> str | None:
    try:
        BrokerAddress.parse(value)
    except ConfigError as error:
        return f"is no {error.problems[0]}"
    return None


def _service(value: str) -> str | None:
    good = re.match(r"[a-z][a-z0-9+-]*://.", value.strip(), re.IGNORECASE)
    return None if good else "must be an address as Apprise has them: service://…"


def _secret(value: str) -> str | None:
    try:
        key_of(value)
    except ValueError as error:
        return str(error)
    return None


_CHECKS: Mapping[Kind, Mapping[str, Callable[[str], str | None]]] = {
    "mail": {},
    "webhook": {"url": _web, "secret": _secret},
    "mqtt": {"url": _broker},
    "apprise": {"url": _service},
}
