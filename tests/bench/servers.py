"""The broker and the database that are measured: made for the run, set as they would be in a city.

1. Mosquitto is set as ``deploy/mosquitto.conf`` says, but for the port, the passwords and the folder.
2. The database is that of ``PENFELD_TEST_DSN`` with its own settings, else TimescaleDB where it is installed beside
   ``pg_config``, else the PostgreSQL of the embedded mode; the latter two with ``SETTINGS``. Nothing is left out that
   makes commits durable.
"""

import contextlib
import getpass
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from model.broker import BrokerAddress
from penfeld.embedded.postgres import _binary
from tests.integration.fix_brokers import MOSQUITTO, Broker, free_port
from tests.integration.fix_database import Cluster, bindir_with_timescaledb, make_cluster

__all__ = ["MOSQUITTO", "SETTINGS", "broker", "cluster", "database_versions", "temporary_folder", "url_of"]

SETTINGS = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 4GB
max_connections = 60
"""
_CONF = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
_OURS = (
    "listener",
    "per_listener_settings",
    "allow_anonymous",
    "plugin",
    "plugin_opt_config_file",
    "persistence_location",
)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that the database's user may enter, too."""
    with tempfile.TemporaryDirectory(prefix="penfeld-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextlib.contextmanager
def broker(folder: Path, *more: str) -> Iterator[Broker]:
    """Run a Mosquitto set as in deployment; ``more``: further lines."""
    if MOSQUITTO is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    port = free_port()
    folder.mkdir()
    lines = [line for line in _CONF.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lines = [line for line in lines if line.split()[0] not in _OURS]
    # started by root, it would become a user who cannot write here
    lines += [f"listener {port} 127.0.0.1", f"user {getpass.getuser()}", "allow_anonymous true"]
    lines += [
        f"persistence_location {folder}/",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type subscribe",
        *more,
    ]
    file = folder / "mosquitto.conf"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = Broker(
        name="mosquitto",
        command=(MOSQUITTO, "-c", str(file)),
        address=BrokerAddress(host="127.0.0.1", port=port),
        log=folder / "mosquitto.log",
        keeps_sessions=True,
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run the database server that is measured."""
    folder.mkdir()
    made = make_cluster(_kind(), folder, SETTINGS)
    try:
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # the run may have left it stopped
            made.stop()


def url_of(dsn: str) -> str:
    """Return the address of a database as the settings want it."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"


def database_versions() -> Mapping[str, str | None]:
    """Return the versions of PostgreSQL and, where it is used, TimescaleDB."""
    if address := os.environ.get("PENFELD_TEST_DSN"):
        with psycopg.connect(address) as connection:
            server = connection.execute("show server_version").fetchone()
            extension = connection.execute(
                "select default_version from pg_available_extensions where name = 'timescaledb'"
            ).fetchone()
        return {"postgresql": str(server and server[0]), "timescaledb": extension[0] if extension else None}
    if (bindir := bindir_with_timescaledb()) is None:
        return {"postgresql": _server_version(_binary("postgres")), "timescaledb": None}
    share = subprocess.run(["pg_config", "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
    control = (Path(share) / "extension" / "timescaledb.control").read_text(encoding="utf-8")
    found = next(line for line in control.splitlines() if line.startswith("default_version"))
    return {"postgresql": _server_version(bindir / "postgres"), "timescaledb": found.partition("=")[2].strip(" '")}


def _kind() -> str:
    there = os.environ.get("PENFELD_TEST_DSN") or bindir_with_timescaledb()
    return "timescaledb" if there else "embedded"


def _server_version(program: Path) -> str:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return said.split()[2]
