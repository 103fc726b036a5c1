"""Builds the console on an application: its live feed, its pages, its files, its manner."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from nicegui import app as console_app
from nicegui import ui

from api.console.config import ConsoleConfig
from api.console.feed import Feed
from api.console.frame import ASSETS
from api.console.pages import city, device, device_type, device_types, devices, ledger
from api.console.pages import quarantine as quarantine_page
from api.console.parts import Parts
from api.live import Hub
from decoders.catalogue import Catalogue
from model.ports import Interpreter, Quarantine, Queries, Registry

_STATIC = Path(__file__).parent / "static"


def build(  # the console's parts, each named
    app: FastAPI,
    *,
    queries: Queries,
    registry: Registry,
    quarantine: Quarantine,
    interpreter: Interpreter,
    catalogue: Catalogue,
    hub: Hub,
    clock: Callable[[], datetime],
    config: ConsoleConfig,
) -> None:
    """Put the console on the application. See ``api.console.mount``."""
    types = tuple(catalogue.types())
    feed = Feed(queries=queries, registry=registry, types=types, hub=hub, clock=clock, reload_s=config.reload_s)
    parts = Parts(
        feed=feed,
        hub=hub,
        queries=queries,
        registry=registry,
        quarantine=quarantine,
        interpreter=interpreter,
        catalogue=catalogue,
        clock=clock,
        config=config,
    )
    for page in (city, devices, device, device_types, device_type, ledger, quarantine_page):
        page.register(parts)
    console_app.add_static_files(ASSETS, _STATIC)
    console_app.on_startup(feed.start)
    console_app.on_shutdown(feed.stop)
    ui.run_with(
        app,
        title="Penfeld",
        favicon=_STATIC / "penfeld.svg",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
        binding_refresh_interval=None,
    )
