"""The door to a running broker's rights: questions and commands over the dynamic security plugin's control topic."""

import asyncio
import dataclasses
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiomqtt
import msgspec

from model.broker import BrokerAddress
from model.errors import ConfigError, NotFoundError, UnavailableError
from penfeld.rights import plugin
from penfeld.rights.grants import Grant
from penfeld.rights.plugin import Client, Command, Plan

_PROTOCOLS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
_TIMEOUT_S = 10.0
_PASSWORD_BYTES = 32
_REFUSED = 0x80


class Rights:
    """The rights of one broker, while it is open."""

    def __init__(self, client: aiomqtt.Client, broker: BrokerAddress) -> None:
        self._client = client
        self._broker = broker

    async def grant(self, wanted: Grant, *, renew: bool = False) -> tuple[Plan, str]:
        """Make the rights so; return what was done, and the new password where there is one, else ""."""
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        plan = plugin.plan(wanted, await self._ask(plugin.looks(wanted.name)), password, renew=renew)
        await self._do(plan)
        return plan, password if plan.password else ""

    async def revoke(self, name: str) -> Plan:
        """Take a client and its rights away; whoever is connected by it is thrown out."""
        plan = plugin.removal(name, await self._ask(plugin.looks(name)))
        await self._do(plan)
        return plan

    async def clients(self) -> Sequence[Client]:
        """Return all clients in order of their names."""
        return sorted(plugin.clients(await self._ask(plugin.LISTING)), key=lambda one: one.name)

    async def client(self, name: str) -> Client:
        """Return one client; raise ``NotFoundError``."""
        found = next((one for one in await self.clients() if one.name == name), None)
        if found is None:
            raise NotFoundError(f"the broker has no client {name[:100]!r}; `penfeld mqtt list` shows them all")
        return found

    async def _do(self, plan: Plan) -> None:
        if not plan.commands:
            return
        for command, answer in zip(plan.commands, await self._ask(plan.commands), strict=True):
            if answer.error:
                raise UnavailableError(f"the broker {self._broker} refuses {command['command']}: {answer.error}")

    async def _ask(self, commands: Sequence[Command]) -> Sequence[plugin.Response]:
        """Return one answer for each command, in order."""
        try:
            payload = msgspec.json.encode({"commands": commands})
            await self._client.publish(plugin.REQUESTS, payload, qos=1, timeout=_TIMEOUT_S)
            async with asyncio.timeout(_TIMEOUT_S):
                answers = await self._answers()
        except TimeoutError:
            raise UnavailableError(
                f"the broker {self._broker} does not answer on {plugin.REQUESTS}: is it Mosquitto, with its dynamic"
                " security plugin, and this user the one who manages it? docs/broker-rights.md"
            ) from None
        except aiomqtt.MqttError as error:
            raise UnavailableError(f"broker {self._broker}: {error}") from error
        if len(answers) != len(commands):
            raise UnavailableError(f"the broker {self._broker} answers {len(answers)} of {len(commands)} commands")
        return answers

    async def _answers(self) -> Sequence[plugin.Response]:
        message = await anext(self._client.messages)
        return plugin.responses(message.payload)


@asynccontextmanager
async def rights(broker: BrokerAddress) -> AsyncIterator[Rights]:
    """Open the rights of a broker, as the user who manages them; raise ``UnavailableError``."""
    try:
        async with _client(broker) as client:
            granted = await client.subscribe(plugin.RESPONSES, qos=1, timeout=_TIMEOUT_S)
            if any((one if isinstance(one, int) else one.value) >= _REFUSED for one in granted):
                raise ConfigError(
                    [f"{broker.username} may not manage the rights of the broker {broker}: correct [broker] admin_user"]
                )
            yield Rights(client, broker)
    except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: TLS files that are none
        raise UnavailableError(
            f"broker {broker}: {error}; check [broker] url, admin_user and admin_password"
        ) from error


def manager(broker: BrokerAddress, user: str, password: str) -> BrokerAddress:
    """Return the address by which the rights are managed; raise ``ConfigError`` without a password."""
    if not password:
        variable = "PENFELD_BROKER_ADMIN_PASSWORD_FILE=…/broker-admin-password"
        raise ConfigError([f"[broker] admin_password is not set; `penfeld deploy init` made one: {variable}"])
    return dataclasses.replace(broker, username=user, password=password)


def url_of(broker: BrokerAddress, name: str, password: str) -> str:
    """Return the address as a client needs it, with its password."""
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{'mqtts' if broker.tls else 'mqtt'}://{name}:{password}@{host}:{broker.port}"


def _client(broker: BrokerAddress) -> aiomqtt.Client:
    context = None
    if broker.tls:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        protocol=_PROTOCOLS[broker.protocol],
        timeout=_TIMEOUT_S,
        tls_context=context,
    )
