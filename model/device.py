"""What a device type is (its fields, quantities, titles) and what a registered device is: values without behaviour.

A device type is known by its file's name. How it decodes is the business of ``decoders``; storage, API and dashboards
need only what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from model.retention import Retention

Language = Literal["en", "fr"]
Personal = Literal["household", "vehicle"]
"""Whose life readings tell of: that of a home (its meters), that of whoever drives one vehicle."""


class Kind(StrEnum):
    """The four kinds of value; each has one column type and one JSON type."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    TEXT = "text"


class State(StrEnum):
    """Where a device is in its life. ``PENDING``: heard, but nobody registered it."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text for people in both languages."""

    en: str
    fr: str

    def get(self, language: str) -> str:
        """Return the text in ``language``, English where it is neither."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One observed property of a device type.

    ``quantity``: a name of ``model.quantities``; ``unit``: its UCUM code ("" for counts, states and texts).
    ``minimum``, ``maximum``: the plausible range, in that unit; a value outside is kept and flagged.
    ``choices``: the texts that an enumeration can take, empty for others.
    ``counter``: the value only grows (a meter's index), and starts again from 0: what counts is its increase.
    """

    name: str
    kind: Kind
    quantity: str
    unit: str
    title: Text
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    counter: bool = False


@dataclass(frozen=True, slots=True)
class NewField:
    """A field that somebody wants for what a codec says. ``path``: where that stands in what it says.

    ``unit``: what the codec says it in, ``title``: what people call it; ``None`` where that of the quantity will do.
    """

    path: str
    name: str
    kind: Kind
    quantity: str
    unit: str | None = None
    title: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceType:
    """A sensor model. ``version`` changes whenever what it decodes to may change (hash of the file's meaning).

    ``retired``: fields that it once had; their columns stay. ``retention``: how long what it says is kept.
    ``personal``: whose life its readings tell of, ``None`` for nobody's; open data keeps to it.
    """

    name: str
    title: Text
    vendor: str
    model: str
    domain: str
    networks: tuple[str, ...]
    period: timedelta
    source: str
    fields: tuple[Field, ...]
    version: str
    reference: bool = False
    retired: tuple[str, ...] = ()
    retention: Retention = dataclass_field(default_factory=Retention)
    personal: Personal | None = None

    def field(self, name: str) -> Field | None:
        """Return the field of that name, ``None`` if there is none."""
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A registered (or pending) device. ``id`` is canonical, as in ``Uplink.device``; WGS 84 degrees.

    ``variables``: constants of this one device (a transformer ratio, say); ``tags``: free words for search and groups.
    """

    id: str
    type: str | None
    state: State = State.ACTIVE
    name: str = ""
    network: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    district: str | None = None
    experiment: str | None = None
    simulated: bool = False
    tags: Mapping[str, str] = dataclass_field(default_factory=dict)
    variables: Mapping[str, str] = dataclass_field(default_factory=dict)
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRef:
    """What ingest needs of a device: its key in the database, its type and whether it is simulated."""

    key: int
    type: str | None
    state: State
    simulated: bool
