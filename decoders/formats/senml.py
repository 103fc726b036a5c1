"""SenML (RFC 8428), in JSON and in CBOR: ``_senml`` resolves its records.

Rules:

1. A payload that begins with ``[`` is JSON, any other is CBOR.
2. The object has the newest value of each name. ``_units`` holds units by name, ``_sums`` sums. If the pack has several
   times, ``records`` holds an object for each, the oldest first, with ``time`` and the values of that time. With
   ``records = "always"`` it does so of a single time too, and values stand nowhere else: for devices that keep a log.
3. ``time`` is as the pack says it: from 2**28 on seconds since 1970, below that seconds from now, negative in the past.
   Where it would be 0, which is now, it is left out. Times from now count as newer than times since 1970.
4. A name that comes with several units in one pack is an object, unit -> value (``"value"`` for none).
5. ``names = "short"`` leaves the base name out, which as a rule names the single device. Where two names of a pack
   would be the same, all stay whole, with a warning.
6. No name begins with an underscore; a sensor that is called ``time`` or ``records`` gets one in front.
7. Writing takes what reading gives, bytes excepted (texts in hex digits are written as texts), and leaves nulls out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from decoders.formats import _cbor, _json
from decoders.formats._base import Format, check_options, shortened
from decoders.formats._plain import shown
from decoders.formats._senml import LABELS, Number, Record, is_name, is_number, resolve
from decoders.output import Output
from model.errors import EncodeError

NAME = "senml"
OPTIONS = {
    "names": '"full" (base name and name, the default) or "short" (the name alone, as a device type needs it)',
    "records": (
        '"several" (the default): the newest values, and records beside them where a pack has several times; '
        '"always": all values in records'
    ),
    "encoding": 'what is written: "json" (the default) or "cbor"; both are read',
}

_OURS = ("time", "records")
_CODES = {label: code for code, label in LABELS.items()}


def make(options: Mapping[str, str]) -> "Senml":
    """Return the format with these options; raise ``ConfigError``."""
    choices = {"names": ("full", "short"), "records": ("several", "always"), "encoding": ("json", "cbor")}
    check_options(NAME, options, choices)
    return Senml(
        short=options.get("names") == "short",
        always=options.get("records") == "always",
        binary=options.get("encoding") == "cbor",
    )


class Senml(Format):
    """SenML packs."""

    name = NAME

    def __init__(self, *, short: bool, always: bool, binary: bool) -> None:
        self._short = short
        self._always = always
        self._binary = binary

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:  # noqa: ARG002 - one format on all ports
        """Return what a payload says; raise ``DecodeError``."""
        binary = not payload.lstrip(b" \t\r\n").startswith((b"[", b"{"))  # an object is no pack, and is told so
        pack, warnings = _cbor.read(payload) if binary else _json.read(payload)
        records = list(resolve(pack, binary=binary))
        keys = _keys(records, warnings, short=self._short)
        return Output(_Told(records, keys, warnings).data(always=self._always), shortened(warnings))

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``; raise ``EncodeError``."""
        several = data.get("records", [data])
        if not isinstance(several, list) or not all(isinstance(one, Mapping) for one in several):
            raise EncodeError("records: a list of objects is needed")
        units = _inner(data, "_units")
        pack = [record for moment in several for record in _records(moment, units)]
        if not self._binary:
            return _json.write(pack)
        return _cbor.write([{_CODES[label]: value for label, value in record.items()} for record in pack])


def _keys(records: Sequence[Record], warnings: list[str], *, short: bool) -> dict[str, str]:
    """Return the key of each name."""
    if not short:
        return {record.name: _escaped(record.name) for record in records}
    names = {record.short: record.name for record in records}
    if twice := next((record.short for record in records if names[record.short] != record.name), None):
        warnings.append(f"several sensors are called '{shown(twice)}': names stay whole")
        return _keys(records, warnings, short=False)
    return {whole: _escaped(name) for name, whole in names.items()}


def _escaped(name: str) -> str:
    return f"_{name}" if name in _OURS else name


class _Told:
    """The object that says what records say."""

    def __init__(self, records: list[Record], keys: Mapping[str, str], warnings: list[str]) -> None:
        self.records = sorted(records, key=lambda record: record.moment)
        self.keys = keys
        self.warnings = warnings
        self.units: dict[str, dict[str, None]] = {}
        for record in records:
            self.units.setdefault(keys[record.name], {})[record.unit] = None

    def data(self, *, always: bool) -> dict[str, object]:
        """Return the whole; ``always``: all values stand in records."""
        data = {} if always else self.moment(self.records)
        if units := {key: next(iter(units)) for key, units in self.units.items() if len(units) == 1 and any(units)}:
            data["_units"] = units
        moments: dict[tuple[bool, float], list[Record]] = {}
        for record in self.records:
            moments.setdefault(record.moment, []).append(record)
        for records in moments.values():
            self.warn_of_repeats(records)
        if always or len(moments) > 1:
            data["records"] = [self.moment(records) for records in moments.values()]
        return data

    def moment(self, records: Iterable[Record]) -> dict[str, object]:
        """Return what some records say, the newest last."""
        data: dict[str, object] = {}
        sums: dict[str, object] = {}
        time: float = 0
        for record in records:
            if record.has_value:
                self.put(data, record, record.value)
            if record.sum is not None:
                self.put(sums, record, record.sum)
            time = record.time
        if sums:
            data["_sums"] = sums
        if time:
            data["time"] = time
        return data

    def put(self, data: dict[str, object], record: Record, value: object) -> None:
        """Put a value under its key, and under its unit if the name has several."""
        key = self.keys[record.name]
        if len(self.units[key]) == 1:
            data[key] = value
            return
        by_unit = data.setdefault(key, {})
        assert isinstance(by_unit, dict)  # noqa: S101 - a name with several units has them everywhere
        by_unit[record.unit or "value"] = value

    def warn_of_repeats(self, records: Iterable[Record]) -> None:
        """Warn of what is said twice for one time."""
        seen: set[tuple[str, str]] = set()
        for record in records:
            if (record.name, record.unit) in seen:
                self.warnings.append(f"'{shown(record.name)}' stands twice for one time: the last one counts")
            seen.add((record.name, record.unit))


def _records(moment: Mapping[str, object], units: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the records that say what one moment's object says."""
    sums = _inner(moment, "_sums")
    time = {"t": _number("time", moment["time"])} if "time" in moment else {}
    for key in dict.fromkeys([*moment, *sums]):
        if key in {*_OURS, "_units", "_sums"}:
            continue
        name = key[1:] if key[:1] == "_" and key[1:] in _OURS else key
        if not is_name(name):
            raise EncodeError(f"{name!r} is no name: letters, digits and -:./_, and a letter or digit first")
        values, totals = _by_unit(moment.get(key), units.get(key)), _by_unit(sums.get(key), units.get(key))
        for unit in dict.fromkeys([*values, *totals]):
            record: dict[str, object] = {"n": name, "u": unit} if unit else {"n": name}
            if unit in values:
                record |= _value(name, values[unit])
            if unit in totals:
                record["s"] = _number(f"_sums.{name}", totals[unit])
            yield record | time


def _by_unit(value: object, unit: object) -> Mapping[str, object]:
    """Return values by their units, without nulls; a value that is no object has the unit that was given for it."""
    values = value if isinstance(value, Mapping) else {"value" if unit is None else unit: value}
    return {"" if unit == "value" else str(unit): inner for unit, inner in values.items() if inner is not None}


def _number(name: str, value: object) -> Number:
    if is_number(value):
        return value
    raise EncodeError(f"{name}: {value!r} is not a number")


def _value(name: str, value: object) -> dict[str, object]:
    """Return a value under its label."""
    if isinstance(value, bool):
        return {"vb": value}
    if isinstance(value, int | float):
        return {"v": value}
    if isinstance(value, str):
        return {"vs": value}
    raise EncodeError(f"{name}: {value!r} is no value of SenML: a number, a text, true or false")


def _inner(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    inner = data.get(key, {})
    if not isinstance(inner, Mapping):
        raise EncodeError(f"{key}: an object is needed")
    return inner
