"""A lamp and a tram, as the console's tests need them."""

from datetime import UTC, datetime, timedelta

from model.device import Device, DeviceType, Field, Kind, Text
from model.status import LiveReading
from model.uplink import Value

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def _field(name: str, kind: Kind, quantity: str, unit: str = "", *, span: tuple[float, float] | None = None) -> Field:
    low, high = span or (None, None)
    title = Text(en=name.replace("_", " ").capitalize(), fr=f"{name} (fr)")
    return Field(name=name, kind=kind, quantity=quantity, unit=unit, title=title, minimum=low, maximum=high)


def _type(name: str, domain: str, period: timedelta, *fields: Field) -> DeviceType:
    return DeviceType(
        name=name,
        title=Text(en=name, fr=name),
        vendor="Penfeld",
        model=name,
        domain=domain,
        networks=("lorawan",),
        period=period,
        source="made up",
        fields=fields,
        version="1",
    )


LAMP = _type(
    "lamp",
    "lighting",
    timedelta(minutes=15),
    _field("lamp_on", Kind.BOOL, "state"),
    _field("lamp_failure", Kind.BOOL, "state"),
    _field("power_w", Kind.FLOAT, "power", "W"),
    _field("voltage_v", Kind.FLOAT, "voltage", "V", span=(207, 253)),
)
TRAM = _type(
    "tram",
    "mobility",
    timedelta(seconds=1),
    _field("latitude_deg", Kind.FLOAT, "latitude", "deg"),
    _field("longitude_deg", Kind.FLOAT, "longitude", "deg"),
    _field("speed_kmh", Kind.FLOAT, "speed", "km/h"),
)


def lamp(device_id: str = "lamp-1", **more: object) -> Device:
    facts: dict[str, object] = {"name": "Quai 1", "latitude": 48.39, "longitude": -4.48, "district": "Europe", **more}
    return Device(id=device_id, type="lamp", **facts)  # type: ignore[arg-type]  # a test names only Device's fields


def tram(device_id: str = "tram-1") -> Device:
    return Device(id=device_id, type="tram", name="Rame 1")


def said(device: str, kind: str, at: datetime, *flags: str, **values: Value) -> LiveReading:
    return LiveReading(device=device, device_type=kind, time=at, received_at=at, values=values, flags=flags)
