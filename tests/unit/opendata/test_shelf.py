"""Published files: whole or not there, the same for the same rows, never changed."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.dataset import Cell, Day, Version
from model.errors import ConflictError, NotFoundError
from opendata import shelf as module
from opendata.columns import columns
from opendata.shelf import Shelf, digest_of
from tests.unit.opendata.scene import DAY, LAMPS, MIDNIGHT, ROW, TYPES

COLUMNS = columns(LAMPS, TYPES)
ROWS: list[tuple[Cell, ...]] = [ROW[:-1]]


def publish(shelf: Shelf, number: int = 1, rows: list[tuple[Cell, ...]] = ROWS, day: date = DAY) -> Day:
    """Publish a version of a day."""
    known = shelf.day("lamps", day)
    with shelf.draft("lamps", day, number, COLUMNS, {"dataset": "lamps"}) as draft:
        draft.write(rows)
        version = Version(
            number=number,
            frozen_at=datetime(2026, 11, 21, tzinfo=UTC),
            rows=draft.rows,
            devices=1,
            readings=1,
            flagged=0,
            codecs=("v1",),
            fingerprint="x",
            files=draft.finish(),
        )
        made = Day(day=day, versions=(*(known.versions if known else ()), version))
        shelf.keep("lamps", draft, made)
    return made


def test_a_day_is_parquet_csv_and_checksums(tmp_path: Path) -> None:
    """Both files hold the same rows with types, units and times in UTC; the checksums are theirs."""
    day = publish(Shelf(tmp_path))
    folder = tmp_path / "lamps"
    table = pq.read_table(folder / "2026-11-20.parquet")

    assert table.to_pylist()[0]["time"] == MIDNIGHT.replace(hour=1)
    assert table.to_pylist()[0]["power_w"] == 12.5
    assert table.schema.field("power_w").metadata[b"unit"] == b"W"
    lines = (folder / "2026-11-20.csv").read_text().splitlines()
    assert lines[0] == '"device","time","received_at","power_w","energy_kwh","lit","mode","flags","codec"'
    assert lines[1] == (
        '"lamp-1","2026-11-20T00:00:00.000000Z","2026-11-20T00:00:00.000000Z",12.5,3.25,true,"night","","v1"'
    )
    lines = (folder / "2026-11-20.sha256").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {name: digest_of(folder / name) for name in ("2026-11-20.parquet", "2026-11-20.csv")}
    assert [file.sha256 for file in day.current.files] == list(sums.values())


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Nothing in a file hangs on when, where or in which parts it was written."""
    one, two = Shelf(tmp_path / "one"), Shelf(tmp_path / "two")
    publish(one)
    publish(two)

    for name in ("2026-11-20.parquet", "2026-11-20.csv"):
        assert (tmp_path / "one/lamps" / name).read_bytes() == (tmp_path / "two/lamps" / name).read_bytes()


def test_the_parts_in_which_rows_come_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups are of one size, whether rows come one by one or all at once."""
    monkeypatch.setattr(module, "GROUP", 3)
    digests = []
    for name, parts in (("one", [ROWS] * 8), ("two", [ROWS * 8])):
        with Shelf(tmp_path / name).draft("lamps", DAY, 1, COLUMNS, {}) as draft:
            for part in parts:
                draft.write(part)
            digests.append([file.sha256 for file in draft.finish()])
            assert pq.ParquetFile(draft.folder / "2026-11-20.parquet").num_row_groups == 3

    assert digests[0] == digests[1]


def test_a_day_without_rows_can_be_written(tmp_path: Path) -> None:
    """A newer version of a day may be empty: its readings were withdrawn."""
    publish(Shelf(tmp_path), rows=[])

    assert pq.read_table(tmp_path / "lamps/2026-11-20.parquet").num_rows == 0


def test_another_version_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    """A name that was published never says anything else; both versions are served and listed."""
    shelf = Shelf(tmp_path)
    publish(shelf)
    before = (tmp_path / "lamps/2026-11-20.csv").read_bytes()

    day = publish(shelf, 2, ROWS * 2)

    assert (tmp_path / "lamps/2026-11-20.csv").read_bytes() == before
    assert [version.files[1].name for version in day.versions] == ["2026-11-20.csv", "2026-11-20_v2.csv"]
    assert shelf.file("lamps", "2026-11-20_v2.csv").digest == day.current.files[1].sha256
    assert shelf.file("lamps", "2026-11-20.csv").lasting
    assert shelf.day("lamps", DAY) == day


def test_what_is_not_finished_does_not_exist(tmp_path: Path) -> None:
    """An attempt that fails leaves nothing that is served, and nothing in the way of the next one."""
    shelf = Shelf(tmp_path)

    def fail() -> None:
        with shelf.draft("lamps", DAY, 1, COLUMNS, {}) as draft:
            draft.write(ROWS)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert shelf.days("lamps") == []
    assert [path.name for path in (tmp_path / "lamps").iterdir()] == []
    publish(shelf)
    assert shelf.days("lamps") == [DAY]


def test_a_file_that_no_day_lists_is_not_served(tmp_path: Path) -> None:
    """Files of an attempt that ended between its renames are not there, until the next attempt replaces them."""
    (tmp_path / "lamps").mkdir()
    (tmp_path / "lamps/2026-11-20.csv").write_text("half")
    shelf = Shelf(tmp_path)

    with pytest.raises(NotFoundError):
        shelf.file("lamps", "2026-11-20.csv")
    publish(shelf)
    assert shelf.file("lamps", "2026-11-20.csv").lasting


@pytest.mark.parametrize(
    "name", ["../../secret.json", "..", ".lock", "/etc/passwd", "secret.json", "a\\b.csv", "", "x.toml"]
)
def test_nothing_else_of_the_machine_is_served(tmp_path: Path, name: str) -> None:
    """Only what was published, and what describes it, can be asked for."""
    (tmp_path / "secret.json").write_text("{}")
    shelf = Shelf(tmp_path / "open")
    publish(shelf)
    (tmp_path / "open/lamps/secret.json").write_text("{}")

    with pytest.raises(NotFoundError):
        shelf.file("lamps", name)


def test_two_do_not_publish_at_once(tmp_path: Path) -> None:
    """Who comes second is told to wait."""
    with Shelf(tmp_path).locked(), pytest.raises(ConflictError, match="try again"), Shelf(tmp_path).locked():
        pytest.fail("both have the lock")


def test_what_describes_a_dataset_is_written_only_when_it_changes(tmp_path: Path) -> None:
    """The same table of fields is not written again."""
    shelf = Shelf(tmp_path)

    assert shelf.living("lamps", "fields.csv", b"one")
    assert not shelf.living("lamps", "fields.csv", b"one")
    assert shelf.living("lamps", "fields.csv", b"two")
    assert shelf.text("lamps", "fields.csv") == "two"
    assert not shelf.file("lamps", "fields.csv").lasting
