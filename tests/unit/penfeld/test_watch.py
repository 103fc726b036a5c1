"""Device files that come while Penfeld runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from decoders.catalogue import Catalogue
from model.errors import UnavailableError
from penfeld.config import load
from penfeld.watch import Watch

PATIENCE_S = 10.0
BOARD = """
title = { en = "Lab board", fr = "Carte de labo" }
vendor = "Lab"
model = "Board"
domain = "environment"
networks = ["native"]
period = "10 s"
source = "ours"

[field.temperature_c]
quantity = "temperature"
kind = "float"
"""


class Audience:
    """Who is told of new catalogues, and of what is wrong. ``fails``: how often it cannot take one."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[tuple[Catalogue, str]] = asyncio.Queue()
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.fails = 0

    async def renew(self, known: Catalogue, changed: str) -> None:
        """Take a catalogue."""
        if self.fails:
            self.fails -= 1
            raise UnavailableError("the database does not answer")
        self.news.put_nowait((known, changed))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    """Put the device file ``board`` where those of one's own are."""
    folder = Path("my-devices")
    folder.mkdir(exist_ok=True)
    (folder / "board.toml").write_text(text)


@asynccontextmanager
async def watching() -> AsyncIterator[Audience]:
    """Watch the device files of the working folder as long as the block lasts."""
    audience = Audience()
    watch = Watch(load(), audience.renew, audience.lines.put_nowait)
    task = asyncio.create_task(watch.run(look_s=0.01))
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield audience
    finally:
        watch.stop()
        await task


async def test_a_file_in_a_new_folder_counts() -> None:
    """The first device file of one's own, in a folder that was not there at the start, makes a new catalogue."""
    async with watching() as audience:
        write(BOARD)
        known, changed = await audience.news.get()

    assert known["board"].type.title.en == "Lab board"
    assert changed == "board.toml"
    assert audience.news.empty()


async def test_a_wrong_file_is_told_and_changes_nothing() -> None:
    """Every problem of a file is told once, with its line; put right, the file counts."""
    async with watching() as audience:
        write(BOARD.replace('"temperature"', '"warmth"'))
        line = await audience.lines.get()
        assert audience.news.empty()
        write(BOARD)
        known, _ = await audience.news.get()

    assert "board.toml:" in line
    assert "warmth" in line
    assert "board" in known


async def test_who_cannot_take_it_is_no_end_of_the_watch() -> None:
    """When the database is away just then, that is told, and the file saved again counts."""
    async with watching() as audience:
        audience.fails = 1
        write(BOARD)
        assert "save it again" in await audience.lines.get()
        write(BOARD + "# again\n")
        known, _ = await audience.news.get()

    assert "board" in known
