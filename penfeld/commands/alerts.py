"""``penfeld alerts``: evaluates rules, raises alarms, tells people."""

import argparse
import asyncio
import os
import signal
from typing import TYPE_CHECKING

from penfeld.config import Config, load
from penfeld.options import no_watch

if TYPE_CHECKING:
    from penfeld.renewal import Renewal

DESCRIPTION = """\
Evaluate alert rules over what is stored, raise alarms, and tell people over the channels of penfeld.toml. One process
does that for a database; a second one waits, and takes over when the first is gone. Ctrl-C or SIGTERM ends it; what
is stored meanwhile is looked at when it starts again. New and changed device files are taken by themselves."""
EXAMPLES = """\
  penfeld alerts
  penfeld rules list
  penfeld rules test lamp/hot --from -30d"""
_NICE = 5
"""Where processors are short, frames are stored first: what waits for the evaluator is in the database."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--wait", type=float, default=30, metavar="S", help="seconds to wait for the database at first")
    no_watch(parser)


def run(options: argparse.Namespace) -> int:
    """Work until told to stop."""
    from penfeld import journal
    from penfeld.renewal import Renewal

    journal.start()
    config = load(getattr(options, "config", None))
    renewal = Renewal(config, watches=options.watch)
    code = asyncio.run(_alerts(config, options.wait, renewal))
    renewal.begin_again()
    return code


async def _alerts(config: Config, wait_s: float, renewal: "Renewal") -> int:
    from random import Random
    from zoneinfo import ZoneInfo

    from alerts.channels.mqtt import Feed
    from alerts.evaluator import Evaluator, EvaluatorConfig
    from alerts.sender import Sender
    from alerts.service import AlertsService
    from penfeld.alerting import cadences, place
    from penfeld.brokers import broker_address
    from penfeld.channels import channels_of, lookup_of
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.upkeep import Repeated
    from penfeld.wiring import database, make_ready
    from storage.alerts import AlertStore
    from storage.outbox import Outbox
    from storage.registry import Registry

    os.nice(_NICE)
    known = catalogue(config)
    channels = channels_of(config)
    random = Random()  # noqa: S311 -- spreads retries, guards nothing
    async with database(config, wait_s=wait_s) as opened:
        await make_ready(opened, known)
        types = {one.name: one for one in known.types()}
        feed = Feed(broker_address(config), random)
        sender = Sender(
            Outbox(opened),
            channels,
            utc_now,
            zone=ZoneInfo(config.city.time_zone),
            lookup=lookup_of(Registry(opened), types.get, utc_now),
            random=random,
        )
        service = AlertsService(
            evaluator=Evaluator(
                AlertStore(opened),
                types,
                utc_now,
                EvaluatorConfig(grace=config.alerts.grace.length, place=place(config)),
            ),
            feed=feed,
            clock=utc_now,
            random=random,
            troubles=sender.troubles,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, renewal.end, service.stop)
        learning = Repeated("learning how often devices speak", cadences(opened, known, utc_now), every_s=600.0)
        beside = [asyncio.create_task(work.run()) for work in (feed, sender, learning)]
        try:
            async with renewal.watching(service.stop):
                await service.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    return 0
