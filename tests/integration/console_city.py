"""A small made-up city behind the real application and console, on a free port: what the console's tests look at.

Run as ``python -m tests.integration.console_city [number of lamps] [port]``: prints its address on the first line, and
ends when its standard input is closed. Lamps, meters and trams stand on a grid; trams move every second; the values of
``lamp-0001`` change every second, so that a test can see a page live.
"""

# ruff: noqa: D102  the ports tell what these methods promise

import asyncio
import json
import math
import socket
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import msgspec
import uvicorn

from api.app import ApiConfig, create_app
from api.console import ConsoleConfig, mount
from decoders.catalogue import Catalogue
from model.access import Role, sees
from model.batch import Replay, Replayed
from model.device import Device, DeviceType, State
from model.errors import NotFoundError, Reason
from model.ports import EVERYTHING
from model.script import Result, Suspension
from model.status import IngestStatus, LiveReading
from model.uplink import Value
from model.views import (
    Amount,
    DatabaseFacts,
    Interpretation,
    Latest,
    LatestValue,
    LedgerRow,
    QuarantinedFrame,
    QuarantineFilter,
    QuarantinePage,
    QuarantineSums,
    ReadingPage,
    ReadingRow,
    StateValue,
    UnmappedPath,
    WorkerSums,
)
from tests.fakes.access import Access
from tests.fakes.codecs import ToldCodecs
from tests.fakes.dashboards import Dashboards
from tests.fakes.device_files import DeviceFiles
from tests.fakes.exports import Exports
from tests.fakes.observations import Observations
from tests.fakes.open_data import OpenData
from tests.integration.console_alerts import Alerts

NASTY = "<script>window.hacked = true</script>"
DISTRICTS = ("Brest-Centre", "Saint-Marc", "Europe", "Lambézellec", "Bellevue", "Quatre-Moulins", "Saint-Pierre")
TRAM_LINE = (
    (48.3886, -4.5420),
    (48.3868, -4.5290),
    (48.3852, -4.5150),
    (48.3843, -4.5020),
    (48.3838, -4.4975),
    (48.3870, -4.4905),
    (48.3905, -4.4868),
    (48.3935, -4.4820),
    (48.3968, -4.4765),
    (48.3992, -4.4715),
    (48.4020, -4.4650),
    (48.4140, -4.4600),
    (48.4330, -4.4583),
)


REFERENCE = ("streetlight", "gridmeter", "tramunit", "binsensor", "watermeter")


MAST = """
title = { en = "Weather mast", fr = "Mât météo" }
vendor = "Lab"
model = "Mast"
domain = "environment"
networks = ["lorawan"]
period = "10 min"
source = "what its script says"

[codec]
script = "lab_mast.js"
variables = { height = "10" }
time = "at"

[field.temperature_c]
title = { en = "Air temperature", fr = "Température de l’air" }
path = "air.temperature"
kind = "float"
quantity = "temperature"
range = [-30, 50]

[field.wind_ms]
path = "wind.speed"
kind = "float"
quantity = "wind_speed"
unit = "km/h"

[[example]]
name = "a breeze"
f_port = 2
payload = "01 07 2b"
values = { temperature_c = 18.35, wind_ms = 4.0 }
"""
GATE = MAST.replace("Weather mast", "Tide gate").replace("Mât météo", "Vanne").replace("lab_mast.js", "lab_gate.js")
SCRIPT = "throw new Error('a script runs in the process of the console')"
SAID = Result(
    data={"air": {"temperature": 18.35, "humidity": 71}, "wind": {"speed": 14.4}, "note": f"ok {NASTY}"},
    warnings=("battery low",),
    log=("port 2",),
)


def types() -> Catalogue:
    """Return our own device types alone, few and steady, and two that scripts read."""
    folder = files("decoders.devices")
    own = {f"penfeld_{n}": folder / f"penfeld_{n}.toml" for n in REFERENCE}
    scripts = {"lab_mast.js": SCRIPT, "lab_gate.js": SCRIPT}
    return Catalogue({**own, "lab_mast": MAST, "lab_gate": GATE}, scripts)


def now() -> datetime:
    return datetime.now(UTC)


def along(part: float) -> tuple[float, float]:
    """Return the place at a part (0 to 1, then back) of the tram line."""
    part = abs((part % 2) - 1) * (len(TRAM_LINE) - 1)
    at = min(int(part), len(TRAM_LINE) - 2)
    (lat0, lon0), (lat1, lon1) = TRAM_LINE[at : at + 2]
    return lat0 + (lat1 - lat0) * (part - at), lon0 + (lon1 - lon0) * (part - at)


WORDS = "goéland pluvieux 29"
HIDDEN = "lamp-0007"


class City:
    """The devices, what they say, and what is kept of it."""

    def __init__(self, lamps: int) -> None:
        self.start = now()
        self.down = False
        self.marks: dict[int, datetime] = {}
        self.devices: dict[str, Device] = {}
        side = math.ceil(math.sqrt(lamps))
        for n in range(lamps):
            lat = 48.3845 + 0.045 * (n // side) / side + 0.0006 * math.sin(n)
            lon = -4.535 + 0.095 * (n % side) / side + 0.0008 * math.cos(3 * n)
            name = NASTY if n == 1 else f"Rue {n // 20} n°{n}"
            self._add(f"lamp-{n:04d}", "penfeld_streetlight", name, (lat, lon), n)
        for n in range(lamps // 4):
            lat, lon = 48.387 + 0.002 * (n % 17), -4.52 + 0.004 * (n // 17)
            self._add(f"meter-{n:04d}", "penfeld_gridmeter", f"Bâtiment {n}", (lat, lon), n)
        for n in range(20):
            self._add(f"tram-{n:02d}", "penfeld_tramunit", f"Rame {1001 + n}", None, n)
        for n in range(20):
            lat, lon = 48.389 + 0.0017 * n, -4.488 - 0.0013 * (n % 5) + 0.002 * (n // 5)
            self._add(f"bin-{n:02d}", "penfeld_binsensor", f"Conteneur {n}", (lat, lon), n)
            self._add(f"water-{n:02d}", "penfeld_watermeter", f"Compteur {n}", (lat + 0.002, lon + 0.005), n)
        for n in range(3):
            self._add(f"mast-{n:02d}", "lab_mast", f"Mât {n}", (48.381 + 0.003 * n, -4.49 - 0.004 * n), n)
        self.devices["70b3d57ed0001234"] = Device(
            id="70b3d57ed0001234", type=None, state=State.PENDING, network="chirpstack", first_seen=self.start
        )

    def _add(self, name: str, kind: str, title: str, place: tuple[float, float] | None, n: int) -> None:
        self.devices[name] = Device(
            id=name,
            type=kind,
            name=title,
            network="chirpstack",
            latitude=place[0] if place else None,
            longitude=place[1] if place else None,
            district=DISTRICTS[n % len(DISTRICTS)] if place else None,
            simulated=n % 10 != 0,
            tags={"street": f"street {n % 40}"},
            first_seen=self.start,
        )

    def values(self, device: Device, at: datetime) -> dict[str, Value]:
        """Return what a device says at a time."""
        seconds = at.timestamp()
        n = int(device.id.split("-")[1])
        if device.type == "penfeld_tramunit":
            lat, lon = along(seconds / 900 + n / 10)
            return {
                "latitude_deg": round(lat, 6),
                "longitude_deg": round(lon, 6),
                "speed_kmh": 20 + 18 * math.sin(seconds / 9 + n),
                "heading_deg": 45.0,
                "occupancy_count": 40 + n,
                "doors_open": False,
                "at_stop": False,
                "stop_index": n,
                "traction_power_kw": 120 * math.sin(seconds / 9 + n),
                "line_voltage_v": 748.0,
                "cabin_temperature_c": 19.5,
            }
        if device.type == "penfeld_gridmeter":
            role = ("building", "building", "building", "solar", "battery")[n % 5]
            power = {"building": 14000 + 900 * n % 7000, "solar": -6200.0 - 10 * n, "battery": -1500.0}[role]
            return {
                "role": role,
                "active_power_w": power + 300 * math.sin(seconds / 60),
                "voltage_v": 231.2,
                "current_a": 22.4,
                "frequency_hz": 50.01,
                "energy_import_kwh": 18234.5,
                "power_factor": 0.97,
            }
        if device.type == "penfeld_streetlight":
            power = 48.3 + (round(seconds) % 50 if n == 1 else 5 * math.sin(seconds / 7200 + n))
            return {
                "lamp_on": n % 9 != 0,
                "dimming_percent": 70.0,
                "power_w": power,
                "energy_kwh": 1234.5,
                "voltage_v": 229.5,
                "driver_temperature_c": 31.0,
                "power_factor": 0.95,
                "lamp_failure": n % 23 == 5,
                "driver_failure": False,
            }
        if device.type == "lab_mast":
            return {"temperature_c": 18.35 + n, "wind_ms": 4.0}
        if device.type == "penfeld_binsensor":
            return {
                "fill_level_percent": (n * 7 + seconds / 600) % 100,
                "temperature_c": 11.5,
                "tilt": n == 3,
                "battery_v": 3.55,
            }
        return {
            "volume_m3": 182.4 + seconds / 1e6,
            "flow_m3h": 0.12,
            "leak": n == 4,
            "temperature_c": 12.0,
            "battery_v": 3.6,
        }

    def aside(self, wanted: QuarantineFilter) -> list[QuarantinedFrame]:
        """Return what is in quarantine and meant."""
        taken = {n for n, mark in self.marks.items() if now() - mark > timedelta(seconds=2)}
        frames = [
            replace(frame, replay_requested_at=None if frame.id in taken else self.marks.get(frame.id))
            for frame in (_quarantined(n, self.start) for n in range(1, 46))
            if frame.id not in taken or frame.reason is not Reason.BAD_PAYLOAD
        ]
        return [
            f
            for f in frames
            if wanted.reason in (None, f.reason)
            and wanted.device in (None, f.device)
            and wanted.source in (None, f.source)
            and wanted.frame in (None, f.id)
            and (wanted.start is None or f.last_received_at >= wanted.start)
            and (wanted.end is None or f.received_at < wanted.end)
        ]

    def flags(self, device: Device) -> tuple[str, ...]:
        return ("voltage_v:range", "time:implausible") if device.id == "lamp-0007" else ()

    def silent_since(self, device: Device) -> timedelta | None:
        """Return how long ago a device spoke last; ``None`` if it never did."""
        n = int(device.id.split("-")[1]) if "-" in device.id else -1
        if n == -1 or (device.type == "penfeld_streetlight" and n % 37 == 11):
            return None
        if n % 41 == 13:
            return timedelta(hours=9)
        return timedelta(seconds=20 + 7 * n % 600) if device.type != "penfeld_tramunit" else timedelta(seconds=1)


class Queries:
    """Answers like the database, worked out from the city's functions of time."""

    def __init__(self, city: City) -> None:
        self._city = city

    async def readings(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        newest_first: bool = False,
        simulated: bool | None = None,
    ) -> ReadingPage:
        del fields, simulated
        device = self._city.devices[devices[0]]
        period = device_type.period
        end = min(end or now(), now())
        start = start or end - timedelta(days=7)
        last = int(end.timestamp() // period.total_seconds())
        first = math.ceil(start.timestamp() / period.total_seconds())
        steps: Sequence[int] = range(first, last + 1)
        if newest_first:
            steps = steps[::-1]
        rows = []
        skip = int(cursor or 0)
        for step in steps[skip : skip + limit]:
            at = datetime.fromtimestamp(step * period.total_seconds(), UTC)
            if 60 < (end - at) / period < 66:
                continue  # a gap
            rows.append(
                ReadingRow(
                    device=device.id,
                    time=at,
                    received_at=at + timedelta(milliseconds=840),
                    values=self._city.values(device, at),
                    flags=self._city.flags(device),
                    simulated=device.simulated,
                )
            )
        more = skip + limit < len(steps)
        return ReadingPage(rows=rows, next_cursor=str(skip + limit) if more else None)

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        del device_type
        found = []
        for device in self._city.devices.values():
            since = self._city.silent_since(device)
            if since is None or (devices and device.id not in devices):
                continue
            at = now() - since
            values = {name: LatestValue(value=v, time=at) for name, v in self._city.values(device, at).items()}
            found.append(Latest(device=device, time=at, received_at=at, values=values, flags=self._city.flags(device)))
        return found

    async def state(self, device: str) -> Mapping[str, StateValue]:
        if device != "lamp-0007":
            return {}
        told = StateValue(
            value=-117.5, time=now() - timedelta(minutes=3, seconds=30), network="chirpstack", event="radio"
        )
        status = replace(told, time=now() - timedelta(hours=5, minutes=30), event="status")
        return {
            "battery_percent": replace(status, value=87.4),
            "external_power": replace(status, value=False),
            "gateway": replace(told, value="<b>gw-recouvrance</b>"),
            "gateways": replace(told, value=3),
            "joined": replace(told, value=True, time=now() - timedelta(days=40, hours=12), event="join"),
            "latitude": replace(told, value=48.3904, event="location"),
            "longitude": replace(told, value=-4.4861, event="location"),
            "margin_db": replace(status, value=7.0),
            "rssi_dbm": told,
            "snr_db": replace(told, value=-4.25),
        }

    async def unmapped(self, device_type: DeviceType, *, device: str | None = None) -> Sequence[UnmappedPath]:
        if device_type.name != "lab_mast":
            return []
        alone = device is not None
        said: list[tuple[str, tuple[Value, ...]]] = [
            ("air.humidity", (71, 70.5)),
            ("battery", (3571, 3580)),
            ("note", (f"ok {NASTY}",)),
            ("x17", (12.25,)),
        ]
        time = now() - timedelta(minutes=4)
        return [UnmappedPath(path=path, values=values, time=time, devices=1 if alone else 3) for path, values in said]

    async def ledger(
        self, *, start: datetime | None = None, end: datetime | None = None, source: str | None = None
    ) -> Sequence[LedgerRow]:
        del end, source
        this = now().replace(minute=0, second=0, microsecond=0)
        rows = []
        for back in range(30):
            hour = this - timedelta(hours=back)
            if start is not None and hour < start - timedelta(hours=1):
                break
            for n, name in enumerate(("chirpstack", "native", "sigfox", "thethingsstack")):
                stored = 4000 // (n + 1) + 17 * back + (int(now().timestamp()) % 3600 if back == 0 else 0)
                lost = 3 if back == 5 and name == "sigfox" else 0
                replayed = 40 if back == 1 and name == "chirpstack" else 0
                rows.append(
                    LedgerRow(
                        hour=hour,
                        source=name,
                        received=stored + 9 + n + lost,
                        stored=stored + replayed,
                        duplicate=9,
                        quarantined=n - replayed,
                        replayed=replayed,
                    )
                )
        return rows

    async def ledger_workers(self, *, start: datetime | None = None) -> Sequence[WorkerSums]:
        del start
        return [WorkerSums(worker="ingest", received=10**9, stored=10**9, duplicate=0, quarantined=0)]

    async def unaccounted(self) -> int:
        return 3

    async def quarantine(
        self, wanted: QuarantineFilter = EVERYTHING, *, limit: int = 100, cursor: str | None = None
    ) -> QuarantinePage:
        frames = self._city.aside(wanted)
        skip = int(cursor or 0)
        page = frames[skip : skip + limit]
        return QuarantinePage(rows=page, next_cursor=str(skip + limit) if skip + limit < len(frames) else None)

    async def quarantine_sums(self) -> Sequence[QuarantineSums]:
        frames = self._city.aside(EVERYTHING)
        return [
            QuarantineSums(
                reason=reason,
                lines=sum(f.reason is reason for f in frames),
                frames=sum(f.times for f in frames if f.reason is reason),
                waiting=sum(f.times for f in frames if f.reason is reason and f.replay_requested_at),
            )
            for reason in sorted(_DETAILS)
        ]

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        return _quarantined(frame_id, self._city.start)

    async def facts(self) -> DatabaseFacts:
        return DatabaseFacts(server_version="16", timescaledb_version=None, migration=1, size_bytes=1, now=now())


class Quarantine:
    """Marks frames; two seconds later those of a bad payload are taken in, as if their device file was corrected."""

    def __init__(self, city: City) -> None:
        self._city = city

    async def lines(self, wanted: QuarantineFilter, *, limit: int = 500, after: int = 0) -> Sequence[QuarantinedFrame]:
        del after
        return self._city.aside(wanted)[:limit]

    async def count(self, wanted: QuarantineFilter) -> Amount:
        frames = self._city.aside(wanted)
        return Amount(lines=len(frames), frames=sum(frame.times for frame in frames))

    async def request(self, wanted: QuarantineFilter) -> Amount:
        self._city.marks.update({frame.id: now() for frame in self._city.aside(wanted)})
        return await self.count(wanted)

    async def request_types(self, device_types: Sequence[str]) -> Amount:
        raise NotImplementedError("the console never asks for types")

    async def waiting(self, devices: Sequence[str]) -> Amount:
        raise NotImplementedError("the console never registers")

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        raise NotImplementedError("the console leaves replays to ingest")


class Interpreter:
    """Frames of a bad payload would be understood today."""

    async def interpret(self, frame: QuarantinedFrame) -> Sequence[Interpretation]:
        if frame.reason is not Reason.BAD_PAYLOAD:
            return [
                Interpretation(
                    device=frame.device, device_type=None, reason=Reason.PENDING_DEVICE, detail="register it first"
                )
            ]
        row = ReadingRow(
            device=frame.device or "",
            time=frame.received_at,
            received_at=frame.received_at,
            values={"power_w": 41.5, "lamp_on": True},
            flags=("power_w:range",),
        )
        return [Interpretation(device=frame.device, device_type="penfeld_streetlight", rows=(row,))]


_DETAILS = {
    Reason.UNKNOWN_DEVICE: "no device has this id",
    Reason.BAD_PAYLOAD: "voltage_v needs 2 bytes, 1 left (byte 6)",
    Reason.BAD_ENVELOPE: "uplinkEvent.deviceInfo.devEui is missing <img src=x onerror=window.hacked=true>",
    Reason.UNKNOWN_TYPE: "there is no device type 'acme_probe'",
}


def _quarantined(n: int, start: datetime) -> QuarantinedFrame:
    reason = list(_DETAILS)[(n - 1) % 4]
    message = json.dumps(
        {"deviceInfo": {"devEui": "70b3d57ed0001234"}, "data": "gEYBkAAw", "n": n, "x": NASTY}
    ).encode()
    return QuarantinedFrame(
        id=n,
        source="chirpstack",
        reason=reason,
        detail=_DETAILS[reason],
        topic="application/1/device/70b3d57ed0001234/event/up",
        message=message + bytes(range(32)),
        device="70b3d57ed0001234" if reason is not Reason.BAD_ENVELOPE else None,
        device_type="penfeld_streetlight" if reason is Reason.BAD_PAYLOAD else None,
        received_at=start - timedelta(minutes=n * 7),
        last_received_at=start - timedelta(minutes=n * 5),
        times=1 + n % 3,
        simulated=n % 2 == 0,
    )


class Registry:
    """The register, in memory; read only."""

    def __init__(self, city: City) -> None:
        self._city = city

    async def devices(
        self,
        *,
        device_type: str | None = None,
        state: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: bool | None = None,
        experiments: Collection[str] | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Sequence[Device]:
        del state, district, search, simulated
        ids = sorted(
            name
            for name, one in self._city.devices.items()
            if (after is None or name > after) and sees(experiments, one) and device_type in {None, one.type}
        )
        return [self._city.devices[d] for d in ids[:limit]]

    async def device(self, device_id: str) -> Device:
        if device_id not in self._city.devices:
            raise NotFoundError(f"no device has the id {device_id!r}")
        return self._city.devices[device_id]

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        raise NotImplementedError("the console never changes the register")

    async def remove(self, device_id: str) -> None:
        raise NotImplementedError("the console never changes the register")

    async def purge_simulated(self) -> Mapping[str, int]:
        raise NotImplementedError("the console never changes the register")


class Live:
    """Trams and one lamp speak every second; one ingest worker tells its state."""

    def __init__(self, city: City) -> None:
        self._city = city

    async def readings(self) -> AsyncIterator[tuple[str, bytes]]:
        speakers = [d for d in self._city.devices.values() if d.type == "penfeld_tramunit" or d.id == "lamp-0001"]
        while True:
            at = now()
            said: dict[str, list[LiveReading]] = {}
            for device in speakers:
                kind = device.type or ""
                said.setdefault(kind, []).append(
                    LiveReading(
                        device=device.id,
                        device_type=kind,
                        time=at,
                        received_at=at,
                        values=self._city.values(device, at),
                        simulated=device.simulated,
                    )
                )
            for kind, readings in said.items():
                yield kind, msgspec.json.encode(readings)
            await asyncio.sleep(1)

    async def statuses(self) -> AsyncIterator[bytes]:
        handled = 42_000
        while True:
            handled += 311 + int(now().timestamp()) % 7
            yield msgspec.json.encode(
                IngestStatus(
                    worker="ingest-1",
                    time=now(),
                    received=handled,
                    stored=handled,
                    unacknowledged=1200,
                    oldest_unacknowledged_s=now().timestamp() % 60,
                    latency_p99_ms=412.0,
                    trouble="database db: it is starting: wait",
                    suspended=(
                        Suspension(codec="lab_gate.js", reason="lab_gate.js: ran for 0.3 s (payload 00ff, port 1)"),
                    ),
                )
            )
            await asyncio.sleep(1)

    async def alarms(self) -> AsyncIterator[bytes]:
        """Tell nothing."""
        await asyncio.Event().wait()
        yield b""

    async def alerts(self) -> AsyncIterator[bytes]:
        """Tell nothing."""
        await asyncio.Event().wait()
        yield b""


class Publisher:
    """Takes everything, keeps nothing."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Take it."""


async def people() -> Access:
    """Make accounts: an admin, an operator, and a viewer who does not see the experiment of the seventh lamp."""
    access = Access()
    for name, role in (("anne", Role.ADMIN), ("yann", Role.OPERATOR), ("jean", Role.VIEWER)):
        await access.add_user(name, role, WORDS, who="setup", at=now())
    return access


async def main(lamps: int, port: int, accounts: int) -> None:
    city = City(lamps)
    if accounts:
        city.devices[HIDDEN] = replace(city.devices[HIDDEN], experiment="secret")
    alerts = Alerts.of(city.start)
    app = create_app(
        queries=Queries(city),
        observations=Observations(),
        exports=Exports(),
        dashboards=Dashboards(),
        registry=Registry(city),
        quarantine=Quarantine(city),
        interpreter=Interpreter(),
        catalogue=types(),
        codecs=ToldCodecs(lab_mast=SAID),
        device_files=DeviceFiles({"lab_mast": MAST}),
        alarms=alerts.alarms,
        rules=alerts.rules,
        outbox=alerts.outbox,
        channels=alerts.channels,
        live=Live(city),
        publisher=Publisher(),
        open_data=OpenData(),
        clock=now,
        config=ApiConfig(),
        access=await people() if accounts else None,
    )
    mount(app, ConsoleConfig(reload_s=5))
    listener = socket.create_server(("127.0.0.1", port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    arguments = [int(a) for a in sys.argv[1:]]
    asyncio.run(main(*([*arguments, *(300, 0, 0)[len(arguments) :]])))
