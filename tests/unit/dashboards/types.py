"""Device types for tests of boards: one with a field of each sort, one of another domain."""

from dataclasses import replace

from model.device import Field, Kind, Text
from tests.unit.storage.batches import device_type


def _field(name: str, kind: Kind, quantity: str, unit: str, en: str, fr: str) -> Field:
    return Field(name=name, kind=kind, quantity=quantity, unit=unit, title=Text(en=en, fr=fr))


LAMP = replace(
    device_type(
        "lamp",
        replace(_field("voltage_v", Kind.FLOAT, "voltage", "V", "Voltage", "Tension"), minimum=207.0, maximum=253.0),
        replace(_field("energy_kwh", Kind.FLOAT, "energy", "kW.h", "Energy", "Énergie"), counter=True),
        _field("lamp_on", Kind.BOOL, "state", "", "Lit", "Allumée"),
        _field("role", Kind.TEXT, "text", "", "Role", "Rôle"),
        _field("latitude", Kind.FLOAT, "latitude", "deg", "Latitude", "Latitude"),
    ),
    domain="lighting",
    title=Text(en="Lamp's driver", fr="Driver d’éclairage"),
)
PROBE = device_type("probe", _field("temperature_c", Kind.FLOAT, "temperature", "Cel", "Air", "Air"))
TYPES = (LAMP, PROBE)
