"""``penfeld mqtt``: who may say and hear what on the broker (Mosquitto's dynamic security)."""

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BadRequestError, ConfigError, UnavailableError
from penfeld.config import Config, load
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.broker import BrokerAddress
    from model.device import Device
    from penfeld.rights.grants import Grant
    from penfeld.rights.plugin import Client

DESCRIPTION = """\
Who may say and hear what on the broker, for Mosquitto with its dynamic security plugin. `grant` makes a client with its
password and topic rights, or makes the rights of one that is there what they should be; twice changes nothing. What is
granted is only what is named: a device publishes in its own name, and hears nothing. A password is shown once."""
EXAMPLES = """\
  penfeld mqtt grant device lab_board bench-7                 one board that speaks MQTT itself
  penfeld mqtt grant experiment quays-2026                    the gateway of an experiment, for its registered devices
  penfeld mqtt grant network chirpstack --out chirpstack.url  a network server; the address with password into a file
  penfeld mqtt grant service ingest                           Penfeld's own, after [[source]] or [[channel]] changed
  penfeld mqtt grant device lab_board bench-7 --new-password  the old one was lost, or seen
  penfeld mqtt revoke device.lab_board.bench-7                thrown out at once
  penfeld mqtt list"""
SERVICES = ("ingest", "api", "alerts", "run", "simulator")
_PAGE = 1000
_MOST_SHOWN = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    granting = actions.add_parser("grant", help="make a client and its rights, or bring them up to date")
    kinds = granting.add_subparsers(dest="kind", metavar="KIND", required=True)
    device = kinds.add_parser("device", help="a device that speaks MQTT itself")
    device.add_argument("type", metavar="TYPE", help="its device type: `penfeld devices types`")
    device.add_argument("name", metavar="NAME", help="its name, as in its topic")
    experiment = kinds.add_parser("experiment", help="the gateway of an experiment: all its native devices")
    experiment.add_argument("name", metavar="NAME", help="the experiment, as in the register")
    network = kinds.add_parser("network", help="a network server that publishes its events")
    network.add_argument("name", metavar="NAME", help="chirpstack, thethingsstack ...: docs/networks.md")
    service = kinds.add_parser("service", help="one of Penfeld's own processes")
    service.add_argument("name", metavar="NAME", choices=SERVICES, help=", ".join(SERVICES))
    revoking = actions.add_parser("revoke", help="take a client away; whoever is connected by it is thrown out")
    revoking.add_argument("client", metavar="CLIENT", help="its name: `penfeld mqtt list`")
    listing = actions.add_parser("list", help="list the broker's clients")
    showing = actions.add_parser("show", help="show the rights of one client")
    showing.add_argument("client", metavar="CLIENT", help="its name: `penfeld mqtt list`")
    for kind in (device, experiment, network, service):
        kind.add_argument("--new-password", action="store_true", help="set a new one, where the client is there")
        kind.add_argument("--any-client-id", action="store_true", help="for gear whose client id cannot be chosen")
        kind.add_argument("--out", type=Path, metavar="FILE", help="write the address with its password there (0600)")
    for action in (device, experiment, network, service, revoking, listing, showing):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    actions = {"grant": _grant, "revoke": _revoke, "list": _list, "show": _show}
    return asyncio.run(actions[options.action](config, options))


async def _grant(config: Config, options: argparse.Namespace) -> int:
    from penfeld.rights import grants
    from penfeld.rights.door import rights, url_of

    if options.json and options.out is None:
        raise BadRequestError("--json never shows a password: say with --out FILE where it is to go")
    if options.out is not None and options.out.exists():
        raise BadRequestError(f"{options.out} is there already: name a file that is not, or remove it")
    wanted = await _wanted(config, options)
    if options.any_client_id:
        wanted = grants.anywhere(wanted)
    broker = _manager(config)
    async with rights(broker) as opened:
        plan, password = await opened.grant(wanted, renew=options.new_password)
    if password and options.out is not None:
        _write(options.out, url_of(broker, wanted.name, password))
    if options.json:
        as_json({"client": wanted.name, "client_id": wanted.client_id, "changes": plan.changes, **_said(wanted)})
    else:
        _granted(wanted, plan.changes)
        _tell(wanted, broker, password, options.out)
    if plan.changes:
        await _write_down(config, "mqtt.granted", wanted.name, {"changes": plan.changes, **_said(wanted)})
    return 0


def _granted(wanted: "Grant", changes: "Sequence[str]") -> None:
    print(f"{wanted.name}: {', '.join(changes) or 'unchanged'}")
    for line in (f"may publish {topic}" for topic in wanted.publish[:_MOST_SHOWN]):
        print(f"  {line}")
    if len(wanted.publish) > _MOST_SHOWN:
        print(f"  and {len(wanted.publish) - _MOST_SHOWN} more: penfeld mqtt show {wanted.name}")


async def _write_down(config: Config, what: str, client: str, after: object) -> None:
    """Write it into the audit; the broker has it already, so a database that is away does not take it back."""
    from penfeld.accounts import write_down
    from penfeld.wiring import database

    try:
        async with database(config) as opened:
            await write_down(opened, what, client, after=after)
    except (UnavailableError, ConfigError) as error:
        remark(f"penfeld: the broker has it, but the audit has no line of it: {error}")


def _tell(wanted: "Grant", broker: "BrokerAddress", password: str, out: Path | None) -> None:
    """Tell what a client connects with; the password is in the file, or on the screen this one time."""
    if not password:
        return
    print(f"  host       {broker.host}:{broker.port}{' (TLS)' if broker.tls else ''}")
    print(f"  user       {wanted.name}")
    print(f"  client id  {wanted.client_id or 'any'}")
    if out is not None:
        print(f"  password   in {out}, within the address")
        return
    print(f"  password   {password}")
    remark("this password is shown now and never again; --new-password sets another")


async def _wanted(config: Config, options: argparse.Namespace) -> "Grant":
    """Return the rights that were asked for; raise ``BadRequestError`` for what there is not."""
    from penfeld.rights import grants

    if options.kind == "device":
        from penfeld.devicefiles import catalogue, definition_in

        return grants.device(definition_in(catalogue(config), options.type).type.name, options.name)
    if options.kind == "experiment":
        return grants.experiment(options.name, await _devices(config))
    if options.kind == "network":
        return grants.network(options.name, _topics(options.name))
    return _service(config, options.name)


def _topics(network: str) -> "Sequence[str]":
    from difflib import get_close_matches

    from decoders.networks import adapters

    known = adapters()
    if network not in known:
        near = get_close_matches(network, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise BadRequestError(f"there is no network {network[:80]!r}; {hint}")
    return known[network].topics


def _service(config: Config, name: str) -> "Grant":
    from penfeld.rights import grants
    from penfeld.sources import sources

    filters = [topic for source in sources(config) for topic in source.filters]
    if name == "simulator":
        return grants.simulator(filters)
    channels = [one.topic for one in config.channels if one.kind == "mqtt" and one.topic and not one.url]
    return grants.services(filters, channels)[name]


async def _devices(config: Config) -> "list[Device]":
    """Return all devices, page by page."""
    from penfeld.wiring import database
    from storage.registry import Registry

    found: list[Device] = []
    async with database(config) as opened:
        while True:
            page = await Registry(opened).devices(limit=_PAGE, after=found[-1].id if found else None)
            found += page
            if len(page) < _PAGE:
                return found


async def _revoke(config: Config, options: argparse.Namespace) -> int:
    from penfeld.rights.door import rights

    async with rights(_manager(config)) as opened:
        plan = await opened.revoke(options.client)
    if plan.changes:
        await _write_down(config, "mqtt.revoked", options.client, {"changes": plan.changes})
    if options.json:
        as_json({"client": options.client, "changes": plan.changes})
    else:
        print(f"{options.client}: {', '.join(plan.changes) or 'was not there'}")
    return 0


async def _list(config: Config, options: argparse.Namespace) -> int:
    from penfeld.rights.door import rights

    async with rights(_manager(config)) as opened:
        found = await opened.clients()
    if options.json:
        as_json(found)
    else:
        table(
            ("client", "client id", "disabled", "may publish", "may read"),
            [(c.name, c.client_id or "any", c.disabled, _short(c.publish), _short(c.read)) for c in found],
        )
    return 0


async def _show(config: Config, options: argparse.Namespace) -> int:
    from penfeld.rights.door import rights

    async with rights(_manager(config)) as opened:
        found = await opened.client(options.client)
    if options.json:
        as_json(found)
    else:
        table(("client", found.name), _lines(found))
    return 0


def _lines(client: "Client") -> "list[tuple[str, object]]":
    return [
        ("client id", client.client_id or "any"),
        ("disabled", client.disabled),
        *(("may publish", topic) for topic in client.publish),
        *(("may read", topic) for topic in client.read),
    ]


def _manager(config: Config) -> "BrokerAddress":
    from penfeld.brokers import broker_address
    from penfeld.rights.door import manager

    if config.broker.embedded:
        raise ConfigError(["the embedded broker knows no users: rights are those of Mosquitto, named in [broker] url"])
    return manager(broker_address(config), config.broker.admin_user, config.broker.admin_password)


def _short(topics: "Sequence[str]") -> str:
    more = f" +{len(topics) - 1}" if len(topics) > 1 else ""
    return f"{topics[0]}{more}" if topics else "-"


def _said(wanted: "Grant") -> "Mapping[str, Sequence[str]]":
    return {"publish": wanted.publish, "read": wanted.read}


def _write(file: Path, url: str) -> None:
    """Write what is secret into a new file that only its owner reads."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(url)
    except OSError as error:
        raise ConfigError(
            [f"{file} cannot be written: {error.strerror}; set another password with --new-password --out"]
        ) from error
