"""Settings: one ``penfeld.toml`` and the environment, read once, every problem told at once.

Rules:

1. A key is looked for in the environment (``PENFELD_<SECTION>_<KEY>``), then in the file, then it has its default.
   Without a file everything is embedded: broker, database, one source per network adapter.
2. The file is ``--config``, else ``PENFELD_CONFIG``, else ``./penfeld.toml`` if there is one.
3. A wrong or unknown key is a problem with its line and the nearest known name; ``ConfigError`` holds all of them.
4. Values that may hold a password are kept out of ``repr`` and of every message.
5. A variable may name a file with its value, as containers and systemd give secrets: ``PENFELD_DATABASE_URL_FILE``.
6. Relative paths in the file are relative to the file; in the environment, to the working folder.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from model.broker import BrokerAddress
from model.errors import ConfigError
from model.quiet import Quiet
from model.retention import KEYS, Age, age, too_short
from model.spans import Span
from penfeld.access_settings import LimitSettings, OidcSettings, oidc_problem
from penfeld.channel_settings import ChannelSettings, MailSettings, channel_problems, mail_problem
from penfeld.setting_checks import between, word

FILE_NAME = "penfeld.toml"
PREFIX = "PENFELD_"
TABLES = ("source", "channel", "dataset")
"""Sections of which there may be several; in the environment they come whole, as a list."""
EMBEDDED = "embedded"
OWN_FOLDER = "my-devices"
"""Device files of one's own: a folder of the catalogue if it is there and no other is named."""
OWN_DATASETS = "datasets"
"""Datasets of one's own: they count if the folder is there and no other is named."""


def _database(value: str) -> str | None:
    """Check that an address is "embedded" or that of a PostgreSQL database."""
    if value == EMBEDDED:
        return None
    try:
        parts = urlsplit(value)
        known, host = parts.scheme in ("postgresql", "postgres"), parts.hostname or "host=" in parts.query
        _ = parts.port  # raises for a port that is no number
    except ValueError as error:
        return f"is no address ({error})"
    return (
        None if known and host else 'is neither "embedded" nor an address as postgresql://user:password@host/database'
    )


def _broker(value: str) -> str | None:
    """Check that an address is "embedded" or that of a broker."""
    try:
        if value != EMBEDDED:
            BrokerAddress.parse(value)
    except ConfigError as error:
        return f'is neither "embedded" nor a {error.problems[0]}'
    return None


def _http(value: str) -> str | None:
    """Check an address of the web, without a password in it; empty for none."""
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and parts.hostname
        _ = parts.port  # raises for a port that is no number
    except ValueError as error:
        return f"is no address ({error})"
    if value and parts.password:
        return "has a password in it, which logs would show: leave it out, and make a token"
    return None if not value or known else "is no address as https://grafana.city.example"


def _zone(value: str) -> str | None:
    """Check a time zone: its days must consist of whole hours of UTC, since rollups of days are made of hours."""
    try:
        zone = ZoneInfo(value)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return 'is no time zone: write its name, as "Europe/Paris"'
    moments = (datetime(year, month, 1, tzinfo=UTC) for year in range(1990, 2040) for month in (1, 7))
    if any((moment.astimezone(zone).utcoffset() or timedelta()) % timedelta(hours=1) for moment in moments):
        return "is no whole number of hours from UTC: rollups of days are made of hours"
    return None


def _positive(value: Age) -> str | None:
    """Check an age that must be one."""
    return None if value is not None else "must be a time: chunks that are still written to stay as they are"


def _worker(value: str) -> str | None:
    """Check the name of a worker."""
    return "is the name under which the ledger keeps replays: choose another" if value == "replay" else word(value)


def _share(value: str) -> str | None:
    """Check the name of a shared subscription; MQTT forbids / + # in it."""
    return None if not value else word(value)


def _tokens(value: Mapping[str, str]) -> str | None:
    """Check what network servers must show."""
    for network, token in value.items():
        if not token or not token.isprintable():
            return (
                f"has no text for {network[:64]!r} that can be sent in a header; leave the network out, or make one up"
            )
    return None


def _centre(value: tuple[float, ...]) -> str | None:
    """Check a latitude and a longitude."""
    good = len(value) == 2 and abs(value[0]) <= 90 and abs(value[1]) <= 180  # noqa: PLR2004 -- the globe's numbers
    return None if good else "must be [latitude, longitude] in degrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """``[broker]``. ``port`` is that of the embedded broker, 0 for a free one.

    ``admin_user`` and ``admin_password``: who manages the rights of Mosquitto's dynamic security.
    """

    url: str = field(default=EMBEDDED, repr=False, metadata={"check": _broker})
    port: int = field(default=0, metadata={"check": between(0, 65535)})
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = field(default="penfeld", metadata={"check": word})
    ca_file: Path | None = field(default=None, metadata={"must_exist": True})
    cert_file: Path | None = field(default=None, metadata={"must_exist": True})
    key_file: Path | None = field(default=None, metadata={"must_exist": True})
    admin_user: str = "admin"
    admin_password: str = field(default="", repr=False)

    @property
    def embedded(self) -> bool:
        """Whether Penfeld runs the broker itself."""
        return self.url == EMBEDDED


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """``[database]``. Pool sizes are connections of one process."""

    url: str = field(default=EMBEDDED, repr=False, metadata={"check": _database})
    min_connections: int = field(default=1, metadata={"check": between(1, 100)})
    max_connections: int = field(default=6, metadata={"check": between(1, 100)})

    @property
    def embedded(self) -> bool:
        """Whether Penfeld runs the database itself."""
        return self.url == EMBEDDED


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """``[api]``. ``port`` 0: any free one. ``sigfox_token``: what a Sigfox callback must carry; empty: nothing.

    ``callback_tokens``: the same, network by network. ``thingpark_key``: verifies the token that ThingPark computes.
    """

    host: str = "127.0.0.1"
    port: int = field(default=8080, metadata={"check": between(0, 65535)})
    sigfox_token: str = field(default="", repr=False)
    callback_tokens: Mapping[str, str] = field(default_factory=dict, repr=False, metadata={"check": _tokens})
    thingpark_key: str = field(default="", repr=False)

    @property
    def tokens(self) -> Mapping[str, str]:
        """What each network's pushes must carry, of those that must carry something."""
        return {**({"sigfox": self.sigfox_token} if self.sigfox_token else {}), **self.callback_tokens}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """``[access]``. ``open``: whoever reaches the API may everything, so it is reached from this machine only.

    ``public``: where there are accounts, who has none sees what is public.
    """

    mode: Literal["open", "accounts"] = "open"
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """``[ingest]``. A batch ends at ``batch_frames`` or after ``batch_ms``; ``window``: unacknowledged messages.

    ``share``: the group of workers that divide the messages among them; empty: this worker gets all.
    """

    batch_frames: int = field(default=10_000, metadata={"check": between(1, 65535)})
    batch_ms: int = field(default=50, metadata={"check": between(1, 60_000)})
    window: int = field(default=30_000, metadata={"check": between(1, 65535)})
    worker: str = field(default="ingest", metadata={"check": _worker})
    share: str = field(default="", metadata={"check": _share})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One ``[[source]]``: frames of one network under one MQTT filter; ``topic`` empty: the adapter's own."""

    name: str = field(metadata={"check": word})
    network: str
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """``[console]``. ``tiles``: map tile URL with {z} {x} {y}, empty for none (works offline); ``centre``: degrees."""

    tiles: str = ""
    attribution: str = ""
    centre: tuple[float, ...] = field(default=(48.39, -4.486), metadata={"check": _centre})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsSettings:
    """``[alerts]``. ``grace``: how long what only the clock tells waits for frames that are on their way."""

    grace: Span = Span.parse("30 s")  # noqa: RUF009 -- a value that never changes


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaSettings:
    """``[grafana]``. ``url``, ``token``: of the Grafana that boards are pushed to, and of a service account there.

    ``reader_password``: of the database role ``penfeld_reader``, with which Grafana reads; empty: nobody logs in as it.
    """

    url: str = field(default="", repr=False, metadata={"check": _http})
    token: str = field(default="", repr=False)
    reader_password: str = field(default="", repr=False)
    language: Literal["fr", "en"] = "fr"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitySettings:
    """``[city]``. ``time_zone``: that of its days."""

    time_zone: str = field(default="Europe/Paris", metadata={"check": _zone})


def _address(value: str) -> str | None:
    """Check an address of the web."""
    if not value:
        return None
    parts = urlsplit(value)
    good = parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
    return None if good else "must be an address as https://data.example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDataSettings:
    """``[opendata]``. ``datasets``: files, or folders of them. ``url``: how the world reaches ``/catalog``'s parent.

    ``title_en``, ``title_fr``: of the catalogue. Publisher and contact hold for every dataset that names none.
    """

    datasets: tuple[Path, ...] = ()
    url: str = field(default="", metadata={"check": _address})
    title_en: str = ""
    title_fr: str = ""
    publisher: str = ""
    publisher_url: str = field(default="", metadata={"check": _address})
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTable:
    """One ``[[dataset]]`` as it is written, and where it stands; ``opendata.reading`` reads it."""

    table: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """``[retention]``: how long is kept what, ``None`` for ever. ``Config.retention_types``: what differs by type."""

    uplink: Age = None
    readings: Age = field(default=None, metadata={"check": too_short})
    rollups_1min: Age = field(default=None, metadata={"check": too_short})
    rollups_15min: Age = field(default=None, metadata={"check": too_short})
    rollups_1h: Age = field(default=None, metadata={"check": too_short})
    rollups_1d: Age = field(default=None, metadata={"check": too_short})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnstoreSettings:
    """``[columnstore]``: at which age readings and raw frames go into it (TimescaleDB)."""

    readings: Age = field(default=timedelta(days=7), metadata={"check": _positive})
    uplink: Age = field(default=timedelta(days=2), metadata={"check": _positive})


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRetention:
    """One ``[retention.types.<type>]`` and where it stands."""

    ages: Mapping[str, Age]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings. ``file`` is where they came from; ``notes`` are worth telling but stop nothing."""

    SECTIONS: ClassVar[Mapping[str, type[Any]]] = {
        "broker": BrokerSettings,
        "database": DatabaseSettings,
        "api": ApiSettings,
        "access": AccessSettings,
        "ingest": IngestSettings,
        "console": ConsoleSettings,
        "city": CitySettings,
        "alerts": AlertsSettings,
        "grafana": GrafanaSettings,
        "retention": RetentionSettings,
        "columnstore": ColumnstoreSettings,
        "mail": MailSettings,
        "opendata": OpenDataSettings,
    }
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"access.oidc": OidcSettings, "api.limits": LimitSettings}
    """Sections within sections."""
    TOP: ClassVar[tuple[str, ...]] = ("data_dir", "catalogue")

    data_dir: Path = Path("penfeld-data")
    catalogue: tuple[Path, ...] = ()
    broker: BrokerSettings = BrokerSettings()
    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    access: AccessSettings = AccessSettings()
    ingest: IngestSettings = IngestSettings()
    console: ConsoleSettings = ConsoleSettings()
    city: CitySettings = CitySettings()
    alerts: AlertsSettings = AlertsSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    retention: RetentionSettings = RetentionSettings()
    columnstore: ColumnstoreSettings = ColumnstoreSettings()
    mail: MailSettings = field(default_factory=MailSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    opendata: OpenDataSettings = OpenDataSettings()
    dataset_tables: tuple[DatasetTable, ...] = ()
    retention_types: Mapping[str, TypeRetention] = field(default_factory=dict)
    sources: tuple[SourceSettings, ...] = ()
    channels: tuple[ChannelSettings, ...] = ()
    file: Path | None = None
    notes: tuple[str, ...] = ()


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings; raise ``ConfigError`` with every problem. ``environ`` is the process's unless given."""
    environ = _with_files(os.environ if environ is None else environ)
    path = path or (Path(environ["PENFELD_CONFIG"]) if environ.get("PENFELD_CONFIG") else None)
    if path is None and Path(FILE_NAME).is_file():
        path = Path(FILE_NAME)
    return _Reader(path, environ).config()


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with ``overrides``, for a child process."""
    return {**os.environ, **overrides}


def terminal_allows_browser() -> bool:
    """Whether a person sits at a desktop here, so that opening a page makes sense."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class _Reader:
    """Reads one file and one environment, collecting problems as it goes."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.path = path
        self.folder = path.parent if path else Path()
        self.environ = environ
        self.problems: list[str] = []
        self.text = ""
        self.document: dict[str, Any] = {}
        self.position = 1  # which of several tables of one section is read

    def config(self) -> Config:
        """Return the settings or raise every problem."""
        self._parse()
        known = (*Config.TOP, *Config.SECTIONS, *TABLES, *(name.partition(".")[0] for name in Config.PARTS))
        self._refuse_unknown(self.document, known, "")
        retention_types = self._retention_types()
        parts = {name.rpartition(".")[2]: self._part(name, kind) for name, kind in Config.PARTS.items()}
        sections = {name: self._section(name, kind) for name, kind in Config.SECTIONS.items()}
        sources = self._sources()
        channels = self._channels(sections["mail"])
        data_dir = self._value("", "data_dir", Path, Path("penfeld-data"))
        own = self.folder / OWN_FOLDER
        catalogue = self._value("", "catalogue", tuple[Path, ...], (own,) if own.is_dir() else ())
        self._check_ingest(sections["broker"], sections["ingest"])
        accounts = not self.problems and sections["access"].mode == "accounts"
        if not self.problems and (trouble := oidc_problem(parts["oidc"], accounts=accounts)):
            self._refuse("access.oidc", *trouble)
        dataset_tables = self._datasets()
        if not sections["opendata"].datasets and not dataset_tables and (self.folder / OWN_DATASETS).is_dir():
            sections["opendata"] = replace(sections["opendata"], datasets=(self.folder / OWN_DATASETS,))
        if sections["api"].sigfox_token and "sigfox" in sections["api"].callback_tokens:
            self._refuse("api", "callback_tokens", "says what sigfox_token says, too: leave out sigfox_token")
        if self.problems:
            raise ConfigError(self.problems)
        return Config(
            data_dir=data_dir,
            catalogue=catalogue,
            retention_types=retention_types,
            dataset_tables=dataset_tables,
            sources=sources,
            channels=channels,
            file=self.path,
            notes=tuple(self._notes()),
            **sections,
            **parts,
        )

    def _parse(self) -> None:
        if self.path is None:
            return
        try:
            self.text = self.path.read_text(encoding="utf-8")
            self.document = tomllib.loads(self.text)
        except OSError as error:
            raise ConfigError([f"{self.path}: cannot be read: {error.strerror}; check the path given"]) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError([f"{self.path}: is no TOML: {error}"]) from error

    def _part(self, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 -- one of the settings classes
        """Take a section out of the one that it is in, and read it."""
        outer, _, inner = name.partition(".")
        around = self.document.get(outer, {})
        table = around.pop(inner, {}) if isinstance(around, dict) else {}
        if outer not in Config.SECTIONS and around:
            what = f"there is only [{name}] in it" if isinstance(around, dict) else f"write it as [{name}]"
            self._problem(outer, "", f"[{outer}] has no settings of its own: {what}")
        return self._read_section(name, kind, table)

    def _section(self, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 -- one of the settings classes
        return self._read_section(name, kind, self.document.get(name, {}))

    def _read_section(self, name: str, kind: type[Any], table: Any) -> Any:  # noqa: ANN401 -- what the file says
        if not isinstance(table, dict):
            self._problem(name, "", f"[{name}] must be a table of keys")
            table = {}
        self._refuse_unknown(table, [f.name for f in fields(kind)], name)
        return kind(**self._values(kind, name, table))

    def _check_ingest(self, broker: BrokerSettings, ingest: IngestSettings) -> None:
        """Refuse settings that are good each alone, but not together."""
        if ingest.window < ingest.batch_frames:
            key = "window" if self._told("ingest", "window") else "batch_frames"
            why = f"window ({ingest.window}) must not be smaller than batch_frames ({ingest.batch_frames})"
            self._refuse("ingest", key, f"makes no sense: {why}")
        if ingest.share and broker.embedded:
            why = "needs a broker of your own ([broker] url): the embedded one serves one worker"
            self._refuse("ingest", "share", why)

    def _told(self, section: str, key: str) -> bool:
        """Whether a key is set anywhere."""
        table = self.document.get(section)
        return f"{PREFIX}{section}_{key}".upper() in self.environ or (isinstance(table, dict) and key in table)

    def _refuse(self, section: str, key: str, trouble: str) -> None:
        """Tell a problem of a key where it is set: in the environment or in a line of the file."""
        variable = f"{PREFIX}{section.replace('.', '_')}_{key}".upper()
        if variable in self.environ:
            self.problems.append(f"{variable} {trouble}")
        else:
            self._problem(section, key, f"{key} {trouble}")

    def _values(self, kind: type[Any], section: str, table: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for item in fields(kind):
            value = self._value(section, item.name, item.type, item.default, table, item.metadata)
            if value is not MISSING:
                values[item.name] = value
        return values

    def _value(
        self,
        section: str,
        key: str,
        kind: Any,  # noqa: ANN401 -- a type expression
        default: Any,  # noqa: ANN401 -- a value of that type
        table: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 -- a value of that type
        table = self.document if table is None else table
        variable = PREFIX + (f"{section.replace('.', '_')}_{key}" if section else key).upper()
        # Lists of tables come whole (PENFELD_SOURCE), tables of types not at all.
        told_there = section not in TABLES and ("." not in section or section in Config.PARTS)
        from_environment = variable in self.environ and told_there
        raw = _from_text(self.environ[variable], kind) if from_environment else table.get(key, MISSING)
        if raw is MISSING:
            return default
        try:
            value = self._convert(raw, kind, Path() if from_environment else self.folder)
            trouble = f"must be {_wanted(kind)}" if value is MISSING else self._check(value, metadata or {})
        except ValueError as error:  # of an age: it says what would be right
            value, trouble = default, str(error)
        if trouble is None:
            return value
        if from_environment:
            self.problems.append(f"{variable} {trouble}")
        else:
            self._problem(section, key, f"{key} {trouble}")
        return default

    def _convert(self, raw: Any, kind: Any, folder: Path) -> Any:  # noqa: ANN401 -- one line per kind of value
        """Return the value as its type wants it, ``MISSING`` if it cannot be."""
        if get_origin(kind) is Literal:
            return raw if raw in get_args(kind) else MISSING
        if kind in _PARSED:
            return _PARSED[kind](raw)
        if get_origin(kind) is tuple:
            if not isinstance(raw, list | tuple):
                return MISSING
            items = [self._convert(item, get_args(kind)[0], folder) for item in raw]
            return MISSING if MISSING in items else tuple(items)
        if get_origin(kind) is Mapping:
            good = isinstance(raw, dict) and all(isinstance(text, str) for text in raw.values())
            return dict(raw) if good else MISSING
        if kind is float:
            return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else MISSING
        if kind in (int, str, bool):
            return raw if type(raw) is kind else MISSING
        return folder / Path(raw).expanduser() if isinstance(raw, str) and raw else MISSING

    @staticmethod
    def _check(value: Any, metadata: Mapping[str, Any]) -> str | None:  # noqa: ANN401 -- any setting
        if metadata.get("must_exist") and not value.is_file():
            return f"names {value}, which is no file"
        check: Callable[[Any], str | None] | None = metadata.get("check")
        return check(value) if check else None

    def _retention_types(self) -> dict[str, TypeRetention]:
        """Take ``[retention.types.<type>]`` out of its section, and read it."""
        retention = self.document.get("retention", {})
        if not isinstance(retention, dict) or "types" not in retention:
            return {}
        tables = retention.pop("types")
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            self._problem("retention", "types", "types are tables: [retention.types.penfeld_streetlight]")
            return {}
        found = {}
        for name, table in tables.items():
            section = f"retention.types.{name}"
            self._refuse_unknown(table, KEYS, section)
            ages = {}
            for key in KEYS:
                value = self._value(section, key, Age, MISSING, table, {"check": too_short})
                if value is not MISSING:
                    ages[key] = value
            found[name] = TypeRetention(ages=ages, place=self._place(section, ""))
        return found

    def _sources(self) -> tuple[SourceSettings, ...]:
        tables = self._tables("source", SourceSettings, ("name", "network"))
        return tuple(SourceSettings(**values) for _, _, values in tables)

    def _channels(self, mail: MailSettings) -> tuple[ChannelSettings, ...]:
        trouble = mail_problem(mail)
        if trouble:
            self._problem("mail", "password", trouble)
        found = []
        for position, table, values in self._tables("channel", ChannelSettings, ("name", "kind")):
            self.position = position
            for key, text in channel_problems(table, values, mail):
                self._problem("channel", key, f"{values['name']}: {text}")
            found.append(ChannelSettings(**values))
        self.position = 1
        return tuple(found)

    def _datasets(self) -> tuple[DatasetTable, ...]:
        tables = self.document.get("dataset", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._problem("dataset", "", 'datasets are written as [[dataset]] tables with id = "…" and title')
            return ()
        found = []
        for position, table in enumerate(tables, 1):
            self.position = position
            found.append(DatasetTable(table=table, place=self._place("dataset", "")))
        self.position = 1
        return tuple(found)

    def _tables(
        self, section: str, kind: type[Any], needed: Sequence[str]
    ) -> list[tuple[int, Mapping[str, Any], dict[str, Any]]]:
        """Return which one it is, what it says and its good values, of each table that has the needed keys."""
        variable = PREFIX + section.upper()
        tables = self.document.get(section, [])
        if variable in self.environ:
            tables = _from_text(self.environ[variable], list)
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            form = " and ".join(f'{key} = "…"' for key in needed)
            self._problem(section, "", f"{section}s are written as [[{section}]] tables with {form}")
            return []
        found = []
        for position, table in enumerate(tables, 1):
            self.position = position
            self._refuse_unknown(table, [item.name for item in fields(kind)], section)
            values = self._values(kind, section, table)
            lacking = [key for key in needed if key not in table]
            if lacking:
                self._problem(section, "", f"[[{section}]] number {position} lacks {' and '.join(lacking)}")
            elif all(key in values for key in needed):
                found.append((position, table, values))
        self.position = 1
        names = [values["name"] for _, _, values in found]
        self.problems += [f"two [[{section}]] are called {n!r}" for n in dict.fromkeys(names) if names.count(n) > 1]
        return found

    def _refuse_unknown(self, table: Mapping[str, Any], known: Sequence[str], section: str) -> None:
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                self._problem(section, key, f"{key} is no setting{f' of [{section}]' if section else ''}; {hint}")

    def _problem(self, section: str, key: str, text: str) -> None:
        place = self._place(section, key)
        self.problems.append(f"{place}: {f'[{section}] ' if section and section not in text else ''}{text}")

    def _place(self, section: str, key: str) -> str:
        line = _line(self.text, section, key, self.position)
        return f"{self.path}:{line}" if line else str(self.path)

    def _notes(self) -> list[str]:
        """Tell of variables that look like ours and are none: a typing error, or another program's."""
        known = [PREFIX + name.upper() for name in Config.TOP] + [PREFIX + name.upper() for name in (*TABLES, "config")]
        known += _variables()
        notes = []
        for name in sorted(self.environ):
            if name.startswith(PREFIX) and name not in known:
                near = get_close_matches(name, known, 1)
                notes.append(f"{name} is no setting and is ignored" + (f"; did you mean {near[0]}?" if near else ""))
        return notes


def _with_files(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with what the files hold that ``…_FILE`` variables name; a variable itself wins."""
    found, problems = dict(environ), []
    known = _variables()
    for name, path in environ.items():
        wanted = name.removesuffix("_FILE")
        if wanted == name or name in known or wanted not in known:
            continue
        found.pop(name)
        try:
            found.setdefault(wanted, Path(path).read_text("utf-8").rstrip("\n"))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "is no text"
            problems.append(f"{name} names {path}, which cannot be read: {why}")
    if problems:
        raise ConfigError(problems)
    return found


def _variables() -> Sequence[str]:
    """Return the names of all variables that set a key of a section."""
    sections = {**Config.SECTIONS, **Config.PARTS}
    return [
        f"{PREFIX}{section.replace('.', '_')}_{item.name}".upper()
        for section, kind in sections.items()
        for item in fields(kind)
    ]


_PARSED: Mapping[Any, Callable[[Any], Any]] = {Age: age, Span: Span.parse, Quiet | None: Quiet.parse}
"""What has a reader of its own, which raises ``ValueError`` with what would be right."""


def _from_text(text: str, kind: Any) -> Any:  # noqa: ANN401 -- TOML values in, TOML values out
    """Return what an environment variable says: texts as they are, the rest as TOML would write it."""
    if kind in (str, Path, Age, Path | None) or get_origin(kind) is Literal:
        return text
    if kind == tuple[Path, ...] and not text.lstrip().startswith("["):
        return [part for part in text.split(os.pathsep) if part]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _wanted(kind: Any) -> str:  # noqa: ANN401 -- a type expression
    """Say what a type wants, for a person."""
    if get_origin(kind) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return {Path: "a list of paths", str: "a list of texts"}.get(get_args(kind)[0], "a list of numbers")
    if get_origin(kind) is Mapping:
        return 'a table of texts: { name = "text" }'
    return {int: "a whole number", str: "a text in quotes", bool: "true or false", float: "a number"}.get(
        kind, "a path"
    )


def _line(text: str, section: str, key: str, position: int = 1) -> int | None:
    """Return the line of a key (or of a section's head), counted from 1. ``position``: in which of several sections."""
    here, passed = not section, 0
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]", line)
        if head:
            passed += head[1] == section
            here = head[1] == section and passed == position
            if (here and not key) or (not section and head[1] == key):
                return number
        elif here and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return None
