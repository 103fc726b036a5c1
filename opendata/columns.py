"""The columns of a dataset's files: names, kinds, units, titles in both languages. Pure.

Rules:

1. Raw readings, buckets of one device and buckets of many have columns of their own; the order is fixed, and what reads
   the database (``storage.frozen``) keeps to it.
2. In a bucket a measure has mean, minimum and maximum, a counter its last value and its increase, a switch the share of
   true. Over many devices there are neither extremes nor counters: these would be one device's.
3. Quality goes with the data: flags and codec version of each reading; in buckets how many readings are flagged.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from model.dataset import Dataset
from model.device import DeviceType, Field, Kind, Text
from model.quantities import QUANTITIES
from model.resolution import Resolution
from opendata.personal import guarded, refused

Type = Literal["string", "timestamp", "number", "integer", "boolean"]
_KINDS: Mapping[Kind, Type] = {
    Kind.FLOAT: "number",
    Kind.INT: "integer",
    Kind.BOOL: "boolean",
    Kind.TEXT: "string",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``unit``: UCUM, "" for none; ``field``: the field it tells of, "" for none."""

    name: str
    type: Type
    title: Text
    description: Text
    unit: str = ""
    quantity: str = ""
    field: str = ""
    needed: bool = False


def problems(dataset: Dataset, types: Mapping[str, DeviceType]) -> list[str]:
    """Return what is wrong with a dataset for these device types, each with its place and what to change."""
    known = [types[name] for name in dataset.choice.device_types if name in types]
    found = [
        f"{name!r} is no device type: `penfeld devices types` lists them"
        for name in dataset.choice.device_types
        if name not in types
    ]
    if len(known) == len(dataset.choice.device_types):
        found += [
            f"no device type here has a field {name!r}: {', '.join(sorted({f.name for t in known for f in t.fields}))}"
            for name in dataset.fields
            if not any(each.field(name) for each in known)
        ]
    if dataset.aggregate is not None and dataset.resolution is Resolution.RAW:
        found.append('readings of many devices are put together by time, too: set resolution = "1h", say')
    found += _contradictions(dataset, known)
    if not found and not measured(dataset, types):
        found.append("there is nothing left to publish: texts have no mean; name other fields, or publish them raw")
    for each in known:
        found += refused(dataset, each, chosen(dataset, each))
    return [f"{dataset.place}: dataset {dataset.id}: {text}" for text in found]


def told_twice(dataset: Dataset, others: Sequence[Dataset], types: Mapping[str, DeviceType]) -> list[str]:
    """Return what a dataset tells of somebody's life that another one tells, too: the difference may be one home."""
    found = []
    for other in others:
        for name in sorted({*dataset.choice.device_types} & {*other.choice.device_types} & types.keys()):
            of = types[name]
            fields = sorted({*chosen(dataset, of)} & {*chosen(other, of)})
            if fields and guarded(dataset, of) and guarded(other, of):
                found.append(
                    f"{dataset.place}: dataset {dataset.id}: {', '.join(fields)} of {name} is in dataset {other.id}"
                    f" ({other.place}), too, and the difference of both could be that of one home or vehicle: publish"
                    " it once"
                )
    return found


def chosen(dataset: Dataset, of: DeviceType) -> tuple[str, ...]:
    """Return the fields of a type that a dataset publishes, in the order of its device file."""
    bare = dataset.resolution is Resolution.RAW
    return tuple(
        field.name
        for field in of.fields
        if (not dataset.fields or field.name in dataset.fields) and (bare or field.kind is not Kind.TEXT)
    )


def measured(dataset: Dataset, types: Mapping[str, DeviceType]) -> tuple[Field, ...]:
    """Return the fields that a dataset publishes, of all its types, each name once."""
    found: dict[str, Field] = {}
    for name in dataset.choice.device_types:
        if name in types:
            for field in chosen(dataset, types[name]):
                known = types[name].field(field)
                if known is not None:
                    found.setdefault(field, known)
    return tuple(found.values())


def _contradictions(dataset: Dataset, known: Sequence[DeviceType]) -> list[str]:
    """Return fields of one name that are not the same in two types."""
    first: dict[str, tuple[str, Field]] = {}
    found = []
    for each in known:
        for name in chosen(dataset, each):
            field = each.field(name)
            if field is None:
                continue
            owner, other = first.setdefault(name, (each.name, field))
            if (field.kind, field.quantity, field.counter) != (other.kind, other.quantity, other.counter):
                found.append(f"{name} is not the same in {owner} and {each.name}: publish them as two datasets")
    return found


def columns(dataset: Dataset, types: Mapping[str, DeviceType]) -> tuple[Column, ...]:
    """Return the columns of a dataset's files, in order."""
    several = len(dataset.choice.device_types) > 1
    fields = measured(dataset, types)
    mark = [_SIMULATED] if dataset.simulated == "mark" else []
    kind = [_DEVICE_TYPE] if several else []
    if dataset.aggregate is not None:
        group = [_DISTRICT] if dataset.aggregate.by == "district" else []
        values = [column for field in fields for column in _many(field)]
        return (*kind, *group, _BEGIN, _DEVICES, *values, _READINGS, _FLAGGED, _CODECS, *mark)
    if dataset.resolution is Resolution.RAW:
        values = [_plain(field) for field in fields]
        return (*kind, _DEVICE, _TIME, _RECEIVED, *values, _FLAGS, _CODEC, *mark)
    values = [column for field in fields for column in _bucket(field)]
    return (*kind, _DEVICE, _BEGIN, *values, _READINGS, _FLAGGED, _CODECS, *mark)


def fields_csv(some: Sequence[Column]) -> bytes:
    """Return the table of fields as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("name", "type", "unit", "quantity", "title_en", "title_fr", "description_en", "description_fr"))
    for each in some:
        texts = (each.title.en, each.title.fr, each.description.en, each.description.fr)
        writer.writerow((each.name, each.type, each.unit, each.quantity, *texts))
    return out.getvalue().encode()


def table_schema(dataset: Dataset, some: Sequence[Column]) -> bytes:
    """Return the table of fields as a Table Schema, which data.gouv.fr and frictionless read."""
    fields = [
        {
            "name": each.name,
            "type": "datetime" if each.type == "timestamp" else each.type,
            "title": each.title.fr,
            "description": each.description.fr,
            "title_en": each.title.en,
            "description_en": each.description.en,
            **({"unit": each.unit} if each.unit else {}),
            **({"constraints": {"required": True}} if each.needed else {}),
        }
        for each in some
    ]
    document = {
        "$schema": "https://specs.frictionlessdata.io/schemas/table-schema.json",
        "name": dataset.id,
        "title": dataset.title.fr,
        "title_en": dataset.title.en,
        "description": dataset.description.fr,
        "description_en": dataset.description.en,
        "fields": fields,
        "missingValues": [""],
    }
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _plain(field: Field) -> Column:
    return Column(field.name, _KINDS[field.kind], field.title, _about(field), field.unit, field.quantity, field.name)


def _bucket(field: Field) -> list[Column]:
    if field.kind is Kind.BOOL:
        return [_of(field, "share")]
    if field.counter:
        return [_of(field, "last"), _of(field, "increase")]
    return [_of(field, ending) for ending in ("mean", "min", "max")]


def _many(field: Field) -> list[Column]:
    if field.kind is Kind.BOOL:
        return [_of(field, "share")]
    return [_of(field, "increase" if field.counter else "mean")]


def _of(field: Field, ending: str) -> Column:
    said = _ENDINGS[ending]
    title = Text(en=f"{field.title.en}, {said.en}", fr=f"{field.title.fr}, {said.fr}")
    about = _about(field)
    text = Text(en=f"{said.en.capitalize()}. {about.en}", fr=f"{said.fr.capitalize()}. {about.fr}")
    whole = field.kind is Kind.INT and ending in {"min", "max", "last"}
    unit = "" if ending == "share" else field.unit
    kind: Type = "integer" if whole else "number"
    return Column(f"{field.name}_{ending}", kind, title, text, unit, field.quantity, field.name)


_ENDINGS: Mapping[str, Text] = {
    "mean": Text(en="mean", fr="moyenne"),
    "min": Text(en="minimum", fr="minimum"),
    "max": Text(en="maximum", fr="maximum"),
    "last": Text(en="last index", fr="dernier index"),
    "increase": Text(en="increase", fr="accroissement"),
    "share": Text(en="share of true, from 0 to 1", fr="part de vrai, de 0 à 1"),
}


def _about(field: Field) -> Text:
    """Return what is worth knowing of a field: its quantity, its plausible range, its choices."""
    quantity = QUANTITIES[field.quantity].title
    en, fr = f"{quantity.en}.", f"{quantity.fr}."
    if field.minimum is not None and field.maximum is not None:
        span = f"{field.minimum:g} … {field.maximum:g}"
        en += f" Plausible: {span}; what lies outside is kept and flagged."
        fr += f" Plausible : {span} ; ce qui est hors de cet intervalle est conservé et signalé."
    if field.choices:
        en += f" One of: {', '.join(field.choices)}."
        fr += f" Une valeur parmi : {', '.join(field.choices)}."
    return Text(en=en, fr=fr)


def _fixed(name: str, kind: Type, title: tuple[str, str], about: tuple[str, str]) -> Column:
    return Column(name, kind, Text(en=title[0], fr=title[1]), Text(en=about[0], fr=about[1]), needed=True)


_DEVICE = _fixed(
    "device", "string", ("Device", "Appareil"), ("Id of the device.", "Identifiant de l’appareil.")
)  # fmt: skip
_DEVICE_TYPE = _fixed(
    "device_type", "string", ("Device type", "Type d’appareil"), ("Sensor model.", "Modèle de capteur.")
)  # fmt: skip
_DISTRICT = _fixed(
    "district", "string", ("District", "Quartier"), ("Empty: in no district.", "Vide : hors quartier.")
)  # fmt: skip
_TIME = _fixed(
    "time", "timestamp", ("Time", "Instant"), ("When it was measured, UTC.", "Instant de la mesure, en UTC.")
)  # fmt: skip
_BEGIN = _fixed(
    "time",
    "timestamp",
    ("Beginning", "Début"),
    ("Where the period begins, UTC.", "Début de la période, en UTC."),
)
_RECEIVED = _fixed(
    "received_at",
    "timestamp",
    ("Received", "Réception"),
    ("When the network server heard it, UTC.", "Instant de réception par le réseau, en UTC."),
)
_FLAGS = Column(
    "flags",
    "string",
    Text(en="Quality flags", fr="Indicateurs de qualité"),
    Text(
        en="field:flag, separated by blanks; empty: nothing is odd.",
        fr="champ:indicateur, séparés par des espaces ; vide : rien d’anormal.",
    ),
)
_CODEC = _fixed(
    "codec",
    "string",
    ("Codec version", "Version du décodeur"),
    ("What the reading was decoded with.", "Ce qui a décodé la mesure."),
)
_CODECS = _fixed(
    "codecs",
    "string",
    ("Codec versions", "Versions du décodeur"),
    ("What the readings were decoded with.", "Ce qui a décodé les mesures."),
)
_READINGS = _fixed(
    "readings",
    "integer",
    ("Readings", "Mesures"),
    ("How many readings it is made of.", "Nombre de mesures prises en compte."),
)
_FLAGGED = _fixed(
    "flagged",
    "integer",
    ("Flagged readings", "Mesures signalées"),
    ("How many of them carry a quality flag.", "Nombre de mesures portant un indicateur de qualité."),
)
_DEVICES = _fixed(
    "devices",
    "integer",
    ("Devices", "Appareils"),
    ("How many devices it is made of.", "Nombre d’appareils pris en compte."),
)
_SIMULATED = _fixed(
    "simulated",
    "boolean",
    ("Simulated", "Simulé"),
    ("True for data of simulated devices.", "Vrai pour les données d’appareils simulés."),
)
