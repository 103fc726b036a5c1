"""Pages for people: whole in both languages, without a script, and with nobody's markup in them."""

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model.device import Language
from opendata.catalogue import OpenCatalogue
from opendata.texts import WORDS, count_of, day_of, size_of
from tests.unit.opendata.scene import DAY
from tests.unit.opendata.test_graph import BASE, catalogue

__all__ = ["catalogue"]

VOID = {"meta", "link", "br", "img", "rect", "line", "path", "circle", "polyline"}


class Outline(HTMLParser):
    """Collects what a page is made of, and fails on tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in {"href", "src"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag."""
        if tag not in VOID:
            assert self._open.pop() == tag


def page(catalogue: OpenCatalogue, name: str, language: Language = "en") -> str:
    """Return the page of a dataset."""
    return asyncio.run(catalogue.page(language, BASE, name))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", ["lamps", "hourly", "marked", "never"])
def test_a_page_is_well_formed_and_runs_nothing(catalogue: OpenCatalogue, name: str, language: Language) -> None:
    """Whatever titles and names hold, there is no script and no tag that we did not write."""
    text = page(catalogue, name, language)
    outline = Outline(text)

    assert not {"script", "iframe", "b", "i", "img", "form"} & set(outline.tags)
    assert f'<html lang="{language}">' in text
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text, re.DOTALL)[0]
    assert all(link.startswith((BASE, "https://", "mailto:", "#")) for link in outline.links)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_list_names_every_dataset(catalogue: OpenCatalogue, language: Language) -> None:
    """Each links to its page; one that is not public is not named."""
    text = asyncio.run(catalogue.listing(language, BASE, catalogue.names()))
    outline = Outline(text)

    assert {f"{BASE}/catalog/{name}?lang={language}" for name in catalogue.names()} <= set(outline.links)
    assert "secret" not in text
    assert "script" not in outline.tags


def test_a_page_offers_both_versions_of_a_day(catalogue: OpenCatalogue) -> None:
    """The newest one first, with what came late, and the earlier one beside it."""
    text = page(catalogue, "lamps")
    links = Outline(text).links

    for name in ("2026-11-20_v2.parquet", "2026-11-20_v2.csv", "2026-11-20_v2.sha256", "2026-11-20.csv", "devices.csv"):
        assert f"{BASE}/catalog/lamps/files/{name}" in links
        assert asyncio.run(catalogue.file("lamps", name)).digest
    assert "version 2" in text
    assert "1 late readings were added" in text
    assert "1 mesures tardives ajoutées" in page(catalogue, "lamps", "fr")


def test_a_page_tells_what_is_not_measured_and_why_nobody_is_harmed(catalogue: OpenCatalogue) -> None:
    """Simulated data and a statement on personal data are told where the data is."""
    text = page(catalogue, "marked", "fr")

    assert "Données simulées" in text
    assert "These are the lamps of the city&#39;s streets." in text


def test_a_map_shows_the_devices_that_have_a_place(catalogue: OpenCatalogue) -> None:
    """Two of three lamps have one; a name is text, never markup."""
    text = page(catalogue, "lamps")

    assert text.count("<circle") == 2
    assert "<title>&lt;i&gt;</title>" in text


def test_every_text_exists_in_both_languages() -> None:
    """No text is empty, and both have the same gaps to fill."""
    for word, text in WORDS.items():
        assert text.en
        assert text.fr
        assert set(re.findall(r"{\w+}", text.en)) == set(re.findall(r"{\w+}", text.fr)), word


def test_figures_and_days_are_written_as_people_do() -> None:
    """Thousands, sizes and the first of a month differ between the languages."""
    assert (count_of(12345, "en"), count_of(12345, "fr")) == ("12,345", "12\u202f345")
    assert (size_of(1_540_000, "en"), size_of(1_540_000, "fr")) == ("1.5\u00a0MB", "1,5\u00a0Mo")
    assert size_of(7, "fr") == "7\u00a0o"
    assert (day_of(DAY.replace(day=1), "fr"), day_of(DAY, "en")) == ("1er novembre 2026", "20 November 2026")


def test_the_style_sheet_loads_nothing(tmp_path: Path, catalogue: OpenCatalogue) -> None:
    """No font and no picture comes from elsewhere."""
    assert tmp_path.is_dir()
    assert b"url(" not in catalogue.style()
    assert b"@import" not in catalogue.style()
