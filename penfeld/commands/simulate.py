"""``penfeld simulate``: frames of simulated devices, through the same doors as those of real ones."""

import argparse
import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from model.errors import BadRequestError, ConfigError
from penfeld.config import Config, load
from penfeld.output import as_json, remark

if TYPE_CHECKING:
    from decoders.catalogue import Catalogue
    from model.status import SimulationStatus
    from simulators.fleet import Fleet

DESCRIPTION = """\
Send frames of simulated devices into the broker (and Sigfox callbacks to the API) in the wire formats of their types.
Without --devices it is the city of `penfeld demo`. With --devices it is any type of the catalogue, files of your own in
./my-devices included: from its ranges alone where no model knows it, by the examples of its file where a maker's script
reads it. Devices are registered first, and marked as simulated like all that they send: `penfeld purge-simulated`
removes it. Needs a running `penfeld run` or `demo`, or a penfeld.toml that names broker and database."""
EXAMPLES = """\
  penfeld simulate --devices elsys_ers --count 20
  penfeld simulate --devices my-devices/lab_soil.toml --count 3 --speed 60 --for 120
  penfeld simulate --lamps 3000 --trams 0 --faults loss=0.01,late=0.05
faults: loss, duplicates, late, stuck, battery, corrupt (shares from 0 to 1), drift (seconds a day)"""

_MOST = 100_000
_FASTEST = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--devices", metavar="TYPE|FILE", help="a device type, or a device file of your own")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="how many devices of that type (default 10)")
    parser.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="stop after so many seconds")
    parser.add_argument("--history", type=float, default=0, metavar="HOURS", help="tell so many past hours, too")
    parser.add_argument("--sigfox-url", metavar="URL", help="where Sigfox callbacks go (default: the API that runs)")
    parser.add_argument(
        "--json", action="store_true", help="print the state as one JSON object a second, and at the end"
    )
    city_arguments(parser)


def city_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that the demonstration shares."""
    city = parser.add_argument_group("the city")
    for name, number in (("lamps", 300), ("meters", 80), ("sigfox", 40), ("trams", 20)):
        city.add_argument(f"--{name}", type=int, default=number, metavar="N", help=f"how many (default {number})")
    city.add_argument("--speed", type=float, default=1, metavar="X", help="devices speak X times as often (default 1)")
    city.add_argument("--faults", default="", metavar="WORDS", help="what goes wrong, e.g. loss=0.01,duplicates=0.05")
    city.add_argument("--seed", type=int, default=1, metavar="N", help="another seed is another city (default 1)")


def city_words(options: argparse.Namespace) -> list[str]:
    """Return the options of the city, as a command line says them."""
    names = ("lamps", "meters", "sigfox", "trams", "speed", "faults", "seed")
    return [f"--{name}={getattr(options, name)}" for name in names]


def run(options: argparse.Namespace) -> int:
    """Simulate until told to stop."""
    from penfeld import journal

    journal.start()
    check_city(options)
    return asyncio.run(_simulate(load(getattr(options, "config", None)), options))


def check_city(options: argparse.Namespace) -> None:
    """Raise ``BadRequestError`` for numbers that make no city, ``ConfigError`` for faults that nobody knows."""
    counts = {name: getattr(options, name, 0) for name in ("count", "lamps", "meters", "sigfox", "trams")}
    wrong = [f"--{name} must be between 0 and {_MOST}, not {n}" for name, n in counts.items() if not 0 <= n <= _MOST]
    if not 0 < options.speed <= _FASTEST:
        wrong.append(f"--speed must be above 0 and at most {_FASTEST}, not {options.speed:g}")
    if wrong:
        raise BadRequestError("; ".join(wrong))
    if options.faults:
        from simulators.faults import Faults

        Faults.parse(options.faults)


async def _simulate(config: Config, options: argparse.Namespace) -> int:
    from penfeld.brokers import broker_address
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.reach import answers
    from penfeld.simulation import awaited, register, sigfox_url, simulate
    from penfeld.terminal import interrupted

    await answers(broker_address(config))
    known = catalogue(config)
    fleet = _fleet(config, known, options)
    devices = fleet.devices()
    if not devices:
        raise ConfigError(["there is nothing to simulate: every number of devices is 0"])
    stop = interrupted()
    await register(config, known, devices)
    if options.devices is not None:
        kind = known[str(devices[0].type)].type
        if not await awaited(config, kind):
            remark(
                f"penfeld: what runs on {config.data_dir} has not taken {kind.name} as its file is now, so these frames"
                " may go to quarantine: look at what it says, or stop it and start it again in this folder"
            )
    if options.for_s is not None:
        asyncio.get_running_loop().call_later(options.for_s, stop.set)
    state = await simulate(
        config,
        fleet,
        stop,
        _as_lines if options.json else _as_remarks,
        clock=utc_now,
        history=timedelta(hours=options.history),
        callbacks=options.sigfox_url or sigfox_url(config),
    )
    if not options.json:
        sent = ", ".join(f"{source} {count}" for source, count in state.sent.items())
        print(f"sent {sum(state.sent.values())} frames ({sent}), {state.unacknowledged} of them not acknowledged")
    return 1 if state.unacknowledged else 0


def _fleet(config: Config, known: "Catalogue", options: argparse.Namespace) -> "Fleet":
    """Return the devices asked for."""
    from penfeld.devicefiles import definition_in, name_in
    from simulators.faults import Faults
    from simulators.fleet import city, of_type

    faults = Faults.parse(options.faults, seed=options.seed)
    if options.devices is None:
        numbers = {name: getattr(options, name) for name in ("lamps", "meters", "sigfox", "trams")}
        return city(known, seed=options.seed, speed=options.speed, faults=faults, **numbers)
    definition = definition_in(known, name_in(config, options.devices))
    return of_type(definition, options.count, seed=options.seed, speed=options.speed, faults=faults)


def _as_lines(state: "SimulationStatus") -> None:
    import msgspec

    as_json(msgspec.to_builtins(state), compact=True)


def _as_remarks(state: "SimulationStatus") -> None:
    past = f", {state.history_done:.0%} of the past told" if 0 < state.history_done < 1 else ""
    late = f", {state.lag_s:.1f} s late" if state.lag_s > 1 else ""
    remark(f"{sum(state.sent.values())} frames sent{past}{late}")
