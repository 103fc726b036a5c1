"""``penfeld device``: first device files are written from what there is, and looked over, scripts in the cage."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import pytest

from decoders.device import Definition
from penfeld.cli import main
from tests.hostile import body

DEVICES = Path(__file__).parents[1] / "data" / "devices"
TIDE = "02c55aa0"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return ``penfeld device``, run in a folder of its own: exit code, what it said, what it remarked."""
    monkeypatch.chdir(tmp_path)
    copy(DEVICES / "lab_tide.js", "tide.js")

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["device", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def written(name: str) -> Definition:
    """Return a device type of ``my-devices``."""
    folder = Path("my-devices")
    return Definition.read(name, (folder / f"{name}.toml").read_text(), lambda beside: (folder / beside).read_text())


def test_a_script_with_payloads_becomes_a_device_whose_examples_hold(device: Command) -> None:
    """Fields are proposed from what it says, what cannot be placed is listed, the script is copied as it is."""
    code, out, _ = device("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1", "--example", "00005a:1")
    found = written("lab_gauge")

    assert code == 0
    assert Path("my-devices/lab_gauge.js").read_bytes() == Path("tide.js").read_bytes()
    assert found.check() == ()
    assert found.examples[0].records[0].values == {"tide_temperature_c": 12.5, "battery_v": 3.6}
    assert found.examples[1].error == "a report has 4 bytes, this one has 3"
    assert "field: battery_v from battery_mV in mV" in out
    assert "no field: tide.level_cm (709)" in out
    assert f"penfeld decode lab_gauge --port 1 {TIDE}" in out
    assert device("check", "lab_gauge")[0] == 0


def test_a_payload_cut_short_shows_that_garbage_is_refused(device: Command) -> None:
    """Where every payload given decodes, one that a script refuses is looked for."""
    device("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1")
    assert [(one.name, one.payload.hex()) for one in written("lab_gauge").examples if one.error] == [
        ("cut short", TIDE[:-2])
    ]


def test_a_script_without_payloads_asks_for_one(device: Command) -> None:
    """The file has no field yet, and the next steps say how it gets them."""
    code, out, _ = device("new", "lab_gauge", "--script", "tide.js")
    assert (code, written("lab_gauge").type.fields) == (0, ())
    assert "penfeld device new lab_gauge --script tide.js --example HEX:PORT --force" in out
    assert "simulate" not in out


def test_what_is_told_of_the_device_stands_in_its_file(device: Command) -> None:
    """Titles, maker, model, domain, networks, period and source are those of the options."""
    words = ["--title-en", "A", "--title-fr", "B", "--vendor", "C", "--model", "D", "--domain", "waste"]
    device("new", "lab_x", *words, "--network", "sigfox", "--network", "lorawan", "--period", "5 min", "--source", "E")
    told = written("lab_x").type
    assert (told.title.en, told.title.fr, told.vendor, told.model) == ("A", "B", "C", "D")
    assert (told.domain, told.networks, told.source) == ("waste", ("sigfox", "lorawan"), "E")
    assert told.period.total_seconds() == 300


@pytest.mark.parametrize(
    ("words", "read_by", "fields"),
    [
        ([], "layout of 1 frame", ["temperature_c", "humidity_percent", "battery_v"]),
        (["--layout"], "layout of 1 frame", ["temperature_c", "humidity_percent", "battery_v"]),
        (["--network", "native"], "name, in JSON", ["temperature_c", "door_open"]),
        (["--sigfox", "temperature::int:8 open:1:bool:7"], "layout of 1 frame", ["temperature_c", "open"]),
        (["--sigfox", "temperature::float:32:big-endian:3"], "format sigfox", ["temperature_c"]),
        (["--format", "cayenne", "--example", "016700d7:4"], "format cayenne", ["temperature_1_c"]),
        (["--format", "json", "--example", '{"soil": {"temperature": 12.5}}'], "format json", ["soil_temperature_c"]),
        (["--format", "senml"], "format senml", []),
    ],
)
def test_every_beginning_is_a_device_as_it_stands(
    device: Command, words: list[str], read_by: str, fields: list[str]
) -> None:
    """From nothing, a grammar or a format: nothing is asked, the file reads, and its examples hold."""
    code, _, _ = device("new", "lab_x", *words)
    checked, out, _ = device("check", "lab_x", "--json")
    [report] = json.loads(out)

    assert (code, checked) == (0, 0)
    assert [field.name for field in written("lab_x").type.fields] == fields
    assert (report["read_by"], report["well"]) == (read_by, True)


@pytest.mark.parametrize(
    "words",
    [[], ["--network", "native"], ["--sigfox", "level::uint:8"], ["--format", "cayenne", "--example", "03670110"]],
)
def test_a_first_file_ends_with_an_alert_to_be_switched_on(device: Command, words: list[str]) -> None:
    """Without the signs in front of them, the last lines of a draft are an alert that works."""
    device("new", "lab_x", *words)
    file = Path("my-devices/lab_x.toml")
    *before, table, title, when = file.read_text().splitlines()
    file.write_text("\n".join([*before, *(line.removeprefix("# ") for line in (table, title, when))]))
    code, out, _ = device("check", "lab_x")

    assert code == 0
    assert "lab_x/attention" in out
    assert "lab_x/attention" not in [rule.name for rule in Definition.read("lab_x", "\n".join(before)).alerts]


def test_alerts_are_listed_in_words(device: Command) -> None:
    """With what each waits for, and when it counts; in JSON, too."""
    _, out, _ = device("check", "penfeld_streetlight")
    _, text, _ = device("check", "penfeld_streetlight", "--json")
    [report] = json.loads(text)

    assert "lamp_on = yes for 30 min, by day" in out
    assert "voltage_v outside 207 to 253 V for 15 min" in out
    assert report["alerts"][0] == {
        "name": "penfeld_streetlight/silent",
        "severity": "warning",
        "title": "Nothing comes any more",
        "when": "nothing comes for 3 times as long as is usual for it",
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            'field = "temperature", above',
            "when.field: 'temperature' is no field of this file; did you mean temperature_c?",
        ),
        ('field = "temperature_c", below = 5, above', "wrong: alert.attention: when.below: stands beside"),
    ],
)
def test_an_alert_that_cannot_work_is_wrong(device: Command, changed: str, said: str) -> None:
    """What can be placed in the file is told with its line, all else with its name."""
    device("new", "lab_x")
    file = Path("my-devices/lab_x.toml")
    lines = file.read_text().splitlines()
    lines[-3:] = [line.removeprefix("# ").replace('field = "temperature_c", above', changed) for line in lines[-3:]]
    file.write_text("\n".join(lines))
    code, out, _ = device("check", "lab_x")

    assert code == 1
    assert said in out


def test_a_folder_that_nobody_looks_into_is_told(device: Command) -> None:
    """A file written elsewhere is found once ``catalogue`` names its folder, and the next steps say so."""
    assert 'catalogue = ["elsewhere"]' in device("new", "lab_x", "--to", "elsewhere")[1]
    Path("penfeld.toml").write_text('catalogue = ["elsewhere"]\n')
    code, out, _ = device("new", "lab_y")
    assert (code, "catalogue =" in out) == (0, False)
    assert Path("elsewhere/lab_y.toml").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["Lab Gauge"],
            "'Lab Gauge' cannot be a device file's name, which is lower-case words joined by '_': lab_gauge",
        ),
        (["elsys_ers"], "Penfeld has a device type elsys_ers; choose another name, or --force"),
        (["there"], "my-devices/there.toml is there already; choose another name, or --force writes over it"),
        (["lab_x", "--script", "gone.js"], "gone.js: cannot be read: No such file or directory; check the path"),
        (["lab_x", "--script", "broken.js"], "broken.js:2: SyntaxError"),
        (["lab_x", "--script", "endless.js"], "endless.js: loading it ended after"),
        (["lab_x", "--format", "xml"], "'xml' is no format; there are cayenne, cbor, json, senml, sigfox"),
        (["lab_x", "--sigfox", "a::b"], "grammar: 'a' at character 4"),
        (["lab_x", "--format", "cayenne", "--example", "01:999"], "--example 01:999: write HEX or HEX:PORT"),
        (["lab_x", "--format", "cayenne", "--example", "0"], "the payload has 1 hex digits, an odd number"),
        (["lab_x", "--example", "01"], "--example needs --script, --sigfox or --format"),
        (["lab_x", "--domain", "air"], "'air' is no domain: lighting"),
        (["lab_x", "--period", "often"], "'often' is no time: write 10 s, 15 min, 1 h or 1 d"),
        (["lab_x", "--network", "wifi"], "networks must be a list of lorawan, sigfox, native"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(device: Command, words: list[str], error: str) -> None:
    """One line says what is wrong and what to do; no file comes into being, and none is written over."""
    folder = Path("my-devices")
    folder.mkdir()
    (folder / "there.toml").write_text("mine")
    Path("broken.js").write_text("// a script\nfunction decodeUplink( { }")
    Path("endless.js").write_text("Array.prototype.reverse.call({ length: 2 ** 53 - 1 })")

    code, _, err = device("new", *words)

    assert code == 1
    assert error in err
    assert [file.name for file in folder.iterdir()] == ["there.toml"]
    assert (folder / "there.toml").read_text() == "mine"


def test_forced_a_file_is_written_over(device: Command) -> None:
    """``--force`` is how a file made without payloads gets its fields."""
    device("new", "lab_gauge", "--script", "tide.js")
    code, _, _ = device("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1", "--force")
    assert (code, len(written("lab_gauge").type.fields)) == (0, 2)


def test_a_script_that_lies_where_it_belongs_is_left_there(device: Command) -> None:
    """Put beside the device files by hand, it is used, and no ``--force`` is needed."""
    Path("my-devices").mkdir()
    copy("tide.js", "my-devices/lab_gauge.js")
    assert device("new", "lab_gauge", "--script", "my-devices/lab_gauge.js", "--example", f"{TIDE}:1")[0] == 0


def test_a_hostile_script_is_told_and_gives_no_examples(device: Command) -> None:
    """What oversteps its limits is no promise; the others stand."""
    Path("bad.js").write_text(body("if (i.bytes[0] === 1) for (;;) {} return { data: { temperature: 1.5 } }"))
    code, out, _ = device("new", "lab_bad", "--script", "bad.js", "--example", "01", "--example", "02")
    assert code == 0
    assert "note: the script fails: bad.js:1: stopped after 50 ms of CPU time (payload 01" in out
    assert [one.name for one in written("lab_bad").examples] == ["payload 2"]


def test_bytes_are_shown_against_the_fields_of_a_layout(device: Command) -> None:
    """Every part of a payload has its line: which bytes and bits, which field, which value; also where it fails."""
    code, out, _ = device("check", "elsys_ers", "penfeld_streetlight")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "0 01 (header) 0x01" in lines
    assert "1-2 00e2 temperature_c 22.6 Cel" in lines
    assert "0 bit 7 80 lamp_on yes" in lines
    assert "3 00 (passed over) -" in lines
    assert "fails: temperature_c needs 2 bytes, 1 left" in lines


def test_what_a_codec_says_is_shown_against_the_fields(device: Command) -> None:
    """Each path with its value, the field that takes it and what becomes of it, times too; and what nobody takes."""
    code, out, _ = device("check", DEVICES / "lab_tide.toml")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "tide.level_cm 709 tide_level_m 7.09 m" in lines
    assert "log.*.at 2026-05-04T05:37:04.000Z time 2026-05-04T05:37:04+00:00" in lines
    assert "firmware 2.1 (none) -" in lines
    assert "missing: a field, if you want one, for firmware ('2.1'): kept with each frame as it is" in lines
    assert lines[-2] == "lab_tide: 4 of 4 examples hold"
    assert any(line.startswith("missing: a place in the catalogue: ingest does not know it") for line in lines)


def test_all_files_of_ones_own_are_checked_where_none_is_named(device: Command) -> None:
    """Without a name, those of the catalogue's folders; without any of these, an error that says what to do."""
    assert "penfeld device new" in device("check")[2]
    device("new", "lab_x")
    device("new", "lab_y")
    _, out, _ = device("check", "--json")
    assert [(report["name"], report["well"]) for report in json.loads(out)] == [("lab_x", True), ("lab_y", True)]


def change(name: str, old: str, new: str) -> None:
    """Change a text in a file of ``my-devices``."""
    file = Path("my-devices") / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("lab_gauge.toml", "battery_v = 3.6 }", "battery_v = 4.2 }", "wrong: battery_v is 3.6 and not 4.2"),
        ("lab_gauge.toml", 'error = "a report', 'error = "a sentence', "wrong: fails with 'lab_gauge.js: a report"),
        ("lab_gauge.toml", f'payload = "{TIDE}"', 'payload = "02"', "wrong: does not decode: lab_gauge.js: a report"),
        ("lab_gauge.js", "return { errors", "retur { errors", "wrong: lab_gauge.js:10: SyntaxError"),
        ("lab_gauge.js", "function decodeUplink", "function decode", "wrong: lab_gauge.js: no function decodeUplink"),
        ("lab_gauge.toml", 'kind = "float"', 'kind = "number"', "'number' is no kind: float, int, bool, text"),
        ("lab_gauge.toml", "quantity =", "quantit =", "wrong: lab_gauge.toml:"),
        ("lab_gauge.toml", "lab_gauge.js", "gone.js", "wrong: lab_gauge.toml: there is no script gone.js beside it"),
    ],
)
def test_what_is_wrong_is_told_and_is_an_error(device: Command, file: str, old: str, new: str, line: str) -> None:
    """A file, a script or an example that is wrong: told with what it should be, and exit code 1."""
    device("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1")
    change(file, old, new)

    code, out, _ = device("check", "my-devices/lab_gauge.toml")
    assert code == 1
    assert line in out


def test_what_is_missing_is_told_and_is_no_error(device: Command) -> None:
    """Ranges, French, examples, fields that nothing says, paths that no field takes with what they could be."""
    Path("a.js").write_text(body("return { data: { soil: { moisture: 40 }, temperature: 1.5, id: 'x' } }"))
    device("new", "lab_x", "--script", "a.js", "--example", "01")
    change("lab_x.toml", '[field.soil_moisture_percent]\npath = "soil.moisture"', '[field.wet_percent]\npath = "gone"')

    code, out, _ = device("check", "lab_x")
    missing = [line for line in out.splitlines() if line.startswith("missing: ")]
    assert code == 1  # the example still says soil_moisture_percent
    assert [line.removeprefix("missing: ").split(":")[0].split(", kind")[0] for line in missing] == [
        'an [[example]] that fails, one cut short say, with error = "…"',
        "range of temperature_c",
        "French",
        "examples of wet_percent",
        'a field for soil.moisture (40); it could be [field.soil_moisture_percent] with path = "soil.moisture"',
        "a field, if you want one, for id ('x')",
    ]


def test_a_script_that_remembers_is_told(device: Command) -> None:
    """Its answers depend on what it was asked before: that is shown, since it costs time for every frame."""
    Path("a.js").write_text("let n = 0; function decodeUplink(i) { n += 1; return { data: { temperature: n } } }")
    device("new", "lab_x", "--script", "a.js", "--example", "01", "--example", "02")
    assert "missing: a steady script" in device("check", "lab_x")[1]


def test_one_file_that_is_wrong_hides_no_other(device: Command) -> None:
    """A name that is none, a file that is not there and one that is no TOML are told each, beside what is well."""
    device("new", "lab_x")
    Path("bad.toml").write_text("title =")
    code, out, _ = device("check", "nothing", "gone.toml", "bad.toml", "lab_x", "--json")
    reports = json.loads(out)
    assert code == 1
    assert [report["well"] for report in reports] == [False, False, False, True]
    assert "there is no device type 'nothing'" in reports[0]["problems"][0]
    assert "gone.toml: cannot be read: No such file or directory" in reports[1]["problems"][0]
    assert reports[2]["problems"][0].startswith("bad.toml: ")


def test_one_payload_of_a_script_is_decoded_in_the_cage(device: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """``penfeld decode`` shows fields with units, and what no field takes; a hostile script cannot hold it up."""
    device("new", "lab_gauge", "--script", "tide.js", "--example", f"{TIDE}:1")
    assert main(["decode", "lab_gauge", "--port", "1", TIDE]) == 0
    out = capsys.readouterr().out
    assert "battery_v           3.6    V" in out
    assert "firmware       2.1" in out

    Path("my-devices/lab_gauge.js").write_text(body("Array.prototype.reverse.call({ length: 2 ** 53 - 1 })"))
    assert main(["decode", "lab_gauge", "--port", "1", TIDE]) == 1
    assert "lab_gauge.js: loading it ended after" in capsys.readouterr().err
