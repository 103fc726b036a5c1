"""Only a token that is genuine, for us, of now and of this login is believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.oidc.claims import RefusedError
from api.oidc.verification import Expected, UnknownKeyError, verified
from tests.fakes.identity import made_key

NOW = 1_795_000_000
EXPECTED = Expected(issuer="https://id.city.example", client_id="penfeld", nonce="n-1", now=NOW)
GOOD: dict[str, Any] = {
    "iss": "https://id.city.example",
    "sub": "s-1",
    "aud": "penfeld",
    "iat": NOW - 5,
    "exp": NOW + 300,
    "nonce": "n-1",
}
RSA, EC = made_key("rsa-1"), made_key("ec-1", ec=True)
KEYS: dict[str, Any] = {"keys": [one.as_dict(private=False) for one in (RSA, EC)]}


def token(key: RSAKey | ECKey = RSA, algorithm: str = "RS256", **changed: Any) -> str:  # noqa: ANN401 -- claims
    """Return a signed token; a claim that is ``None`` is left out."""
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": str(key.kid)}, claims, key, algorithms=[algorithm])


def raw(header: dict[str, Any], secret: bytes = b"") -> str:
    """Return a token as an attacker writes it, with an HMAC where there is a secret."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, GOOD)]
    body = b".".join(parts)
    mark = hmac.digest(secret, body, hashlib.sha256) if secret else b""
    return (body + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
def test_a_good_token_is_believed(key: RSAKey | ECKey, algorithm: str) -> None:
    """Signed by a key of the provider, with RSA or elliptic curves."""
    assert verified(token(key, algorithm), KEYS, EXPECTED)["sub"] == "s-1"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.other.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": ["penfeld", "another"]},
        {"aud": ["penfeld", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW + 61},
        {"iat": None},
        {"nbf": NOW + 61},
        {"nonce": "n-2"},
        {"nonce": None},
        {"nonce": 1},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_not(changed: dict[str, Any]) -> None:
    """Another issuer or audience, not of now, of another login, or with something missing; the log hears no token."""
    written = token(**changed)

    with pytest.raises(RefusedError) as refused:
        verified(written, KEYS, EXPECTED)
    assert written.split(".")[2] not in str(refused.value)


def test_one_of_several_audiences_will_do_if_we_asked() -> None:
    """``azp`` says so."""
    assert verified(token(aud=["penfeld", "other"], azp="penfeld"), KEYS, EXPECTED)["sub"] == "s-1"


def test_clocks_may_differ_by_a_minute() -> None:
    """A token that ended, or begins, within a minute is still good."""
    assert verified(token(exp=NOW - 30, iat=NOW + 30), KEYS, EXPECTED)["sub"] == "s-1"


def test_a_signature_by_another_key_is_refused() -> None:
    """The same key name, but another key; and a body that was changed afterwards."""
    head, _, mark = token().split(".")
    body = base64.urlsafe_b64encode(json.dumps({**GOOD, "sub": "admin"}).encode()).rstrip(b"=").decode()

    for forged in (token(made_key("rsa-1")), f"{head}.{body}.{mark}", f"{head}.{body}."):
        with pytest.raises(RefusedError):
            verified(forged, KEYS, EXPECTED)


def test_a_token_without_signature_is_refused() -> None:
    """``none``, in any spelling, is no algorithm."""
    for algorithm in ("none", "None", "NONE", ""):
        with pytest.raises(RefusedError):
            verified(raw({"alg": algorithm, "kid": "rsa-1"}), KEYS, EXPECTED)


def test_a_public_key_is_no_secret() -> None:
    """An HMAC by the public key, which everybody knows, is refused, also if the provider lists a symmetric key."""
    public = RSA.as_pem(private=False)
    listed = {"keys": [*KEYS["keys"], {"kty": "oct", "kid": "oct-1", "k": "aHVzaA"}]}

    for kid, secret in (("rsa-1", public), ("oct-1", b"hush")):
        with pytest.raises((RefusedError, UnknownKeyError)):
            verified(raw({"alg": "HS256", "kid": kid}, secret), listed, EXPECTED)


def test_a_key_that_is_not_there_is_asked_for() -> None:
    """An unknown name of a key, or no key at all, is no refusal yet; keys for encryption do not count."""
    with pytest.raises(UnknownKeyError):
        verified(token(made_key("rsa-2")), KEYS, EXPECTED)
    others: list[Any] = [[], 3, [{**RSA.as_dict(private=False), "use": "enc"}]]
    for keys in ({}, *({"keys": one} for one in others)):
        with pytest.raises(UnknownKeyError):
            verified(token(), keys, EXPECTED)


def test_a_key_that_nobody_can_read_locks_nobody_out() -> None:
    """A new or broken kind of key beside a good one is passed over."""
    odd = [{"kty": "PQC", "kid": "x"}, {"kty": "EC", "crv": "P-999", "x": "a", "y": "b"}, {"kty": "RSA", "n": 3}, 7]

    assert verified(token(), {"keys": [*odd, *KEYS["keys"]]}, EXPECTED)["sub"] == "s-1"


@pytest.mark.parametrize("written", ["", ".", "..", "a.b.c", "a.b.c.d.e", "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30."])
def test_what_is_no_token_is_refused(written: str) -> None:
    """Nonsense ends in a refusal, never in an error of ours."""
    with pytest.raises((RefusedError, UnknownKeyError)):
        verified(written, KEYS, EXPECTED)
