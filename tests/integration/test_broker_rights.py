"""Rights on a real Mosquitto: a device speaks in its own name, and nothing else."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from api.mqtt import MqttConfig, MqttDoor
from decoders.networks import adapters
from ingest.mqtt import MqttConfig as IngestConfig
from ingest.mqtt import MqttSource
from model.broker import BrokerAddress
from model.errors import ConfigError, NotFoundError, UnavailableError
from penfeld.cli import main
from penfeld.rights.door import manager, rights
from penfeld.rights.grants import Grant, anywhere, device
from tests.integration.fix_brokers import Broker

BENCH, OTHER = device("lab_board", "bench-7"), device("lab_board", "bench-8")
OWN, ELSEWHERE = BENCH.publish[0], OTHER.publish[0]
PATIENCE_S = 10.0
A_MOMENT_S = 0.5


def address(broker: Broker, folder: Path, **user: str) -> BrokerAddress:
    """Return the broker's address for a user."""
    return replace(broker.address, ca_file=str(folder / "secrets" / "ca.pem"), **user)  # type: ignore[arg-type]


def service(broker: Broker, folder: Path, name: str) -> BrokerAddress:
    """Return the broker's address for one of Penfeld's own processes."""
    url = BrokerAddress.parse((folder / "secrets" / f"{name}-broker-url").read_text())
    return address(broker, folder, username=str(url.username), password=str(url.password))


def admin(broker: Broker, folder: Path) -> BrokerAddress:
    """Return the broker's address for who manages rights."""
    return manager(address(broker, folder), "admin", (folder / "secrets" / "broker-admin-password").read_text())


async def granted(broker: Broker, folder: Path, *wanted: Grant) -> Mapping[str, str]:
    """Grant rights; return the passwords by client."""
    async with rights(admin(broker, folder)) as opened:
        return {one.name: (await opened.grant(one))[1] for one in wanted}


@asynccontextmanager
async def client(
    broker: Broker, folder: Path, name: str, password: str, identifier: str | None = None
) -> AsyncIterator[aiomqtt.Client]:
    """Connect as a device does. MQTT 5 tells why something is refused."""
    found = aiomqtt.Client(
        broker.address.host,
        broker.address.port,
        username=name,
        password=password,
        identifier=identifier or name,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_params=aiomqtt.TLSParameters(ca_certs=str(folder / "secrets" / "ca.pem")),
    )
    async with found as opened:
        yield opened


async def test_a_device_can_say_what_is_its_own_and_nothing_else(deployed_broker: Broker, tmp_path: Path) -> None:
    """What it publishes in its own name arrives at ingest; in another's, as readings or to the plugin, nothing does."""
    heard: list[bytes] = []
    passwords = await granted(deployed_broker, tmp_path, BENCH, OTHER)
    topics = tuple(topic for adapter in adapters().values() for topic in adapter.topics)
    source = MqttSource(
        IngestConfig(broker=service(deployed_broker, tmp_path, "ingest"), client_id="penfeld-ingest", filters=topics),
        clock=lambda: datetime.now(UTC),
        random=Random(1),  # noqa: S311 -- chance, no secret
    )
    await source.open()
    try:
        for topic in (ELSEWHERE, "penfeld/v1/live/lab_board", "application/1/device/1/event/up", "$CONTROL/x", OWN):
            with contextlib.suppress(aiomqtt.MqttError):  # some versions of Mosquitto close the connection besides
                async with client(deployed_broker, tmp_path, BENCH.name, passwords[BENCH.name]) as board:
                    await board.publish(topic, topic.encode(), qos=1, timeout=A_MOMENT_S)
        async with asyncio.timeout(PATIENCE_S):
            async for batch in source.batches():
                heard = [message.payload for message in batch]
                break
    finally:
        await source.close()

    assert heard == [OWN.encode()]


async def test_a_device_hears_nothing(deployed_broker: Broker, tmp_path: Path) -> None:
    """It may subscribe neither to readings nor to its own topic, nor to all."""
    passwords = await granted(deployed_broker, tmp_path, BENCH)

    async with client(deployed_broker, tmp_path, BENCH.name, passwords[BENCH.name]) as board:
        answers = [await board.subscribe(topic) for topic in ("penfeld/v1/live/+", OWN, "#", "$SYS/#", "$share/a/#")]

    assert [int(getattr(code, "value", 0)) >= 0x80 for answer in answers for code in answer] == [True] * 5


async def test_a_device_cannot_take_a_session_over(deployed_broker: Broker, tmp_path: Path) -> None:
    """With the right password but the client id of ingest it does not get in, unless a person lifted that."""
    passwords = await granted(deployed_broker, tmp_path, BENCH)
    secret = passwords[BENCH.name]

    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with client(deployed_broker, tmp_path, BENCH.name, secret, "penfeld-ingest"):
            pass
    await granted(deployed_broker, tmp_path, anywhere(BENCH))
    async with client(deployed_broker, tmp_path, BENCH.name, secret, "board-of-another-name"):
        pass


async def connected_while_revoked(broker: Broker, folder: Path, name: str, password: str) -> None:
    """Connect, revoke, and wait for what comes; raise when the connection ends."""
    async with client(broker, folder, name, password) as board:
        async with rights(admin(broker, folder)) as opened:
            await opened.revoke(name)
        async with asyncio.timeout(PATIENCE_S):
            async for _ in board.messages:
                pass


async def test_who_is_revoked_is_thrown_out(deployed_broker: Broker, tmp_path: Path) -> None:
    """Its connection ends, it does not get in again, and others stay."""
    passwords = await granted(deployed_broker, tmp_path, BENCH, OTHER)

    async with client(deployed_broker, tmp_path, OTHER.name, passwords[OTHER.name]) as stays:
        with pytest.raises(aiomqtt.MqttError):
            await connected_while_revoked(deployed_broker, tmp_path, BENCH.name, passwords[BENCH.name])
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            async with client(deployed_broker, tmp_path, BENCH.name, passwords[BENCH.name]):
                pass
        await stays.publish(ELSEWHERE, b"still here", qos=1)


async def test_granting_twice_changes_nothing_and_keeps_the_password(deployed_broker: Broker, tmp_path: Path) -> None:
    """The second time no command is sent; a new password comes only when it is asked for, and the old one ends."""
    async with rights(admin(deployed_broker, tmp_path)) as opened:
        first, old = await opened.grant(BENCH)
        second, none = await opened.grant(BENCH)
        third, new = await opened.grant(BENCH, renew=True)
        found = await opened.client(BENCH.name)
        with pytest.raises(NotFoundError, match="no client"):
            await opened.client("device.lab_board.nobody")

    assert (len(first.commands), second.commands, none, len(third.commands)) == (2, (), "", 1)
    assert found.publish == tuple(sorted(BENCH.publish))
    assert (found.read, found.roles) == ((), (BENCH.name,))
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with client(deployed_broker, tmp_path, BENCH.name, old):
            pass
    async with client(deployed_broker, tmp_path, BENCH.name, new):
        pass


async def test_what_was_granted_survives_a_restart(deployed_broker: Broker, tmp_path: Path) -> None:
    """The plugin keeps it in its file, without the password."""
    passwords = await granted(deployed_broker, tmp_path, BENCH)

    deployed_broker.restart()

    async with client(deployed_broker, tmp_path, BENCH.name, passwords[BENCH.name]):
        pass
    assert passwords[BENCH.name] not in (tmp_path / "data" / "dynamic-security.json").read_text()


async def test_each_service_does_its_work_with_its_own_rights(deployed_broker: Broker, tmp_path: Path) -> None:
    """Ingest takes frames in a shared subscription; `doctor` gets its message back as each of them."""
    topics = tuple(topic for adapter in adapters().values() for topic in adapter.topics)
    config = IngestConfig(
        broker=service(deployed_broker, tmp_path, "ingest"), client_id="penfeld-one", filters=topics, share="workers"
    )
    source = MqttSource(config, clock=lambda: datetime.now(UTC), random=Random(1))  # noqa: S311 -- chance, no secret
    await source.open()
    await source.close()
    for name in ("ingest", "api", "alerts", "run"):
        async with MqttDoor(MqttConfig(broker=service(deployed_broker, tmp_path, name), patience_s=PATIENCE_S)) as door:
            await door.round_trip("doctor-1", PATIENCE_S)


async def test_the_api_tells_no_readings(deployed_broker: Broker, tmp_path: Path) -> None:
    """What it publishes as a reading reaches nobody."""
    api = service(deployed_broker, tmp_path, "api")
    async with MqttDoor(MqttConfig(broker=service(deployed_broker, tmp_path, "run"), patience_s=PATIENCE_S)) as hears:
        await hears.round_trip("ready", PATIENCE_S)
        async with MqttDoor(MqttConfig(broker=api, patience_s=PATIENCE_S)) as door:
            await door.publish("penfeld/v1/live/lab_board", b"[]")
        await hears.round_trip("after", PATIENCE_S)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(A_MOMENT_S):
                await anext(hears.readings())


async def test_who_may_not_manage_rights_is_told_so(deployed_broker: Broker, tmp_path: Path) -> None:
    """A wrong password, a user without that right, and no password at all each say what to correct."""
    with pytest.raises(UnavailableError, match="admin_password"):
        async with rights(manager(address(deployed_broker, tmp_path), "admin", "wrong")):
            pass
    with pytest.raises(ConfigError, match="may not manage"):
        async with rights(service(deployed_broker, tmp_path, "api")):
            pass
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD_FILE"):
        manager(address(deployed_broker, tmp_path), "admin", "")


def test_the_command_shows_a_password_once(
    deployed_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`grant` prints it the first time only, `--json` never, `--out` writes it into a file of its owner's alone."""
    secrets = tmp_path / "secrets"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_BROKER_URL", f"mqtts://127.0.0.1:{deployed_broker.address.port}")
    monkeypatch.setenv("PENFELD_BROKER_CA_FILE", str(secrets / "ca.pem"))
    monkeypatch.setenv("PENFELD_BROKER_ADMIN_PASSWORD_FILE", str(secrets / "broker-admin-password"))
    kind = ["device", "penfeld_streetlight", "lamp-7"]

    assert main(["mqtt", "grant", *kind]) == 0
    first = capsys.readouterr().out
    assert main(["mqtt", "grant", *kind]) == 0
    second = capsys.readouterr().out
    assert main(["mqtt", "grant", *kind, "--json"]) == 1
    refused = capsys.readouterr().err
    assert main(["mqtt", "grant", "network", "chirpstack", "--json", "--out", "server.url"]) == 0
    told = capsys.readouterr().out
    assert main(["mqtt", "list"]) == main(["mqtt", "show", "network.chirpstack"]) == 0
    listed = capsys.readouterr().out
    assert main(["mqtt", "revoke", "device.penfeld_streetlight.lamp-7"]) == 0
    assert main(["mqtt", "revoke", "device.penfeld_streetlight.lamp-7"]) == 0
    assert main(["mqtt", "revoke", "admin"]) == 1

    password = first.split("password   ")[1].split()[0]
    url = (tmp_path / "server.url").read_text()
    assert "client made" in first
    assert "unchanged" in second
    assert "password" not in second
    assert "--out" in refused
    assert json.loads(told)["client"] == "network.chirpstack"
    assert (tmp_path / "server.url").stat().st_mode & 0o777 == 0o600
    assert BrokerAddress.parse(url).username == "network.chirpstack"
    for text in (second, told, listed):
        assert password not in text
        assert str(BrokerAddress.parse(url).password) not in text
    assert "application/+/device/+/event/+" in listed
    assert "was not there" in capsys.readouterr().out
