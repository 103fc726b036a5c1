"""From the text of a device file to plain, checked values. docs/layout-language.md says what stands in one.

Rules:

1. Every problem of a file is found at once, each with its line, and named by what would be right.
2. Words that are not known are problems: a mistyped key must not silently mean nothing.
"""

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from decoders.device_codec import CodecEntry, read_codec
from decoders.layout import TIME, Derived, Item, Layout
from decoders.layout_parser import parse_layout
from decoders.layout_shape import FrameLayout
from model.device import DeviceType, Field, Kind, Text
from model.errors import ConfigError
from model.quantities import COUNTED, QUANTITIES, Quantity, ending_problem
from model.retention import KEYS, Age, Retention, age, too_short
from model.value import Value

if TYPE_CHECKING:
    from model.rule import Rule

DOMAINS = ("lighting", "energy", "mobility", "parking", "tracking", "environment", "water", "waste")
NETWORKS = ("lorawan", "sigfox", "native")
RESERVED = ("age", "codec", "device", "flags", "frame", "received_at", "simulated", TIME)

_LANGUAGE = 1  # part of every version: raise it when the same text begins to mean something else
_MOST_PORT = 255
_SIGFOX_BYTES = 12
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_NAME = 55  # PostgreSQL's names have 63 bytes; views and partitions add endings
_PERIOD = re.compile(r"(\d+)\s*(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SECTION = re.compile(r"\s*\[\[?\s*([\w.\"-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*=")
_KEYS = {
    "file": (
        "title", "vendor", "model", "domain", "networks", "period", "source", "reference",
        "codec", "frame", "field", "example", "storage", "alert",
    ),
    "frame": ("name", "f_port", "layout"),
    "field": ("title", "quantity", "range", "kind", "counter", "path", "unit"),
    "storage": ("retired", *KEYS),
    "example": ("name", "f_port", "payload", "values", "records", "warning", "error"),
}  # fmt: skip

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ExampleRecord:
    """One reading that an example promises. Values not listed are null or absent."""

    values: Mapping[str, Value]
    time: datetime | None = None
    age: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Example:
    """A payload and what becomes of it: records with parts of the warnings, or a part of the error."""

    name: str
    f_port: int | None
    payload: bytes
    records: tuple[ExampleRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """All that a device file says. ``tables``: of its alerts, as written; ``lines``: where everything stands."""

    type: DeviceType
    frames: tuple[FrameLayout, ...]
    examples: tuple[Example, ...]
    codec: CodecEntry | None = None
    tables: object = dataclass_field(default_factory=dict)
    lines: Mapping[Where, int] = dataclass_field(default_factory=dict)

    @property
    def alerts(self) -> "tuple[Rule, ...]":
        """The rules that devices of this type bring with them; raise ``ConfigError`` with all their problems.

        They are read when asked for: whoever decodes a payload needs none, nor what reads them.
        """
        rules, problems = _alerts(self.tables, self.type, self.lines)
        if problems:
            raise ConfigError(_told(self.type.name, problems))
        return rules


def read_file(name: str, text: str) -> DeviceFile:
    """Return what the file of the device type ``name`` says; raise ``ConfigError`` with all its problems."""
    reader = _Reader(name, text)
    return reader.read()


class _Reader:
    """Collects values and problems of one file."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.lines = dict(_lines(text))
        self.problems: list[tuple[int, str]] = []

    def read(self) -> DeviceFile:
        """Return the file's values, or raise with all problems."""
        try:
            table = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([f"{self.name}.toml: {error}"]) from None
        if not _NAME.fullmatch(self.name) or len(self.name) > _LONGEST_NAME:
            self.problem(
                (), f"the file's name must be lower-case words joined by '_', at most {_LONGEST_NAME} characters"
            )
        self.keys(table, "file", ())
        by_codec = "codec" in table
        by_name = table.get("networks") == ["native"] and not {"codec", "frame", "example"} & set(table)
        frames = [
            self.frame(index, frame)
            for index, frame in enumerate([] if by_name or by_codec else self.tables(table, "frame"))
        ]
        self.frame_names(frames)
        fields = self.fields(table, frames)
        examples = [
            self.example(index, example)
            for index, example in enumerate(
                [] if by_name or (by_codec and "example" not in table) else self.tables(table, "example")
            )
        ]
        codec = self.codec(table, fields) if by_codec else None
        device_type = self.device_type(table, frames, fields, codec)
        alerts = table.get("alert", {})
        if self.problems:
            whole = len(fields) == len(table.get("field", {}))
            more = _alerts(alerts, device_type, self.lines)[1] if whole else []
            raise ConfigError(_told(self.name, [*self.problems, *more]))
        return DeviceFile(device_type, tuple(frames), tuple(examples), codec, alerts, self.lines)

    def codec(self, table: Mapping[str, Any], fields: tuple[Field, ...]) -> CodecEntry | None:
        """Return what reads a payload that has no layout."""
        entry = table["codec"]
        if not isinstance(entry, dict):
            self.problem(("codec",), '[codec] must be a table: script = "vendor_model.js"')
            return None
        if "frame" in table:
            self.problem(("frame", 0), "a device type has a [codec] or [[frame]]s, not both")
        return read_codec(entry, fields, table.get("field", {}), self.problem)

    def problem(self, where: Where, message: str, *, offset: int = 0) -> None:
        """Note a problem at ``where``, or at the nearest place around it that the file has."""
        self.problems.append((_line(self.lines, where) + offset, message))

    def keys(self, table: Mapping[str, Any], kind: str, where: Where) -> None:
        """Note keys that mean nothing."""
        for key in table:
            if key not in _KEYS[kind]:
                self.problem((*where, key), f"'{key}' is no key here: {', '.join(_KEYS[kind])}")

    def tables(self, table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        """Return the tables ``[[key]]``; there must be one."""
        found = table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found) or not found:
            self.problem((), f"at least one [[{key}]] is needed")
            return []
        return found

    def string(self, table: Mapping[str, Any], key: str, where: Where, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = table.get(key, default)
        if isinstance(value, str) and (value.strip() or value == default):
            return value
        self.problem((*where, key), f"'{key}' must be a text")
        return ""

    def title(self, table: Mapping[str, Any], where: Where, default: Text | None) -> Text:
        """Return a title in both languages."""
        value = table.get("title")
        if value is None and default is not None:
            return default
        if (
            isinstance(value, dict)
            and set(value) == {"en", "fr"}
            and all(isinstance(text, str) and text.strip() for text in value.values())
        ):
            return Text(en=value["en"], fr=value["fr"])
        self.problem((*where, "title"), 'a title is needed: title = { en = "…", fr = "…" }')
        return Text(en="", fr="")

    def ports(self, table: Mapping[str, Any], where: Where) -> tuple[int, ...]:
        """Return the ports; empty for any."""
        value = table.get("f_port", [])
        ports = value if isinstance(value, list) else [value]
        if all(type(port) is int and 0 <= port <= _MOST_PORT for port in ports):
            return tuple(ports)
        self.problem((*where, "f_port"), f"f_port must be a number, or a list of numbers, from 0 to {_MOST_PORT}")
        return ()

    def frame(self, index: int, table: Mapping[str, Any]) -> FrameLayout:
        """Return one frame with its parsed layout."""
        where: Where = ("frame", index)
        self.keys(table, "frame", where)
        text = self.string(table, "layout", where)
        layout, problems = parse_layout(text) if text else (Layout(_NO_BODY), [])
        for problem in problems:
            self.problem((*where, "layout"), problem.message, offset=problem.line)
        return FrameLayout(self.string(table, "name", where, f"frame {index + 1}"), self.ports(table, where), layout)

    def frame_names(self, frames: list[FrameLayout]) -> None:
        """Note names used twice."""
        names = [frame.name for frame in frames]
        for index, name in enumerate(names):
            if name in names[:index]:
                self.problem(("frame", index, "name"), f"another frame is called '{name}'")

    def fields(self, table: Mapping[str, Any], frames: list[FrameLayout]) -> tuple[Field, ...]:
        """Return the fields, in the order of their tables."""
        tables = table.get("field", {})
        if not isinstance(tables, dict):
            self.problem((), "fields are tables: [field.NAME]")
            return ()
        said = self.said(frames, tables)
        fields: list[Field] = []
        for name, entry in tables.items():
            if not isinstance(entry, dict):
                self.problem(("field", name), f"[field.{name}] must be a table")
            elif "codec" not in table and {"path", "unit"} & set(entry):
                self.problem(("field", name), "path and unit are for what a [codec] says; a layout has its own words")
            elif name not in said and "kind" not in entry:
                self.problem(
                    ("field", name),
                    f"no layout has a field '{name}'; if it comes by name in JSON, say its kind: {', '.join(Kind)}",
                )
            elif name in RESERVED or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
                self.problem(("field", name), f"'{name}' cannot be a field's name")
            else:
                fields.append(self.field(name, entry, said.get(name, [])))
        if not frames and not fields and "frame" not in table and table.get("networks") == ["native"]:
            self.problem((), "without a [[frame]], values come by name: at least one [field.NAME] is needed")
        return _told_apart(fields)

    def said(self, frames: list[FrameLayout], tables: Mapping[str, Any]) -> dict[str, list[Item | Derived]]:
        """Return, by field, the lines of all layouts that give it; note fields without a table."""
        said: dict[str, list[Item | Derived]] = {}
        for index, frame in enumerate(frames):
            for line in frame.layout.body.items():
                if line.name.startswith("_") or line.name == TIME:
                    continue
                if line.name not in tables and line.name not in said:
                    self.problem(("frame", index, "layout"), f"[field.{line.name}] is missing", offset=line.line)
                said.setdefault(line.name, []).append(line)
        return said

    def field(self, name: str, table: Mapping[str, Any], lines: list[Item | Derived]) -> Field:
        """Return one field."""
        where: Where = ("field", name)
        self.keys(table, "field", where)
        quantity = QUANTITIES.get(str(table.get("quantity")))
        if quantity is None:
            self.problem((*where, "quantity"), f"'{table.get('quantity')}' is no quantity: see model/quantities.py")
            quantity = QUANTITIES["text"]
        elif message := ending_problem(name, quantity):
            self.problem(where, message)
        kind = self.kind(name, lines) if lines else self.told_kind(table, where)
        if lines and "kind" in table:
            self.problem((*where, "kind"), f"the layout says what kind '{name}' is: take kind out")
        if kind in {Kind.BOOL, Kind.TEXT} and quantity.unit:
            self.problem((*where, "quantity"), f"'{name}' is {kind.value} and cannot be in {quantity.unit}")
        low, high = self.range(table, where, quantity, kind)
        labels = [label for line in lines if isinstance(line, Item) for label in line.labels.values()]
        return Field(
            name=name,
            kind=kind,
            quantity=quantity.name,
            unit=quantity.unit,
            title=self.title(table, where, quantity.title),
            minimum=low,
            maximum=high,
            choices=tuple(dict.fromkeys(label for label in labels if isinstance(label, str))),
            counter=self.counter(table, where, quantity, kind),
        )

    def counter(self, table: Mapping[str, Any], where: Where, quantity: Quantity, kind: Kind) -> bool:
        """Return whether the field only grows: as the file says, else by its quantity."""
        number = kind in {Kind.FLOAT, Kind.INT}
        value = table.get("counter", number and quantity.name in COUNTED)
        if not isinstance(value, bool):
            self.problem((*where, "counter"), "counter must be true or false")
        elif value and not number:
            self.problem((*where, "counter"), f"a {kind.value} counts nothing: take counter out")
        return value is True

    def kind(self, name: str, lines: list[Item | Derived]) -> Kind:
        """Return the kind that all lines of a field agree in; integers and floats together are floats."""
        kinds = {line.kind if isinstance(line, Item) else Kind.FLOAT for line in lines}
        if kinds == {Kind.INT, Kind.FLOAT}:
            return Kind.FLOAT
        if len(kinds) > 1:
            self.problem(("field", name), f"'{name}' is {' and '.join(sorted(kind.value for kind in kinds))} at once")
        return min(kinds)

    def told_kind(self, table: Mapping[str, Any], where: Where) -> Kind:
        """Return the kind of a field that no layout holds: it comes by name in JSON."""
        if table["kind"] in list(Kind):
            return Kind(table["kind"])
        self.problem((*where, "kind"), f"'{table['kind']}' is no kind: {', '.join(Kind)}")
        return Kind.FLOAT

    def range(
        self, table: Mapping[str, Any], where: Where, quantity: Quantity, kind: Kind
    ) -> tuple[float | None, float | None]:
        """Return the plausible range."""
        value = table.get("range")
        if value is None:
            return None, None
        where = (*where, "range")
        if not (isinstance(value, list) and len(value) == 2 and all(type(end) in {int, float} for end in value)):  # noqa: PLR2004 - two ends
            self.problem(where, "range must be two numbers: range = [-40, 85]")
            return None, None
        low, high = float(value[0]), float(value[1])
        if kind in {Kind.BOOL, Kind.TEXT}:
            self.problem(where, f"a {kind.value} has no range")
        if not low < high:
            self.problem(where, f"the range goes from {low:g} to {high:g}")
        if (quantity.minimum is not None and low < quantity.minimum) or (
            quantity.maximum is not None and high > quantity.maximum
        ):
            self.problem(where, f"{quantity.name} goes from {quantity.minimum} to {quantity.maximum} {quantity.unit}")
        return low, high

    def example(self, index: int, table: Mapping[str, Any]) -> Example:
        """Return one example."""
        where: Where = ("example", index)
        self.keys(table, "example", where)
        payload = b""
        try:
            payload = bytes.fromhex(self.string(table, "payload", where, ""))
        except ValueError:
            self.problem((*where, "payload"), "payload must be hex digits")
        ports = self.ports(table, where)
        if len({"values", "records", "error"} & set(table)) != 1:
            self.problem(where, "an example has values, or records, or an error")
        records: list[ExampleRecord] = []
        if "error" not in table:
            entries = table.get("records", [table.get("values", {})])
            key = "records" if "records" in table else "values"
            entries = entries if isinstance(entries, list) else [entries]
            records = [self.example_record(entry, (*where, key)) for entry in entries]
        warnings = table.get("warning", [])
        return Example(
            self.string(table, "name", where),
            ports[0] if ports else None,
            payload,
            tuple(records),
            tuple(str(part) for part in (warnings if isinstance(warnings, list) else [warnings])),
            self.string(table, "error", where) if "error" in table else None,
        )

    def example_record(self, entry: Any, where: Where) -> ExampleRecord:  # noqa: ANN401 - whatever the file holds
        """Return one reading of an example."""
        if not isinstance(entry, dict):
            self.problem(where, "values must be a table: values = { temperature_c = 21.5 }")
            return ExampleRecord({})
        values = dict(entry)
        time, age = values.pop(TIME, None), values.pop("age", None)
        if isinstance(time, datetime):
            time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        elif time is not None:
            self.problem(where, "time must be a date with time: time = 2026-05-04T06:15:00Z")
        for name, value in values.items():
            if type(value) not in {int, float, bool, str}:
                self.problem(where, f"'{name}' must be a number, true, false or a text")
        return ExampleRecord(values, time, self.duration(age, where) if age is not None else timedelta())

    def duration(self, value: Any, where: Where) -> timedelta:  # noqa: ANN401 - whatever the file holds
        """Return a length of time such as "15 min"."""
        match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.problem(where, f"'{value}' is no time: write 10 s, 15 min, 1 h or 1 d")
            return timedelta()
        return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])

    def device_type(
        self,
        table: Mapping[str, Any],
        frames: list[FrameLayout],
        fields: tuple[Field, ...],
        codec: CodecEntry | None,
    ) -> DeviceType:
        """Return the device type."""
        domain = table.get("domain")
        if domain not in DOMAINS:
            self.problem(("domain",), f"'{domain}' is no domain: {', '.join(DOMAINS)}")
        networks = table.get("networks")
        if not isinstance(networks, list) or not networks or not set(map(str, networks)) <= set(NETWORKS):
            self.problem(("networks",), f"networks must be a list of {', '.join(NETWORKS)}")
            networks = []
        reference = table.get("reference", False)
        if not isinstance(reference, bool):
            self.problem(("reference",), "reference must be true or false")
        return DeviceType(
            name=self.name,
            title=self.title(table, (), None),
            vendor=self.string(table, "vendor", ()),
            model=self.string(table, "model", ()),
            domain=str(domain),
            networks=tuple(map(str, networks)),
            period=self.duration(table.get("period"), ("period",)),
            source=self.string(table, "source", ()),
            fields=fields,
            version=_version(table, frames, fields, codec),
            reference=bool(reference),
            **self.storage(table, fields),
        )

    def storage(self, table: Mapping[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return which fields are retired, and how long what the type says is kept."""
        entry = table.get("storage", {})
        if not isinstance(entry, dict):
            self.problem(("storage",), "[storage] must be a table of keys")
            return {}
        self.keys(entry, "storage", ("storage",))
        retired = entry.get("retired", [])
        where: Where = ("storage", "retired")
        if not isinstance(retired, list) or not all(isinstance(name, str) for name in retired):
            self.problem(where, 'retired must be a list of names that fields once had: retired = ["old_w"]')
            retired = []
        for field in fields:
            if field.name in retired:
                self.problem(where, f"'{field.name}' is a field of this file: take it out of retired")
        ages: dict[str, Age] = {}
        for key in KEYS:
            if key in entry:
                try:
                    ages[key] = age(entry[key])
                    trouble = too_short(ages[key])
                except ValueError as error:
                    trouble = str(error)
                if trouble:
                    self.problem(("storage", key), f"{key} {trouble}")
        return {"retired": tuple(retired), "retention": Retention(ages)}


_NO_BODY = Layout(parse_layout("_ u8")[0].body).body


def _lines(text: str) -> Iterator[tuple[Where, int]]:
    """Yield where every section and key of a device file stands."""
    where: Where = ()
    counts: dict[str, int] = {}
    quoted = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not quoted and (section := _SECTION.match(line)):
            path = section[1].split(".")
            where = (*path,)
            if line.lstrip().startswith("[["):
                where = (*path, counts.get(section[1], 0))
                counts[section[1]] = counts.get(section[1], 0) + 1
            yield where, number
        elif not quoted and (key := _KEY.match(line)):
            yield (*where, *key[1].split(".")), number
        if line.count('"""') % 2:
            quoted = not quoted


def _line(lines: Mapping[Where, int], where: Where) -> int:
    """Return the line of a place, or of the nearest place around it that the file has."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _alerts(
    tables: object, of: DeviceType, lines: Mapping[Where, int]
) -> "tuple[tuple[Rule, ...], list[tuple[int, str]]]":
    """Return the rules that a file brings with it, and what is wrong with them, each with its line."""
    from decoders.device_alerts import read_alerts  # noqa: PLC0415 - msgspec is loaded only by who needs it

    problems: list[tuple[int, str]] = []
    rules = read_alerts(tables, of, lambda where, text: problems.append((_line(lines, where), text)))
    return rules, problems


def _told(name: str, problems: list[tuple[int, str]]) -> list[str]:
    """Return the problems of a file in the order of their lines."""
    return [f"{name}.toml:{line}: {message}" for line, message in sorted(problems, key=lambda problem: problem[0])]


def _version(
    table: Mapping[str, Any], frames: list[FrameLayout], fields: tuple[Field, ...], codec: CodecEntry | None
) -> str:
    """Return a hash of all that decides what a payload decodes to and how its values are judged, but for a script."""
    layouts = [
        [
            frame.name,
            frame.f_ports,
            re.sub(r"[ \t]+", " ", re.sub(r"#[^\"\n]*(?=\n|$)", "", str(entry.get("layout", "")))),
        ]
        for frame, entry in zip(frames, table.get("frame", []), strict=False)
    ]
    meaning: list[object] = [
        _LANGUAGE,
        layouts,
        [[field.name, field.kind.value, field.quantity, field.minimum, field.maximum] for field in fields],
    ]
    if codec is not None:
        meaning.append(codec.meaning)
    return hashlib.blake2b(json.dumps(meaning).encode(), digest_size=6).hexdigest()


def _told_apart(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return fields of which no two have the title of their quantity: who looks at them must know which is which."""
    of_quantity = [field.title == QUANTITIES[field.quantity].title for field in fields]
    times = Counter(field.quantity for field, same in zip(fields, of_quantity, strict=True) if same)
    return tuple(
        replace(field, title=_with_name(field)) if same and times[field.quantity] > 1 else field
        for field, same in zip(fields, of_quantity, strict=True)
    )


def _with_name(field: Field) -> Text:
    """Return a field's title with its name behind it, without the unit at the name's end."""
    endings = QUANTITIES[field.quantity].endings
    name = next((field.name.removesuffix(ending) for ending in endings if field.name.endswith(ending)), field.name)
    said = name.replace("_", " ")
    return Text(en=f"{field.title.en} ({said})", fr=f"{field.title.fr} ({said})")
