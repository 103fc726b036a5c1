"""Lists of devices as people write them (CSV from a spreadsheet, TOML, JSON) → ``Device`` values, row by row.

Rules:

1. A row says all of a device: what it leaves out, or says is null, is empty afterwards. So a list can be sent twice.
2. Ids are brought to their canonical form by the network of the device, or of its type.
3. One wrong row spoils no other; a row's problem names every wrong part of it. Only a list that cannot be read at all
   (not UTF-8, no ``id`` column) is an error as a whole.
"""

import csv
import difflib
import io
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from model.device import Device, DeviceType, State
from model.errors import BadRequestError, PenfeldError
from model.identity import canonical_id

_NOTED = 20
"""More devices than that, changed at once, are one line of audit."""
_KINDS: Mapping[str, object] = {
    "id": str,
    "type": str,
    "name": str,
    "network": str,
    "latitude": float,
    "longitude": float,
    "district": str,
    "experiment": str,
    "state": str,
    "simulated": bool,
    "tags": dict[str, str],
    "variables": dict[str, str],
}
Values = Mapping[str, object]
"""One row as it was written."""

COLUMNS = tuple(_KINDS)
"""What a row may say."""

_ALIASES = {
    "device": "id",
    "device_id": "id",
    "deveui": "id",
    "dev_eui": "id",
    "device_type": "type",
    "lat": "latitude",
    "lon": "longitude",
    "lng": "longitude",
}
_LORAWAN_SERVERS = frozenset({"lorawan", "chirpstack", "thethingsstack"})
_RANGES = {"latitude": 90.0, "longitude": 180.0}
_LONGEST = 500
_BLANKS = str.maketrans("\u00a0\u202f\t", "   ")
_TRUE, _FALSE = frozenset({"true", "yes", "1", "oui", "vrai"}), frozenset({"false", "no", "0", "non", "faux"})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list. ``number``: counted from 1, headers not counted. Either ``device`` or ``problem`` is given.

    ``id``: as written, or canonical where the row could be understood.
    """

    number: int
    id: str
    device: Device | None = None
    problem: str = ""


def read_csv(data: bytes) -> list[Values]:
    """Return the rows of a CSV file with a header; ``,``, ``;`` and tab separate, ``tag.x`` columns make tags.

    With ``;`` or tab, numbers may have a decimal comma. Raise ``BadRequestError`` for what is no such file.
    """
    text = _text(data)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadRequestError(f"this is no CSV file: {error}") from None
    table = [line for line in table if any(cell.strip() for cell in line)]
    if not table:
        raise BadRequestError("the file is empty; its first line must name columns, id and type at least")
    names = [_column(name) for name in table[0]]
    if "id" not in names:
        raise BadRequestError(f"the first line must name the columns, id among them; it names {', '.join(names)[:200]}")
    return [_csv_row(names, line, decimal_comma=delimiter != ",") for line in table[1:]]


def read_toml(data: bytes) -> list[Values]:
    """Return the ``[[device]]`` tables of a TOML file; raise ``BadRequestError`` for what is no such file."""
    try:
        document = tomllib.loads(_text(data))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadRequestError(f"this is no TOML file: {error}") from None
    found = document.get("device")
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadRequestError("the file has no [[device]] tables")
    return [{_column(name): value for name, value in row.items()} for row in found]


def devices_of(rows: Iterable[Values], type_of: Callable[[str], DeviceType]) -> list[Row]:
    """Return what each row says. ``type_of`` returns a device type or raises an error that tells which there are."""
    seen: dict[str, int] = {}
    result = []
    for number, values in enumerate(rows, 1):
        row = _row(number, values, type_of)
        if row.device is not None:
            first = seen.setdefault(row.id, number)
            if first != number:
                row = Row(number, row.id, problem=f"id: {row.id} stands in row {first} already")
        result.append(row)
    return result


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the file is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    if "\0" in text:
        raise BadRequestError("the file holds NUL characters; save it as UTF-8 text")
    return text


def _column(name: str) -> str:
    bare = name.strip().lower()
    return _ALIASES.get(bare, name.strip() if bare.startswith(("tag.", "variable.")) else bare)


def _csv_row(names: Sequence[str], line: Sequence[str], *, decimal_comma: bool) -> Mapping[str, object]:
    if len(line) > len(names):
        return {"id": line[names.index("id")], "": f"{len(line)} cells under {len(names)} columns"}
    row: dict[str, object] = {}
    groups: dict[str, dict[str, str]] = {"tags": {}, "variables": {}}
    for name, cell in zip(names, line, strict=False):
        value = cell.strip()
        if not value:
            continue
        prefix, _, key = name.partition(".")
        if key and prefix.lower() in {"tag", "variable"}:
            groups[f"{prefix.lower()}s"][key] = value
        elif name in groups:
            groups[name].update(_pairs(value))
        else:
            row[name] = value.replace(",", ".") if decimal_comma and name in _RANGES else value
    return row | {name: group for name, group in groups.items() if group}


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.replace("|", ";").split(";"):
        key, _, value = part.partition("=")
        if key.strip():
            yield key.strip(), value.strip()


def _row(number: int, values: Mapping[str, object], type_of: Callable[[str], DeviceType]) -> Row:
    written = str(values.get("id", ""))[:80]
    problems: list[str] = []
    known: dict[str, object] = {}
    values = {name: value for name, value in values.items() if value is not None}
    for name, value in values.items():
        try:
            known[name] = _value(name, value)
        except BadRequestError as error:
            problems.append(str(error))
    device_type: DeviceType | None = None
    if "type" in known:
        try:
            device_type = type_of(str(known["type"]))
        except PenfeldError as error:
            problems.append(f"type: {error}")
    elif "type" not in values:
        problems.append("type: missing; name the device's type")
    if "id" not in values:
        problems.append("id: missing")
    identity = written
    if "id" in known and device_type is not None:
        try:
            identity = canonical_id(str(known["id"]), technology=_technology(known.get("network"), device_type))
        except BadRequestError as error:
            problems.append(f"id: {error}")
    if problems:
        return Row(number, written, problem="; ".join(problems))
    return Row(number, identity, Device(**{**known, "id": identity}))  # type: ignore[arg-type]  # _value checked each


def _technology(network: object, device_type: DeviceType) -> str:
    if network is not None:
        return "lorawan" if network in _LORAWAN_SERVERS else str(network)
    return device_type.networks[0] if device_type.networks else "native"


def _value(name: str, value: object) -> object:
    """Return a part of a row as the kind it has to be; raise ``BadRequestError`` naming it."""
    if not name:
        raise BadRequestError(str(value))
    kind = _KINDS.get(name)
    if kind is None:
        likely = difflib.get_close_matches(name[:50], COLUMNS, n=1)
        raise BadRequestError(
            f"{name[:50]}: unknown; " + (f"did you mean {likely[0]}?" if likely else f"there are {', '.join(COLUMNS)}")
        )
    if kind is bool and isinstance(value, str):
        value = _truth(value)
    try:
        converted = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        if name in _RANGES:
            text = f"{str(value)[:50]!r} is no number of degrees; write it with a point, as 48.3904"
            raise BadRequestError(f"{name}: {text}") from None
        raise BadRequestError(f"{name}: {error}") from None
    if isinstance(converted, str | dict):
        converted = _clean(name, converted)
    if name in _RANGES and not abs(float(converted)) <= _RANGES[name]:
        raise BadRequestError(f"{name}: {converted} is outside ±{_RANGES[name]:.0f} degrees")
    if name == "state":
        return _state(str(converted))
    return converted


def noted(devices: Sequence[Device], results: Mapping[str, str]) -> list[tuple[str, str, object]]:
    """Return what the audit is told of registered devices: what, of what, what is after; one by one where few changed.

    ``results``: id -> "created", "updated" or "unchanged".
    """
    changed = [one for one in devices if results[one.id] != "unchanged"]
    if len(changed) > _NOTED:
        return [("devices.registered", f"{len(changed)} devices", [one.id for one in changed])]
    return [(f"device.{results[one.id]}", one.id, msgspec.to_builtins(one)) for one in changed]


def _clean(name: str, value: str | dict[str, str]) -> str | dict[str, str]:
    """Return texts with plain blanks in place of the unbreakable ones that spreadsheets like."""
    if isinstance(value, dict):
        return {str(_clean(name, key)): str(_clean(name, text)) for key, text in value.items()}
    text = value.translate(_BLANKS)
    if len(text) > _LONGEST or not text.isprintable():
        raise BadRequestError(f"{name}: longer than {_LONGEST} characters, or holds characters that cannot be shown")
    return text


def _truth(text: str) -> object:
    bare = text.strip().lower()
    return True if bare in _TRUE else False if bare in _FALSE else text


def _state(text: str) -> State:
    if text not in {State.ACTIVE, State.RETIRED}:
        raise BadRequestError(f"state: {text[:50]!r} is neither active nor retired")
    return State(text)
