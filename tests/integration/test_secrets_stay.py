"""Secrets that are planted in the settings come out of no command: not in what it prints, logs, or shows of itself."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penfeld.cli import main
from penfeld.config import load
from penfeld.deployment import make
from penfeld.oidc import oidc_config
from tests.integration.fix_brokers import free_port

PLANTED = "hush4K2fPq9z"
SETTINGS = """\
[database]
url = "postgresql://penfeld:{secret}1@127.0.0.1:{port}/penfeld"
[broker]
url = "mqtt://penfeld:{secret}2@127.0.0.1:{port}"
admin_password = "{secret}3"
[api]
port = 0
sigfox_token = "{secret}4"
thingpark_key = "{secret}5"
callback_tokens = {{ loriot = "{secret}6" }}
[mail]
host = "127.0.0.1"
user = "penfeld"
password = "{secret}7"
sender = "alerts@city.example"
[access]
mode = "accounts"
[access.oidc]
issuer = "https://id.city.example"
client_id = "penfeld"
client_secret = "{secret}8"
public_url = "https://iot.city.example"
default_role = "viewer"
[[channel]]
name = "incidents"
kind = "webhook"
url = "https://incidents.city.example/{secret}9"
secret = "whsec_aHVzaDRLMmZQcTl6aHVzaDRLMmZQcTl6aHVzaDRL"
"""
ENCODED = "aHVzaDRLMmZQcTl6"
"""The same, as it stands in a webhook's secret."""
COMMANDS = (
    ("doctor",),
    ("doctor", "--json"),
    ("mqtt", "list"),
    ("mqtt", "list", "--json"),
    ("mqtt", "grant", "device", "penfeld_streetlight", "lamp-7"),
    ("mqtt", "revoke", "device.penfeld_streetlight.lamp-7"),
    ("rules", "channels"),
    ("rules", "channels", "--json"),
    ("devices", "list"),
    ("ledger",),
    ("db", "status"),
    ("backup", "--out", "one.tar"),
    ("ingest", "--wait", "0"),
    ("alerts", "--wait", "0"),
    ("serve", "--wait", "0"),
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plant a secret in every setting that holds one; nothing listens at broker and database."""
    file = tmp_path / "penfeld.toml"
    file.write_text(SETTINGS.format(secret=PLANTED, port=free_port()))
    monkeypatch.chdir(tmp_path)
    return file


def told(caught: Sequence[str]) -> str:
    """Return everything that was written, in one text."""
    return "\n".join(caught)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_tells_a_secret(
    settings: Path, command: tuple[str, ...], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where it works nor where it says what broke, with every library logging all it can."""
    with caplog.at_level(logging.DEBUG):
        assert main(["--config", str(settings), *command]) in (0, 1)
    caught = capfd.readouterr()
    text = told((caught.out, caught.err, caplog.text))

    assert caught.out + caught.err != ""
    assert PLANTED not in text
    assert ENCODED not in text


def test_no_part_of_the_settings_shows_a_secret(settings: Path) -> None:
    """Not the whole, not a section, not what is made of it."""
    config = load(settings, {})
    parts = [config, *(getattr(config, name) for name in config.__slots__), oidc_config(config.oidc)]

    assert PLANTED in settings.read_text()
    for part in parts:
        assert PLANTED not in repr(part) + str(part)
        assert ENCODED not in repr(part)


@pytest.mark.parametrize("line", [line for line in SETTINGS.splitlines() if "{secret}" in line])
def test_no_wrong_setting_is_repeated_with_its_secret(
    settings: Path, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each setting that holds one, broken in each of several ways: what is wrong is said, the secret is not."""
    good = line.format(secret=PLANTED, port=1)
    key = good.split(" = ")[0]
    for wrong in (f'{key} = ["{PLANTED}"]', f'{key}s = "{PLANTED}"', f'{key} = "{PLANTED}\\n"', f'{key} = "{PLANTED}'):
        text = settings.read_text()
        current = next(one for one in text.splitlines() if one.startswith(f"{key} = ") and PLANTED in one)
        settings.write_text(text.replace(current, wrong, 1))
        main(["doctor", "--config", str(settings)])
        settings.write_text(text)
        caught = capfd.readouterr()
        assert caught.out + caught.err != ""
        assert PLANTED not in caught.out + caught.err, wrong


def test_what_deploy_init_makes_is_told_by_name_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The names of the files, in both forms; no password, no key."""
    for number, more in enumerate(((), ("--json",))):
        assert main(["deploy", "init", "--host", "iot.city.example", "--out", str(tmp_path / str(number)), *more]) == 0
    caught = capfd.readouterr()
    secrets = [file for folder in ("0", "1") for file in (tmp_path / folder).iterdir() if file.suffix != ".pem"]

    assert json.loads(caught.out[caught.out.index("{") :])["files"]
    for file in secrets:
        content = file.read_text()
        password = content.split(":")[2].split("@")[0] if "://" in content else content
        assert password not in caught.out + caught.err
    assert "PRIVATE KEY" not in caught.out + caught.err


def test_the_first_rights_hold_no_password(tmp_path: Path) -> None:
    """What the broker is given cannot be turned back into what the services have."""
    make(tmp_path / "secrets", "iot.city.example", datetime(2026, 11, 23, tzinfo=UTC))
    rights = (tmp_path / "secrets" / "dynamic-security.json").read_text()

    for name in ("ingest", "api", "alerts", "run"):
        url = (tmp_path / "secrets" / f"{name}-broker-url").read_text()
        assert url.split(":")[2].split("@")[0] not in rights
    assert (tmp_path / "secrets" / "broker-admin-password").read_text() not in rights
