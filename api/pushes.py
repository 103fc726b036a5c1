"""What network servers post, made ready for the broker: who may post, what is published, and under which topic. Pure.

Rules:

1. A network takes pushes when its adapter listens to its callback topic: nothing is taken that nobody reads.
2. A token may be shown in any of the places that network servers can fill: two headers, the query, the address. It is
   compared in constant time, and never published, logged or told.
3. A JSON object is published as it came, byte for byte; a form as a JSON object of texts. What is in it is judged by
   the adapter, which sets aside what it cannot understand: here nothing is thrown away for a missing field.
4. What only the address tells is added where an adapter needs it: ThingPark's query stands beside the body, the body
   itself untouched; ChirpStack's event is the end of the topic, as it is over MQTT, and the body may be binary there.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from api.errors import INVALID, UNAUTHORIZED, UNSUPPORTED, Problem
from decoders.networks import adapters

CALLBACKS = "penfeld/v1/callbacks/"
CHIRPSTACK, THINGPARK = "chirpstack", "thingpark"
MAX_FORM_FIELDS = 100

_JSON = {"", "application/json", "text/plain"}
_FORM = "application/x-www-form-urlencoded"
_BINARY = {
    "application/octet-stream",
    "application/x-protobuf",
    "application/protobuf",
    "application/vnd.google.protobuf",
}
_EVENT = re.compile(r"[a-z]{2,20}")
_DEV_EUI = re.compile(r"[0-9a-fA-F]{16}")


@cache
def networks() -> tuple[str, ...]:
    """Return the networks that take pushes."""
    return tuple(name for name, adapter in adapters().items() if CALLBACKS + name in adapter.topics)


@dataclass(frozen=True, slots=True)
class Push:
    """What was posted: the JSON object in it, ``None`` for a binary body, and what is to be published where."""

    document: Mapping[str, Any] | None
    topic: str
    message: bytes


def check_token(network: str, expected: str | None, shown: Sequence[bytes]) -> None:
    """Raise a problem unless one of the tokens shown is the one expected; ``None``: no token is asked for."""
    if expected is None:
        return
    # bytes, because compare_digest refuses texts that are not ASCII
    fitting = [hmac.compare_digest(one, expected.encode()) for one in shown]
    if not any(fitting):
        raise Problem(
            UNAUTHORIZED,
            f"this callback needs the token of penfeld.toml for {network}: header Authorization: Bearer TOKEN, or"
            f" X-Penfeld-Token: TOKEN, or ?token=TOKEN, or /callbacks/{network}/TOKEN as its address",
            headers={"WWW-Authenticate": "Bearer"},
        )


def query_of(raw: bytes) -> dict[str, str]:
    """Return the parameters of an address; a + stays one, since ThingPark's times have it."""
    pairs = (pair.partition("=") for pair in raw.decode("latin-1").split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def read(network: str, content_type: str, query: Mapping[str, str], body: bytes, *, template: str) -> Push:
    """Return what to publish; raise a problem that says what was expected. ``template``: what a body looks like."""
    media = content_type.partition(";")[0].strip().lower()
    if network == CHIRPSTACK and media in _BINARY:
        return Push(None, _event_topic(query.get("event"), None), body)
    document, message = _form(body) if media == _FORM else (_object(media, body, template), body)
    if network == THINGPARK:
        told = {name: value for name, value in query.items() if name != "token"}
        message = msgspec.json.encode({"query": told, "body": msgspec.Raw(message)})
    if network == CHIRPSTACK and "event" in query:
        return Push(document, _event_topic(query["event"], document), message)
    return Push(document, CALLBACKS + network, message)


def _event_topic(event: str | None, document: Mapping[str, Any] | None) -> str:
    """Return the topic of an event of ChirpStack: that of its MQTT integration, of the application ``http``."""
    if event is None or not _EVENT.fullmatch(event):
        raise Problem(
            INVALID,
            f"event: ChirpStack adds ?event=up, or another event's name, to the address; got {str(event)[:40]!r}",
        )
    info = document.get("deviceInfo") if document else None
    dev_eui = info.get("devEui") if isinstance(info, dict) else None
    device = dev_eui.lower() if isinstance(dev_eui, str) and _DEV_EUI.fullmatch(dev_eui) else "unknown"
    return f"application/http/device/{device}/event/{event}"


def _object(media: str, body: bytes, template: str) -> Mapping[str, Any]:
    if media not in _JSON:
        raise Problem(UNSUPPORTED, f"{media[:100]} is not read here; send application/json, such as {template}")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(INVALID, f"the body is no JSON ({error}); send an object, such as {template}") from None
    if not isinstance(value, dict):
        raise Problem(INVALID, f"the body is JSON, but no object; send one, such as {template}")
    return value


def _form(body: bytes) -> tuple[Mapping[str, Any], bytes]:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise Problem(INVALID, f"the body is no form ({error}); send name=value&name=value") from None
    document = dict(pairs)
    return document, msgspec.json.encode(document)
