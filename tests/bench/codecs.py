"""Makers' scripts: what a frame costs through the cage, how fast that is back, what hostile scripts cost others.

1. ``codec``: a codec of 11 bytes and 7 values, batches of 200 through the worker process, beside the engine alone in
   this process: the same script, a loop in JavaScript around it, JSON in and out. Time on the wall, in turns.
2. ``codec.back``: from the moment that the worker is killed to the next answer, beside a question without that.
3. ``codec.gone``: for how long a batch of 200 frames of the worst hostile script holds the cage, beside all of them
   together, each once (in the short form every fourth).
4. ``codec.others_p99`` (not in the short form): how long frames of lamps wait while devices with hostile scripts send
   5 frames a second, beside the same lamps without them; a city of its own, lamps at 500 frames a second.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from threading import Event, Thread

import msgspec
import numpy as np
import quickjs
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from ingest.cage import AT_ONCE, Cage
from model.script import Call, Script
from simulators.envelopes import APPLICATION
from tests.acceptance.command import penfeld
from tests.bench.figure import Figure, Size, middle
from tests.bench.latency import prepare, warm
from tests.bench.progress import tell
from tests.bench.rig import Rig, VoidError, rig
from tests.bench.servers import temporary_folder
from tests.hostile import HOSTILE, body

ROUNDS: Mapping[Size, int] = {Size.TINY: 2, Size.SHORT: 40, Size.FULL: 200}
EACH: Mapping[Size, int] = {Size.TINY: 9, Size.SHORT: 4, Size.FULL: 1}
"""Every which of the hostile scripts is run."""
SECONDS: Mapping[Size, float] = {Size.TINY: 0.5, Size.FULL: 60.0}
LAMPS, RATE, HOSTILE_RATE = 500, 500.0, 5.0
_CODEC = """
function decodeUplink(input) {
  var b = input.bytes;
  return { data: {
    state: b[0], temperature: ((b[1] << 24 >> 16) | b[2]) / 100, humidity: (b[3] << 8) | b[4],
    energy: b[5] * 16777216 + (b[6] << 16) + (b[7] << 8) + b[8], lit: (b[9] & 1) === 1, mode: (b[9] >> 1) & 7,
    voltage: b[10] / 10,
  } };
}
"""
_GOOD = Script(name="good.js", source=_CODEC)
_FILE = """
title = {{ en = "Hostile {number}", fr = "Hostile {number}" }}
vendor = "Example"
model = "Hostile {number}"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up for tests"
[codec]
script = "hostile_{number}.js"
[field.temperature_c]
path = "t"
kind = "float"
quantity = "temperature"
"""


def figures(size: Size) -> Iterator[Figure]:
    """Yield what the cage costs, and what it keeps from the others."""
    yield from asyncio.run(_cage(ROUNDS[size], tuple(HOSTILE.values())[:: EACH[size]]))
    if size is not Size.SHORT:  # a city of its own takes half a minute
        yield from _others(size)


async def _cage(rounds: int, hostile: tuple[str, ...]) -> list[Figure]:
    payloads = [bytes(range(n % 50, n % 50 + 11)) for n in range(AT_ONCE)]
    context = quickjs.Context()
    context.eval(_CODEC)
    alone = context.eval(
        "(function (text) { var calls = JSON.parse(text), said = [];"
        " for (var i = 0; i < calls.length; i++)"
        " said.push(decodeUplink({ bytes: calls[i][0], fPort: calls[i][1] }).data);"
        " return JSON.stringify(said) })"
    )
    caged, bare, back, undisturbed = [], [], [], []
    async with Cage() as cage:
        await cage.run(_GOOD, "uplink", [Call([0] * 11, 1)])
        for _ in range(rounds):
            began = time.perf_counter()
            results = await cage.run(_GOOD, "uplink", [Call(list(one), 1, 1.7e12) for one in payloads])
            caged.append(time.perf_counter() - began)
            began = time.perf_counter()
            said = msgspec.json.decode(alone(msgspec.json.encode([[list(one), 1] for one in payloads]).decode()))
            bare.append(time.perf_counter() - began)
            if [one.data for one in results] != said:
                raise VoidError("the cage and the engine alone say different things")
        for _ in range(max(rounds // 4, 1)):
            await asyncio.sleep(0.5)  # the next worker is ready
            began = time.perf_counter()
            await cage.run(_GOOD, "uplink", [Call([0] * 11, 1)])
            undisturbed.append((time.perf_counter() - began) * 1e3)
            if cage.pid is None:
                raise VoidError("no worker runs")
            os.kill(cage.pid, 9)
            began = time.perf_counter()
            await cage.run(_GOOD, "uplink", [Call([0] * 11, 1)])
            back.append((time.perf_counter() - began) * 1e3)
        held = []
        for number, code in enumerate(hostile):
            script = Script(name=f"hostile_{number}.js", source=body(code))
            began = time.perf_counter()
            await cage.run(script, "uplink", [Call([n], 1) for n in range(AT_ONCE)])
            held.append(time.perf_counter() - began)
    each = 1e6 / AT_ONCE
    return [
        Figure("codec", middle(caged) * each, "µs/frame", "the engine alone, in one process", middle(bare) * each),
        Figure("codec.back", max(back), "ms", "an answer of the worker without that", middle(undisturbed)),
        Figure("codec.gone", max(held), "s", f"{len(held)} hostile scripts together", sum(held)),
    ]


def _others(size: Size) -> Iterator[Figure]:
    with temporary_folder() as folder, rig(folder, LAMPS) as city:
        _settle(city, tuple(HOSTILE.values()))
        with city.ingest() as running:
            warm(city, running)
            quiet = _waited(city, running, size)
            end = Event()
            attack = Thread(target=_attack, args=(city, len(HOSTILE), end))
            attack.start()
            try:
                loud = _waited(city, running, size)
            finally:
                end.set()
                attack.join()
        with city.connect() as connection:
            asides = connection.execute("select reason, sum(times)::int from penfeld.quarantine group by 1").fetchall()
        tell(f"set aside: {asides}")
        yield Figure("codec.others_p99", loud, "ms", "the same without hostile scripts", quiet)


def _settle(city: Rig, hostile: tuple[str, ...]) -> None:
    """Give the city a device type and a device for each hostile script."""
    own = city.folder / "my-devices"
    own.mkdir()
    rows = ["id,type,network"]
    for number, code in enumerate(hostile):
        (own / f"hostile_{number}.js").write_text(body(code))
        (own / f"hostile_{number}.toml").write_text(_FILE.format(number=number))
        rows.append(f"{_device(number)},hostile_{number},chirpstack")
    (city.folder / "hostile.csv").write_text("\n".join(rows) + "\n")
    for words in (("db", "migrate"), ("devices", "import", "hostile.csv")):
        if (done := penfeld(*words, folder=city.folder)).returncode:
            raise VoidError(f"penfeld {' '.join(words)}: {done.stderr}")


def _waited(city: Rig, running: object, size: Size) -> float:
    """Return after how many milliseconds 99 of 100 lamps' frames could be asked for."""
    count = int(RATE * SECONDS[size])
    load = prepare(city, count, RATE)
    with city.publishing(city.folder / "frames", load.start_s, RATE):
        seen = np.array(list(city.watched(count, running, every_s=0.003, aside=True)))  # type: ignore[arg-type]
    city.stored += count
    stored_at = seen[np.searchsorted(seen[:, 1], np.arange(1, count + 1)), 0]
    return float(np.percentile(stored_at - load.start_s - np.arange(count) * load.step_s, 99)) * 1000


def _attack(city: Rig, count: int, end: Event) -> None:
    """Publish a frame of each hostile device in turn, until told to stop."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect(city.broker.address.host, city.broker.address.port)
    client.loop_start()
    number = 0
    while not end.wait(1 / HOSTILE_RATE):
        device = _device(number % count)
        event = {
            "deviceInfo": {"devEui": device},
            "devAddr": "26010000",
            "fCnt": number,
            "fPort": 1,
            "data": base64.b64encode(number.to_bytes(4)).decode(),
        }
        client.publish(f"application/{APPLICATION}/device/{device}/event/up", json.dumps(event), qos=1)
        number += 1
    client.disconnect()
    client.loop_stop()


def _device(number: int) -> str:
    return f"70b3d5ff{number:08x}"
