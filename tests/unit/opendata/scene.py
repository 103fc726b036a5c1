"""Two device types and some datasets, as the tests of open data use them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from model.dataset import Cell, Choice, Dataset, Extent, Slice
from model.device import Device, DeviceType, Field, Kind, Text
from model.resolution import Resolution
from opendata.publish import City, Publisher
from opendata.shelf import Shelf
from tests.fakes.registry import Registry

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 11, 20)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=PARIS)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def both(text: str) -> Text:
    """Return a text that is told apart by language."""
    return Text(en=f"{text} (en)", fr=f"{text} (fr)")


def measure(name: str, quantity: str, unit: str, kind: Kind = Kind.FLOAT, *, counter: bool = False) -> Field:
    """Return a field."""
    return Field(name=name, kind=kind, quantity=quantity, unit=unit, title=both(name), counter=counter)


def device_type(name: str, *fields: Field) -> DeviceType:
    """Return a device type."""
    return DeviceType(
        name=name,
        title=both(name),
        vendor="Example",
        model=name,
        domain="lighting",
        networks=("lorawan",),
        period=timedelta(minutes=15),
        source="made up",
        fields=fields,
        version="v1",
    )


LAMP = device_type(
    "lamp",
    measure("power_w", "power", "W"),
    measure("energy_kwh", "energy", "kW.h", counter=True),
    measure("lit", "state", "", Kind.BOOL),
    measure("mode", "text", "", Kind.TEXT),
)
METER = replace(device_type("meter", measure("volume_m3", "volume", "m3", counter=True)), personal="household")
TRACKER = replace(
    device_type(
        "tracker",
        measure("latitude_deg", "latitude", "deg"),
        measure("speed_kmh", "speed", "km/h"),
        measure("battery_v", "voltage", "V"),
    ),
    personal="vehicle",
)
TYPES: Mapping[str, DeviceType] = {each.name: each for each in (LAMP, METER, TRACKER)}

LAMPS = Dataset(
    id="lamps",
    title=both("Lamps"),
    description=both("All lamps"),
    choice=Choice(device_types=("lamp",)),
    publisher="Ville d’Exemple",
    contact="data@example.org",
    keywords={"en": ("light",), "fr": ("lumière",)},
    theme="ENER",
    place="lamps.toml:1",
)

ROW = (
    "lamp-1",
    MIDNIGHT + timedelta(hours=1),
    MIDNIGHT + timedelta(hours=1),
    12.5,
    3.25,
    True,
    "night",
    "",
    "v1",
    False,
)


def lamp(number: int, **more: object) -> Device:
    """Return a registered lamp."""
    plain = Device(
        id=f"lamp-{number}", type="lamp", name=f"Lamp {number}", latitude=48.39, longitude=-4.48 + number / 100
    )
    return replace(plain, **more)  # type: ignore[arg-type]


@dataclass
class Rows:
    """``FrozenRows`` in memory: the same rows for every slice. ``asked``: the slices that were read."""

    rows_: list[tuple[Cell, ...]] = field(default_factory=lambda: [ROW])
    newest: datetime | None = MIDNIGHT + timedelta(hours=1)
    codecs: int = 1
    asked: list[Slice] = field(default_factory=list)

    async def extent(self, of: Slice) -> Extent:
        """Return how much there is."""
        return Extent(len(self.rows_), min(len(self.rows_), len(of.devices)), self.newest, self.codecs)

    async def rows(self, of: Slice) -> AsyncIterator[Sequence[tuple[Cell, ...]]]:
        """Yield the rows, two at a time."""
        self.asked.append(of)
        for at in range(0, len(self.rows_), 2):
            yield self.rows_[at : at + 2]


@dataclass
class Press:
    """A publisher on fakes, with a clock that the test moves."""

    folder: Path
    rows: Rows = field(default_factory=Rows)
    devices: list[Device] = field(default_factory=lambda: [lamp(1)])
    kept: dict[str, timedelta | None] = field(default_factory=dict)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.folder)
        self.publisher = Publisher(
            registry=Registry(devices=self.devices),
            rows=self.rows,
            shelf=self.shelf,
            city=City(zone=PARIS, types=TYPES, kept=self.kept),
            clock=lambda: self.now,
        )


def hourly(dataset: Dataset) -> Dataset:
    """Return a dataset by the hour."""
    return replace(dataset, resolution=Resolution.HOUR)
