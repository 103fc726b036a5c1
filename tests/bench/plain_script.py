"""``python -m tests.bench.plain_script HOST PORT DSN COUNT BATCH``: what an engineer writes in an afternoon.

paho-mqtt's own thread, ``json``, ``struct``, psycopg in batches. It keeps values only: no raw frame, no duplicates told
apart, no quarantine, no ledger, no latest values. paho acknowledges each message before it is stored: what is in hand
when the script or the database fails is lost. Prints ``ready``, then frames a second, first message to last commit.
"""

import base64
import json
import struct
import sys
import threading
import time

import psycopg
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.topics import topic_filter

TABLE = """create table if not exists plain_script (
device text, time timestamptz, lamp_on boolean, dimming_percent int, power_w float, energy_kwh float, voltage_v float,
driver_temperature_c int, power_factor float, primary key (device, time))"""
INSERT = "insert into plain_script values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing"
STATUS, DAILY = struct.Struct(">BBHBHHbB"), struct.Struct(">BHHH")


def main(host: str, port: int, dsn: str, count: int, batch: int) -> float:
    """Store so many messages; return frames a second."""
    database = psycopg.connect(dsn)
    database.execute(TABLE)
    database.commit()
    rows: list[tuple[object, ...]] = []
    times: list[float] = []
    done = threading.Event()
    left = count

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        nonlocal left
        times.append(time.perf_counter())
        event = json.loads(message.payload)
        data = base64.b64decode(event["data"])
        device, moment = event["deviceInfo"]["devEui"], event["time"]
        if event["fPort"] == 1:
            flags, dimming, power, high, low, voltage, temperature, factor = STATUS.unpack(data)
            energy = (high << 16 | low) / 100
            known = (bool(flags & 128), dimming, power / 10, energy, voltage / 10, temperature, factor / 100)
            rows.append((device, moment, *known))
        else:
            high, low, _hours, _current = DAILY.unpack(data)
            rows.append((device, moment, None, None, None, (high << 16 | low) / 100, None, None, None))
        left -= 1
        if len(rows) >= batch or not left:
            with database.cursor() as cursor:
                cursor.executemany(INSERT, rows)
            database.commit()
            rows.clear()
        if not left:
            times.append(time.perf_counter())
            done.set()

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="plain-script")
    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect(host, port)
    client.subscribe(topic_filter("script"), 1)
    client.loop_start()
    if not done.wait(600):
        raise SystemExit(f"{left} messages did not come")
    client.disconnect()
    return count / (times[-1] - times[0])


if __name__ == "__main__":
    host, port, dsn, count, batch = sys.argv[1:]
    print(main(host, int(port), dsn, int(count), int(batch)))
