"""The door to webhooks: a message as a signed JSON document, posted to an address.

Rules:

1. The signature is that of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body, in ``webhook-signature``. Whoever
   checks it knows that it is from us and that nobody changed it; whoever looks at ``webhook-timestamp`` that it is new.
2. ``webhook-id`` follows from the notifications: a repeat has the same.
3. Redirects are not followed, since what is signed for one address is nobody else's business.
4. What the other side calls wrong (400, 405, 410, 413, 415, 422) is not sent again; everything else is.
"""

import ssl
from functools import cache
from urllib.parse import urlsplit

import httpx

from alerts.messages import Message
from alerts.signing import key_of, signed
from alerts.texts import one_line
from model.errors import BadRequestError, UnavailableError

_FOR_GOOD = frozenset({400, 405, 410, 413, 415, 422})
_TIMEOUT_S = 15.0


class Webhook:
    """Posts messages to ``url``, signed with ``secret`` (``alerts.signing``)."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._key = key_of(secret)
        self._shown = shown(url)

    async def send(self, message: Message) -> str:
        """Post a message. As ``Door.send``."""
        headers = {
            "content-type": "application/json",
            "user-agent": "penfeld",
            **signed(self._key, message.id, message.at, message.document),
        }
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False, verify=_authorities()) as client,
                client.stream("POST", self._url, content=message.document, headers=headers) as answer,
            ):
                status, reason = answer.status_code, answer.reason_phrase  # what it says besides is not read
        except httpx.TimeoutException:
            raise UnavailableError(f"{self._shown} does not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # the text may name the address: told without
            raise UnavailableError(f"{self._shown} does not answer: {type(error).__name__}") from None
        if not httpx.codes.is_success(status):
            self._refuse(status, one_line(reason, 40))
        return ""

    def _refuse(self, status: int, reason: str) -> None:
        """Raise what a status means for us."""
        said = f"{self._shown} answers {status} {reason}".rstrip()
        if httpx.codes.is_redirect(status):
            raise UnavailableError(f"{said}: redirects are not followed; write the address that it leads to")
        if status in _FOR_GOOD:
            raise BadRequestError(f"{said}: it does not take these documents")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            raise UnavailableError(f"{said}: check url and secret of this channel")
        raise UnavailableError(said)


@cache
def _authorities() -> ssl.SSLContext:
    """Return who is believed; reading all their certificates takes longer than sending."""
    return httpx.create_ssl_context()


def shown(url: str) -> str:
    """Return whom an address is of, without what may be a secret in it: path, query, user and password."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
