"""Signatures of webhooks, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body. Pure."""

import base64
import hashlib
import hmac
from datetime import datetime

PREFIX = "whsec_"
FORM = f"{PREFIX} and 24 to 64 random bytes in base64; `openssl rand -base64 32` makes what follows {PREFIX}"

_SHORTEST, _LONGEST = 24, 64


def key_of(secret: str) -> bytes:
    """Return the key in a secret; raise ``ValueError`` with what would be right, never with the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"must be {FORM}")
    return key


def signed(key: bytes, number: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body."""
    time = str(int(at.timestamp()))
    digest = hmac.new(key, b".".join((number.encode(), time.encode(), body)), hashlib.sha256).digest()
    return {
        "webhook-id": number,
        "webhook-timestamp": time,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
