"""Mosquitto as ``deploy/mosquitto/mosquitto.conf`` runs it, with what ``penfeld deploy init`` makes."""

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.broker import BrokerAddress
from penfeld.deployment import make
from tests.integration.fix_brokers import MOSQUITTO, Broker, free_port

CONF = Path(__file__).parents[2] / "deploy" / "mosquitto" / "mosquitto.conf"


@pytest.fixture
def deployed_broker(tmp_path: Path) -> Iterator[Broker]:
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
