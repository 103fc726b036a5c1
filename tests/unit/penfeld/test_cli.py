"""The command line: help worth reading, exit codes that scripts can trust, and an answer at once."""

import json
import shlex
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from decoders.catalogue import Catalogue
from model.device import DeviceType
from model.errors import BadRequestError
from model.registration import devices_of, read_csv, read_toml
from penfeld.cli import COMMANDS, main
from penfeld.commands.decode import payload_of

ROOT = Path(__file__).parents[3]
LIT = "8046019000303908fc1f5f"


def shown_examples() -> list[str]:
    """Return the commands that the help of each command shows, and those of the README."""
    texts = [import_module(f"penfeld.commands.{name.replace('-', '_')}").EXAMPLES for name in COMMANDS]
    lines = "\n".join([*texts, (ROOT / "README.md").read_text()]).splitlines()
    return [line.strip().removeprefix(".venv/bin/") for line in lines if line.startswith(("  penfeld ", "    .venv"))]


def type_of(name: str) -> DeviceType:
    """Return a device type of the package."""
    return Catalogue.builtin()[name].type


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder without settings."""
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``penfeld --help`` lists the commands and first steps."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert [name for name in COMMANDS if f"    {name}" not in text] == []
    assert "first steps:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``penfeld COMMAND --help`` says what it does and shows how it is used."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "examples:\n  " in text
    assert f"penfeld {name}" in text.partition("examples:")[2]


@pytest.mark.parametrize("example", [line for line in shown_examples() if " decode " in line or " encode " in line])
def test_examples_do_what_they_say(example: str) -> None:
    """Every ``decode`` and ``encode`` that help or README shows works as it stands there."""
    assert main(shlex.split(example, comments=True)[1:]) == 0


def test_the_form_of_a_list_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """``penfeld devices import --help`` shows a CSV and a TOML file that can be read."""
    with pytest.raises(SystemExit):
        main(["devices", "import", "--help"])

    text = capsys.readouterr().out
    as_csv, as_toml = (
        textwrap.dedent(part).encode() for part in text.partition("lamps.csv:\n")[2].split("lamps.toml:\n")
    )
    devices = [[row.device for row in devices_of(rows, type_of)] for rows in (read_csv(as_csv), read_toml(as_toml))]
    assert [[device.name for device in found if device] for found in devices] == [["Rue de Siam 4"]] * 2


@pytest.mark.parametrize(
    ("written", "payload"),
    [
        ("0A0b", b"\x0a\x0b"),
        ("0a 0b\n", b"\x0a\x0b"),
        ("0x0A0B", b"\x0a\x0b"),
        ("0a:0b", b"\x0a\x0b"),
        ("0a-0b", b"\x0a\x0b"),
        ("", b""),
    ],
)
def test_hex_is_read_as_people_write_it(written: str, payload: bytes) -> None:
    """Blanks, colons, dashes and 0x do not matter."""
    assert payload_of(written) == payload


@pytest.mark.parametrize(("written", "words"), [("0", "odd number"), ("zz", "no hex"), ("0a0g", "no hex")])
def test_what_is_no_hex_is_refused(written: str, words: str) -> None:
    """The message says what is wrong with it."""
    with pytest.raises(BadRequestError, match=words):
        payload_of(written)


def test_base64_is_read_when_asked_for() -> None:
    """Network servers show payloads as base64."""
    assert payload_of("CgsM", in_base64=True) == b"\n\x0b\x0c"
    with pytest.raises(BadRequestError, match="no base64"):
        payload_of("CgsM!", in_base64=True)


def test_json_is_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A program can read what ``--json`` prints."""
    code = main(["decode", "penfeld_streetlight", "--port", "1", LIT, "--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["records"][0]["values"]["voltage_v"] == 230.0


def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of ours is one line there, standard output stays empty, and the exit code is 1."""
    code = main(["decode", "penfeld_streetlight", "--port", "1", "80"])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert said.err.startswith("penfeld: ")
    assert said.err.count("\n") == 1


def test_every_wrong_setting_is_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two problems in the settings are two lines."""
    (tmp_path / "penfeld.toml").write_text("[api]\nport = 0.5\nhost = 1\n")

    code = main(["decode", "penfeld_streetlight", LIT])

    assert code == 1
    assert capsys.readouterr().err.splitlines() == [
        "penfeld: penfeld.toml:3: [api] host must be a text in quotes",
        "penfeld: penfeld.toml:2: [api] port must be a whole number",
    ]


def test_decoding_loads_nothing_heavy() -> None:
    """What makes ``penfeld decode`` answer at once: no numpy, no drivers, no msgspec, no rich."""
    code = (
        "import sys; from penfeld.cli import main;"
        f"main(['decode', 'penfeld_streetlight', '--port', '1', '{LIT}']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded & {"numpy", "psycopg", "msgspec", "rich", "fastapi", "paho", "amqtt", "asyncio", "storage"} == set()
