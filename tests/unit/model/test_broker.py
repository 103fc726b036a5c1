"""Addresses of brokers, as people write them."""

import pytest

from model.broker import BrokerAddress
from model.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://localhost", BrokerAddress(host="localhost", port=1883)),
        ("mqtt://broker.example:1884/", BrokerAddress(host="broker.example", port=1884)),
        ("mqtts://broker.example", BrokerAddress(host="broker.example", port=8883, tls=True)),
        ("MQTT://10.0.0.1", BrokerAddress(host="10.0.0.1")),
        ("mqtt://[::1]:1884", BrokerAddress(host="::1", port=1884)),
        ("mqtt://anne@h", BrokerAddress(host="h", username="anne")),
        ("mqtt://anne:p%40ss%2F%C3%A9@h", BrokerAddress(host="h", username="anne", password="p@ss/é")),  # noqa: S106 an example
        ("mqtt://:@h", BrokerAddress(host="h")),
    ],
)
def test_parse(url: str, expected: BrokerAddress) -> None:
    """Host, port, TLS, user and password are read, percent-encoded or not."""
    assert BrokerAddress.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://localhost",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://h:0",
        "mqtt://h:65536",
        "mqtt://h:x",
        "mqtt://h/topic",
        "mqtt://u:p@ss@h",
        "mqtt://a b",
    ],
)
def test_wrong(url: str) -> None:
    """What is no address is refused in one line."""
    with pytest.raises(ConfigError, match=r"^broker address: .*(mqtt://|65535)"):
        BrokerAddress.parse(url)


def test_protocol() -> None:
    """The protocol's version is chosen beside the address."""
    assert BrokerAddress.parse("mqtt://h", protocol="5").protocol == "5"


def test_secret() -> None:
    """The password shows in no text made of an address, nor in the complaint about a wrong one."""
    address = BrokerAddress.parse("mqtts://anne:secret@h")
    with pytest.raises(ConfigError) as refused:
        BrokerAddress.parse("mqtt://anne:secret@h:99999999")

    assert "secret" not in f"{address} {address!r} {refused.value}"


@pytest.mark.parametrize("url", ["mqtt://h:1883", "mqtts://anne@h:8884", "mqtt://[fe80::1]:1883"])
def test_text(url: str) -> None:
    """An address without a password reads as it was written."""
    assert str(BrokerAddress.parse(url)) == url
