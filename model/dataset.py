"""What the city publishes: a dataset is a choice of devices, fields and resolution with a licence and a contact. Pure.

Rules:

1. A day is one of the city's time zone. What was published of a day never changes: other data makes another version.
2. Whoever freezes a day first chooses devices from the register, then asks for readings of these devices by their ids.
3. Titles and descriptions exist in French and English.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from model.device import DeviceType, Field, Language, Text
from model.resolution import Resolution
from model.value import Value

RESOLUTIONS = (Resolution.RAW, Resolution.QUARTER, Resolution.HOUR, Resolution.DAY)
"""How finely a dataset can be published."""
Grouping = Literal["district", "all"]
Visibility = Literal["public", "internal"]
Simulated = Literal["exclude", "mark"]
Cell = Value | datetime


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence under which data can be published. ``uri``: the European Union's name of it."""

    id: str
    title: str
    uri: str
    url: str


_EU = "http://publications.europa.eu/resource/authority"
LICENCES: Mapping[str, Licence] = {
    each.id: each
    for each in (
        Licence(
            "etalab-2.0",
            "Licence Ouverte / Open Licence version 2.0",
            f"{_EU}/licence/ETALAB_2_0",
            "https://www.etalab.gouv.fr/licence-ouverte-open-licence",
        ),
        Licence(
            "odbl-1.0",
            "Open Data Commons Open Database License (ODbL) 1.0",
            f"{_EU}/licence/ODC_BL",
            "https://opendatacommons.org/licenses/odbl/1-0/",
        ),
    )
}
"""French administrations publish under these two by law (article D. 323-2-1 of the code on their relations)."""

FREQUENCIES: Mapping[str, Text] = {
    "daily": Text(en="every day", fr="tous les jours"),
    "weekly": Text(en="every week", fr="toutes les semaines"),
    "monthly": Text(en="every month", fr="tous les mois"),
    "irregular": Text(en="irregular", fr="irrégulière"),
}
THEMES: Mapping[str, Text] = {
    "AGRI": Text(en="Agriculture, fisheries, forestry and food", fr="Agriculture, pêche, sylviculture et alimentation"),
    "ECON": Text(en="Economy and finance", fr="Économie et finances"),
    "EDUC": Text(en="Education, culture and sport", fr="Éducation, culture et sport"),
    "ENER": Text(en="Energy", fr="Énergie"),
    "ENVI": Text(en="Environment", fr="Environnement"),
    "GOVE": Text(en="Government and public sector", fr="Gouvernement et secteur public"),
    "HEAL": Text(en="Health", fr="Santé"),
    "REGI": Text(en="Regions and cities", fr="Régions et villes"),
    "SOCI": Text(en="Population and society", fr="Population et société"),
    "TECH": Text(en="Science and technology", fr="Science et technologie"),
    "TRAN": Text(en="Transport", fr="Transports"),
}
"""The European Union's themes of data, as far as a city's sensors can touch them."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Many devices make one row: those of a district, or all. A figure of fewer than ``at_least`` is left empty."""

    by: Grouping
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which devices: of these types and, where something is named, of these districts, experiments, tags, ids."""

    device_types: tuple[str, ...]
    districts: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset. ``fields``: none for all; ``delay``: how long after its end a day is published at the earliest.

    ``not_personal``: why marks of personal data in device files do not hold here, signed by whoever writes it.
    ``place``: where it is written.
    """

    id: str
    title: Text
    description: Text
    choice: Choice
    publisher: str
    contact: str
    fields: tuple[str, ...] = ()
    resolution: Resolution = Resolution.RAW
    aggregate: Aggregate | None = None
    simulated: Simulated = "exclude"
    licence: Licence = LICENCES["etalab-2.0"]
    publisher_url: str = ""
    contact_name: str = ""
    keywords: Mapping[Language, tuple[str, ...]] = field(default_factory=dict)
    theme: str = "REGI"
    frequency: str = "daily"
    visibility: Visibility = "public"
    delay: timedelta = timedelta()
    not_personal: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What is read of one device type for one day: start <= time < end, of these devices.

    ``fields``: those of the dataset; where the type has none of a name, its cells are empty.
    ``simulated``: ``False`` without simulated readings, ``None`` with them. ``zone``: that of the city's days.
    """

    device_type: DeviceType
    fields: tuple[Field, ...]
    devices: tuple[str, ...]
    start: datetime
    end: datetime
    resolution: Resolution
    aggregate: Aggregate | None
    simulated: bool | None
    zone: str


@dataclass(frozen=True, slots=True)
class Extent:
    """What the database holds of a slice. ``codecs``: changes whenever a row was decoded again."""

    readings: int
    devices: int
    newest: datetime | None
    codecs: int


class FrozenRows(Protocol):
    """Readings for open data, as many as there are, a part at a time."""

    async def extent(self, of: Slice) -> Extent:
        """Return how much there is, at a cost far below that of reading it."""
        ...

    def rows(self, of: Slice) -> AsyncIterator[Sequence[tuple[Cell, ...]]]:
        """Yield rows, a few thousand at a time, always in the same order.

        Their cells are those of ``opendata.columns``, without the device type, and always with ``simulated``.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A published file. ``digest``: SHA-256, in hex; ``lasting``: what has this name will never say anything else."""

    path: Path
    media_type: str
    digest: str
    modified: datetime
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFile:
    """One file of one version of a day."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What was published of a day at a time. ``fingerprint``: of what it was made from; ``note``: why, from the second.

    ``preview``: some moments with the mean of ``preview_column`` over all devices, for a chart.
    """

    number: int
    frozen_at: datetime
    rows: int
    devices: int
    readings: int
    flagged: int
    codecs: tuple[str, ...]
    fingerprint: str
    files: tuple[DayFile, ...]
    note: Mapping[str, str] = field(default_factory=dict)
    preview_column: str = ""
    preview: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One published day with its versions, the newest last."""

    day: date
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]


class OpenData(Protocol):
    """The catalogue for whoever asks over HTTP. ``names`` is what the asker may see, always."""

    def names(self) -> Sequence[str]:
        """Return the ids of public datasets, in order."""
        ...

    async def catalogue(self, form: str, base: str, names: Sequence[str], page: int) -> bytes:
        """Return a page of the catalogue in an RDF form; raise ``NotFoundError`` behind the last page."""
        ...

    async def described(self, form: str, base: str, name: str) -> bytes:
        """Return one dataset in an RDF form."""
        ...

    async def listing(self, language: Language, base: str, names: Sequence[str]) -> str:
        """Return the list of datasets as a page for people."""
        ...

    async def page(self, language: Language, base: str, name: str) -> str:
        """Return the page of one dataset for people."""
        ...

    async def file(self, name: str, file: str) -> OpenFile:
        """Return a published file of a dataset; raise ``NotFoundError``."""
        ...

    def style(self) -> bytes:
        """Return the style sheet of the pages."""
        ...
