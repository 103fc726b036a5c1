"""``penfeld codec``: published codecs are found, tried in the cage, and told in a line each."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from decoders.device import Definition
from penfeld.cli import main

CORPORA = Path(__file__).parents[1] / "data" / "corpora"


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run the command, and return its exit code and what it said."""
    code = main(["codec", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("layout", "lines"),
    [
        ("thethingsnetwork", ["lab/soil        5/5"]),
        ("actility", ["lab/meter        2/2", "lab/tide         3/3"]),
        ("chirpstack", ["lab/door        2/2"]),
        ("script", ["bin        1/1"]),
    ],
)
def test_every_layout_is_tried_from_end_to_end(
    layout: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each layout's codecs run in the cage: one line a codec, and a total."""
    code, out, _ = said(capsys, "test", CORPORA / layout)

    assert code == 0
    assert out.splitlines()[: len(lines)] == lines
    assert f" of {sum(int(line.split('/')[-1]) for line in lines)} examples satisfied (100.00 %)" in out


def test_what_fails_is_told_with_its_first_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A codec that does not keep its promises makes the command fail, and its line tells the first one broken."""
    copytree(CORPORA / "thethingsnetwork", tmp_path / "copy")
    script = tmp_path / "copy" / "vendor" / "lab" / "soil.js"
    script.write_text(script.read_text().replace("b[2] / 2", "b[2] / 3"))

    code, out, _ = said(capsys, "test", tmp_path / "copy")

    assert code == 1
    assert "lab/soil        3/5  mild and wet: data.soil.moisture is 26.666666666666668 and not 40 (and 1 more)" in out
    assert "3 of 5 examples satisfied (60.00 %)" in out
    assert "uplinks decoded: 1 of 3 (33.33 %)" in out


def test_programs_get_every_failure_with_input_and_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` is one object: totals, codecs, and each failure with input, expected and got."""
    (tmp_path / "a.js").write_text("function Decoder(bytes, port) { return { n: bytes[0] }; }")
    (tmp_path / "a.examples.json").write_text(
        '[{"input": {"fPort": 1, "bytes": [1]}, "output": {"data": {"n": 2}}}, {"input": {}}]'
    )
    code, out, _ = said(capsys, "test", tmp_path / "a.js", "--json")
    report = json.loads(out)

    assert code == 1
    assert report["total"] == {"codecs": 1, "without": 0, "examples": 2, "passed": 0, "uplink": 1, "uplink_passed": 0}
    assert report["codecs"] == [{"name": "a", "layout": "script", "script": "a.js", "examples": 2, "passed": 0}]
    wrong, unread = report["failures"]
    assert wrong["difference"] == "data.n is 1 and not 2"
    assert wrong["input"] == {"f_port": 1, "given": "01", "time": None}
    assert (wrong["expected"]["data"], wrong["got"]["data"]) == ({"n": 2}, {"n": 1})
    assert unread == {"codec": "a", "difference": "a.examples.json: example 2 has no payload: bytes is None"}


def test_scripts_that_mean_harm_are_told_like_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that never ends, one that cannot be read, one that answers nonsense: a line each, and the rest runs."""
    folder = tmp_path / "codecs"
    folder.mkdir()
    for name, source in {
        "deep": "function Decoder() { var a = []; for (var i = 0; i < 500; i++) a = [a]; return { a: a }; }",
        "endless": "function Decoder() { for (;;); }",
        "good": "function Decoder(bytes) { return { n: bytes[0] }; }",
        "unread": "function Decoder( {",
    }.items():
        (folder / f"{name}.js").write_text(source)
        (folder / f"test_decode_{name}.json").write_text(
            '[{"input": {"fPort": 1, "bytes": [1]}, "expected": {"data": {"n": 1}}}]'
        )
    code, out, _ = said(capsys, "test", tmp_path)
    deep, endless, good, unread = out.splitlines()[:4]

    assert code == 1
    assert "0/1" in deep
    assert "nested too deep" in deep
    assert "stopped after 50 ms" in endless
    assert good.endswith("1/1")
    assert "SyntaxError" in unread


def test_codecs_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """``--only`` takes a part of a name, or a pattern, and may be repeated; a name that is none is told with others."""
    assert said(capsys, "test", CORPORA, "--only", "tide")[1].startswith("lab/tide")
    assert len(said(capsys, "test", CORPORA, "--only", "lab/t*", "--only", "soil")[1].splitlines()) == 2 + 4

    code, _, err = said(capsys, "test", CORPORA, "--only", "kettle")
    assert code == 1
    assert "no codec is called kettle; there are 4: lab/door, lab/meter, lab/soil, lab/tide" in err


def test_a_codec_without_examples_is_told_and_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script without examples has nothing to fail."""
    (tmp_path / "a.js").write_text("function Decoder(bytes, port) { return {}; }")
    code, out, _ = said(capsys, "test", tmp_path)
    assert (code, out.splitlines()[0]) == (0, "a  no examples")


def test_a_folder_without_codecs_says_what_was_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong folder is told with every layout that would have been one, and why what is there is none."""
    (tmp_path / "a.yaml").write_text("uplinkDecoder: {fileName: gone.js}")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "b.js").write_text("function Decoder(bytes) {}")

    code, _, err = said(capsys, "test", tmp_path)
    assert code == 1
    for words in ("holds no codec", "vendor/<vendor>/<codec>.yaml", "examples.json", "test_decode_", "gone.js"):
        assert words in err
    assert "is neither a folder nor a script" in said(capsys, "test", tmp_path / "nowhere")[2]


def test_what_cannot_be_read_beside_codecs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that looks like a codec and is none does not stop the others, and is not passed over."""
    copytree(CORPORA / "thethingsnetwork", tmp_path / "copy")
    (tmp_path / "copy" / "vendor" / "lab" / "gone.yaml").write_text("uplinkDecoder: {fileName: gone.js}")

    code, out, err = said(capsys, "test", tmp_path / "copy")
    assert code == 1
    assert "5 of 5 examples" in out
    assert "cannot be read: vendor/lab/gone.yaml: there is no gone.js beside it" in err


@pytest.mark.parametrize(
    ("layout", "name", "fields"),
    [
        ("thethingsnetwork", "lab_soil", ["soil_temperature_c", "soil_moisture_percent", "battery_v", "heater"]),
        ("actility", "lab_tide", ["water_level_m", "temperature_c"]),
        ("actility", "lab_meter", ["energy_kwh"]),
        ("chirpstack", "lab_door", ["open", "openings_count"]),
        ("script", "lab_bin", ["fill_percent", "tilt"]),
    ],
)
def test_a_published_codec_becomes_a_device(layout: str, name: str, fields: list[str], tmp_path: Path) -> None:
    """A codec becomes a device: its script unmodified, the fields that its examples tell, examples that hold."""
    assert main(["codec", "import", str(CORPORA / layout), "--to", str(tmp_path), "--vendor", "lab"]) == 0

    text = (tmp_path / f"{name}.toml").read_text()
    device = Definition.read(name, text, lambda script: (tmp_path / script).read_text())
    assert [field.name for field in device.type.fields] == fields
    assert len(device.examples) >= 1
    originals = [file.read_bytes() for file in (CORPORA / layout).rglob("*.js")]
    assert (tmp_path / f"{name}.js").read_bytes() in originals


def test_an_imported_device_decodes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is imported lands in ./my-devices, which Penfeld reads by itself: the next command knows the device."""
    monkeypatch.chdir(tmp_path)
    code, out, err = said(capsys, "import", CORPORA / "thethingsnetwork")
    assert (code, out) == (0, "my-devices/lab_soil.toml: 4 fields, 0 paths without one\n")
    assert "under their makers' licences" in err

    assert main(["decode", "lab_soil", "--port", "1", "04b0500e1001", "--json"]) == 0
    [record] = json.loads(capsys.readouterr().out)["records"]
    assert record["values"] == {
        "soil_temperature_c": 12.0,
        "soil_moisture_percent": 40.0,
        "battery_v": 3.6,
        "heater": "on",
    }


def test_what_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A device file that somebody has looked over stays as it is, unless --force says otherwise."""
    words = ("import", CORPORA / "chirpstack", "--to", tmp_path)
    assert said(capsys, *words)[0] == 0
    file = tmp_path / "lab_door.toml"
    file.write_text("mine")

    code, out, err = said(capsys, *words)
    assert (code, out, file.read_text()) == (1, "", "mine")
    assert "lab/door: " in err
    assert "lab_door.js is there already; --force writes over it" in err

    assert said(capsys, *words, "--force")[0] == 0
    assert file.read_text() != "mine"
