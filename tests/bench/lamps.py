"""A city of streetlights that has run for weeks, put straight into its tables: what dashboard queries are measured on.

Rules:

1. Readings are those of ``penfeld_streetlight``: one every 15 minutes and lamp, lit by night and dimmed in its middle,
   with noise at the device's own resolution, 1 % of the frames lost, some lamps silent for hours, a few counters that
   start again. The same seed makes the same city.
2. Rows are what the writer would have written, by binary COPY, made by numpy a day at a time. Raw frames are left out:
   no dashboard asks for them.
3. Days before the readings began exist by district and day only, as retention would have left them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from model.device import Device, DeviceType
from storage.connection import Database
from storage.migrate import TIMESCALEDB, migrate
from storage.partitions import Partitions
from storage.registry import Registry
from storage.tables import engine, prepare
from storage.upkeep import Upkeep
from tests.bench.progress import tell

ZONE = ZoneInfo("Europe/Paris")
DISTRICTS = ("Bellevue", "Brest-Centre", "Europe", "Lambézellec", "Quatre-Moulins", "Saint-Marc", "Saint-Pierre")
SHARES = (0.12, 0.22, 0.14, 0.17, 0.11, 0.12, 0.12)
PERIOD = timedelta(minutes=15)
SLOTS = 96
LOST, SILENT, RESTARTED = 0.01, 0.01, 0.0002
"""Shares: of frames that are lost; of lamps that fall silent for hours, or whose counter starts again, each day."""
_COLUMNSTORE_JOBS = (
    "select job_id from timescaledb_information.jobs where proc_name = 'policy_compression' order by job_id"
)
POSTGRES_EPOCH_US = 946_684_800_000_000
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_COLUMNS = {
    "device": ">i4",
    "time": ">i8",
    "received_at": ">i8",
    "simulated": "u1",
    "codec": ">i4",
    "lamp_on": "u1",
    "lamp_failure": "u1",
    "driver_failure": "u1",
    "dimming_percent": ">i8",
    "power_w": ">f8",
    "energy_kwh": ">f8",
    "voltage_v": ">f8",
    "driver_temperature_c": ">i8",
    "power_factor": ">f8",
}
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamps:
    """How many lamps, for how many days until ``end``."""

    count: int
    days: float
    end: datetime
    seed: int = 2026

    @property
    def start(self) -> datetime:
        """Return when the first reading was."""
        return self.end - timedelta(days=self.days)

    def devices(self) -> list[Device]:
        """Return the lamps as they stand in the register."""
        chance = np.random.default_rng(self.seed)
        places = chance.choice(len(DISTRICTS), self.count, p=SHARES)
        spread = chance.normal(0, 0.008, (self.count, 2))
        return [
            Device(
                id=f"{0x70B3D50000000000 + number:016x}",
                type="penfeld_streetlight",
                name=f"Lamp {number + 1}",
                network="lorawan",
                latitude=float(48.39 + spread[number, 0]),
                longitude=float(-4.486 + spread[number, 1]),
                district=DISTRICTS[places[number]],
                simulated=True,
            )
            for number in range(self.count)
        ]

    def blocks(self, keys: npt.NDArray[np.int64], codec: int) -> Iterator[tuple[bytes, int]]:
        """Yield day by day the rows in order of time, as binary COPY has them, and how many they are."""
        city = _City(self, keys, codec)
        day = self.start
        while day < self.end:
            until = min(day + timedelta(days=1), self.end)
            yield city.day(day, until)
            day = until


class _City:
    """The lamps' own properties and their counters, day by day."""

    def __init__(self, lamps: Lamps, keys: npt.NDArray[np.int64], codec: int) -> None:
        count = lamps.count
        self.chance = np.random.default_rng(lamps.seed + 1)
        self.keys = keys
        self.codec = codec
        self.phase_us = self.chance.integers(0, int(PERIOD.total_seconds() * 1e6), count)
        self.rated_w = self.chance.choice([35.0, 60.0, 90.0, 120.0], count, p=[0.3, 0.4, 0.2, 0.1])
        self.switch_h = self.chance.normal(0, 0.1, count)
        self.energy_kwh = self.chance.uniform(0, 4000, count)
        self.volts = self.chance.normal(231, 2, count)

    def day(self, start: datetime, end: datetime) -> tuple[bytes, int]:
        """Return the rows of one day."""
        chance, count = self.chance, len(self.keys)
        slots = math.ceil((end - start) / PERIOD)
        time_us = _slots_us(start, slots) + self.phase_us + chance.integers(0, 5_000_000, (slots, count))
        hour, dark = _hour_and_dark(start, slots)
        lit = (hour + self.switch_h > dark) | (hour + self.switch_h < 26 - dark)
        dimming = np.where(lit, np.where((hour >= 23) | (hour < 5), 50, 100), 0)
        power = self.rated_w * dimming / 100 * chance.normal(1, 0.02, (slots, count)) + 0.4
        energy = self._count(power * (PERIOD / timedelta(hours=1)) / 1000)
        volts = self.volts - 2 * np.cos((hour - 15) / 24 * 2 * np.pi) + chance.normal(0, 0.8, (slots, count))
        outside = 9 + 4 * np.cos((hour - 15) / 24 * 2 * np.pi)
        warm = outside + power * 0.15 + chance.normal(0, 0.7, (slots, count))
        rows = empty_rows(slots, count)
        rows["device"] = self.keys
        rows["time"] = time_us - POSTGRES_EPOCH_US
        rows["received_at"] = rows["time"] + chance.integers(500_000, 2_000_000, (slots, count))
        rows["simulated"] = 1
        rows["codec"] = self.codec
        rows["lamp_on"] = lit
        rows["lamp_failure"] = rows["driver_failure"] = 0
        rows["dimming_percent"] = dimming
        rows["power_w"] = np.round(power, 1)
        rows["energy_kwh"] = np.round(energy, 2)
        rows["voltage_v"] = np.round(volts, 1)
        rows["driver_temperature_c"] = np.round(warm)
        rows["power_factor"] = np.where(lit, np.round(chance.normal(0.95, 0.01, (slots, count)), 2), 0)
        kept = rows[self._heard(slots)]
        return as_copy(kept), len(kept)

    def _count(self, grown: Floats) -> Floats:
        """Return the counters, slot by slot; a few start again."""
        energy = self.energy_kwh + np.cumsum(grown, axis=0)
        for lamp in np.flatnonzero(self.chance.random(len(self.keys)) < RESTARTED):
            at = self.chance.integers(0, len(grown))
            energy[at:, lamp] -= energy[at, lamp]
        self.energy_kwh = energy[-1]
        return energy

    def _heard(self, slots: int) -> Bools:
        """Return which frames arrive."""
        heard = self.chance.random((slots, len(self.keys))) >= LOST
        for lamp in np.flatnonzero(self.chance.random(len(self.keys)) < SILENT):
            begin = self.chance.integers(0, slots)
            heard[begin : begin + self.chance.integers(8, 80), lamp] = False
        return heard


def _slots_us(start: datetime, slots: int) -> npt.NDArray[np.int64]:
    first = round((start - PERIOD - timedelta(seconds=5)).timestamp() * 1e6)  # no lamp speaks after the end
    return first + np.arange(slots)[:, None] * round(PERIOD.total_seconds() * 1e6)


def _hour_and_dark(start: datetime, slots: int) -> tuple[Floats, float]:
    """Return local hours of the slots, as a column, and when it gets dark at this time of the year."""
    local = start.astimezone(ZONE)
    hour = local.hour + local.minute / 60 + np.arange(slots) / 4
    year = (local.timetuple().tm_yday - 172) / 365 * 2 * math.pi
    return (hour % 24)[:, None], 19.5 + 2.2 * math.cos(year)


def empty_rows(*shape: int) -> npt.NDArray[np.void]:
    """Return rows as binary COPY has them, with room for the values of each column; times are since 2000."""
    rows = np.empty(shape, dtype=_layout())
    rows["columns"] = len(_COLUMNS)
    for name, form in _COLUMNS.items():
        rows[f"{name}_length"] = np.dtype(form).itemsize
    return rows


def as_copy(rows: npt.NDArray[np.void]) -> bytes:
    """Return what COPY takes of these rows."""
    return _HEAD + rows.tobytes() + _TAIL


def _layout() -> np.dtype[np.void]:
    """Return one row of binary COPY: the number of columns, then each with its length."""
    cells = [("columns", ">i2")]
    for name, form in _COLUMNS.items():
        cells += [(f"{name}_length", ">i4"), (name, form)]
    return np.dtype(cells)


def copy_statement(device_type: DeviceType) -> Composed:
    """Return the COPY that takes ``Lamps.blocks``."""
    return SQL("copy {} ({}) from stdin (format binary)").format(
        Identifier("readings", device_type.name), SQL(", ").join(map(Identifier, _COLUMNS))
    )


def write(connection: psycopg.Connection, lamps: Lamps, device_type: DeviceType) -> int:
    """Write the readings of registered lamps; return how many."""
    found: dict[str, int] = dict(connection.execute("select id, key from penfeld.device").fetchall())
    keys = np.array([found[device.id] for device in lamps.devices()], dtype=np.int64)
    connection.execute(
        "insert into penfeld.codec (device_type, version) values (%s, %s) on conflict do nothing",
        (device_type.name, device_type.version),
    )
    [codec] = connection.execute(
        "select key from penfeld.codec where device_type = %s and version = %s", (device_type.name, device_type.version)
    ).fetchone() or (0,)
    total = 0
    for block, count in lamps.blocks(keys, codec):
        with connection.cursor() as cursor, cursor.copy(copy_statement(device_type)) as copy:
            copy.write(block)
        total += count
    return total


async def build(database: Database, dsn: str, lamps: Lamps, device_type: DeviceType) -> None:
    """Make all tables, write the readings, bring rollups up to date, and put older chunks into the columnstore."""
    upkeep = Upkeep(database, [device_type], lambda: lamps.end)
    await migrate(database)
    await prepare(database, [device_type])
    await Registry(database).register(lamps.devices())
    await upkeep.round()
    months = range(_month(lamps.start), _month(lamps.end) + 1)
    if await engine(database) != TIMESCALEDB:
        await Partitions(database).ensure([(device_type.name, month) for month in months])
    with psycopg.connect(dsn, autocommit=True) as connection:
        tell(f"{write(connection, lamps, device_type):,} readings of {lamps.count:,} lamps are written")
        _remember(connection, lamps, device_type)
        connection.execute(
            "insert into penfeld.changed_hour"
            " select %s, generate_series(date_trunc('hour', %s::timestamptz), %s, interval '1 hour')",
            (device_type.name, lamps.start, lamps.end),
        )
        while (await upkeep.round()).left:
            pass
        tell("rollups are up to date")
        _add_year(connection, lamps, device_type)
        if await engine(database) == TIMESCALEDB:
            for (job,) in connection.execute(_COLUMNSTORE_JOBS).fetchall():
                connection.execute("call run_job(%s)", (job,))
            tell("older chunks are in the columnstore")
        connection.execute("vacuum analyze")


def _month(time: datetime) -> int:
    return (time.year - 1970) * 12 + time.month - 1


def _remember(connection: psycopg.Connection, lamps: Lamps, device_type: DeviceType) -> None:
    """Fill what the writer keeps beside the readings: when each lamp was heard, and its newest values."""
    since = lamps.end - timedelta(days=1)
    connection.execute(
        SQL(
            "insert into penfeld.heard (device, first_seen, last_seen, time, received_at, frame_time)"
            " select device, {}, max(received_at), max(time), max(received_at), max(time) from {} where time >= {}"
            " group by device"
        ).format(Literal(lamps.start), Identifier("readings", device_type.name), Literal(since))
    )
    fields = [name for name in _COLUMNS if device_type.field(name)]
    times = [f"{name}__time" for name in fields]
    connection.execute(
        SQL(
            "insert into {} (device{}{}) select distinct on (device) device{}{} from {} where time >= {}"
            " order by device, time desc"
        ).format(
            Identifier("latest", device_type.name),
            *(
                SQL("").join(SQL(", {}").format(Identifier(name)) for name in names)
                for names in (fields, times, fields)
            ),
            SQL("").join(SQL(", time") for _ in times),
            Identifier("readings", device_type.name),
            Literal(since),
        )
    )


def _add_year(connection: psycopg.Connection, lamps: Lamps, device_type: DeviceType) -> None:
    """Repeat the days by district backwards for 400 days more."""
    target = Identifier("rollups", f"{device_type.name}_1d_group")
    days = int(lamps.days) - 1
    names = [
        name
        for (name,) in connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attname <> 'bucket'",
            (f"rollups.{device_type.name}_1d_group",),
        )
    ]
    for back in range(days, 401, days):
        connection.execute(
            SQL(
                "insert into {target} (bucket{names})"
                " select (bucket at time zone {zone} - {back}) at time zone {zone}{names}"
                " from {target} where bucket >= {first} and bucket < {last} on conflict do nothing"
            ).format(
                target=target,
                names=SQL("").join(SQL(", {}").format(Identifier(name)) for name in names),
                zone=Literal(ZONE.key),
                back=Literal(timedelta(days=back)),
                first=Literal(lamps.start + timedelta(days=1)),
                last=Literal(lamps.start + timedelta(days=1 + days)),
            )
        )
