"""What ``penfeld doctor`` looks at: each check is a function that says what it found and what to do about it.

Rules: a check raises nothing that a user can cause, changes nothing, and takes seconds at most.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from api.audit import forgotten
from api.mqtt import MqttConfig, MqttDoor
from ingest.replay import REQUESTED
from model.access import Role
from model.access_ports import Access as AccessPort
from model.device import State
from model.errors import ConfigError, PenfeldError, Reason, UnavailableError
from model.ports import Quarantine
from model.ports import Queries as QueriesPort
from model.status import PROBE_TOPIC, IngestStatus
from model.views import QuarantineSums
from penfeld import backup, pushes, wiring
from penfeld.brokers import broker_address
from penfeld.clock import Clock
from penfeld.config import Config
from penfeld.deployment import expiry
from penfeld.devicefiles import catalogue
from penfeld.embedded.postgres import Postgres
from penfeld.processes import port_is_free
from penfeld.reach import answers
from penfeld.replays import quarantine
from penfeld.runtime import DataFolder
from penfeld.upkeep import upkeep_config
from penfeld.workers import GONE, oldest_s, statuses
from storage.access import Access
from storage.connection import Database
from storage.inventory import failing, last_round, migrated_at, waiting
from storage.migrate import POSTGRESQL, TIMESCALEDB, migrations
from storage.queries import Queries
from storage.registry import Registry

_GB = 1e9
_LITTLE_DISK = 5 * _GB
_NO_DISK = 0.5 * _GB
_CLOCK_WARN = timedelta(seconds=2)
_CLOCK_FAIL = timedelta(minutes=1)
_ROUND_TRIP_S = 5.0
_MOST_PENDING = 999
_LONG_WAIT = timedelta(minutes=1)
_OLD_BACKUP = timedelta(days=2)
_SOON = timedelta(days=30)
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
    found = [*_settings(config), *_folder(config), *_device_files(config), *_running(config), *push_findings(config)]
    found += reach_findings(config)
    found += [*backup_findings(config, clock()), *certificate_findings(config, clock())]
    found += await _database(config, clock)
    about_broker, statuses = await _broker(config, clock)
    return [*found, *about_broker, *await _counts(config, statuses)]


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


def backup_findings(config: Config, now: datetime) -> list[Finding]:
    """Look at how old the last backup is; the embedded database of a trial needs none."""
    made_at = backup.last(config.data_dir)
    if made_at is None and config.database.embedded:
        return []
    remedy = "`penfeld backup --out FILE`, best every night, to another machine"
    if made_at is None:
        return [Finding(Level.WARN, "backup", "none was made from this data folder", remedy)]
    text = f"the last one is of {made_at.isoformat(timespec='seconds')}"
    if now - made_at > _OLD_BACKUP:
        return [Finding(Level.WARN, "backup", text, remedy)]
    return [Finding(Level.OK, "backup", text)]


def certificate_findings(config: Config, now: datetime) -> list[Finding]:
    """Look at how long the certificates of the settings count."""
    found = []
    for file in (config.broker.ca_file, config.broker.cert_file):
        if file is None:
            continue
        try:
            until = expiry(file)
        except ConfigError as error:
            found.append(Finding(Level.FAIL, "certificate", error.problems[0], "give a certificate in PEM"))
            continue
        text, remedy = f"{file} counts until {until.isoformat(timespec='minutes')}", "make a new one and put it there"
        level = Level.FAIL if until <= now else Level.WARN if until - now < _SOON else Level.OK
        found.append(Finding(level, "certificate", text, "" if level is Level.OK else remedy))
    return found


def _device_files(config: Config) -> list[Finding]:
    try:
        types = catalogue(config).types()
        upkeep_config(config, types)
        return [Finding(Level.OK, "device types", f"{len(types)} types, all files are well")]
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


def reach_findings(config: Config) -> list[Finding]:
    """Return whether an API without accounts is kept to this machine."""
    what, host = "access", config.api.host
    if config.access.mode == "accounts":
        return []
    if pushes.only_here(host):
        return [Finding(Level.OK, what, "without accounts, for this machine only")]
    remedy = 'set [access] mode = "accounts" and run `penfeld user add NAME --role admin`; or host = "127.0.0.1"'
    return [Finding(Level.FAIL, what, f"without accounts at {host}: the API does not start like this", remedy)]


async def account_findings(config: Config, access: AccessPort) -> list[Finding]:
    """Return whether anybody manages accounts, where there are any."""
    if config.access.mode == "open":
        return []
    people = await access.users()
    if any(one.role is Role.ADMIN for one in people):
        return [Finding(Level.OK, "access", f"{len(people)} accounts")]
    return [Finding(Level.FAIL, "access", "nobody is admin", "run `penfeld user add NAME --role admin`")]


def push_findings(config: Config) -> list[Finding]:
    """Look at which networks may push to the API, and who may pretend to be one."""
    what = "HTTP pushes"
    try:
        pushes.tokens_checked(config.api)
        taken = pushes.taken(config)
    except ConfigError as error:
        return [Finding(Level.FAIL, what, problem, "correct the settings") for problem in error.problems]
    lost = [name for name in config.api.tokens if name not in taken]
    found = [
        Finding(
            Level.WARN, what, f"{name} has a token, but no [[source]] takes what it pushes", "add a [[source]] for it"
        )
        for name in lost
    ]
    bare = pushes.without_token(config.api, taken)
    guarded = ", ".join(name for name in taken if name not in bare) or "none"
    if not bare:
        return [*found, Finding(Level.OK, what, f"with a token: {guarded}")]
    text = f"with a token: {guarded}; without: {', '.join(bare)}"
    if pushes.only_here(config.api.host):
        return [*found, Finding(Level.OK, what, f"{text}, from this machine only")]
    remedy = "set [api] callback_tokens, or let a proxy in front ask for one: who reaches it may send frames"
    return [*found, Finding(Level.WARN, what, f"{text}, to who reaches {config.api.host}:{config.api.port}", remedy)]


def _has_cluster(config: Config) -> bool:
    return (Postgres(config.data_dir).cluster / "PG_VERSION").exists()


async def _database(config: Config, clock: Clock) -> list[Finding]:
    if config.database.embedded and DataFolder(config.data_dir).running() is None and not _has_cluster(config):
        text = f"none in {config.data_dir} yet"
        return [Finding(Level.WARN, "database", text, "the first `penfeld demo` or `penfeld run` makes it")]
    try:
        async with wiring.database(config) as opened:
            return [*await _database_facts(opened, clock), *await account_findings(config, Access(opened))]
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
        found += await ledger_findings(queries)
        found += await quarantine_findings(queries, quarantine(opened), facts.now)
        found += [*await _pending(opened), *await _upkeep(opened, facts.now)]
    return found


async def ledger_findings(queries: QueriesPort) -> list[Finding]:
    """Return whether the books are right."""
    rows = await queries.ledger()
    wrong = [row for row in rows if not row.balanced]
    off = await queries.unaccounted()
    if wrong or off:
        where = f": {len(wrong)} hours, the newest {wrong[0].hour.isoformat()} of {wrong[0].source}" if wrong else ""
        text = f"does not balance by {off} frames{where}"
        return [Finding(Level.FAIL, "ledger", text, "`penfeld ledger` shows where; report it as a defect of Penfeld")]
    received, quarantined = sum(row.received for row in rows), sum(row.quarantined for row in rows)
    return [Finding(Level.OK, "ledger", f"balances: {received} frames received, {quarantined} of them in quarantine")]


async def quarantine_findings(queries: QueriesPort, where: Quarantine, now: datetime) -> list[Finding]:
    """Look at what is in quarantine, and whether what waits for replay is being taken; ``now`` by its clock."""
    sums = await queries.quarantine_sums()
    found = [
        Finding(Level.OK if one.reason in _NO_WORRY else Level.WARN, "quarantine", _there(one), _REMEDIES[one.reason])
        for one in sums
    ]
    waiting = sum(one.waiting for one in sums)
    oldest = await where.lines(REQUESTED, limit=1) if waiting else ()
    since = min((line.replay_requested_at for line in oldest if line.replay_requested_at), default=now)
    if now - since > _LONG_WAIT:
        text = f"{waiting} frames wait for replay since {since.isoformat(timespec='seconds')}"
        remedy = "start `penfeld run` or `penfeld ingest`, which takes them in, or run `penfeld quarantine replay`"
        found.append(Finding(Level.WARN, "replay", text, remedy))
    elif waiting:
        found.append(Finding(Level.OK, "replay", f"{waiting} frames wait for replay, which ingest does within seconds"))
    return found


def _there(sums: QuarantineSums) -> str:
    return f"{sums.frames} frames in {sums.lines} messages: {sums.reason.value}"


_NO_WORRY = {Reason.RETIRED_DEVICE}
_REMEDIES = {
    Reason.UNKNOWN_TOPIC: "add a [[source]] for their topic, then `penfeld quarantine replay --reason unknown_topic`",
    Reason.BAD_ENVELOPE: "`penfeld quarantine list --reason bad_envelope` names the fields; check the network server",
    Reason.UNKNOWN_DEVICE: "`penfeld devices list --state pending`, then `penfeld devices add`: ingest takes them then",
    Reason.PENDING_DEVICE: "`penfeld devices list --state pending`, then `penfeld devices add`: ingest takes them then",
    Reason.RETIRED_DEVICE: "register these devices again if they count, or switch them off",
    Reason.UNKNOWN_TYPE: "add the device file, or correct the type in the register: ingest takes them then",
    Reason.BAD_PAYLOAD: "correct the device file, then `penfeld quarantine replay --reason bad_payload`",
    Reason.CODEC_SUSPENDED: "mend the script, then `penfeld quarantine replay --reason codec_suspended`",
    Reason.REJECTED_BY_DATABASE: "`penfeld quarantine list --reason rejected_by_database` says why; report it",
}


async def _upkeep(opened: Database, now: datetime) -> list[Finding]:
    """Look at what the database's jobs and rounds of upkeep do; ``now`` by the database's clock."""
    found = [
        Finding(Level.WARN, "database job", f"{job.does} of {job.table} fails: {job.error}", "see `penfeld db status`")
        for job in await failing(opened)
    ]
    hours = sum(one.hours for one in await waiting(opened))
    last = await last_round(opened)
    since = last.at if last else await migrated_at(opened)
    if hours and now - since > _OLD_ROUND:
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


async def _broker(config: Config, clock: Clock) -> tuple[list[Finding], Mapping[str, IngestStatus]]:
    """Look at the broker, and at what it keeps of the ingest workers; return these too."""
    try:
        address = broker_address(config)
        await answers(address)
    except ConfigError as error:
        level = Level.WARN if config.broker.embedded else Level.FAIL
        return [Finding(level, "broker", problem) for problem in error.problems], {}
    except UnavailableError as error:
        return [Finding(Level.FAIL, "broker", str(error))], {}
    async with MqttDoor(MqttConfig(broker=address, patience_s=_ROUND_TRIP_S)) as door:
        try:
            seconds = await _round_trip(door)
        except UnavailableError as error:
            return [Finding(Level.FAIL, "broker", str(error), "check user, password and topic rights")], {}
        except TimeoutError:
            text = f"{address} took our message and did not give it back within {_ROUND_TRIP_S:.0f} s"
            remedy = f"check this user's right to publish and read {PROBE_TOPIC}/+"
            return [Finding(Level.FAIL, "broker", text, remedy)], {}
        told = await statuses(door)
    found = [Finding(Level.OK, "broker", f"{address}: there and back in {seconds * 1000:.0f} ms")]
    found += [worker(status, clock().astimezone(UTC)) for status in told.values()]
    if not told:
        text = "no worker tells of itself"
        found.append(Finding(Level.WARN, "ingest", text, "start `penfeld run` or `penfeld ingest`"))
    return found, told


async def _round_trip(door: MqttDoor) -> float:
    """Publish to a topic that we are subscribed to; return the seconds until it is back."""
    name = f"doctor-{os.getpid()}"
    clock = asyncio.get_running_loop().time
    started = clock()
    await door.round_trip(name, _ROUND_TRIP_S)
    return clock() - started


def worker(status: IngestStatus, now: datetime) -> Finding:
    """Return how an ingest worker is, by what it last told of itself."""
    name, oldest = f"ingest ({status.worker})", oldest_s(status, now)
    if now - status.time > GONE:
        when = status.time.isoformat(timespec="seconds")
        held = f"; {status.unacknowledged} frames waited in its hands, and went back to the broker" if oldest else ""
        return Finding(Level.WARN, name, f"last heard of at {when}{held}", "start it again, if it should run")
    if status.trouble:
        waits = f"; the oldest frame waits for {oldest:.0f} s" if oldest else ""
        return Finding(Level.FAIL, name, f"{status.trouble}{waits}", "frames wait in the broker until this is mended")
    if status.suspended:
        text = "; ".join(f"{one.codec} is suspended: {one.reason}" for one in status.suspended)
        remedy = "mend the script: a changed file counts within seconds; its frames wait in quarantine"
        return Finding(Level.WARN, name, text, remedy)
    if oldest > _LONG_WAIT.total_seconds():
        text = f"its oldest frame waits for {oldest:.0f} s to be stored, with {status.unacknowledged} behind it"
        return Finding(Level.WARN, name, text, "look at its log, and at what the database does")
    latency = "" if status.latency_p99_ms is None else f", 99 % stored within {status.latency_p99_ms:.0f} ms"
    return Finding(Level.OK, name, f"{status.received} frames since its start{latency}")


async def _counts(config: Config, told: Mapping[str, IngestStatus]) -> list[Finding]:
    """Hold what the workers counted against the ledger."""
    if not told:
        return []
    try:
        async with wiring.database(config) as opened:
            missing = await forgotten(Queries(opened), told.values())
    except PenfeldError:  # said already, by the check of the database
        return []
    remedy = "was the database restored, or failed over? have the network server send again what it kept since then"
    return [
        Finding(Level.FAIL, f"ingest ({name})", f"{frames} frames that it stored are not in the ledger", remedy)
        for name, frames in missing.items()
        if frames
    ]
