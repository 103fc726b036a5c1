"""The door to the broker, on real brokers: what it promises, and what happens in trouble."""

import asyncio
import contextlib
import logging
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest

from ingest.batching import Limits
from ingest.mqtt import MqttConfig, MqttSource
from model.broker import BrokerAddress, Protocol
from model.errors import ConfigError, UnavailableError
from model.retry import Backoff
from model.uplink import Message
from tests.integration.fix_brokers import PASSWORD, USER, Broker, free_port, mosquitto
from tests.unit.ingest.source_contract import TOPIC, SourceContract, payloads, take

WAIT_S = 60
both = pytest.mark.parametrize("protocol", ["3.1.1", "5"])


def source_of(address: BrokerAddress, **more: Any) -> MqttSource:  # noqa: ANN401 whatever MqttConfig takes
    settings = {
        "client_id": "worker",
        "filters": ("penfeld/v1/+/+/up",),
        "limits": Limits(count=1000, age_s=0.02),
        "backoff": Backoff(first_s=0.05, longest_s=0.2),
        **more,
    }
    random = Random(1)  # noqa: S311 chance, not secrecy
    return MqttSource(MqttConfig(broker=address, **settings), clock=lambda: datetime.now(UTC), random=random)


@asynccontextmanager
async def opened(source: MqttSource) -> AsyncIterator[MqttSource]:
    await source.open()
    try:
        yield source
    finally:
        await source.close()


async def publish(address: BrokerAddress, *payloads: bytes, topic: str = TOPIC, qos: int = 1) -> None:
    async with aiomqtt.Client(address.host, address.port) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=qos)


async def until_up(source: MqttSource, *, up: bool = True) -> None:
    async with asyncio.timeout(WAIT_S):
        while bool(source.trouble()) is up:  # noqa: ASYNC110 it tells by no event
            await asyncio.sleep(0.02)


class Answering:
    """A broker of a few words: it answers each packet with the next of them, then reads on in silence."""

    def __init__(self, *answers: bytes, hang_up: bool = False) -> None:
        self.heard = b""
        self._answers = list(answers)
        self._hang_up = hang_up
        self._ended = asyncio.Event()

    async def __aenter__(self) -> BrokerAddress:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return BrokerAddress(host="127.0.0.1", port=self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        """Return when the client is gone."""
        self._server.close()
        await asyncio.wait_for(self._ended.wait(), WAIT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += data
                if self._answers:
                    writer.write(self._answers.pop(0))
                elif self._hang_up:
                    break
        writer.close()
        self._ended.set()


class MqttDoor:
    """A source and its broker. ``reconnect`` makes a new source, as a new process would."""

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        self.source = source_of(address)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1."""
        await publish(self.address, payload, topic=topic)

    async def reconnect(self) -> None:
        """Close, and open another one under the same client id."""
        await self.source.close()
        self.source = source_of(self.address)
        await self.source.open()

    async def close(self) -> None:
        """Close the source."""
        await self.source.close()


class TestMqtt(SourceContract):
    """Every promise of a source, on every broker and by both versions of the protocol."""

    @pytest.fixture(params=["amqtt 3.1.1", "mosquitto 3.1.1", "mosquitto 5"])
    async def door(self, request: pytest.FixtureRequest) -> AsyncIterator[MqttDoor]:
        """Return a door whose session is there."""
        name, protocol = request.param.split()
        broker = request.getfixturevalue(f"{name}_broker")
        door = MqttDoor(replace(broker.address, protocol=protocol))
        await door.source.open()
        yield door
        await door.close()


async def test_kept_while_away(broker: Broker) -> None:
    """What is published while nobody listens is delivered when the worker comes back."""
    async with opened(source_of(broker.address)):
        pass
    await publish(broker.address, b"1", b"2")

    async with opened(source_of(broker.address)) as source:
        batch = await take(source, 2)

    assert payloads(batch) == [b"1", b"2"]


async def test_broken_line(broker: Broker) -> None:
    """A line that breaks is made again by itself; an old batch cannot be acknowledged on the new one."""
    async with opened(source_of(broker.address)) as source:
        await publish(broker.address, b"1")
        batch = await take(source, 1)
        broker.stop()
        await until_up(source, up=False)
        trouble = source.trouble()
        broker.start()
        await until_up(source)

        with pytest.raises(UnavailableError, match="gone"):
            await source.acknowledge(batch)
        await publish(broker.address, b"2")
        again = payloads(await take(source, 2 if broker.keeps_sessions else 1))

    assert str(broker.address) in trouble
    assert again == ([b"1", b"2"] if broker.keeps_sessions else [b"2"])


async def test_forgotten_session(amqtt_broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """A broker that lost the session with its memory is told of in the log: frames may be lost there."""
    caplog.set_level(logging.WARNING, logger="ingest.mqtt")
    async with opened(source_of(amqtt_broker.address)) as source:
        amqtt_broker.restart()
        async with asyncio.timeout(WAIT_S):
            while "has forgotten the session" not in caplog.text:  # noqa: ASYNC110 a log has no event
                await asyncio.sleep(0.02)
        await until_up(source)


async def test_unreachable(caplog: pytest.LogCaptureFixture) -> None:
    """Where no broker listens there is one clear line that says where, why, and what to look at."""
    caplog.set_level(logging.INFO)
    address = BrokerAddress(host="127.0.0.1", port=free_port())

    with pytest.raises(UnavailableError) as failed:
        await source_of(address).open()

    assert str(failed.value) == f"{address} does not answer: Connection refused; is it running there?"
    assert caplog.text == ""


async def test_unknown_host() -> None:
    """A host that does not exist is named."""
    with pytest.raises(
        UnavailableError, match=r"mqtt://nowhere\.invalid:1883 does not answer: .+; is it running there\?"
    ):
        await source_of(BrokerAddress(host="nowhere.invalid")).open()


async def test_no_broker_there() -> None:
    """A server that is no broker gives a clear line, not a wait without end."""
    ended = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(UnavailableError, match=r"gives no answer within 0\.3 s; is it an MQTT broker"):
            await source_of(BrokerAddress(host="127.0.0.1", port=port), answer_within_s=0.3).open()
        await asyncio.wait_for(ended.wait(), WAIT_S)
    finally:
        server.close()


@both
@pytest.mark.parametrize(("username", "password"), [(USER, "wrong"), ("nobody", PASSWORD), (None, None)])
async def test_wrong_password(
    locked_broker: Broker, protocol: Protocol, username: str | None, password: str | None
) -> None:
    """A wrong password, a wrong user or none is one line that says what to check, without the password."""
    address = replace(locked_broker.address, username=username, password=password, protocol=protocol)

    with pytest.raises(UnavailableError) as failed:
        await source_of(address).open()

    assert str(failed.value) == f"{address} refuses us: not authorized; check user and password in [broker]"


async def test_right_password(locked_broker: Broker) -> None:
    """The right password opens."""
    async with opened(source_of(replace(locked_broker.address, username=USER, password=PASSWORD))) as source:
        assert source.trouble() == ""


@both
async def test_forbidden_topic(mosquitto_broker: Broker, protocol: Protocol) -> None:
    """A wrong filter, for which the broker hangs up, is one line with its reason, not a silent success."""
    with pytest.raises(
        UnavailableError, match=r"broken the line: (connection lost|malformed packet|topic filter invalid)"
    ):
        await source_of(replace(mosquitto_broker.address, protocol=protocol), filters=("a/#/b",)).open()


@both
async def test_topic_of_others(protocol: Protocol) -> None:
    """A subscription that the broker does not allow is named, with what to check; the one that it allows is not."""
    server = Answering(b"\x20\x02\x00\x00", b"\x90\x04\x00\x01\x01\x80")
    if protocol == "5":
        server = Answering(b"\x20\x03\x00\x00\x00", b"\x90\x05\x00\x01\x00\x01\x87")
    async with server as address:
        source = source_of(replace(address, protocol=protocol), filters=("mine/#", "theirs/#"))
        with pytest.raises(UnavailableError) as failed:
            await source.open()

    why = "not authorized" if protocol == "5" else "unspecified error"
    assert str(failed.value) == f"{address} refuses the topics theirs/# ({why}); check what the user may read"


@both
async def test_window(mosquitto_broker: Broker, protocol: Protocol) -> None:
    """No more messages than the window are held; the others stay with the broker until some are acknowledged."""
    sent = [b"%d" % i for i in range(300)]
    async with opened(source_of(replace(mosquitto_broker.address, protocol=protocol), window=50)) as source:
        await publish(mosquitto_broker.address, *sent)
        batches = source.batches()
        first = list(await anext(batches))
        async with asyncio.timeout(WAIT_S):
            while len(first) < 50:
                first += await anext(batches)
        more = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.3)
        held = more.done()

        await source.acknowledge(first)
        got = [*first, *await more]
        await source.acknowledge(got[50:])
        async with asyncio.timeout(WAIT_S):
            while len(got) < 300:
                batch = await anext(batches)
                got += batch
                await source.acknowledge(batch)

    assert (len(first), held) == (50, False)
    assert payloads(got) == sent


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_more_waits_than_the_window_holds(mosquitto_broker: Broker, protocol: Protocol) -> None:
    """A worker that comes back to more messages than its window holds takes them, though the SUBACK is behind them."""
    sent, address = [b"%d" % i for i in range(300)], replace(mosquitto_broker.address, protocol=protocol)
    async with opened(source_of(address)):
        pass
    await publish(mosquitto_broker.address, *sent)

    got: list[Message] = []
    async with opened(source_of(address, window=50, answer_within_s=5.0)) as source:
        batches = source.batches()
        async with asyncio.timeout(WAIT_S):
            while len(got) < len(sent):
                batch = await anext(batches)
                got += batch
                await source.acknowledge(batch)

    assert payloads(got) == sent


@both
async def test_keeps_the_line(mosquitto_broker: Broker, protocol: Protocol) -> None:
    """The line lives when nothing comes, and when the window is full and nothing is read for long."""
    sent = [b"%d" % i for i in range(100)]
    address = replace(mosquitto_broker.address, protocol=protocol)
    async with opened(source_of(address, window=50, keepalive_s=1)) as source:
        await asyncio.sleep(2.5)
        await publish(mosquitto_broker.address, *sent)
        first = await take(source, 50)
        await asyncio.sleep(2.5)  # the broker gives up after one and a half
        await source.acknowledge(first)
        second = await take(source, 50)
        await source.acknowledge(second)

    assert payloads([*first, *second]) == sent
    assert not any(message.redelivered for message in second)


async def test_silent_broker() -> None:
    """A broker that takes what we say and gives no sign of life any more is left, and the reason is told."""
    server = Answering(b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01")
    async with server as address, opened(source_of(address, keepalive_s=1)) as source:
        await until_up(source, up=False)
        trouble = source.trouble()

    assert trouble == f"{address} has broken the line: no sign of life for 0.5 s"


@both
async def test_refusals(protocol: Protocol) -> None:
    """Each refusal is one line in words, with what to do about it."""
    refusals = {
        "3.1.1": {
            b"\x20\x02\x00\x02": "client id refused; set another client_id in [broker]",
            b"\x20\x02\x00\x03": "server unavailable; look into the broker's limits and log",
        },
        "5": {
            b"\x20\x0a\x00\x97\x07\x1f\x00\x04full": "quota exceeded ('full'); look into the broker's limits and log",
            b"\x20\x02\x00\x01": "unacceptable protocol version; set protocol to the other version in [broker]",
        },
    }[protocol]
    for answer, words in refusals.items():
        async with Answering(answer) as address:
            with pytest.raises(UnavailableError) as failed:
                await source_of(replace(address, protocol=protocol)).open()
            assert str(failed.value) == f"{address} refuses us: {words}"


async def test_told_why() -> None:
    """When the broker ends the line with a reason (MQTT 5), the trouble is that reason."""
    taken_over = b"\x90\x04\x00\x01\x00\x01\xe0\x02\x8e\x00"
    server = Answering(b"\x20\x03\x00\x00\x00", taken_over)
    async with server as address, opened(source_of(replace(address, protocol="5"))) as source:
        await until_up(source, up=False)
        trouble = source.trouble()

    assert trouble == f"{address} has broken the line: session taken over by another client of the same client id"


async def test_nonsense() -> None:
    """A server that speaks something else in the middle is left with one line that shows what was wrong."""
    server = Answering(b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"HTTP/1.1 500 Sorry" + bytes(80))
    async with server as address, opened(source_of(address, keepalive_s=1)) as source:
        await until_up(source, up=False)
        trouble = source.trouble()

    assert trouble.endswith("it sent what is no MQTT: PUBACK, which nobody asked for")


async def test_terms(caplog: pytest.LogCaptureFixture) -> None:
    """What a broker by MQTT 5 restricts is told in the line of the connection; a status it cannot keep is sent."""
    caplog.set_level(logging.INFO)
    terms = b"\x11\x00\x00\x00\x3c\x21\x00\x14\x25\x00"
    server = Answering(b"\x20\x0d\x00\x00\x0a" + terms, b"\x90\x04\x00\x01\x00\x01")
    async with server as address, opened(source_of(replace(address, protocol="5"), worker="w")) as source:
        await source.status(b"{}")

    assert "; it keeps the session for 60 s without us; it takes 20 unacknowledged messages at most" in caplog.text
    assert b"\x30\x18\x00\x13penfeld/v1/status/w\x00{}" in server.heard


@both
async def test_shared(mosquitto_broker: Broker, protocol: Protocol) -> None:
    """Workers of one share divide the messages, also when one of them worked alone before: each goes to one."""
    address = replace(mosquitto_broker.address, protocol=protocol)
    async with opened(source_of(address, client_id="w1")):
        pass
    sent = [b"%d" % i for i in range(200)]
    got: dict[str, list[bytes]] = {"w1": [], "w2": []}

    async def work(name: str, source: MqttSource) -> None:
        async for batch in source.batches():
            await source.acknowledge(batch)
            got[name] += payloads(batch)

    one, other = (source_of(address, client_id=name, share="city") for name in got)
    async with opened(one), opened(other):
        workers = [asyncio.create_task(work(*pair)) for pair in zip(got, (one, other), strict=True)]
        await publish(mosquitto_broker.address, *sent)
        async with asyncio.timeout(WAIT_S):
            while sum(map(len, got.values())) < len(sent):  # noqa: ASYNC110 two workers are watched at once
                await asyncio.sleep(0.02)
    await asyncio.gather(*workers)

    assert all(got.values())
    assert sorted(got["w1"] + got["w2"]) == sorted(sent)


async def test_no_sharing() -> None:
    """A broker that has no shared subscriptions says so, and is told of in one line with the way out."""
    async with Answering(b"\x20\x05\x00\x00\x02\x2a\x00") as address:
        with pytest.raises(UnavailableError, match="has no shared subscriptions; take share out of \\[ingest\\]"):
            await source_of(replace(address, protocol="5"), share="city").open()


async def test_too_large(mosquitto_broker: Broker) -> None:
    """A message that is no frame, so large it is, comes with its beginning and goes with its acknowledgement."""
    async with opened(source_of(mosquitto_broker.address)) as source:
        await publish(mosquitto_broker.address, b"x" * 3_000_000, b"small")
        large, small = await take(source, 2)
        await source.acknowledge([large, small])
        await source.close()
        again = source_of(mosquitto_broker.address)
        async with opened(again):
            await publish(mosquitto_broker.address, b"next")
            after = await take(again, 1)

    assert len(large.payload) + large.cut == 3_000_000
    assert 0 < len(large.payload) < 3_000_000
    assert payloads([small, *after]) == [b"small", b"next"]


async def test_late_acknowledgement(broker: Broker) -> None:
    """A broker waits for an acknowledgement as long as a database may be away, and goes on delivering meanwhile."""
    async with opened(source_of(broker.address)) as source:
        await publish(broker.address, b"1")
        first = await take(source, 1)
        await asyncio.sleep(6)  # amqtt by itself forgets after five seconds
        await publish(broker.address, b"2")
        second = await take(source, 1)
        await source.acknowledge(second)
        await source.close()
        again = source_of(broker.address)
        await again.open()
        redelivered = await take(again, 1)
        await again.close()

    assert payloads(first) == payloads(redelivered) == [b"1"]


async def test_qos_0(broker: Broker) -> None:
    """Messages that a network server publishes with QoS 0 arrive too, and need no acknowledgement."""
    async with opened(source_of(broker.address)) as source:
        await publish(broker.address, b"1", qos=0)
        batch = await take(source, 1)
        await source.acknowledge(batch)

    assert payloads(batch) == [b"1"]


async def test_live(broker: Broker) -> None:
    """Live readings are told on the device type's topic; the status waits for whoever comes later."""
    async with opened(source_of(broker.address, worker="w1")) as source:
        async with aiomqtt.Client(broker.address.host, broker.address.port) as watcher:
            await watcher.subscribe([("penfeld/v1/live/#", 0), ("penfeld/v1/status/#", 0)])
            await source.publish("probe", b"[]")
            await source.status(b'{"worker":"w1"}')
            async with asyncio.timeout(WAIT_S):
                told = await anext(watcher.messages)
                assert (await anext(watcher.messages)).payload == b'{"worker":"w1"}'
        async with aiomqtt.Client(broker.address.host, broker.address.port) as late:
            await late.subscribe("penfeld/v1/status/#")
            async with asyncio.timeout(WAIT_S):
                kept = await anext(late.messages)

    assert (str(told.topic), told.payload) == ("penfeld/v1/live/probe", b"[]")
    assert (str(kept.topic), kept.payload, kept.retain) == ("penfeld/v1/status/w1", b'{"worker":"w1"}', True)


async def test_live_without_line() -> None:
    """Without a line, telling live raises what the service may pass over."""
    source = source_of(BrokerAddress())

    with pytest.raises(UnavailableError, match="not connected"):
        await source.publish("probe", b"[]")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority of our own, and a certificate of it for 127.0.0.1 and for a client."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: apt install openssl")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    names = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority")
    run = [[openssl, "req", "-x509", *curve, *names, "-days", "2"]]
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        run += [
            [openssl, "req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"],
            [
                *(
                    openssl,
                    "x509",
                    "-req",
                    "-in",
                    f"{name}.csr",
                    "-CA",
                    "ca.pem",
                    "-CAkey",
                    "ca.key",
                    "-CAcreateserial",
                ),
                *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
            ],
        ]
    for command in run:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_broker(tmp_path: Path, certificates: Path) -> Broker:
    """Make a Mosquitto that speaks TLS only, and asks the client for a certificate."""
    broker = mosquitto(
        tmp_path,
        f"cafile {certificates}/ca.pem",
        f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key",
        "require_certificate true",
    )
    return replace(broker, address=replace(broker.address, tls=True, ca_file=f"{certificates}/ca.pem"))


@both
async def test_tls(tls_broker: Broker, certificates: Path, protocol: Protocol) -> None:
    """Over TLS with a client's certificate messages come and are acknowledged, many at once too."""
    address = replace(tls_broker.address, cert_file=f"{certificates}/client.pem", key_file=f"{certificates}/client.key")
    address = replace(address, protocol=protocol)
    sent = [b"%d" % i + b"x" * 900 for i in range(500)]
    tls_broker.start()
    try:
        context = aiomqtt.TLSParameters(ca_certs=address.ca_file, certfile=address.cert_file, keyfile=address.key_file)
        async with opened(source_of(address)) as source:
            async with aiomqtt.Client(address.host, address.port, tls_params=context) as client:
                for payload in sent:
                    await client.publish(TOPIC, payload, qos=1)
            got = await take(source, len(sent))
            await source.acknowledge(got)
    finally:
        tls_broker.stop()

    assert payloads(got) == sent


async def test_tls_unknown_authority(tls_broker: Broker) -> None:
    """A broker whose certificate nobody vouches for is refused, and the line says what to check."""
    tls_broker.start()
    try:
        with pytest.raises(UnavailableError, match=r"TLS fails: .*; check ca_file"):
            await source_of(replace(tls_broker.address, ca_file=None)).open()
    finally:
        tls_broker.stop()


async def test_tls_expected(tls_broker: Broker) -> None:
    """Who speaks without TLS to a broker that expects it, or the other way round, learns what to change."""
    tls_broker.start()
    try:
        with pytest.raises(UnavailableError, match=r"broken the line: .*; does it speak TLS there \(mqtts://…\)\?"):
            await source_of(replace(tls_broker.address, tls=False)).open()
    finally:
        tls_broker.stop()
    async with Answering(b"no TLS" * 10) as address:
        with pytest.raises(UnavailableError, match=r"TLS fails: .*; is this its port for TLS\?"):
            await source_of(replace(address, tls=True)).open()


async def test_tls_without_certificate(tls_broker: Broker) -> None:
    """A broker that asks for a client's certificate and gets none ends in one line that names the settings."""
    tls_broker.start()
    try:
        with pytest.raises(UnavailableError, match="cert_file and key_file"):
            await source_of(tls_broker.address).open()
    finally:
        tls_broker.stop()


def test_tls_files(tmp_path: Path) -> None:
    """A file that is missing is told before anything connects."""
    address = BrokerAddress(tls=True, ca_file=str(tmp_path / "none.pem"))

    with pytest.raises(ConfigError, match=r"none\.pem: cannot be used for TLS"):
        source_of(address)
