"""A first device file for a codec, written from what the codec said of some payloads.

Rules:

1. What is written is a device file that can be used as it stands. What was guessed says so in a remark behind it.
2. Nothing that the codec says is passed over: paths that could not be placed stand in remarks at the end, with values.
3. Examples hold: their values are what the fields written here make of what the codec said.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from decoders.device_file import DOMAINS, read_file
from decoders.mapping import FieldMap, Mapped
from decoders.output import Output
from decoders.proposals import Proposal, differing_names, is_moment, propose
from model.device import Text
from model.value import Value

_MOST_EXAMPLES = 12
_MOST_SHOWN = 3
_LONGEST_SHOWN = 80
_LONGEST_NAME = 55


@dataclass(frozen=True, slots=True)
class Said:
    """A payload, and what the codec said of it. ``name``: what the example is called."""

    name: str
    payload: bytes
    f_port: int | None
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a draft says of the device. ``source``: where the codec comes from; ``codec``: the lines of ``[codec]``."""

    title: str
    vendor: str
    model: str
    source: str
    codec: Mapping[str, str]
    networks: tuple[str, ...] = ("lorawan",)


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a device file. ``fields``: those it has; ``unplaced``: paths that it has none for, with values."""

    text: str
    fields: tuple[Proposal, ...]
    unplaced: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


def draft(name: str, about: About, said: Sequence[Said]) -> Draft:
    """Return a device file of that name."""
    seen = _seen([one.output for one in said])
    times = [path for path, values in seen.items() if is_moment(path, values)]
    fields = tuple(_fields(seen))
    placed = {proposal.path for proposal in fields}
    unplaced = {path: values for path, values in seen.items() if path not in placed}
    head = "\n".join([*_head(about, fields), *_codec(about, times), *_field_lines(fields)])
    text = "\n".join([head, *_examples(name, head, said), *_left(unplaced)])
    return Draft(f"{text.rstrip()}\n", fields, unplaced)


def file_name(*words: str) -> str:
    """Return words as the name of a device file: ``SenseCAP-S2120`` of Seeed is ``seeed_sensecap_s2120``."""
    parts: list[str] = []
    for word in words:
        bare = re.sub(r"[^a-z0-9]+", "_", word.lower().replace("'", "")).strip("_")
        if parts and bare.startswith(f"{parts[-1]}_"):
            bare = bare.removeprefix(f"{parts[-1]}_")  # milesight, milesight-em300
        parts += [bare] if bare else []
    joined = "_".join(parts)[:_LONGEST_NAME].strip("_")
    return joined if joined[:1].isalpha() else f"codec_{joined}".rstrip("_")


def _seen(outputs: Sequence[Output]) -> dict[str, tuple[Value, ...]]:
    """Return every path that the codec said something at, with the values."""
    seen: dict[str, tuple[Value, ...]] = {}
    for output in outputs:
        for path, value in FieldMap(()).read(output).rest.items():
            seen[path] = (*seen.get(path, ()), value)
    return seen


def _fields(seen: Mapping[str, tuple[Value, ...]]) -> Iterator[Proposal]:
    """Yield a field for each path that can be placed, each value once, under names that differ."""
    found: list[Proposal] = []
    for path in sorted(seen, key=lambda path: path.count(".")):  # what is said twice is taken where it is said plainest
        proposal = propose(path, seen[path], unit=unit_beside(path, seen))
        if proposal is None:
            continue
        again = any(one.name == proposal.name and seen[one.path] == seen[path] for one in found)
        if not again:
            found.append(proposal)
    order = list(seen)
    found.sort(key=lambda one: order.index(one.path))
    for proposal, name in zip(found, differing_names(found), strict=True):
        yield Proposal(
            proposal.path, name, proposal.kind, proposal.quantity, proposal.unit, proposal.title, proposal.sure
        )


def unit_beside(path: str, seen: Mapping[str, tuple[Value, ...]]) -> str | None:
    """Return the unit that the codec says beside a value, where it is always one."""
    stem, dot, last = path.rpartition(".")
    beside = [f"{path}_unit", f"{path}_units", f"{path}Unit"]
    beside += [f"{stem}{dot}{word}" for word in ("unit", "units", "Unit")] if last in {"value", "Value", "v"} else []
    told = {value for name in beside for value in seen.get(name, ()) if isinstance(value, str) and value}
    return told.pop() if len(told) == 1 else None


def _head(about: About, fields: Sequence[Proposal]) -> list[str]:
    return [
        f"# Written from what the codec says ({about.source}). Look it over: what was guessed is marked.",
        "# A codec stays under its maker's licence: ask there before you hand it on.",
        f"title = {_text(Text(en=about.title, fr=about.title))}",
        f"vendor = {_quoted(about.vendor)}",
        f"model = {_quoted(about.model)}",
        f"domain = {_quoted(_domain(fields))}  # guessed; there are {', '.join(DOMAINS)}",
        f"networks = [{', '.join(_quoted(network) for network in about.networks)}]",
        'period = "1 h"  # guessed: how often it is expected to speak',
        f"source = {_quoted(about.source)}",
        "",
    ]


def _codec(about: About, times: Sequence[str]) -> list[str]:
    lines = ["[codec]", *(f"{key} = {_quoted(value)}" for key, value in about.codec.items())]
    if times:
        lines.append(
            "# Where a reading's own time stands, if the device's clock is to be trusted (else the network's):"
        )
        lines += [f"# time = {_quoted(path)}" for path in times[:_MOST_SHOWN]]
    return [*lines, ""]


def _field_lines(fields: Sequence[Proposal]) -> list[str]:
    lines: list[str] = []
    for one in fields:
        lines.append(f"[field.{one.name}]" + ("" if one.sure else "  # guessed from its values: check the unit"))
        if one.title is not None:
            lines.append(f"title = {_text(one.title)}")
        lines += [f"path = {_quoted(one.path)}", f"kind = {_quoted(one.kind)}", f"quantity = {_quoted(one.quantity)}"]
        if one.unit is not None:
            lines.append(f"unit = {_quoted(one.unit)}")
        lines.append("")
    return lines


def _examples(name: str, head: str, said: Sequence[Said]) -> list[str]:
    """Return examples: those that say something that those before do not."""
    codec = read_file(name, head).codec
    if codec is None:
        return []
    mapping = codec.field_map()
    lines: list[str] = []
    told: set[tuple[object, ...]] = set()
    names: set[str] = set()
    for one in said:
        mapped = mapping.read(one.output)
        kinds = {(one.f_port, key) for record in mapped.records for key in record.values}
        if len(names) == _MOST_EXAMPLES or not mapped.records or (kinds <= told):
            continue
        told |= kinds
        title = one.name if one.name not in names else f"{one.name} ({len(names) + 1})"
        names.add(title)
        lines += _example(title, one, mapped)
    return lines


def _example(title: str, one: Said, mapped: Mapped) -> list[str]:
    lines = ["[[example]]", f"name = {_quoted(title)}"]
    if one.f_port is not None:
        lines.append(f"f_port = {one.f_port}")
    lines.append(f"payload = {_quoted(one.payload.hex())}")
    records = [
        f"{{ {', '.join(f'{key} = {_value(value)}' for key, value in record.values.items() if value is not None)} }}"
        for record in mapped.records
    ]
    if len(records) == 1:
        lines.append(f"values = {records[0]}")
    else:
        lines += ["records = [", *(f"  {record}," for record in records), "]"]
    if mapped.warnings:
        lines.append(f"warning = [{', '.join(_quoted(warning) for warning in mapped.warnings)}]")
    return [*lines, ""]


def _left(unplaced: Mapping[str, tuple[Value, ...]]) -> list[str]:
    """Return remarks on the paths without a field."""
    if not unplaced:
        return []
    lines = [
        "# The codec says this too. It is kept with each frame, and has no field: nobody could tell what it measures,"
    ]
    lines += [
        "# or in which unit. A field of yours takes it: [field.NAME] with path, kind, quantity and, if needed, unit."
    ]
    for path, values in unplaced.items():
        shown = ", ".join(_remark(value) for value in dict.fromkeys(values[:_MOST_SHOWN]))
        lines.append(f"#   {_remark(path)}: {shown}"[:_LONGEST_SHOWN])
    return lines


def _domain(fields: Sequence[Proposal]) -> str:
    """Return the domain that these fields are most likely of."""
    quantities = {one.quantity for one in fields if not one.name.startswith("battery")}
    words = {word for one in fields for word in one.name.split("_")}
    for domain, measured, named in _DOMAINS:
        if quantities & measured or words & named:
            return domain
    return "environment"


_DOMAINS = (
    ("lighting", {"dimming"}, {"lamp", "lamps"}),
    ("parking", set[str](), {"parking", "parked", "vehicle"}),
    ("tracking", {"latitude"}, set[str]()),
    ("waste", {"fill_level"}, {"bin"}),
    ("energy", {"energy", "power", "reactive_energy", "power_factor", "apparent_power", "thermal_energy"}, set[str]()),
    ("water", {"volume", "volume_flow", "water_level", "ph", "turbidity", "dissolved_oxygen"}, set[str]()),
)


def _text(text: Text) -> str:
    return f"{{ en = {_quoted(text.en)}, fr = {_quoted(text.fr)} }}"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _remark(value: object) -> str:
    return " ".join(str(value).split()) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
