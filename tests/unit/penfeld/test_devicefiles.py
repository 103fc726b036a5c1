"""Device files of one's own, written."""

from pathlib import Path

import pytest

from model.device import Kind, NewField
from model.errors import BadRequestError, ConflictError
from penfeld.config import load
from penfeld.devicefiles import DeviceFiles, catalogue, map_path

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

[field.temperature_c]
path = "temp"
kind = "float"
quantity = "temperature"
"""
HUMIDITY = NewField(path="hum", name="humidity_percent", kind=Kind.FLOAT, quantity="humidity")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one device file of one's own."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "my-devices"
    own.mkdir()
    (own / "probe.toml").write_text(PROBE)
    (own / "probe.js").write_text("function decodeUplink(input) { return { data: {} }; }")
    return own


def listed(folder: Path) -> list[str]:
    """Return the names of a folder's files."""
    return sorted(file.name for file in folder.iterdir())


async def test_a_field_is_written_and_counts(folder: Path) -> None:
    """The file has the field, the catalogue that is read next knows it, and nothing else lies in the folder."""
    before = catalogue(load())["probe"].type

    told = await DeviceFiles(load()).add_field("probe", HUMIDITY)

    now = catalogue(load())["probe"].type
    assert [field.name for field in now.fields] == ["temperature_c", "humidity_percent"]
    assert now == told
    assert now.version != before.version
    assert (folder / "probe.toml").read_text().startswith(PROBE)
    assert listed(folder) == ["probe.js", "probe.toml"]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (NewField(path="hum", name="humidity", kind=Kind.FLOAT, quantity="humidity"), "_percent"),
        (NewField(path="hum", name="x_percent", kind=Kind.FLOAT, quantity="wetness"), "'wetness' is no quantity"),
        (NewField(path="hum", name="x_percent", kind=Kind.FLOAT, quantity="humidity", unit="mV"), "cannot become %"),
        (NewField(path="hum", name="x_percent", kind=Kind.TEXT, quantity="humidity"), "cannot be in %"),
        (NewField(path="hum", name="age", kind=Kind.FLOAT, quantity="state"), "'age' cannot be a field's name"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_and_nothing_is_written(
    folder: Path, field: NewField, says: str
) -> None:
    """What the reader of device files would refuse is refused before, in its words."""
    with pytest.raises(BadRequestError, match=says) as caught:
        map_path(load(), "probe", field)

    assert ".toml:" not in str(caught.value)
    assert (folder / "probe.toml").read_text() == PROBE


def test_a_file_that_comes_with_penfeld_is_not_changed(folder: Path) -> None:
    """It tells to copy the file, where to, and what to put in."""
    with pytest.raises(ConflictError) as caught:
        map_path(load(), "yobiiq_em4301", HUMIDITY)

    assert "yobiiq_em4301.toml to " in str(caught.value)
    assert f"{folder.name}, and put in\n[field.humidity_percent]" in str(caught.value)


def test_the_last_of_several_folders_counts(tmp_path: Path) -> None:
    """Of two files of one name the one that the catalogue reads is written."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "probe.toml").write_text(PROBE.replace('script = "probe.js"', 'format = "cayenne"'))
    (tmp_path / "penfeld.toml").write_text('catalogue = ["my-devices", "other"]\n')

    map_path(load(), "probe", HUMIDITY)

    assert "humidity" not in (tmp_path / "my-devices" / "probe.toml").read_text()
    assert "humidity" in (other / "probe.toml").read_text()


def test_a_file_elsewhere_is_reached_through_its_link(folder: Path, tmp_path: Path) -> None:
    """A link in the folder stays one; the file that it leads to is written, with the rights that it had."""
    kept = tmp_path / "kept.toml"
    (folder / "probe.toml").rename(kept)
    kept.chmod(0o664)
    (folder / "probe.toml").symlink_to(kept)

    map_path(load(), "probe", HUMIDITY)

    assert (folder / "probe.toml").is_symlink()
    assert "humidity" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("written", ["\ufeff" + PROBE, PROBE.replace("\n", "\r\n")])
def test_files_stay_as_their_editor_wrote_them(folder: Path, written: str) -> None:
    """A mark at the beginning, and other line ends, are still there."""
    (folder / "probe.toml").write_bytes(written.encode())

    map_path(load(), "probe", HUMIDITY)

    now = (folder / "probe.toml").read_bytes().decode()
    assert now.startswith(written)
    assert catalogue(load())["probe"].type.fields[1].name == "humidity_percent"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PROBE.replace('"temperature"', '"warmth"'), "correct the file first: probe.toml:15: 'warmth'"),
        (PROBE.replace("[codec]", "[codec"), "correct it first"),
        (None, "in no folder of the catalogue any more"),
        ("\xe9", "save it as UTF-8"),
    ],
)
def test_a_file_with_problems_of_its_own_is_left_alone(folder: Path, text: str | None, says: str) -> None:
    """What is wrong with the file is told, and not blamed on the field."""
    file = folder / "probe.toml"
    file.unlink()
    if text is not None:
        file.write_text(text, encoding="latin-1")

    with pytest.raises(ConflictError, match=says):
        map_path(load(), "probe", HUMIDITY)

    assert text is None or file.read_text(encoding="latin-1") == text


def test_a_file_that_cannot_be_written_is_told(folder: Path) -> None:
    """In a container whose device files are only lent, the lines are told to be put in elsewhere."""
    (folder / ".probe.toml.new").mkdir()  # so that nobody, not even root, can write beside the file

    with pytest.raises(ConflictError, match=r"cannot be written .*put in by hand:\n\[field.humidity_percent\]"):
        map_path(load(), "probe", HUMIDITY)

    assert (folder / "probe.toml").read_text() == PROBE
