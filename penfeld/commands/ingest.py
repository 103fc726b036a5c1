"""``penfeld ingest``: one worker between broker and database."""

import argparse
import asyncio
import signal
from typing import TYPE_CHECKING

from penfeld.config import Config, load
from penfeld.options import no_watch

if TYPE_CHECKING:
    from penfeld.renewal import Renewal

DESCRIPTION = """\
Take frames from the broker, decode them, store them, acknowledge them. Any number of workers may run, each with a name
of its own ([ingest] worker); with one [ingest] share they divide the frames among them. New and changed device files
are taken by themselves. Ctrl-C or SIGTERM finishes the batches in hand; what is not stored stays in the broker."""
EXAMPLES = """\
  penfeld ingest
  PENFELD_INGEST_SHARE=city PENFELD_INGEST_WORKER=ingest-2 penfeld ingest"""


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
    code = asyncio.run(_ingest(config, options.wait, renewal))
    renewal.begin_again()
    return code


async def _ingest(config: Config, wait_s: float, renewal: "Renewal") -> int:
    from random import Random

    from ingest.batching import Limits
    from ingest.cage import Cage
    from ingest.mqtt import MqttConfig, MqttSource
    from ingest.pipeline import Pipeline
    from ingest.service import Ingest, IngestConfig
    from penfeld.brokers import broker_address
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.reach import answers
    from penfeld.replays import EVERY_S, quarantine, replayer, replays
    from penfeld.sources import sources
    from penfeld.upkeep import FIRST_S, Repeated, rounds, upkeep
    from penfeld.wiring import database, make_ready
    from storage.registry import Registry
    from storage.writer import Writer

    settings = config.ingest
    known = catalogue(config)
    taken = sources(config)
    address = broker_address(config)
    await answers(address)  # a broker that is not there at the start is for a person; one that goes later is waited for
    async with database(config, wait_s=wait_s) as opened, Cage() as cage:
        await make_ready(opened, known)
        random = Random()  # noqa: S311 -- spreads retries, guards nothing
        source = MqttSource(
            MqttConfig(
                broker=address,
                client_id=f"{config.broker.client_id}-{settings.worker}",
                filters=tuple(topic for source in taken for topic in source.filters),
                share=settings.share,
                worker=settings.worker,
                limits=Limits(count=settings.batch_frames, age_s=settings.batch_ms / 1000),
                window=settings.window,
            ),
            clock=utc_now,
            random=random,
        )
        worker = Ingest(
            source=source,
            pipeline=Pipeline(known, taken, Registry(opened), cage),
            sink=Writer(opened, settings.worker),
            live=source,
            clock=utc_now,
            config=IngestConfig(worker=settings.worker),
            random=random,
            codecs=cage,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, renewal.end, worker.stop)
        replay = replays(replayer(opened, known, taken, utc_now, cage), quarantine(opened), known.names())
        steps = (
            Repeated(
                "upkeep",
                rounds(upkeep(opened, config, known, utc_now), worker.behind_s),
                first_s=FIRST_S,
                behind_s=worker.behind_s,
            ),
            Repeated("replay", replay, every_s=EVERY_S),
        )
        beside = [asyncio.create_task(step.run()) for step in steps]
        try:
            async with renewal.watching(worker.stop):
                await worker.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await source.close()
    return 0
