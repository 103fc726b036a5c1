"""Lamps that fail, one after the other: when the alarm of each is stored, and when a web service is told of it.

1. A failure is a frame like all others, published over a connection of its own at the time that it says; the lamp's
   next frame says that it is well again.
2. A second connection asks every 3 ms which alarms there are. A web service of our own notes when it hears of each.
3. An alarm that never comes voids the measurement.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from decoders.catalogue import Catalogue
from model.instants import moment
from simulators.envelopes import Frame, event
from tests.bench.frames import TYPE, lamps
from tests.bench.rig import PATIENCE_S, Rig, VoidError

RULE = "bench/failure"
CHANNEL = "bench"
_LOOK_S = 0.003
_COUNTER = 30_000
_FAILURE = {"lamp_on": True, "lamp_failure": True, "driver_failure": False, "dimming_percent": 70, "power_w": 0.0}
_ALARMS = "select subject from penfeld.alarm where rule = %s and started_at >= %s"
_FAILED = f"select distinct d.id from readings.{TYPE} join penfeld.device as d on d.key = device where lamp_failure"  # noqa: S608


@dataclass
class Probe:
    """Lamp -> when (seconds since 1970) it failed, its alarm could be read, the web service heard of it."""

    failed: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)

    def waits(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return how long alarms and messages took, in seconds."""
        return (
            [self.stored[name] - at for name, at in self.failed.items()],
            [self.told[name] - at for name, at in self.failed.items()],
        )


def rule() -> dict[str, object]:
    """Return the rule that failures fulfil."""
    return {
        "name": RULE,
        "title": {"en": "A lamp failed", "fr": "Une lampe en panne"},
        "scope": {"type": [TYPE]},
        "when": {"kind": "is", "field": "lamp_failure", "values": [True]},
        "severity": "critical",
        "notify": [CHANNEL],
        "simulated": True,
    }


@contextlib.contextmanager
def web_service(probe: Probe) -> Iterator[str]:
    """Run a web service that notes what it is told; yield the settings of a channel to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            now = time.time()
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            for one in said["alarms"]:
                probe.told.setdefault(one["alarm"]["subject"], now)  # some are over by then: one line says both
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield (
            f'[[channel]]\nname = "{CHANNEL}"\nkind = "webhook"\nurl = "http://127.0.0.1:{server.server_port}/"\n'
            'secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\ngroup_wait = "0 s"\n'
        )
    finally:
        server.shutdown()
        server.server_close()


def fail(city: Rig, probe: Probe, count: int, start_s: float, every_s: float) -> None:
    """Have lamps fail one after the other; return when every alarm is stored and told."""
    definition = Catalogue.builtin()[TYPE]
    payload = definition.encode(_FAILURE).payload
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-failures")
    client.connect(city.broker.address.host, city.broker.address.port)
    client.loop_start()
    try:
        with city.connect() as connection:
            failing = _names(connection, _FAILED)
            senders = [one for one in lamps(city.lamps).senders if one.id not in failing]
            begin = moment(int(start_s * 1e6))
            done, deadline = 0, 0.0
            while done < count or probe.failed.keys() - (probe.stored.keys() & probe.told.keys()):
                now = time.time()
                if done < count and now >= start_s + done * every_s:
                    sender = senders[done * len(senders) // count]
                    one = event(Frame(sender=sender, time=now, counter=_COUNTER, payload=payload, f_port=1))
                    probe.failed[sender.id] = now
                    client.publish(one.topic, one.payload, qos=1)
                    done += 1
                    deadline = now + PATIENCE_S
                for name in probe.failed.keys() & _names(connection, _ALARMS, RULE, begin):
                    probe.stored.setdefault(name, time.time())
                if done == count and time.time() > deadline:
                    raise VoidError(
                        f"{count} lamps failed, {len(probe.stored)} alarms came, {len(probe.told)} were told"
                    )
                time.sleep(_LOOK_S)
    finally:
        client.disconnect()
        client.loop_stop()


def _names(connection: psycopg.Connection[tuple[int, ...]], query: str, *parameters: object) -> set[str]:
    return {str(name) for (name,) in connection.execute(query, parameters)}
