"""Webhooks of alarms and services of Apprise, on a real web server."""

import base64
import hashlib
import hmac
import sys
from datetime import timedelta

import msgspec
import pytest

from alerts.channels.apprise import Apprise, hidden
from alerts.channels.webhook import Webhook
from model.errors import BadRequestError, ConfigError, UnavailableError
from tests.integration.fix_brokers import free_port
from tests.integration.fix_http import WebServer
from tests.integration.test_alerts_mail import MESSAGE
from tests.unit.alerts.post import Post, channel, sender

OLD_PYTHON = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""The library imports it where there is one."""
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def verified(key: bytes, headers: dict[str, str], body: bytes) -> bool:
    """Check a signature as whoever gets a webhook does, by the words of the standard."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(f"v1,{expected}", headers["webhook-signature"])


async def test_a_webhook_carries_the_document_and_verifies() -> None:
    """The body is the message's document; who has the secret can check it, under an id that a repeat shares."""
    async with WebServer().running() as server:
        door = Webhook(f"{server.url}/hook?token=x", SECRET)
        await door.send(MESSAGE)
        await door.send(MESSAGE)

    (path, headers, body), (_, again, _) = server.posts
    assert path == "/hook?token=x"
    assert headers["content-type"] == "application/json"
    assert body == MESSAGE.document
    assert verified(KEY, headers, body)
    assert headers["webhook-id"] == again["webhook-id"] == MESSAGE.id


async def test_a_stranger_s_signature_does_not_verify() -> None:
    """Another secret, a changed body, another time: whoever checks sees that it is not from us."""
    async with WebServer().running() as server:
        await Webhook(server.url, SECRET).send(MESSAGE)
        await Webhook(server.url, "whsec_" + base64.b64encode(KEY[::-1]).decode()).send(MESSAGE)

    (_, headers, body), (_, stranger, forged) = server.posts
    assert not verified(KEY, stranger, forged)
    assert not verified(KEY, headers, body + b" ")
    assert not verified(KEY, headers | {"webhook-timestamp": "1"}, body)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("500 Oops", UnavailableError, "500 Oops"),
        ("429 Too Many Requests", UnavailableError, "429"),
        ("401 Unauthorized", UnavailableError, "check url and secret"),
        ("404 Not Found", UnavailableError, "check url and secret"),
        ("422 Unprocessable", BadRequestError, "does not take these documents"),
        ("410 Gone", BadRequestError, "410 Gone"),
    ],
)
async def test_what_the_other_side_says_is_told(status: str, kind: type[Exception], words: str) -> None:
    """What may get better is tried again, what it calls wrong is not; the error names the host, and no secret of it."""
    async with WebServer(status=status).running() as server:
        with pytest.raises(kind, match=words) as caught:
            await Webhook(f"{server.url}/hush?token=hush", SECRET).send(MESSAGE)

    assert server.url in str(caught.value)
    assert "hush" not in str(caught.value)


async def test_a_redirect_is_not_followed() -> None:
    """What is signed for one address goes to no other."""
    async with WebServer().running() as other, WebServer(status="307 Elsewhere").running() as server:
        server.location = other.url
        with pytest.raises(UnavailableError, match="redirects are not followed"):
            await Webhook(server.url, SECRET).send(MESSAGE)

    assert other.posts == []


async def test_an_address_at_which_nobody_listens_is_tried_again() -> None:
    """Refused connections are for later."""
    with pytest.raises(UnavailableError, match="does not answer: ConnectError"):
        await Webhook(f"http://127.0.0.1:{free_port()}/", SECRET).send(MESSAGE)


async def test_alarms_reach_a_webhook_from_the_outbox() -> None:
    """From a line of the outbox to a document that names it, signed."""
    post = Post()
    async with WebServer().running() as server:
        working = sender(post, channel("ops", Webhook(server.url, SECRET), group_wait=timedelta(0)))
        post.opened(1, "ops")
        await working.once()

    ((_, headers, body),) = server.posts
    document = msgspec.json.decode(body)
    assert verified(KEY, headers, body)
    assert (document["channel"], document["alarms"][0]["notifications"]) == ("ops", [1])
    assert post.states() == ["sent"]


@OLD_PYTHON
async def test_a_service_of_apprise_gets_title_and_text() -> None:
    """The library's own JSON service shows what any of its services is given."""
    async with WebServer(status="200 OK").running() as server:
        assert await Apprise(server.url.replace("http", "json")).send(MESSAGE) == ""

    ((_, _, body),) = server.posts
    said = msgspec.json.decode(body)
    assert (said["title"], said["type"]) == (MESSAGE.subject, "failure")
    assert "71,25 °C" in said["message"]


@OLD_PYTHON
async def test_a_service_that_fails_is_told_without_its_address() -> None:
    """The reason comes from the library's log, without user, password or path; it is tried again."""
    async with WebServer(status="500 Oops").running() as server:
        url = server.url.replace("http://", "json://keroual:hushhush@") + "/secretpath"
        with pytest.raises(UnavailableError, match=r"json did not take it: .*500") as caught:
            await Apprise(url).send(MESSAGE)

    assert not {"keroual", "hushhush", "secretpath"} & set(str(caught.value).replace(":", " ").split())
    assert hidden("POST json://u:hushhush@host/secretpath failed", "json://u:hushhush@host/secretpath") == (
        "POST json://u:…@…/… failed"
    )


@OLD_PYTHON
def test_an_address_that_apprise_does_not_know_is_a_problem() -> None:
    """It says of which service it is, and nothing else of it."""
    with pytest.raises(ConfigError, match=r"url \(nonsense\) is no address that Apprise understands") as caught:
        Apprise("nonsense://hush")

    assert "hush" not in str(caught.value)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named in the error."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(ConfigError, match=r'pip install "penfeld\[apprise\]"'):
        Apprise("json://localhost")
