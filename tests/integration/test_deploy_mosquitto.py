"""What ``penfeld deploy init`` makes lets a real Mosquitto run as ``deploy/mosquitto/mosquitto.conf`` says."""

import getpass
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from model.broker import BrokerAddress
from penfeld.deployment import make
from tests.integration.fix_brokers import MOSQUITTO, Broker, free_port

CONF = Path(__file__).parents[2] / "deploy" / "mosquitto" / "mosquitto.conf"
PATIENCE_S = 10


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Run Mosquitto by our file: only folders, port and the place of the plugin differ."""
    plugins = sorted(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"))
    if MOSQUITTO is None or not plugins:
        pytest.skip("mosquitto with its dynamic security plugin is not installed: apt install mosquitto")
    make(tmp_path / "secrets", "iot.city.example", datetime.now(UTC))
    (tmp_path / "data").mkdir()
    first = (tmp_path / "secrets" / "dynamic-security.json").read_text()
    (tmp_path / "data" / "dynamic-security.json").write_text(first)
    port = free_port()
    text = CONF.read_text()
    for ours, here in (
        ("listener 8883", f"user {getpass.getuser()}\nlistener {port} 127.0.0.1"),
        ("/run/secrets", str(tmp_path / "secrets")),
        ("/usr/lib/mosquitto_dynamic_security.so", str(plugins[0])),
        ("/mosquitto/data", str(tmp_path / "data")),
    ):
        assert ours in text
        text = text.replace(ours, here)
    (tmp_path / "mosquitto.conf").write_text(text)
    running = Broker(
        name="mosquitto",
        command=(MOSQUITTO, "-c", str(tmp_path / "mosquitto.conf")),
        address=BrokerAddress(host="127.0.0.1", port=port, tls=True),
        log=tmp_path / "mosquitto.log",
        keeps_sessions=True,
    )
    running.start()
    yield running
    running.stop()


def connect(broker: Broker, folder: Path, password: str, **session: Any) -> tuple[Client, list[bytes], int]:  # noqa: ANN401
    """Connect as Penfeld does; return the client, what it will hear, and what the broker said."""
    client = Client(CallbackAPIVersion.VERSION2, **session)
    client.username_pw_set("penfeld", password)
    client.tls_set(ca_certs=str(folder / "secrets" / "ca.pem"), cert_reqs=ssl.CERT_REQUIRED)
    heard: list[bytes] = []
    answered, codes = Event(), []

    def connected(_client: object, _data: object, _flags: object, code: Any, _properties: object) -> None:  # noqa: ANN401
        codes.append(code.value)
        answered.set()

    client.on_connect = connected
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    client.connect(broker.address.host, broker.address.port)
    client.loop_start()
    assert answered.wait(PATIENCE_S)
    return client, heard, codes[0]


def end(client: Client) -> None:
    """Leave, and wait for the thread."""
    client.disconnect()
    client.loop_stop()


def test_tls_rights_and_what_waits_survive_a_restart(broker: Broker, tmp_path: Path) -> None:
    """Over TLS, Penfeld gets in and a stranger does not; a message for one who is away survives a restart."""
    url = (tmp_path / "secrets" / "broker-url").read_text()
    password = url.split(":")[2].split("@")[0]

    stranger, _, refused = connect(broker, tmp_path, "wrong")
    end(stranger)
    away, _, code = connect(broker, tmp_path, password, client_id="away", clean_session=False)
    subscribed = Event()
    away.on_subscribe = lambda *_: subscribed.set()
    away.subscribe("city/#", qos=1)
    assert subscribed.wait(PATIENCE_S)
    end(away)
    sender, _, _ = connect(broker, tmp_path, password)
    sender.publish("city/lamp", b"on", qos=1).wait_for_publish(PATIENCE_S)
    end(sender)
    broker.restart()
    back, heard, _ = connect(broker, tmp_path, password, client_id="away", clean_session=False)
    for _ in range(100):
        if heard:
            break
        Event().wait(0.1)
    end(back)

    assert (refused == 0, code) == (False, 0)
    assert heard == [b"on"]
