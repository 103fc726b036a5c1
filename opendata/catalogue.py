"""The catalogue as whoever asks over HTTP sees it: the ``OpenData`` of ``model.dataset``.

Rules:

1. It reads files only, those that ``opendata.publish`` wrote: the catalogue answers while the database does not.
2. What an asker may see is decided before: every answer is about the names that are given.
3. Nothing is read on the event loop.
"""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from model.dataset import Dataset, OpenFile
from model.device import DeviceType, Language
from model.errors import NotFoundError
from opendata import graph, pages
from opendata.columns import columns
from opendata.graph import SHOWN, About, Entry
from opendata.pictures import Spot, box
from opendata.shelf import DEVICES, LIVING, Shelf

PAGE = 20
"""Datasets on a page of the catalogue."""


class OpenCatalogue:
    """Datasets and what was published of them."""

    def __init__(
        self,
        *,
        datasets: Sequence[Dataset],
        types: Mapping[str, DeviceType],
        shelf: Shelf,
        about: About,
        zone: ZoneInfo,
        page: int = PAGE,
    ) -> None:
        self._datasets = {dataset.id: dataset for dataset in datasets}
        self._types = types
        self._shelf = shelf
        self._about = about
        self._zone = zone
        self._page = page

    def names(self) -> Sequence[str]:
        """Return the ids of public datasets, in order."""
        return [name for name in sorted(self._datasets) if self._datasets[name].visibility == "public"]

    async def catalogue(self, form: str, base: str, names: Sequence[str], page: int) -> bytes:
        """Return a page of the catalogue in an RDF form."""
        last = max(1, -(-len(names) // self._page))
        if not 1 <= page <= last:
            raise NotFoundError(f"the catalogue has {last} page{'s' if last > 1 else ''}; there is no page {page}")
        wanted = names[(page - 1) * self._page : page * self._page]

        def made() -> bytes:
            entries = [self._entry(self._dataset(name)) for name in wanted]
            return graph.catalogue(form, base, self._about, entries, graph.Page(page, last, len(names)))

        return await asyncio.to_thread(made)

    async def described(self, form: str, base: str, name: str) -> bytes:
        """Return one dataset in an RDF form."""
        return await asyncio.to_thread(lambda: graph.described(form, base, self._entry(self._dataset(name))))

    async def listing(self, language: Language, base: str, names: Sequence[str]) -> str:
        """Return the list of datasets as a page for people."""

        def made() -> str:
            entries = [self._entry(self._dataset(name)) for name in names]
            return pages.listing(language, base, self._about, entries, self._zone)

        return await asyncio.to_thread(made)

    async def page(self, language: Language, base: str, name: str) -> str:
        """Return the page of one dataset for people."""

        def made() -> str:
            dataset = self._dataset(name)
            entry = self._entry(dataset)
            older = [day for at in entry.days[:-SHOWN] if (day := self._shelf.day(name, at))]
            view = pages.View(
                entry=entry,
                columns=columns(dataset, self._types),
                spots=self._spots(dataset),
                rest=older,
            )
            return pages.dataset_page(language, base, self._about, view, self._zone)

        return await asyncio.to_thread(made)

    async def file(self, name: str, file: str) -> OpenFile:
        """Return a published file of a dataset."""
        dataset = self._dataset(name)
        return await asyncio.to_thread(self._shelf.file, dataset.id, file)

    def style(self) -> bytes:
        """Return the style sheet of the pages."""
        return pages.style()

    def _dataset(self, name: str) -> Dataset:
        dataset = self._datasets.get(name)
        if dataset is None:
            raise NotFoundError(f"there is no dataset {name[:80]!r}; /catalog lists them")
        return dataset

    def _entry(self, dataset: Dataset) -> Entry:
        days = self._shelf.days(dataset.id)
        living = {name: size for name in LIVING if (size := self._shelf.size(dataset.id, name))}
        return Entry(
            dataset=dataset,
            days=days,
            shown=[day for at in days[-SHOWN:] if (day := self._shelf.day(dataset.id, at))],
            living=living,
            box=box(self._spots(dataset)),
        )

    def _spots(self, dataset: Dataset) -> list[Spot]:
        """Return where the devices are, from their published list."""
        rows = csv.DictReader(io.StringIO(self._shelf.text(dataset.id, DEVICES)))
        return [
            Spot(row["name"] or row["device"], float(row["latitude"]), float(row["longitude"]))
            for row in rows
            if row["latitude"] and row["longitude"]
        ]
