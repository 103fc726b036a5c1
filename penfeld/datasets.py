"""The datasets in use: files that ``[opendata] datasets`` names, and ``[[dataset]]`` of penfeld.toml, read and checked.

``./datasets`` is such a folder where it exists and no other is named: a new dataset is one file and no setting.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from decoders.catalogue import Catalogue
from model.dataset import LICENCES, Dataset
from model.device import DeviceType, Text
from model.errors import ConfigError
from opendata.columns import problems, told_twice
from opendata.reading import Publisher as By
from opendata.reading import Where, read_file, read_table
from penfeld.clock import utc_now
from penfeld.config import Config
from penfeld.upkeep import Repeated

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Callable

    from opendata.catalogue import OpenCatalogue
    from opendata.publish import Publisher
    from storage.connection import Database

OPEN_FOLDER = "open"
"""Where published files are, in the data folder."""
FIRST_S = 45.0
EVERY_S = 60.0
"""How often the daily step looks whether a day is due: a look costs nothing while none is."""
DEMONSTRATION = Path(__file__).parent.parent / "opendata" / "demonstration"
"""Datasets of the demonstration city."""
_ABOUT = Text(
    en="What the city's sensors measure, a file a day, free to use. Each value comes with its unit and quality.",
    fr="Ce que mesurent les capteurs de la ville, un fichier par jour, librement réutilisable. Chaque valeur est donnée"
    " avec son unité et sa qualité.",
)


def datasets(config: Config, types: Sequence[DeviceType]) -> tuple[Dataset, ...]:
    """Return the datasets, in order of id; raise ``ConfigError`` with all that is wrong with any of them."""
    good, wrong = sorted_out(config, types)
    if wrong:
        raise ConfigError(wrong)
    return good


def sorted_out(config: Config, types: Sequence[DeviceType]) -> tuple[tuple[Dataset, ...], list[str]]:
    """Return the datasets that can be published, in order of id, and what is wrong with the others."""
    settings = config.opendata
    by = By(settings.publisher, settings.publisher_url, settings.contact)
    known = {each.name: each for each in types}
    found: dict[str, Dataset] = {}
    wrong: list[str] = []
    for path in _files(settings.datasets, wrong):
        try:
            _take(found, read_file(path.stem, path.read_text(encoding="utf-8"), by), wrong)
        except ConfigError as error:
            wrong += error.problems
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(f"{path}: cannot be read: {error}")
    for written in config.dataset_tables:
        table = dict(written.table)
        name = str(table.pop("id", ""))
        try:
            _take(found, read_table(name, table, by, _place(written.place)), wrong)
        except ConfigError as error:
            wrong += error.problems
    for name in sorted(found):
        others = [found[each] for each in sorted(found) if each < name]
        if refused := problems(found[name], known) or told_twice(found[name], others, known):
            wrong += refused
            del found[name]
    return tuple(found[name] for name in sorted(found)), wrong


def _take(found: dict[str, Dataset], dataset: Dataset, wrong: list[str]) -> None:
    if dataset.id in found:
        wrong.append(f"{dataset.place}: another dataset is called {dataset.id} ({found[dataset.id].place}): rename one")
    found.setdefault(dataset.id, dataset)


def _place(place: str) -> "Callable[[Where], str]":
    return lambda where: f"{place} {'.'.join(where)}" if where else place


def _files(named: Sequence[Path], wrong: list[str]) -> list[Path]:
    """Return the files that are named, and those in the folders that are."""
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            found += sorted(path.glob("*.toml"))
        elif path.is_file():
            found.append(path)
        else:
            wrong.append(f"[opendata] datasets: {path} is neither a file nor a folder: correct the path")
    return found


def publisher(opened: "Database", config: Config, known: Catalogue, clock: "Callable[[], datetime]") -> "Publisher":
    """Return what freezes days."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- what follows is loaded only by who publishes

    from opendata.publish import City, Publisher  # noqa: PLC0415 -- pyarrow takes a moment
    from opendata.shelf import Shelf  # noqa: PLC0415 -- the same
    from penfeld.upkeep import upkeep_config  # noqa: PLC0415 -- the same
    from storage.frozen import FrozenRows  # noqa: PLC0415 -- the same
    from storage.registry import Registry  # noqa: PLC0415 -- the same

    types = known.types()
    ages = {name: retention.readings for name, retention in upkeep_config(config, types).types.items()}
    return Publisher(
        registry=Registry(opened),
        rows=FrozenRows(opened),
        shelf=Shelf(config.data_dir / OPEN_FOLDER),
        city=City(zone=ZoneInfo(config.city.time_zone), types={each.name: each for each in types}, kept=ages),
        clock=clock,
    )


def open_catalogue(config: Config, types: Sequence[DeviceType]) -> "OpenCatalogue":
    """Return the catalogue for ``/catalog``; datasets that are wrong are told in the log and not listed."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- what follows is loaded only by who shows the catalogue

    from opendata.catalogue import OpenCatalogue  # noqa: PLC0415 -- rdflib and pyarrow take a moment
    from opendata.graph import About  # noqa: PLC0415 -- the same
    from opendata.shelf import Shelf  # noqa: PLC0415 -- the same

    found, wrong = sorted_out(config, types)
    for problem in wrong:
        log.warning("open data: not in the catalogue until this is mended: %s", problem)
    settings = config.opendata
    first = found[0] if found else None
    return OpenCatalogue(
        datasets=found,
        types={each.name: each for each in types},
        shelf=Shelf(config.data_dir / OPEN_FOLDER),
        about=About(
            title=Text(
                en=settings.title_en or settings.title_fr or "Open data of the city's sensors",
                fr=settings.title_fr or settings.title_en or "Données ouvertes des capteurs de la ville",
            ),
            description=_ABOUT,
            publisher=settings.publisher or (first.publisher if first else "Penfeld"),
            publisher_url=settings.publisher_url or (first.publisher_url if first else ""),
            licence_uri=LICENCES["etalab-2.0"].uri,
        ),
        zone=ZoneInfo(config.city.time_zone),
    )


def publishing(
    opened: "Database", config: Config, known: Catalogue, behind_s: "Callable[[], float]"
) -> Repeated | None:
    """Return the daily step beside ingest, ``None`` if there is nothing to publish.

    Datasets that are wrong are told in the log and not published; the others are.
    """
    found, wrong = sorted_out(config, known.types())
    for problem in wrong:
        log.warning("open data: not published until this is mended: %s", problem)
    if not found:
        return None
    ready: list[Publisher] = []

    async def step() -> bool:
        if not ready:  # what it needs is loaded beside ingest, not before it
            ready.append(await asyncio.to_thread(publisher, opened, config, known, utc_now))
        for outcome in await ready[0].due(found):
            what = f"{outcome.rows} rows" + (f"; {outcome.note}" if outcome.note else "")
            log.info("open data: %s of %s, version %d: %s", outcome.dataset, outcome.day, outcome.version, what)
        return False

    return Repeated("open data", step, every_s=EVERY_S, first_s=FIRST_S, behind_s=behind_s)
