"""``penfeld decode`` of device types that a codec reads: a script runs in the cage."""

import json
from pathlib import Path

import pytest

from penfeld.cli import main

PROBE = """\
title = { en = "Probe", fr = "Sonde" }
vendor = "Lab"
model = "Probe"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up"

[codec]
script = "probe.js"
variables = { offset = "40" }

[field.temperature_c]
path = "temp"
kind = "float"
quantity = "temperature"
"""
SCRIPT = """\
function decodeUplink(input) {
  if (input.bytes[0] === 0xff) { for (;;) {} }
  console.log("port", input.fPort);
  return {
    data: { temp: input.bytes[0] - Number(input.variables.offset), state: { door: "open" } },
    warnings: ["battery low"],
  };
}
"""


@pytest.fixture(autouse=True)
def _own_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a device file and its script."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "my-devices"
    own.mkdir()
    (own / "probe.toml").write_text(PROBE)
    (own / "probe.js").write_text(SCRIPT)


def test_fields_and_what_they_leave_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The fields with units, what no field takes by its path; warnings and what the script writes go beside it."""
    code = main(["decode", "probe", "--port", "3", "3d"])

    said = capsys.readouterr()
    assert code == 0
    assert said.out.splitlines() == [
        "field          value  unit",
        "temperature_c  21     Cel",
        "",
        "What no field of probe.toml takes:",
        "path        value",
        "state.door  open",
    ]
    assert said.err.splitlines() == ["the script writes: port 3", "warning: battery low"]


def test_programs_get_what_no_field_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` has it under ``rest``."""
    main(["decode", "probe", "3d", "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert (answer["records"][0]["values"], answer["rest"]) == ({"temperature_c": 21.0}, {"state.door": "open"})


def test_a_script_that_never_ends_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, with the payload; the exit code is 1."""
    code = main(["decode", "probe", "ff"])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert "probe.js" in said.err
    assert "payload ff" in said.err


def test_a_format_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A known format needs no script; without a field, all that it says is left."""
    text = PROBE[: PROBE.index("[codec]")] + '[codec]\nformat = "cayenne"\n'
    (tmp_path / "my-devices" / "probe.toml").write_text(text)

    code = main(["decode", "probe", "016700ff"])

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "What no field of probe.toml takes:",
        "path           value",
        "temperature_1  25.5",
    ]
