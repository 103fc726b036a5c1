"""What ``penfeld deploy init`` makes lets a real Mosquitto run as ``deploy/mosquitto/mosquitto.conf`` says."""

import ssl
from pathlib import Path
from threading import Event
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.fix_brokers import Broker

LIVE = "penfeld/v1/live/lamp"
PATIENCE_S = 10


def connect(broker: Broker, folder: Path, password: str, **session: Any) -> tuple[Client, list[bytes], int]:  # noqa: ANN401
    """Connect as Penfeld does; return the client, what it will hear, and what the broker said."""
    client = Client(CallbackAPIVersion.VERSION2, **session)
    client.username_pw_set("penfeld-run", password)
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


def test_tls_rights_and_what_waits_survive_a_restart(deployed_broker: Broker, tmp_path: Path) -> None:
    """Over TLS, Penfeld gets in and a stranger does not; a message for one who is away survives a restart."""
    url = (tmp_path / "secrets" / "run-broker-url").read_text()
    password = url.split(":")[2].split("@")[0]

    stranger, _, refused = connect(deployed_broker, tmp_path, "wrong")
    end(stranger)
    away, _, code = connect(deployed_broker, tmp_path, password, client_id="away", clean_session=False)
    subscribed = Event()
    away.on_subscribe = lambda *_: subscribed.set()
    away.subscribe(LIVE, qos=1)
    assert subscribed.wait(PATIENCE_S)
    end(away)
    sender, _, _ = connect(deployed_broker, tmp_path, password)
    sender.publish(LIVE, b"on", qos=1).wait_for_publish(PATIENCE_S)
    end(sender)
    deployed_broker.restart()
    back, heard, _ = connect(deployed_broker, tmp_path, password, client_id="away", clean_session=False)
    for _ in range(100):
        if heard:
            break
        Event().wait(0.1)
    end(back)

    assert (refused == 0, code) == (False, 0)
    assert heard == [b"on"]
