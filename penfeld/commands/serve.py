"""``penfeld serve``: the API, the live stream and the console over HTTP."""

import argparse
import asyncio
import logging
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model.errors import ConfigError
from penfeld.config import Config, load
from penfeld.options import no_watch, tcp_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from uvicorn import Server

    from penfeld.renewal import Renewal
    from storage.connection import Database
    from storage.export import Exports

DESCRIPTION = """\
Serve API (/api/v1, described at /api/v1/openapi.json), live stream, console (/), /healthz, /readyz and /metrics.
New and changed device files are taken by themselves."""
EXAMPLES = """\
  penfeld serve
  penfeld serve --host 0.0.0.0 --port 80
  curl 'http://127.0.0.1:8080/api/v1/latest?device_type=penfeld_tramunit'"""
_STOP_S = 5  # for requests that are under way; event streams are closed at once


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--host", help="address to listen on (default: [api] host, 127.0.0.1)")
    parser.add_argument("--port", type=tcp_port, metavar="N", help="port to listen on (default: [api] port, 8080)")
    parser.add_argument("--wait", type=float, default=30, metavar="S", help="seconds to wait for the database at first")
    no_watch(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from penfeld import journal
    from penfeld.memory import give_back
    from penfeld.reached import reach_checked
    from penfeld.renewal import Renewal, handed_on

    give_back()
    journal.start()
    config = load(getattr(options, "config", None))
    host = options.host or config.api.host
    reach_checked(config, host)
    listening = handed_on() or _listen(host, config.api.port if options.port is None else options.port)
    _warn(config, host)
    renewal = Renewal(config, watches=options.watch)
    with listening:
        code = asyncio.run(_serve(config, listening, options.wait, renewal))
        renewal.begin_again(listening)
    return code


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else, so that a taken one is told at once."""
    from penfeld.processes import port_is_free

    if not port_is_free(host, port):
        raise ConfigError([taken(host, port)])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _warn(config: Config, host: str) -> None:
    """Say which networks anybody may push for; raise ``ConfigError`` for tokens that are nobody's."""
    from penfeld.pushes import only_here, taken, tokens_checked, without_token

    tokens_checked(config.api)
    if not only_here(host) and (names := without_token(config.api, taken(config))):
        logging.getLogger(__name__).warning(
            "who reaches %s may push frames without a token for %s: set [api] callback_tokens", host, ", ".join(names)
        )


def taken(host: str, port: int) -> str:
    """Say that a port is taken and what to do."""
    return f"port {port} on {host} is taken: stop what listens there, or choose another with --port N or [api] port"


async def _serve(config: Config, listening: socket.socket, wait_s: float, renewal: "Renewal") -> int:
    from uvicorn import Config as ServerConfig
    from uvicorn import Server

    from api.app import create_app
    from api.console import ConsoleConfig, mount
    from api.context import ApiConfig, context_of
    from api.mqtt import MqttConfig, MqttDoor
    from api.oidc.sessions import AccountSessions
    from api.routes import oidc as oidc_routes
    from ingest.cage import Cage
    from penfeld.alerting import desk
    from penfeld.brokers import broker_address
    from penfeld.channels import ChannelList
    from penfeld.clock import utc_now
    from penfeld.datasets import open_catalogue
    from penfeld.devicefiles import DeviceFiles, catalogue
    from penfeld.limits import limits, trusted
    from penfeld.oidc import oidc_desk
    from penfeld.replays import quarantine, replayer
    from penfeld.sources import sources
    from penfeld.version import version
    from penfeld.wiring import dashboards, database
    from storage.access import Access
    from storage.alarms import Alarms
    from storage.outbox import Outbox
    from storage.queries import Queries
    from storage.registry import Registry
    from storage.sta import Observations

    known = catalogue(config)
    address = broker_address(config)
    async with (
        database(config, wait_s=wait_s) as opened,
        MqttDoor(MqttConfig(broker=address)) as door,
        Cage() as cage,
        exporting(opened) as exports,
    ):
        access = Access(opened) if config.access.mode == "accounts" else None
        queries, registry, stored = Queries(opened), Registry(opened), quarantine(opened)
        interpreter = replayer(opened, known, sources(config), utc_now, cage)
        app = create_app(
            queries=queries,
            observations=Observations(opened),
            exports=exports,
            dashboards=dashboards(opened, config, known, utc_now),
            registry=registry,
            quarantine=stored,
            interpreter=interpreter,
            catalogue=known,
            codecs=cage,
            device_files=DeviceFiles(config, cage),
            alarms=Alarms(opened),
            rules=desk(opened, config, known),
            outbox=Outbox(opened),
            channels=ChannelList(config),
            live=door,
            publisher=door,
            open_data=open_catalogue(config, known.types()),
            clock=utc_now,
            config=ApiConfig(
                version=version(),
                callback_tokens=config.api.tokens,
                thingpark_key=config.api.thingpark_key or None,
                limits=limits(config.limits),
                public_url=config.opendata.url,
                public=config.access.public,
                pictures=_site(config.console.tiles),
            ),
            access=access,
        )
        oidc = oidc_desk(config, AccountSessions(access, secure=_secure(config)), utc_now) if access else None
        oidc_routes.install(app, oidc[0] if oidc else None)
        mount(
            app,
            ConsoleConfig(
                tile_url=config.console.tiles or None,
                tile_attribution=config.console.attribution,
                centre=(config.console.centre[0], config.console.centre[1]),
            ),
        )
        server = Server(
            ServerConfig(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_STOP_S,
                lifespan="on",
                forwarded_allow_ips=trusted(config.limits),
            )
        )
        closing = asyncio.create_task(_close_streams(server, context_of(app).hub.close))
        try:
            async with renewal.watching(partial(_end, server)):
                await server.serve(sockets=[listening.dup()])  # which closes what it is given
        finally:
            closing.cancel()
            if oidc is not None:
                await oidc[1].close()
    return 0


def _secure(config: Config) -> bool:
    """Whether browsers that a provider sends back come over TLS."""
    return config.oidc.public_url.startswith("https://")


def _site(address: str) -> str:
    """Return the site of an address, without what its path says."""
    parts = urlsplit(address)
    host = parts.netloc.replace("{s}", "*")
    return f"{parts.scheme}://{host}" if host else ""


@asynccontextmanager
async def exporting(opened: "Database") -> "AsyncIterator[Exports]":
    """Yield what exports readings; its connections are closed at the end."""
    from storage.export import Exports

    with Exports(opened) as exports:
        yield exports


def _end(server: "Server") -> None:
    """End the server in order."""
    server.should_exit = True


async def _close_streams(server: "Server", close: "Callable[[], None]") -> None:
    """End the event streams as soon as the server is told to stop: it would wait for them."""
    while not server.should_exit:  # noqa: ASYNC110 -- uvicorn has a flag here, no event
        await asyncio.sleep(0.1)
    close()
