"""A first device file for a codec, written from what the codec said of some payloads.

Rules:

1. What is written is a device file that can be used as it stands. What was guessed says so in a remark behind it.
2. Nothing that the codec says is passed over: paths that could not be placed stand in remarks at the end, with values.
3. Examples hold: their values are what the fields written here make of what the codec said, and a payload that it
   refused is an example that fails.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from decoders.device_file import read_file
from decoders.device_lines import About, alert_lines, example_lines, field_lines, head_lines, quoted, range_lines
from decoders.mapping import FieldMap, Mapped
from decoders.output import Output
from decoders.proposals import Proposal, differing_names, is_moment, propose
from model.value import Value

__all__ = ["About", "Draft", "Said", "draft", "file_name", "names_element", "unit_beside"]

_MOST_EXAMPLES = 12
_MOST_SHOWN = 3
_LONGEST_SHOWN = 80
_LONGEST_NAME = 55


@dataclass(frozen=True, slots=True)
class Said:
    """A payload, and what the codec said of it, or by which ``error`` it refused it. ``name``: of the example."""

    name: str
    payload: bytes
    f_port: int | None
    output: Output
    error: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a device file. ``fields``: those it has; ``unplaced``: paths that it has none for, with values."""

    text: str
    fields: tuple[Proposal, ...]
    unplaced: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


def draft(
    name: str, about: About, outputs: Sequence[Output], said: Sequence[Said] = (), *, every: bool = False
) -> Draft:
    """Return a device file of that name, with fields for these outputs and examples of what was said.

    ``every``: all that was said becomes an example, not only what says more than that before it.
    """
    seen = _seen(outputs)
    times = [path for path, values in seen.items() if is_moment(path, values)]
    fields = tuple(_fields(seen))
    placed = {proposal.path for proposal in fields}
    unplaced = {path: values for path, values in seen.items() if path not in placed and not names_element(path)}
    head = "\n".join([*_head(about, fields), *_codec(about, times), *_field_lines(fields)])
    text = "\n".join([head, *_examples(name, head, said, every=every), *_left(unplaced), *_alert(fields)])
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


def names_element(path: str) -> bool:
    """Whether a path leads to what names the element of a list that it goes through: ``list.variable=ec.variable``."""
    *_, element, last = ["", *path.split(".")]
    return element.startswith(f"{last}=")


def unit_beside(path: str, seen: Mapping[str, Sequence[Value]]) -> str | None:
    """Return the unit that the codec says beside a value, where it is always one."""
    stem, dot, last = path.rpartition(".")
    beside = [f"{path}_unit", f"{path}_units", f"{path}Unit"]
    beside += [f"{stem}{dot}{word}" for word in ("unit", "units", "Unit")] if last in {"value", "Value", "v"} else []
    told = {value for name in beside for value in seen.get(name, ()) if isinstance(value, str) and value}
    return told.pop() if len(told) == 1 else None


def _head(about: About, fields: Sequence[Proposal]) -> list[str]:
    lines = ["# Written from what the codec says of some payloads. Look it over: what was guessed is marked."]
    if "script" in about.codec:
        lines.append("# The script stays under its maker's licence: ask there before you hand it on.")
    return [*lines, *head_lines(about, _domain(fields))]


def _codec(about: About, times: Sequence[str]) -> list[str]:
    lines = ["[codec]"]
    for key, value in about.codec.items():
        lines.append(
            f"{key} = {quoted(value)}" + ("  # the maker's, as it is, beside this file" if key == "script" else "")
        )
    if times:
        lines.append(
            "# Where a reading's own time stands, if the device's clock is to be trusted (else the network's):"
        )
        lines += [f"# time = {quoted(path)}" for path in times[:_MOST_SHOWN]]
    return [*lines, ""]


def _field_lines(fields: Sequence[Proposal]) -> list[str]:
    lines: list[str] = [] if fields else _NO_FIELD
    for one in fields:
        if one is fields[0]:
            lines += _ABOUT_FIELDS
        head, *more = field_lines(one)
        lines += [head + ("" if one.sure else "  # guessed from its values: check the unit"), *more]
        lines += [*range_lines(one.kind, one.quantity), ""]
    return lines


_ABOUT_FIELDS = [
    "# A field is a column, and its name ends in the unit of its quantity. path: where the codec says it; kind: float,",
    "# int, bool or text; unit: what the codec says it in, where that is not the quantity's; range: what is plausible.",
]
_NO_FIELD = [
    "# No field yet: what the codec says is kept with each frame; `penfeld device check` shows it. A field looks so:",
    "# [field.temperature_c]      its name ends in the unit of its quantity",
    '# path = "data.temperature"  where the codec says it',
    '# kind = "float"             float, int, bool or text',
    '# quantity = "temperature"   what it measures',
    "# range = [-40, 85]          what is plausible: other values are kept, and flagged",
    "",
]


def _examples(name: str, head: str, said: Sequence[Said], *, every: bool) -> list[str]:
    """Return examples: those that say something that those before do not, or all."""
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
        news = every or bool(mapped.records and not kinds <= told)
        if len(names) == _MOST_EXAMPLES or not news:
            continue
        told |= kinds
        title = one.name.strip() or "example"
        title = title if title not in names else f"{title} ({len(names) + 1})"
        names.add(title)
        lines += _example(title, one, mapped)
    return lines


def _example(title: str, one: Said, mapped: Mapped) -> list[str]:
    if one.error:
        return example_lines(title, one.payload, one.f_port, error=one.error)
    records = [record.values for record in mapped.records]
    return example_lines(title, one.payload, one.f_port, records, warnings=mapped.warnings)


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


def _alert(fields: Sequence[Proposal]) -> list[str]:
    """Return remarks that show an alert of the first field."""
    return ["", *(alert_lines(fields[0].name, fields[0].kind) if fields else alert_lines())]


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


def _remark(value: object) -> str:
    plain = value if isinstance(value, str) else json.dumps(value)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
