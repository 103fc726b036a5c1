"""Real brokers on a free port of this machine: the embedded one (amqtt) and Mosquitto.

``broker`` runs a test on both. Each is a process of its own that a test can ``stop`` and ``start`` again on the same
port. Mosquitto comes from the system (``apt install mosquitto``); where it is missing its tests are skipped.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from model.broker import BrokerAddress

USER, PASSWORD = "penfeld", "Keroual"

_START_S = 20.0
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Where Mosquitto is, ``None`` where it is not."""


@dataclass
class Broker:
    """A broker's process. ``keeps_sessions``: whether they outlive a restart."""

    name: str
    command: tuple[str, ...]
    address: BrokerAddress
    log: Path
    keeps_sessions: bool
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Return when it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
            with contextlib.suppress(OSError), socket.create_connection((self.address.host, self.address.port), 1):
                return
            time.sleep(0.05)
        pytest.fail(f"{self.name} does not listen: {self.log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Return when it is gone."""
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Stop and start again, on the same port."""
        self.stop()
        self.start()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto(folder: Path, *more: str) -> Broker:
    """Return a Mosquitto as a city would run it: sessions on disk, a window of a thousand, no bound on what waits."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    port = free_port()
    lines = (
        f"listener {port} 127.0.0.1",
        f"user {getpass.getuser()}",  # started by root, it would become a user who cannot write here
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        "max_inflight_messages 1000",
        "max_queued_messages 0",
        *more,
    )
    file = folder / "mosquitto.conf"
    file.write_text("\n".join(lines) + "\n")
    return Broker(
        name="mosquitto",
        command=(MOSQUITTO, "-c", str(file)),
        address=BrokerAddress(host="127.0.0.1", port=port),
        log=folder / "mosquitto.log",
        keeps_sessions=True,
    )


def amqtt(folder: Path) -> Broker:
    """Return the embedded broker, as ``penfeld run`` starts it."""
    port = free_port()
    return Broker(
        name="amqtt",
        command=(sys.executable, "-m", "penfeld.embedded.broker", str(port)),
        address=BrokerAddress(host="127.0.0.1", port=port),
        log=folder / "amqtt.log",
        keeps_sessions=False,
    )


@contextlib.contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def amqtt_broker(tmp_path: Path) -> Iterator[Broker]:
    """Run the embedded broker."""
    with _running(amqtt(tmp_path)) as broker:
        yield broker


@pytest.fixture
def mosquitto_broker(tmp_path: Path) -> Iterator[Broker]:
    """Run Mosquitto."""
    with _running(mosquitto(tmp_path)) as broker:
        yield broker


@pytest.fixture
def locked_broker(tmp_path: Path) -> Iterator[Broker]:
    """Run a Mosquitto that asks for ``USER`` and ``PASSWORD``."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    command = shutil.which("mosquitto_passwd")
    if command is None:
        pytest.skip("mosquitto_passwd is not installed: apt install mosquitto")
    subprocess.run([command, "-b", str(passwords), USER, PASSWORD], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = mosquitto(tmp_path, f"password_file {passwords}")
    file = tmp_path / "mosquitto.conf"
    file.write_text(file.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    with _running(broker) as running:
        yield running


@pytest.fixture(params=["amqtt", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Run each of the two brokers."""
    found = request.getfixturevalue(f"{request.param}_broker")
    assert isinstance(found, Broker)
    return found
