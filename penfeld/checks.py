"""What ``penfeld doctor`` looks at: each check is a function that says what it found and what to do about it.

Rules: a check raises nothing that a user can cause, changes nothing, and takes seconds at most.
"""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from api.mqtt import MqttConfig, MqttDoor
from model.device import State
from model.errors import ConfigError, PenfeldError, UnavailableError
from model.status import LIVE_TOPIC, IngestStatus
from penfeld import wiring
from penfeld.brokers import broker_address
from penfeld.clock import Clock
from penfeld.config import Config
from penfeld.devicefiles import catalogue
from penfeld.embedded.postgres import Postgres
from penfeld.processes import port_is_free
from penfeld.reach import answers
from penfeld.runtime import DataFolder
from storage.connection import Database
from storage.inventory import failing, last_round, waiting
from storage.migrate import POSTGRESQL, TIMESCALEDB, migrations
from storage.queries import Queries
from storage.registry import Registry

_GB = 1e9
_LITTLE_DISK = 5 * _GB
_NO_DISK = 0.5 * _GB
_CLOCK_WARN = timedelta(seconds=2)
_CLOCK_FAIL = timedelta(minutes=1)
_ROUND_TRIP_S = 5.0
_STATUS_S = 1.5
_MOST_PENDING = 999
_OLD_STATUS = timedelta(seconds=10)
_OLD_ROUND = timedelta(minutes=15)


class Level(StrEnum):
    """How well something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``remedy`` says what to do where something is to be done."""

    level: Level
    what: str
    text: str
    remedy: str = ""


async def examine(config: Config, clock: Clock) -> Sequence[Finding]:
    """Run all checks, in the order in which one would mend."""
    found = [*_settings(config), *_folder(config), *_device_files(config), *_running(config)]
    found += await _database(config, clock)
    found += await _broker(config, clock)
    return found


def _settings(config: Config) -> list[Finding]:
    where = str(config.file) if config.file else "no penfeld.toml: defaults, everything embedded"
    return [
        Finding(Level.OK, "settings", where),
        *(Finding(Level.WARN, "settings", note, "correct or unset the variable") for note in config.notes),
    ]


def _folder(config: Config) -> list[Finding]:
    folder = DataFolder(config.data_dir)
    try:
        folder.make()
    except ConfigError as error:
        return [Finding(Level.FAIL, "data folder", error.problems[0])]
    free = shutil.disk_usage(config.data_dir).free
    text = f"{config.data_dir}: {free / _GB:.1f} GB free"
    if free < _NO_DISK:
        return [Finding(Level.FAIL, "disk", text, "make room now: the database stops when the disk is full")]
    if free < _LITTLE_DISK:
        return [Finding(Level.WARN, "disk", text, "make room, or move data_dir to a larger disk")]
    return [Finding(Level.OK, "data folder", text)]


def _device_files(config: Config) -> list[Finding]:
    try:
        known = catalogue(config)
        return [Finding(Level.OK, "device types", f"{len(known.types())} types, all files are well")]
    except ConfigError as error:
        return [Finding(Level.FAIL, "device types", problem, "correct the file") for problem in error.problems]


def _running(config: Config) -> list[Finding]:
    running = DataFolder(config.data_dir).running()
    if running is not None:
        return [Finding(Level.OK, "services", f"running at {running.api} (process {running.pid})")]
    host, port = config.api.host, config.api.port
    try:
        free = port == 0 or port_is_free(host, port)
    except ConfigError as error:
        return [Finding(Level.FAIL, "port", error.problems[0])]
    if not free:
        remedy = "stop it, or choose another port with --port N or [api] port"
        return [Finding(Level.WARN, "port", f"something else listens on {host}:{port}", remedy)]
    return [
        Finding(Level.OK, "port", f"{host}:{port} is free for the API"),
        Finding(Level.WARN, "services", "nothing runs on this data folder", "start `penfeld demo` or `penfeld run`"),
    ]


def _has_cluster(config: Config) -> bool:
    return (Postgres(config.data_dir).cluster / "PG_VERSION").exists()


async def _database(config: Config, clock: Clock) -> list[Finding]:
    if config.database.embedded and DataFolder(config.data_dir).running() is None and not _has_cluster(config):
        text = f"none in {config.data_dir} yet"
        return [Finding(Level.WARN, "database", text, "the first `penfeld demo` or `penfeld run` makes it")]
    try:
        async with wiring.database(config) as opened:
            return await _database_facts(opened, clock)
    except ConfigError as error:
        return [Finding(Level.FAIL, "database", problem) for problem in error.problems]
    except PenfeldError as error:
        return [Finding(Level.FAIL, "database", str(error))]


async def _database_facts(opened: Database, clock: Clock) -> list[Finding]:
    queries = Queries(opened)
    before = clock()
    facts = await queries.facts()
    gap = abs(facts.now - (before + (clock() - before) / 2))
    engine = f"TimescaleDB {facts.timescaledb_version}" if facts.timescaledb_version else "plain PostgreSQL"
    size = f"{facts.size_bytes / 1e6:.0f} MB"
    found = [Finding(Level.OK, "database", f"PostgreSQL {facts.server_version}, {engine}, {size}")]
    newest = migrations(TIMESCALEDB if facts.timescaledb_version else POSTGRESQL)[-1].number
    if facts.migration < newest:
        text = f"at migration {facts.migration} of {newest}"
        found.append(Finding(Level.WARN, "migrations", text, "run `penfeld db migrate` (`run` and `demo` do it too)"))
    else:
        found.append(Finding(Level.OK, "migrations", f"up to date ({facts.migration})"))
    level = Level.OK if gap < _CLOCK_WARN else Level.WARN if gap < _CLOCK_FAIL else Level.FAIL
    remedy = "" if level is Level.OK else "set both clocks by NTP: event times are judged by the arrival time"
    found.append(Finding(level, "clock", f"{gap.total_seconds():.3f} s from the database's", remedy))
    if facts.migration == newest:
        found += [*await _ledger(queries), *await _pending(opened), *await _upkeep(opened, facts.now)]
    return found


async def _ledger(queries: Queries) -> list[Finding]:
    rows = await queries.ledger()
    wrong = [row for row in rows if not row.balanced]
    if wrong:
        text = f"{len(wrong)} hours do not balance, the newest {wrong[0].hour.isoformat()} of {wrong[0].source}"
        return [Finding(Level.FAIL, "ledger", text, "report this as a defect of Penfeld")]
    received, quarantined = sum(row.received for row in rows), sum(row.quarantined for row in rows)
    text = f"balances: {received} frames received, {quarantined} of them in quarantine"
    remedy = "look at them in the console, or at /api/v1/quarantine" if quarantined else ""
    return [Finding(Level.OK, "ledger", text, remedy)]


async def _upkeep(opened: Database, now: datetime) -> list[Finding]:
    """Look at what the database's jobs and rounds of upkeep do; ``now`` by the database's clock."""
    found = [
        Finding(Level.WARN, "database job", f"{job.does} of {job.table} fails: {job.error}", "see `penfeld db status`")
        for job in await failing(opened)
    ]
    hours = sum(one.hours for one in await waiting(opened))
    last = await last_round(opened)
    if hours and (last is None or now - last.at > _OLD_ROUND):
        when = f"last at {last.at.isoformat(timespec='seconds')}" if last else "never yet"
        text = f"{hours} hours wait to be computed, which is done beside ingest, {when}"
        return [*found, Finding(Level.WARN, "rollups", text, "start `penfeld run` or `penfeld ingest`, or see its log")]
    return [*found, Finding(Level.OK, "rollups", f"{hours} hours to compute" if hours else "up to date")]


async def _pending(opened: Database) -> list[Finding]:
    waiting = await Registry(opened).devices(state=State.PENDING, limit=_MOST_PENDING + 1)
    if not waiting:
        return []
    number = f"more than {_MOST_PENDING}" if len(waiting) > _MOST_PENDING else f"{len(waiting)}"
    text = f"{number} heard that nobody registered, {waiting[0].id} for instance; their frames go to quarantine"
    remedy = "`penfeld devices list --state pending`, then `penfeld devices add` or `import`"
    return [Finding(Level.WARN, "devices", text, remedy)]


async def _broker(config: Config, clock: Clock) -> list[Finding]:
    try:
        address = broker_address(config)
        await answers(address)
    except ConfigError as error:
        level = Level.WARN if config.broker.embedded else Level.FAIL
        return [Finding(level, "broker", problem) for problem in error.problems]
    except UnavailableError as error:
        return [Finding(Level.FAIL, "broker", str(error))]
    async with MqttDoor(MqttConfig(broker=address, patience_s=_ROUND_TRIP_S)) as door:
        try:
            seconds = await _round_trip(door)
        except UnavailableError as error:
            return [Finding(Level.FAIL, "broker", str(error), "check user, password and topic rights")]
        except TimeoutError:
            text = f"{address} took our message and did not give it back within {_ROUND_TRIP_S:.0f} s"
            return [Finding(Level.FAIL, "broker", text, f"check this user's right to read {LIVE_TOPIC}+")]
        return [
            Finding(Level.OK, "broker", f"{address}: there and back in {seconds * 1000:.0f} ms"),
            *await _workers(door, clock),
        ]


async def _round_trip(door: MqttDoor) -> float:
    """Publish to a topic that we are subscribed to; return the seconds until it is back."""
    name = f"doctor-{os.getpid()}"
    clock = asyncio.get_running_loop().time
    started = clock()
    await door.publish(f"{LIVE_TOPIC}{name}", b"[]")  # an empty list of readings: nobody minds
    async with asyncio.timeout(_ROUND_TRIP_S):
        async for device_type, _ in door.readings():
            if device_type == name:
                break
    return clock() - started


async def _workers(door: MqttDoor, clock: Clock) -> list[Finding]:
    """Look at the state that ingest workers keep in the broker."""
    statuses: dict[str, IngestStatus] = {}
    try:
        async with asyncio.timeout(_STATUS_S):
            async for raw in door.statuses():
                status = msgspec.json.decode(raw, type=IngestStatus)
                statuses[status.worker] = status
    except TimeoutError:
        pass
    found = [_worker(status, clock().astimezone(UTC)) for status in statuses.values()]
    return found or [
        Finding(Level.WARN, "ingest", "no worker tells of itself", "start `penfeld run` or `penfeld ingest`")
    ]


def _worker(status: IngestStatus, now: datetime) -> Finding:
    name = f"ingest ({status.worker})"
    if now - status.time > _OLD_STATUS:
        when = status.time.isoformat(timespec="seconds")
        return Finding(Level.WARN, name, f"last heard of at {when}", "start it again, if it should run")
    if status.trouble:
        return Finding(Level.FAIL, name, status.trouble, "frames wait in the broker until this is mended")
    latency = "" if status.latency_p99_ms is None else f", 99 % stored within {status.latency_p99_ms:.0f} ms"
    return Finding(Level.OK, name, f"{status.received} frames since its start{latency}")
