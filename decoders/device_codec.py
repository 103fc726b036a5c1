"""The part of a device file that says how a payload is read that has no layout: a maker's script, or a known format.

``[codec]`` names the script or the format; ``path`` in each ``[field.NAME]`` says where its value stands in what that
gives, ``unit`` in what it is told there where it is not the unit of the field's quantity.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from decoders.formats import Format, formats
from decoders.mapping import EACH, FieldMap, Place, steps
from decoders.units import code, conversion, convertible
from model.device import Field
from model.errors import ConfigError

CODEC_KEYS = ("script", "format", "variables", "time")
Problem = Callable[[tuple[str | int, ...], str], None]
_WHERE = ("codec",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecEntry:
    """What a device file says of its codec. Either ``script``, the name of a file beside it, or ``format`` is given.

    ``meaning``: all that decides what an output becomes, for the version of the device type.
    """

    script: str | None = None
    format: Format | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    times: tuple[str, ...] = ()
    meaning: tuple[object, ...] = ()

    def field_map(self) -> FieldMap:
        """Return how fields are found in what the codec says."""
        return FieldMap(self.places, self.times)


def read_codec(
    table: Mapping[str, Any], fields: tuple[Field, ...], told: Mapping[str, Any], problem: Problem
) -> CodecEntry:
    """Return what ``[codec]`` says; ``told``: the tables of the fields. Problems go to ``problem``, placed."""
    script = table.get("script")
    if script is not None and not (isinstance(script, str) and script.endswith(".js") and "/" not in script):
        problem((*_WHERE, "script"), 'script must name a file beside this one: script = "vendor_model.js"')
        script = ""
    if (script is None) == ("format" not in table):
        problem(_WHERE, f'a codec has a script or a format ({", ".join(formats())}): format = "cayenne"')
    found = None if "format" not in table else _format(table, problem)
    if "format" in table and "variables" in table:
        problem((*_WHERE, "variables"), "variables are for scripts: a format has options of its own")
    if script is not None:
        for key in set(table) - set(CODEC_KEYS):
            problem((*_WHERE, key), f"'{key}' is no key here: {', '.join(CODEC_KEYS)}")
    return CodecEntry(
        script=script,
        format=found,
        variables=_texts(table, "variables", problem),
        places=tuple(_places(fields, told, problem)),
        times=_times(table, problem),
        meaning=(sorted((key, str(value)) for key, value in table.items()), [_told(told, one.name) for one in fields]),
    )


def _format(table: Mapping[str, Any], problem: Problem) -> Format | None:
    module = formats().get(str(table["format"]))
    if module is None:
        problem((*_WHERE, "format"), f"'{table['format']}' is no format: {', '.join(formats())}")
        return None
    options = {key: value for key, value in table.items() if key not in CODEC_KEYS}
    for key, value in options.items():
        if not isinstance(value, str):
            problem((*_WHERE, key), f"{key} must be a text")
    try:
        return module.make({key: str(value) for key, value in options.items()})
    except ConfigError as error:
        for one in error.problems:
            key = next((key for key in options if key in one), "format")
            problem((*_WHERE, key), one)
        return None


def _places(fields: tuple[Field, ...], told: Mapping[str, Any], problem: Problem) -> list[Place]:
    places: list[Place] = []
    for one in fields:
        where = ("field", one.name)
        entry = told[one.name]
        path, unit = entry.get("path"), entry.get("unit", one.unit)
        if not _is_path(path):
            problem(
                (*where, "path"),
                f'where does the codec say {one.name}? path = "name.in.its.answer", with one * at most',
            )
            continue
        change = conversion(unit, one.unit) if isinstance(unit, str) else None
        if change is None:
            known = ", ".join(convertible(one.unit)) or one.unit or "nothing, as it has no unit"
            problem((*where, "unit"), f"'{unit}' cannot become {one.unit or 'a value without unit'}; it can be {known}")
            change = (1.0, 0.0)
        places.append(Place(one.name, one.kind, path, *change, unit=code(str(unit))))
    return places


def _is_path(path: object) -> bool:
    try:
        return isinstance(path, str) and bool(steps(path)) and steps(path).count(EACH) <= 1
    except ValueError:
        return False


def _times(table: Mapping[str, Any], problem: Problem) -> tuple[str, ...]:
    value = table.get("time", [])
    paths = value if isinstance(value, list) else [value]
    if all(_is_path(path) for path in paths):
        return tuple(paths)
    problem((*_WHERE, "time"), 'time must be a path, or a list of paths: time = "measured_at"')
    return ()


def _texts(table: Mapping[str, Any], key: str, problem: Problem) -> Mapping[str, str]:
    value = table.get(key, {})
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return value
    problem((*_WHERE, key), f'{key} must be a table of texts: {key} = {{ name = "value" }}')
    return {}


def _told(told: Mapping[str, Any], name: str) -> tuple[str, object, object]:
    return name, str(told[name].get("path")), code(str(told[name].get("unit", "")))
