"""``OpenData`` in memory: datasets by id, each with its files."""

from collections.abc import Mapping, Sequence

from model.dataset import OpenFile
from model.device import Language
from model.errors import NotFoundError


class OpenData:
    """Answers in one line what it was asked. ``hidden``: datasets that are there, but not public."""

    def __init__(
        self, datasets: Mapping[str, Mapping[str, OpenFile]] | None = None, hidden: Sequence[str] = ()
    ) -> None:
        self.datasets = dict(datasets or {})
        self.hidden = hidden

    def names(self) -> Sequence[str]:
        """Return the ids of public datasets, in order."""
        return [name for name in sorted(self.datasets) if name not in self.hidden]

    async def catalogue(self, form: str, base: str, names: Sequence[str], page: int) -> bytes:
        """Return a page of the catalogue in an RDF form."""
        if page > 1:
            raise NotFoundError("the catalogue has 1 page")
        return f"{form} {base} {' '.join(names)}".encode()

    async def described(self, form: str, base: str, name: str) -> bytes:
        """Return one dataset in an RDF form."""
        return f"{form} {base} {name}".encode()

    async def listing(self, language: Language, base: str, names: Sequence[str]) -> str:
        """Return the list of datasets as a page for people."""
        return f"<html lang={language}> {base} {' '.join(names)}"

    async def page(self, language: Language, base: str, name: str) -> str:
        """Return the page of one dataset for people."""
        return f"<html lang={language}> {base} {name}"

    async def file(self, name: str, file: str) -> OpenFile:
        """Return a published file of a dataset."""
        found = self.datasets[name].get(file)
        if found is None:
            raise NotFoundError(f"dataset {name} has no file {file!r}")
        return found

    def style(self) -> bytes:
        """Return the style sheet of the pages."""
        return b"body {}"
