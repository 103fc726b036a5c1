"""The other commands, beside a running city or on their own."""

import json
import signal
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decoders.catalogue import Catalogue
from penfeld.embedded.postgres import Postgres
from penfeld.processes import free_port, port_is_free
from tests.acceptance.command import ROOT, Service, get, penfeld, processes_of, service, until

LIT = "8046019000303908fc1f5f"
LAB_SOIL = """
title = { en = "Soil probe of the lab", fr = "Sonde de sol du labo" }
vendor = "Lab"
model = "Soil"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "written by the lab"

[[frame]]
f_port = 1
layout = \"\"\"
temperature_c     i16 * 0.01
moisture_percent  u16 * 0.01
\"\"\"

[field.temperature_c]
title = { en = "Soil temperature", fr = "Température du sol" }
quantity = "temperature"
range = [-10, 40]

[field.moisture_percent]
title = { en = "Moisture", fr = "Humidité" }
quantity = "moisture"
range = [0, 100]

[[example]]
name = "mild"
f_port = 1
payload = "04b0 0fa0"
values = { temperature_c = 12.0, moisture_percent = 40.0 }
"""
VENDORS = json.loads((ROOT / "tests" / "data" / "vendor_frames.json").read_text())


def refusal(*words: str, folder: Path, **more: str) -> str:
    """Return the one line that a command fails with."""
    done = penfeld(*words, folder=folder, **more)
    lines = [line for line in done.stderr.splitlines() if line.startswith("penfeld: ")]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(lines) == 1
    return lines[0]


def test_decode_tells_fields_with_units(folder: Path) -> None:
    """People get a table, programs get JSON, both with the numbers of the device file's example."""
    shown = penfeld("decode", "penfeld_streetlight", "--port", "1", "80 46 0190 003039 08fc 1f 5f", folder=folder)
    said = penfeld("decode", "penfeld_streetlight", "--port", "1", LIT, "--json", folder=folder)

    assert "energy_kwh            123.45  kW.h" in shown.stdout.splitlines()
    assert json.loads(said.stdout)["records"][0]["values"]["power_w"] == 40.0


def test_what_was_encoded_decodes_to_the_same(folder: Path) -> None:
    """``penfeld encode`` makes the payload that ``penfeld decode`` reads."""
    values = json.loads(penfeld("decode", "penfeld_streetlight", "--port=1", LIT, "--json", folder=folder).stdout)
    pairs = [f"{name}={json.dumps(value)}" for name, value in values["records"][0]["values"].items()]

    encoded = penfeld("encode", "penfeld_streetlight", "--port", "1", *pairs, folder=folder)

    assert encoded.stdout == f"{LIT}  (port 1)\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("decode", "penfeld_streetlamp", "00"),
            "penfeld: there is no device type 'penfeld_streetlamp'; did you mean penfeld_streetlight",
        ),
        (("decode", "elsys_ers", "012"), "penfeld: the payload has 3 hex digits, an odd number"),
        (("decode", "elsys_ers", "AQI="), "penfeld: the payload is no hex; with --base64 it may be base64"),
        (("encode", "elsys_ers", "hello"), "penfeld: 'hello' is no name=value; write for instance power_w=42.5"),
        (("run", "--config", "missing.toml"), "penfeld: missing.toml: cannot be read: No such file or directory"),
        (("simulate",), "penfeld: no broker runs on penfeld-data: start `penfeld run` or `penfeld demo`"),
        (("ingest",), "penfeld: no broker runs on penfeld-data: start `penfeld run` or `penfeld demo`"),
        (("devices", "import", "list.xls"), "penfeld: list.xls is neither .csv nor .toml"),
    ],
)
def test_a_mistake_is_one_line_that_helps(folder: Path, words: tuple[str, ...], line: str) -> None:
    """Exit code 1, no traceback, and what to do next."""
    assert refusal(*words, folder=folder).startswith(line)


@pytest.mark.parametrize("words", [(), ("no-such-command",), ("decode",), ("demo", "--for", "x")])
def test_wrong_usage_is_exit_code_two(folder: Path, words: tuple[str, ...]) -> None:
    """A command line that makes no sense shows how it should be."""
    done = penfeld(*words, folder=folder)

    assert done.returncode == 2
    assert "usage: penfeld" in done.stdout + done.stderr


@pytest.mark.parametrize("word", ["ingest", "run"])
def test_a_dead_broker_is_one_line(folder: Path, word: str) -> None:
    """It says which broker does not answer and where to look; no process is left."""
    port = free_port()
    url = f"mqtt://user:hush@127.0.0.1:{port}"
    line = refusal(word, folder=folder, PENFELD_BROKER_URL=url, PENFELD_API_PORT="0")

    assert line.startswith(f"penfeld: broker mqtt://user@127.0.0.1:{port} does not answer")
    assert line.endswith("start it, or correct [broker] url")
    assert processes_of(folder) == []


@pytest.fixture
def locked_database(folder: Path) -> Iterator[int]:
    """Run a PostgreSQL on a port of this machine that asks for a password."""
    postgres = Postgres(folder / "elsewhere")
    postgres.data_dir.mkdir()
    postgres.make()
    (postgres.cluster / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    program, port = postgres.program(), free_port()
    command = (*program.command, "-c", "listen_addresses=127.0.0.1", "-p", str(port))
    process = subprocess.Popen(command, cwd=program.working_dir, user=program.user, group=program.group)
    until(lambda: not port_is_free("127.0.0.1", port))
    yield port
    process.send_signal(signal.SIGINT)
    process.wait()


@pytest.mark.parametrize("words", [("db", "status"), ("run", "--port", "0")])
def test_a_wrong_password_is_one_line(folder: Path, locked_database: int, words: tuple[str, ...]) -> None:
    """It says that the password is wrong, without showing it."""
    url = f"postgresql://penfeld:hush@127.0.0.1:{locked_database}/penfeld"
    line = refusal(*words, folder=folder, PENFELD_DATABASE_URL=url)

    assert "password authentication failed" in line
    assert "correct it in the database address" in line
    assert "hush" not in line


def test_devices_come_from_a_spreadsheet(city: Service) -> None:
    """Good rows are registered, each wrong one is told with its reason, and the list can be sent again."""
    (city.folder / "lamps.csv").write_text(
        "id;type;name;latitude;longitude;district\n"
        "70-B3-D5-00-00-00-00-01;penfeld_streetlight;Lampe 1;48,39;-4,49;Recouvrance\n"
        "nonsense;penfeld_streetlight;Lampe 2;48,39;-4,49;\n"
    )

    done = penfeld("devices", "import", "lamps.csv", "--json", folder=city.folder)
    again = penfeld("devices", "import", "lamps.csv", folder=city.folder)
    shown = json.loads(penfeld("devices", "show", "70b3d50000000001", "--json", folder=city.folder).stdout)

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert (report["created"], report["wrong"]) == (1, 1)
    assert "no DevEUI" in report["rows"][1]["problem"]
    assert again.stdout.startswith("0 created, 0 updated, 1 unchanged, 1 wrong")
    assert (shown["name"], shown["latitude"]) == ("Lampe 1", 48.39)


def test_one_device_is_registered_in_one_line(city: Service) -> None:
    """``devices add`` registers a device under its canonical id, and says in one line what is wrong with one."""
    done = penfeld(
        "devices", "add", "70-B3-D5-00-00-00-00-09", "--type", "elsys_ers", "--name", "Hall", folder=city.folder
    )
    shown = json.loads(penfeld("devices", "show", "70b3d50000000009", "--json", folder=city.folder).stdout)

    assert done.stdout.startswith("1 created")
    assert (shown["name"], shown["state"]) == ("Hall", "active")
    assert "did you mean elsys_ers" in refusal("devices", "add", "x", "--type", "elsys_er", folder=city.folder)


def test_what_was_exported_can_be_imported(city: Service) -> None:
    """``export`` writes the CSV that ``import`` reads, and nothing changes by it."""
    (city.folder / "all.csv").write_text(penfeld("devices", "export", folder=city.folder).stdout)

    report = json.loads(penfeld("devices", "import", "all.csv", "--json", folder=city.folder).stdout)

    assert report["unchanged"] == len(report["rows"]) > 20


def test_a_pending_device_brings_its_frames_when_it_is_registered(city: Service) -> None:
    """What it said before is in quarantine with its reason, and is stored within seconds of its registration."""
    device, kinds = "70b3d50000000077", ("received", "stored", "duplicate", "quarantined")
    events = [
        {
            "topic": f"application/1/device/{device}/event/up",
            "payload": json.dumps(
                {
                    "deviceInfo": {"devEui": device},
                    "fCnt": n,
                    "fPort": 1,
                    "data": b64encode(bytes.fromhex(LIT)).decode(),
                }
            ),
            "time": f"2026-03-01T12:00:0{n}Z",
        }
        for n in range(3)
    ]
    (city.folder / "heard.json").write_text(json.dumps(events))

    def said(*words: str) -> Any:  # noqa: ANN401 -- JSON is what it is
        return json.loads(penfeld(*words, "--json", folder=city.folder).stdout)

    penfeld("replay", "heard.json", "--speed", "max", folder=city.folder)
    until(lambda: len(said("quarantine", "list", "--device", device)["items"]) == 3, city)
    waiting = said("quarantine", "list", "--device", device)["items"]
    added = said("devices", "add", device, "--type", "penfeld_streetlight")
    until(lambda: not said("quarantine", "list", "--device", device)["items"], city)
    ledger = said("ledger")

    assert {item["reason"] for item in waiting} <= {"unknown_device", "pending_device"}
    assert added["waiting_frames"] <= 3
    found = get(f"{city.runtime['api']}/api/v1/readings?device={device}")
    assert found["items"][0]["values"]["power_w"] == 40.0
    assert ledger["balanced"] is True
    received, *others = (ledger["totals"][kind] for kind in kinds)
    assert received == sum(others)
    assert [worker["worker"] for worker in ledger["workers"]] == ["ingest"]


def test_doctor_finds_a_running_city_well(city: Service) -> None:
    """Nothing fails beside a running city, and the round trip through its broker is measured."""
    done = penfeld("doctor", "--json", folder=city.folder)

    findings = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, done.stdout
    assert {finding["level"] for finding in findings.values()} == {"ok"}
    assert "there and back in" in findings["broker"]["text"]
    assert findings["ledger"]["text"].startswith("balances: ")
    assert findings["services"]["text"].startswith(f"running at {city.runtime['api']}")


def test_doctor_says_what_to_do(folder: Path) -> None:
    """Wrong settings and a dead broker fail with a remedy; exit code 1."""
    (folder / "penfeld.toml").write_text(f'[broker]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    (folder / "wrong.toml").write_text("[api]\nport = true\n")

    dead = penfeld("doctor", folder=folder)
    wrong = penfeld("doctor", "--config", "wrong.toml", folder=folder)

    assert (dead.returncode, wrong.returncode) == (1, 1)
    assert "start it, or correct [broker] url" in dead.stdout
    assert "the first `penfeld demo` or `penfeld run` makes it" in dead.stdout
    assert "wrong.toml:2: [api] port must be a whole number" in wrong.stdout


def test_any_device_type_can_be_simulated(city: Service) -> None:
    """A type that no model knows is simulated from its ranges, through the same door, and marked."""
    done = penfeld(
        "simulate", "--devices", "elsys_ers", "--count", "3", "--speed", "500", "--for", "4", folder=city.folder
    )

    api = city.runtime["api"]
    items = until(lambda: get(f"{api}/api/v1/latest?device_type=elsys_ers")["items"])
    assert done.returncode == 0, done.stderr
    assert {item["device"]["simulated"] for item in items} == {True}


def test_frames_of_makers_arrive_with_the_same_numbers(city: Service) -> None:
    """Every frame that makers published goes through broker and database and comes out of the API as it decodes."""
    frames = {
        f"70b3d5ffff{number:06x}": frame for number, frame in enumerate(VENDORS["frames"]) if not frame.get("fails")
    }
    lines = [
        {
            "device_type": frame["device"],
            "device": device,
            "payload": frame["payload"],
            "f_port": frame["f_port"],
            "time": f"2026-01-01T00:00:{number / 10:04.1f}Z",
        }
        for number, (device, frame) in enumerate(frames.items())
    ]
    (city.folder / "makers.jsonl").write_text("\n".join(map(json.dumps, lines)))

    done = penfeld("replay", "makers.jsonl", "--speed", "max", "--json", folder=city.folder)

    assert json.loads(done.stdout) == {"sent": len(frames), "unacknowledged": 0, "of": len(frames)}
    assert len(frames) > 100
    api, catalogue = city.runtime["api"], Catalogue.builtin()
    for device, frame in frames.items():
        stored = until(lambda device=device: get(f"{api}/api/v1/readings?device={device}")["items"])  # type: ignore[misc]  # the default binds it
        (record,) = catalogue[frame["device"]].decode(bytes.fromhex(frame["payload"]), f_port=frame["f_port"]).records
        known = {name: value for name, value in stored[0]["values"].items() if value is not None}
        assert known == {name: value for name, value in record.values.items() if value is not None}, frame
        assert stored[0]["simulated"] is True


def test_simulated_data_is_gone_in_one_command(folder: Path) -> None:
    """``purge-simulated`` removes simulated devices and readings, and leaves what is real."""
    words = ("--json", "--port", "0", "--no-history", "--lamps", "5", "--meters", "0", "--sigfox", "2", "--trams", "2")
    demo = penfeld("demo", "--for", "3", *words, folder=folder)
    (folder / "real.toml").write_text('[[device]]\nid = "tram-1"\ntype = "penfeld_tramunit"\n')
    penfeld("devices", "import", "real.toml", folder=folder)

    unasked = penfeld("purge-simulated", folder=folder)
    done = penfeld("purge-simulated", "--yes", "--json", folder=folder)
    again = penfeld("purge-simulated", "--yes", folder=folder)
    left = json.loads(penfeld("devices", "list", "--json", folder=folder).stdout)

    assert demo.returncode == 0, demo.stderr
    assert again.stdout == "there was no simulated data\n"
    assert (unasked.returncode, unasked.stderr) == (2, "penfeld: nobody is there to confirm; add --yes\n")
    assert sum(json.loads(done.stdout)["deleted"].values()) > 9
    assert [device["id"] for device in left] == ["tram-1"]


def test_a_device_type_of_ones_own_is_one_file(folder: Path) -> None:
    """A file put into ``my-devices`` while all runs is simulated, stored and served, without any setting or restart."""
    words = ("--port", "0", "--no-history", "--lamps", "0", "--meters", "0", "--sigfox", "0", "--trams", "1")
    with service("demo", *words, folder=folder) as running:
        api = until(lambda: running.runtime["api"], running)
        until(lambda: get(f"{api}/readyz")["ready"], running)
        file = "my-devices/lab_soil.toml"
        (folder / "my-devices").mkdir()
        (folder / file).write_text(LAB_SOIL)
        done = penfeld("simulate", "--devices", file, "--count", "2", "--speed", "900", "--for", "3", folder=folder)
        items = until(lambda: get(f"{api}/api/v1/latest?device_type=lab_soil")["items"], running)
        totals = get(f"{api}/api/v1/ledger")["totals"]

    assert done.returncode == 0, done.stderr
    assert "may go to quarantine" not in done.stderr
    assert {name for item in items for name in item["values"]} == {"moisture_percent", "temperature_c"}
    assert totals["quarantined"] == 0


def test_a_makers_script_becomes_a_device_whose_readings_are_served(folder: Path) -> None:
    """From a script on disk: a device file, looked over, taken by what runs, simulated, heard, stored, and completed."""
    script, payload = ROOT / "tests" / "data" / "devices" / "lab_tide.js", "02c55aa0"
    words = ("--port", "0", "--no-history", "--lamps", "0", "--meters", "0", "--sigfox", "0", "--trams", "1")
    device = "70b3d50000000088"
    with service("demo", *words, folder=folder) as running:
        api = until(lambda: running.runtime["api"], running)
        until(lambda: get(f"{api}/readyz")["ready"], running)
        about = ("--period", "15 min", "--title-fr", "Marégraphe")
        made = penfeld(
            "device", "new", "lab_gauge", "--script", str(script), f"--example={payload}:1", *about, folder=folder
        )
        checked = penfeld("device", "check", "lab_gauge", "--json", folder=folder)
        done = penfeld("simulate", "--devices", "lab_gauge", "--count=2", "--speed=900", "--for=3", folder=folder)
        simulated = until(lambda: get(f"{api}/api/v1/latest?device_type=lab_gauge")["items"], running)

        added = penfeld("devices", "add", device, "--type", "lab_gauge", "--name", "Quay", folder=folder)
        data = b64encode(bytes.fromhex("02c55ab4")).decode()
        up = {"deviceInfo": {"devEui": device}, "fCnt": 1, "fPort": 1, "data": data}
        event = {"topic": f"application/1/device/{device}/event/up", "payload": json.dumps(up)}
        (folder / "heard.json").write_text(json.dumps([{**event, "time": "2026-03-01T12:00:00Z"}]))
        penfeld("replay", "heard.json", "--speed", "max", folder=folder)
        [heard] = until(lambda: get(f"{api}/api/v1/readings?device={device}")["items"], running)
        totals = get(f"{api}/api/v1/ledger")["totals"]
        left = penfeld("device", "map", "lab_gauge", "--json", folder=folder)
        path = json.loads(left.stdout)[0]["path"]
        field = ("--name", "more_text", "--quantity", "text", "--kind", "text")
        mapped = penfeld("device", "map", "lab_gauge", path, *field, folder=folder)

    assert mapped.stdout.startswith("lab_gauge has the field more_text now"), mapped.stderr
    assert f'path = "{path}"' in (folder / "my-devices" / "lab_gauge.toml").read_text()
    assert made.returncode == 0, made.stderr
    assert [(report["name"], report["well"]) for report in json.loads(checked.stdout)] == [("lab_gauge", True)]
    assert done.returncode == 0, done.stderr
    assert "may go to quarantine" not in done.stderr
    assert {item["device"]["simulated"] for item in simulated} == {True}
    assert added.stdout.startswith("1 created")
    assert heard["values"] == {"battery_v": 3.8, "tide_temperature_c": 12.5}
    assert totals["quarantined"] == 0
