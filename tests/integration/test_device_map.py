"""``penfeld device map``: what no field takes is listed, and gets a field by one command."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import pytest

from decoders.device import Definition
from model.device import Device
from model.uplink import Rest
from penfeld.cli import main
from storage.connection import Database
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.batches import NOON, Builder

DEVICES = Path(__file__).parents[1] / "data" / "devices"
TIDE = "02c55aa0"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Make a device of a script in a folder of its own; return ``penfeld device``: exit code, output, remarks."""
    monkeypatch.chdir(tmp_path)
    copy(DEVICES / "lab_tide.js", "tide.js")

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["device", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert run("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1", "--example", "00005a:1")[0] == 0
    return run


def written() -> Definition:
    """Return the device type as its file says it now."""
    folder = Path("my-devices")
    return Definition.read("lab_gauge", (folder / "lab_gauge.toml").read_text(), lambda js: (folder / js).read_text())


def test_what_examples_say_is_listed(device: Command) -> None:
    """Where nothing runs, the examples tell what no field takes; remarks say what was looked at and what to do."""
    code, out, err = device("map", "lab_gauge")

    assert code == 0
    assert out.splitlines() == [
        "path           value  devices  proposed field",
        "firmware       2.1          -  ? say --name and --quantity",
        "tide.level_cm  709          -  ? say --name and --quantity",
    ]
    assert "`penfeld device map lab_gauge PATH` makes the field" in err
    assert "no frames: Penfeld does not run here" in err
    assert json.loads(device("map", "lab_gauge", "--json")[1])[1] == {
        "path": "tide.level_cm",
        "value": 709,
        "devices": 0,
        "proposal": None,
    }


def test_a_field_is_made_as_a_person_says_and_examples_hold(device: Command) -> None:
    """The field stands in the file with its unit, the examples have its value, and the path is left no more."""
    words = ("--name", "tide_level_m", "--quantity", "water_level", "--unit", "cm")

    code, out, err = device("map", "my-devices/lab_gauge.toml", "tide.level_cm", *words)

    assert code == 0
    assert '[field.tide_level_m]\npath = "tide.level_cm"\nkind = "float"\nquantity = "water_level"\nunit = "cm"' in out
    assert "penfeld redecode --device-type lab_gauge" in err
    assert written().check() == ()
    assert written().examples[0].records[0].values["tide_level_m"] == 7.09
    assert device("check", "lab_gauge")[0] == 0
    assert "tide.level_cm" not in device("map", "lab_gauge")[1]


def test_a_field_is_made_as_it_is_proposed(device: Command) -> None:
    """Where path and values tell what it is, the path alone is enough; what only the values told is to be checked."""
    file = Path("my-devices/lab_gauge.toml")
    text = file.read_text()
    file.write_text(text[: text.index("[field.")] + text[text.index("[[example]]") :])

    code, out, _ = device("map", "lab_gauge", "battery_mV")

    assert code == 0
    assert '[field.battery_v]\ntitle = { en = "Voltage (battery)"' in out
    assert 'unit = "mV"' in out
    assert device("map", "lab_gauge", "tide.temperature", "--name", "water_c")[0] == 0
    assert [field.name for field in written().type.fields] == ["battery_v", "water_c"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lab_gauge", "firmware"), "'firmware' measures (it says '2.1'): say --name and --quantity"),
        (("lab_gauge", "firmwares"), "did you mean firmware?"),
        (("lab_gauge", "x", "--name", "x_c"), "say --quantity"),
        (("lab_gauge", "x", "--name", "x", "--quantity", "temperature"), "'x' must end in _c"),
        (("lab_gauge", "battery_mV", "--name", "b_v", "--quantity", "voltage"), "takes already"),
        (("lab_gauges", "x"), "did you mean lab_gauge"),
        (("elsys_ers", "x"), "has a layout"),
    ],
)
def test_what_cannot_be_mapped_is_said_in_a_line(device: Command, words: tuple[str, ...], says: str) -> None:
    """One line says why and what to do; the file stays as it is."""
    before = Path("my-devices/lab_gauge.toml").read_text()

    code, out, err = device("map", *words)

    assert (code, out) == (1, "")
    assert says in err
    assert Path("my-devices/lab_gauge.toml").read_text() == before


def test_frames_tell_what_examples_do_not(device: Command, dsn: str) -> None:
    """Of a database that answers, the newest frames are looked at too, with how many devices say it."""
    known = written().type

    async def hear() -> None:
        async with Database(dsn) as database:
            await prepare(database, [known])
            registry = Registry(database)
            await registry.register([Device(id=name, type="lab_gauge") for name in ("a", "b")])
            batch = Builder(await registry.identify(["a", "b"]))
            for name in ("a", "b"):
                batch.frame(name, NOON, [], rest=Rest(paths={"air.humidity": 55.5}))
            await Writer(database, "w").write(batch.build())

    asyncio.run(hear())
    Path("penfeld.toml").write_text(f'[database]\nurl = "{dsn}"\n')

    code, out, err = device("map", "lab_gauge")

    assert code == 0
    assert out.splitlines()[1] == "air.humidity   55.5         2  air_humidity_percent (humidity)"
    assert "no frames" not in err
    assert device("map", "lab_gauge", "air.humidity")[0] == 0
    assert written().type.fields[-1].name == "air_humidity_percent"
