"""What ``deploy/`` holds keeps its promises, and what ``penfeld deploy init`` makes is safe."""

import configparser
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.errors import BadRequestError, ConfigError
from penfeld.backup import note, without_secrets
from penfeld.checks import Level, backup_findings, certificate_findings
from penfeld.config import BrokerSettings, Config, DatabaseSettings
from penfeld.deployment import expiry, make

DEPLOY = Path(__file__).parents[3] / "deploy"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"migrate", "boards"}


def test_secrets_are_their_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    """The folder is 0700, each file 0600, two runs differ, and a second run into one folder is refused."""
    made = make(tmp_path / "one", "iot.city.example", NOW)
    make(tmp_path / "two", "iot.city.example", NOW)

    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert {(tmp_path / "one" / name).stat().st_mode & 0o777 for name in made} == {0o600}
    assert [n for n in made if (tmp_path / "one" / n).read_text() == (tmp_path / "two" / n).read_text()] == []
    with pytest.raises(ConfigError, match="there already"):
        make(tmp_path / "one", "iot.city.example", NOW)
    assert expiry(tmp_path / "one" / "server.pem") > NOW + timedelta(days=365)


@pytest.mark.parametrize("host", ["", "a b", "x;y", "n" * 65])
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str) -> None:
    """Nothing is made for a name that no certificate can hold."""
    with pytest.raises(BadRequestError, match="--host"):
        make(tmp_path / "secrets", host, NOW)
    assert not (tmp_path / "secrets").exists()


def test_every_secret_of_the_compose_file_is_made(tmp_path: Path) -> None:
    """Each secret that a service uses is declared, and `deploy init` writes its file."""
    made = make(tmp_path / "secrets", "iot.city.example", NOW)
    declared = COMPOSE["secrets"]

    assert {Path(secret["file"]).name for secret in declared.values()} <= set(made)
    assert {name for service in SERVICES.values() for name in service.get("secrets", ())} == set(declared)


@pytest.mark.parametrize("name", ["ingest", "api", "alerts"])
def test_each_service_has_rights_of_its_own_on_the_broker(name: str) -> None:
    """It gets the address with its own client, and no other's, in a container as in a unit."""
    service = SERVICES[name]
    unit = (DEPLOY / "systemd" / f"penfeld-{name}.service").read_text()

    assert service["environment"]["PENFELD_BROKER_URL_FILE"] == f"/run/secrets/{name}-broker-url"
    assert [secret for secret in service["secrets"] if "broker" in secret] == [f"{name}-broker-url"]
    assert re.findall(r"/secrets/(\S+-broker-url)", unit) == [f"{name}-broker-url"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_watched_and_without_new_rights(name: str) -> None:
    """Each has a version, limits, a restart policy and a health check (what runs once ends by itself)."""
    service = SERVICES[name]

    assert re.fullmatch(r"[\w./-]+:\d[\w.-]+", service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert "test" in service["healthcheck"] or name in ONCE
    assert "no-new-privileges:true" in service["security_opt"]
    assert name == "timescaledb" or (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert not [key for key in service.get("environment", {}) if "PASSWORD" in key and not key.endswith("FILE")]


def test_the_database_cannot_be_reached_from_outside() -> None:
    """It has no port and is on the internal network only; API and Grafana listen on this machine alone."""
    assert "ports" not in SERVICES["timescaledb"]
    assert SERVICES["timescaledb"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert [p for name in ("api", "grafana") for p in SERVICES[name]["ports"] if not p.startswith("127.0.0.1:")] == []


def test_grafana_logs_in_with_the_password_that_the_role_is_given(tmp_path: Path) -> None:
    """Both get it as a file of their own, since each file belongs to one user; Grafana sees the boards only to read."""
    folder = tmp_path / "secrets"
    make(folder, "iot.city.example", NOW)
    grafana, migrate = SERVICES["grafana"], SERVICES["migrate"]

    assert (folder / "reader-password").read_text() == (folder / "grafana-reader-password").read_text()
    for service, name, file in (
        (migrate, "PENFELD_GRAFANA_READER_PASSWORD_FILE", "reader-password"),
        (grafana, "GF_PENFELD_DATABASE_PASSWORD__FILE", "grafana-reader-password"),
    ):
        assert service["environment"][name] == f"/run/secrets/{file}"
        assert file in service["secrets"]
    assert "boards:/var/lib/penfeld-boards:ro" in grafana["volumes"]


def test_the_container_file_ends_without_rights_and_build_tools() -> None:
    """Two stages of one pinned base; the last runs as a user by number, checks itself and installs nothing."""
    text = (DEPLOY / "Containerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    last = text[text.rindex("\nFROM ") :]

    assert len(bases) == 2
    assert all(re.search(r":\d+\.\d+\.\d+-", base) for base in bases)
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert not re.search(r"\b(pip|apt-get|gcc|make)\b", last)


def test_the_container_file_copies_every_package() -> None:
    """A package that is in the wheel is in the image."""
    copied = set(re.findall(r"^COPY (\w+) \w+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE))
    root = DEPLOY.parent

    assert copied == {path.parent.name for path in root.glob("*/__init__.py")} - {"tests"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened_and_holds_no_secret(unit: Path) -> None:
    """It may write its own folder only, gains no rights, starts again, and gets its secrets as credentials."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    service = dict(parser["Service"])

    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["Restart"]) == ("yes", "strict", "always")
    assert service["User"] == "penfeld"
    assert service["StateDirectory"] == "penfeld"
    assert service["CapabilityBoundingSet"] == ""
    assert not re.search(r"://\w+:", unit.read_text())
    assert unit.name in (DEPLOY / "systemd" / "penfeld.target").read_text()


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong in them, but for the program that is not installed here."""
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/penfeld/bin/penfeld", "/bin/true")
        (tmp_path / unit.name).write_text(text)

    done = subprocess.run(
        (analyze, "verify", *map(str, sorted(tmp_path.iterdir()))), capture_output=True, text=True, check=False
    )

    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "penfeld" in line] == []


@pytest.mark.parametrize(("days", "level"), [(0, Level.OK), (3640, Level.WARN), (4000, Level.FAIL)])
def test_doctor_tells_when_a_certificate_ends(tmp_path: Path, days: int, level: Level) -> None:
    """It is well, ends within a month, or has ended."""
    make(tmp_path / "secrets", "iot.city.example", NOW)
    config = Config(broker=BrokerSettings(ca_file=tmp_path / "secrets" / "ca.pem"))

    [found] = certificate_findings(config, NOW + timedelta(days=days))

    assert found.level is level


def test_doctor_tells_how_old_the_last_backup_is(tmp_path: Path) -> None:
    """None, a fresh one, an old one."""
    config = Config(data_dir=tmp_path, database=DatabaseSettings(url="postgresql://penfeld@db/penfeld"))

    [none] = backup_findings(config, NOW)
    note(tmp_path, NOW, tmp_path / "one.tar")
    [fresh], [old] = backup_findings(config, NOW), backup_findings(config, NOW + timedelta(days=3))

    assert [none.level, fresh.level, old.level] == [Level.WARN, Level.OK, Level.WARN]


def test_secrets_are_cut_out_of_settings_and_all_else_stays() -> None:
    """Addresses, passwords, tokens and channels' secrets go; a secret over several lines takes the whole file along."""
    text = (
        '[database]\nurl = "postgresql://penfeld:hush-1@db/penfeld"\nmax_connections = 4\n[mail]\npassword = "hush-2"\n'
        '[[channel]]\nname = "duty"\nkind = "webhook"\nsecret = "hush-3"\n'
    )

    kept = without_secrets(text)

    assert "hush" not in kept
    assert ("max_connections = 4" in kept, 'name = "duty"' in kept) == (True, True)
    assert without_secrets('[mail]\npassword = """hush\nhush"""\n') == ""


def test_everything_that_the_compose_file_names_is_there() -> None:
    """Each service has an image and a check of its health; what it needs, mounts and joins is declared in the file."""
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    for name, service in services.items():
        assert service["image"], name
        assert service["healthcheck"].get("disable") or service["healthcheck"]["test"][0] == "CMD", name
        assert service.get("depends_on", {}).keys() <= services.keys(), name
        assert set(service.get("networks", [])) <= COMPOSE["networks"].keys(), name
        assert {one for one in service.get("secrets", []) if isinstance(one, str)} <= COMPOSE["secrets"].keys(), name
        mounts = [one.partition(":")[0] for one in service.get("volumes", []) if isinstance(one, str)]
        assert {one for one in mounts if not one.startswith((".", "/"))} <= COMPOSE["volumes"].keys(), name


def test_the_api_is_asked_lightly_whether_it_lives() -> None:
    """The check of the API's health is an address of its own that asks nothing of others, not the whole ``doctor``."""
    check = COMPOSE["services"]["api"]["healthcheck"]["test"]

    assert "/healthz" in check[-1]
    assert "doctor" not in check
