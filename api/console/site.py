"""Builds the console on an application: its live feed, its pages, its files, its manner."""

from pathlib import Path

from fastapi import FastAPI
from nicegui import app as console_app
from nicegui import ui

from api.console.bell import Bell
from api.console.config import ConsoleConfig
from api.console.feed import Feed
from api.console.feeds import Feeds
from api.console.frame import ASSETS
from api.console.login import login_page
from api.console.pages import access as access_page
from api.console.pages import (
    alarm,
    alarms,
    city,
    device,
    device_type,
    device_types,
    devices,
    ledger,
    rule,
    rules,
    silences,
)
from api.console.pages import quarantine as quarantine_page
from api.console.parts import Parts
from api.console.reader import Guard
from api.context import context_of

_STATIC = Path(__file__).parent / "static"


def build(app: FastAPI, config: ConsoleConfig) -> None:
    """Put the console on the application. See ``api.console.mount``."""
    given = context_of(app)
    types = tuple(given.catalogue.types())
    feed = Feed(
        queries=given.queries,
        registry=given.registry,
        types=types,
        hub=given.hub,
        clock=given.clock,
        reload_s=config.reload_s,
    )
    feeds = Feeds(types, given.clock, config.reload_s)
    parts = Parts(
        feed=feed,
        bell=Bell(given.alarms, given.clock),
        hub=given.hub,
        queries=given.queries,
        registry=given.registry,
        quarantine=given.quarantine,
        interpreter=given.interpreter,
        catalogue=given.catalogue,
        codecs=given.codecs,
        device_files=given.device_files,
        alarms=given.alarms,
        rules=given.rules,
        outbox=given.outbox,
        channels=given.channels,
        clock=given.clock,
        config=config,
        feeds=feeds,
        access=given.access,
    )
    for page in (
        access_page,
        city,
        alarms,
        alarm,
        silences,
        rules,
        rule,
        devices,
        device,
        device_types,
        device_type,
        ledger,
        quarantine_page,
    ):
        page.register(parts)
    console_app.add_static_files(ASSETS, _STATIC)
    console_app.on_startup(feed.start)
    console_app.on_shutdown(feed.stop)
    console_app.on_shutdown(feeds.stop)
    console_app.add_middleware(Guard, site=app)
    app.add_api_route("/login", login_page, include_in_schema=False)
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
