"""Whether an ID token is genuine, for us, of now, and the answer to our question: OpenID Connect Core, 3.1.3.7. Pure.

Rules:

1. Only signatures by a key pair count: no ``none``, and no HMAC, for which a public key could be taken as the secret.
2. Keys are chosen by ``kid``. A key that is not there may be a new one: ``UnknownKeyError`` asks for the keys again.
3. Issuer, audience, authorised party, times and nonce must all be right; what is missing is wrong.
4. What is wrong is said for the log, and never with the token.
"""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, import_key
from joserfc.jwt import JWTClaimsRegistry

from api.oidc.claims import RefusedError
from model.device import Text

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
LEEWAY_S = 60
"""How far the provider's clock may be off."""

NOT_GENUINE = Text(
    en="The identity provider's answer could not be verified. Begin again; if it stays so, tell the operator.",
    fr="La réponse du fournisseur d'identité n'a pu être vérifiée. Recommencez ; sinon, prévenez l'exploitant.",
)


class UnknownKeyError(Exception):
    """The token is signed by a key that is not among those we have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say. ``now``: seconds since 1970."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    now: int


def verified(token: str, keys: Mapping[str, Any], expected: Expected) -> Mapping[str, object]:
    """Return the claims of an ID token; raise ``RefusedError``, ``UnknownKeyError`` for a key that we do not have."""
    try:
        found = jwt.decode(token, _key_set(keys), algorithms=list(ALGORITHMS))
        claims: Mapping[str, object] = found.claims
        JWTClaimsRegistry(
            now=expected.now,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": expected.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": expected.client_id},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(dict(claims))
    except InvalidKeyIdError as error:
        raise UnknownKeyError from error
    except (JoseError, ValueError, TypeError) as error:  # joserfc lets what base64 and keys say through
        raise _refused(f"{type(error).__name__}: {error}") from error
    _check_party(claims, expected)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _refused("its nonce is not the one of this login")
    return claims


def _key_set(keys: Mapping[str, Any]) -> KeySet:
    """Return the provider's keys for signatures; raise ``UnknownKeyError`` where there is none.

    A key that we cannot read is passed over: a new kind of key must not lock everybody out.
    """
    listed = keys.get("keys")
    usable = []
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("kty") == "oct" or one.get("use", "sig") != "sig":
            continue
        with suppress(JoseError, ValueError, TypeError, KeyError):  # what a key may be wrong in is not told apart
            usable.append(import_key(one))
    if not usable:
        raise UnknownKeyError
    return KeySet(usable)


def _check_party(claims: Mapping[str, object], expected: Expected) -> None:
    """Refuse a token that was made for several, unless it says that we are the one who asked."""
    party, audience = claims.get("azp"), claims.get("aud")
    if party is None and isinstance(audience, list) and len(audience) > 1:
        raise _refused("it is for several clients and does not say which one asked (azp)")
    if party is not None and party != expected.client_id:
        raise _refused("another client asked for it (azp)")


def _refused(why: str) -> RefusedError:
    return RefusedError(f"the ID token is not good: {why}", NOT_GENUINE)
