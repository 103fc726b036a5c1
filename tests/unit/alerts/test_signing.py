"""Signatures of webhooks: those of Standard Webhooks, and of nobody else."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.signing import key_of, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 of the example of Standard Webhooks
AT = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
NUMBER, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of the standard's reference library gives the same signature."""
    assert signed(key_of(SECRET), NUMBER, AT, BODY) == {
        "webhook-id": NUMBER,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_strangers_signature_does_not_verify() -> None:
    """Another key, id, time or body gives another signature: none can be made up or used again for something else."""
    stranger = key_of("whsec_" + "A" * 32)
    signatures = [
        signed(key_of(SECRET), NUMBER, AT, BODY),
        signed(stranger, NUMBER, AT, BODY),
        signed(key_of(SECRET), NUMBER + "x", AT, BODY),
        signed(key_of(SECRET), NUMBER, AT + timedelta(seconds=1), BODY),
        signed(key_of(SECRET), NUMBER, AT, BODY + b" "),
    ]

    assert len({one["webhook-signature"] for one in signatures}) == len(signatures)


@pytest.mark.parametrize("secret", ["", "hush", "whsec_hush", "whsec_" + "A" * 28, "whsec_" + "A" * 400, "A" * 32])
def test_a_secret_that_is_none_is_refused_without_being_told(secret: str) -> None:
    """Too short, too long, no base64, no prefix: the error says how to make one, and not what was written."""
    with pytest.raises(ValueError, match="openssl rand -base64 32") as caught:
        key_of(secret)

    assert "hush" not in str(caught.value)
    assert "AAAA" not in str(caught.value)
