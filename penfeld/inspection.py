"""What ``penfeld device check`` finds in a device file: what its examples say, byte by byte, and what is missing.

Rules:

1. What is wrong is a problem: a file that cannot be read, a script that cannot be called; and an example that does not
   hold; an alert that could not work. What a person should look at before many devices speak is *missing*, and no
   problem.
2. Makers' scripts run in the cage, each example in one and the same realm, as in ingest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from alerts.check import problems as rule_problems
from alerts.known import Known
from alerts.words import waits_for
from decoders.device import Decoded, Definition, Example, differences
from decoders.drafts import names_element, unit_beside
from decoders.layout import TIME
from decoders.layout_shape import AnySlot, Slot
from decoders.mapping import Taken
from decoders.output import Output, output_of
from decoders.proposals import propose
from ingest.cage import Cage
from model.device import Field, Kind, Text
from model.errors import ConfigError, DecodeError, UnknownTypeError
from model.quantities import QUANTITIES
from model.script import Call, Result, Script
from model.value import Value
from penfeld.config import OWN_FOLDER, Config
from penfeld.devicefiles import catalogue, definition_in, text_of

_BYTE = 8
_MOST_SHOWN = 3
_LATEST_S = 7_258_118_400
_WITHOUT_RANGE = frozenset({"count", "identifier", "pulse_count", "state", "text", "timestamp"})
"""Quantities of which no range is plausible for every device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What some bytes of a payload say. ``at``: which bytes, from 0, and bits of them; empty for what is calculated.

    ``name``: the field or word of the layout, empty for what the layout passes over.
    """

    at: str
    hex: str
    name: str
    value: Value
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a codec says at a path, and the field that takes it; ``field`` is empty where none does."""

    path: str
    said: Value
    field: str = ""
    value: Value = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An example and what was found in its payload. ``error``: why it does not decode; ``wrong``: what does not hold.

    ``log``: what a script said to its console.
    """

    name: str
    f_port: int | None
    payload: bytes
    frame: str = ""
    parts: Sequence[Part] = ()
    said: Sequence[Said] = ()
    error: str = ""
    warnings: Sequence[str] = ()
    log: Sequence[str] = ()
    wrong: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule that the file brings with it. ``when``: what it waits for, in words."""

    name: str
    severity: str
    title: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in one device file. ``read_by``: what reads its payloads."""

    name: str
    file: Path | None
    read_by: str = ""
    fields: int = 0
    alerts: Sequence[Alert] = ()
    examples: Sequence[Shown] = ()
    problems: Sequence[str] = ()
    missing: Sequence[str] = ()

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(example.wrong for example in self.examples)


@dataclass(frozen=True, slots=True)
class _Found:
    """What an example's payload gives: values or an error, and what lies behind them."""

    example: Example
    decoded: Decoded | DecodeError
    taken: tuple[Taken, ...] = ()
    log: tuple[str, ...] = ()


async def inspect(cage: Cage, config: Config, word: str) -> Report:
    """Return what is found in the device file that a person means by a path, or by the name of a type."""
    file = Path(word) if word.endswith(".toml") else None
    name = file.stem if file is not None else word
    try:
        definition = definition_in(catalogue(config), word) if file is None else read(file)
        wrong = [*_wrong_alerts(definition)]
    except ConfigError as error:
        return Report(name=name, file=file, problems=error.problems)
    except UnknownTypeError as error:
        return Report(name=name, file=file, problems=[f"{error}; a file is named with its ending .toml"])
    missing = [] if file is None else [*_unplaced(config, file)]
    if definition.script is None:
        said = [_decoded(definition, one) for one in definition.examples]
        return _report(definition, file, said, problems=wrong, missing=missing)
    if broken := await cage.problem(definition.script):
        return _report(definition, file, [], problems=[broken, *wrong])
    found = await _asked(cage, definition.script, definition)
    if not await cage.steady(definition.script):
        missing.append(_UNSTEADY)
    return _report(definition, file, found, problems=wrong, missing=missing)


def _wrong_alerts(definition: Definition) -> Iterator[str]:
    """Yield what keeps the file's rules from working; raise ``ConfigError`` for what can be placed in the file."""
    known = Known(types={definition.type.name: definition.type})
    for rule in definition.alerts:
        for problem in rule_problems(rule, known):
            yield f"alert.{rule.name.rpartition('/')[2]}: {problem}"


def _unplaced(config: Config, file: Path) -> Iterator[str]:
    """Yield what is missing where a file lies in no folder that ingest looks into."""
    known = [Path(str(files("decoders.devices"))), *config.catalogue]
    if file.resolve().parent not in [folder.resolve() for folder in known]:
        remedy = f'move it to ./{OWN_FOLDER}, or set catalogue = ["{file.parent}"] in penfeld.toml'
        yield f"a place in the catalogue: ingest does not know it where it lies; {remedy}"


_UNSTEADY = (
    "a steady script: it says other things when it is asked again, as it keeps something between payloads; so it gets "
    "a realm of its own for each, which takes longer"
)


def read(file: Path) -> Definition:
    """Return the device type of a file, wherever it lies; raise ``ConfigError`` with all that is wrong with it."""
    return Definition.read(file.stem, _text(file), lambda name: _script(file.with_name(name)))


def _text(file: Path) -> str:
    try:
        return text_of(file)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}; check the path"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{file}: not UTF-8: {error}; save it as UTF-8"]) from None


def _script(file: Path) -> str | None:
    try:
        return text_of(file)
    except OSError:
        return None


def _call(definition: Definition, payload: bytes, f_port: int | None) -> Call:
    variables = definition.codec.variables if definition.codec is not None else {}
    return Call(list(payload), f_port, None, variables)


async def _asked(cage: Cage, script: Script, definition: Definition) -> list[_Found]:
    """Return what a script gives for each example."""
    calls = [_call(definition, one.payload, one.f_port) for one in definition.examples]
    results = await cage.run(script, "uplink", calls)
    return [_told(definition, one, result) for one, result in zip(definition.examples, results, strict=True)]


def _told(definition: Definition, example: Example, result: Result) -> _Found:
    try:
        output = output_of(result)
    except DecodeError as error:
        return _Found(example, error, log=result.log)
    return _mapped(definition, example, output, result.log)


def _mapped(definition: Definition, example: Example, output: Output, log: tuple[str, ...] = ()) -> _Found:
    mapped = definition.mapped(output)
    return _Found(example, Decoded(mapped.records, mapped.warnings), tuple(definition.explained(output)), log)


def _decoded(definition: Definition, example: Example) -> _Found:
    """Return what a layout or a format finds in an example."""
    try:
        if definition.codec is not None:
            return _mapped(definition, example, definition.output(example.payload, f_port=example.f_port))
        return _Found(example, definition.decode(example.payload, f_port=example.f_port))
    except DecodeError as error:
        return _Found(example, error)


def _report(
    definition: Definition,
    file: Path | None,
    found: Sequence[_Found],
    *,
    problems: Sequence[str] = (),
    missing: Sequence[str] = (),
) -> Report:
    return Report(
        name=definition.type.name,
        file=file,
        read_by=_read_by(definition),
        fields=len(definition.type.fields),
        alerts=[
            Alert(name=rule.name, severity=rule.severity, title=rule.title.en, when=waits_for(rule, definition.type))
            for rule in definition.alerts
        ],
        examples=[_shown(definition, one) for one in found],
        problems=problems,
        missing=[*missing, *(_missing(definition, found) if not problems else ())],
    )


def _read_by(definition: Definition) -> str:
    if definition.script is not None:
        return f"script {definition.script.name}"
    if definition.codec is not None and definition.codec.format is not None:
        return f"format {definition.codec.format.name}"
    if not definition.frames:
        return "name, in JSON"
    return f"layout of {len(definition.frames)} frame{'s' if len(definition.frames) > 1 else ''}"


def _shown(definition: Definition, found: _Found) -> Shown:
    example, decoded = found.example, found.decoded
    failed = isinstance(decoded, DecodeError)
    return Shown(
        name=example.name,
        f_port=example.f_port,
        payload=example.payload,
        frame=decoded.frame if isinstance(decoded, Decoded) else "",
        parts=tuple(_parts(definition, example)) if definition.codec is None else (),
        said=tuple(said for taken in found.taken for said in _said(definition, taken)),
        error=str(decoded) if failed else "",
        warnings=decoded.warnings if isinstance(decoded, Decoded) else (),
        log=found.log,
        wrong=tuple(differences(decoded, example)),
    )


def _said(definition: Definition, taken: Taken) -> Iterator[Said]:
    """Yield what a codec says at one place, once for each field that takes it."""
    if not taken.fields:
        yield Said(path=taken.path, said=taken.value)
    for name, value in taken.fields.items():
        shown = _moment(value / 1e6) if name == TIME and isinstance(value, int) else value
        yield Said(path=taken.path, said=taken.value, field=name, value=shown, unit=_unit(definition, name))


def _unit(definition: Definition, name: str) -> str:
    field = definition.type.field(name)
    return field.unit if field is not None else ""


def _moment(seconds: float) -> Value:
    if seconds <= 0:
        return f"{-seconds:g} s before its frame"
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds < _LATEST_S else seconds


def _parts(definition: Definition, example: Example) -> Iterator[Part]:
    """Yield what the layout finds in a payload, and last the bytes in which it finds nothing."""
    payload = example.payload
    left = set(range(len(payload)))
    for slot in definition.program.parts(payload, example.f_port):
        if isinstance(slot, Slot):
            first, last = slot.bit // _BYTE, (slot.bit + slot.raw_type.bits - 1) // _BYTE
            left -= set(range(first, last + 1))
            if slot.name == "_" and not slot.raw_type.bits:
                continue
        yield _part(definition, slot, payload)
    for first, last in _runs(sorted(left)):
        yield Part(at=_bytes(first, last), hex=payload[first : last + 1].hex(), name="", value=None)


def _part(definition: Definition, slot: AnySlot, payload: bytes) -> Part:
    value = slot.value(payload)[0]
    if not isinstance(slot, Slot):
        return Part(at="", hex="", name=slot.name, value=value, unit=_unit(definition, slot.name))
    first, end = slot.bit // _BYTE, -(-(slot.bit + slot.raw_type.bits) // _BYTE)
    raw = slot.raw(payload)
    if slot.name == TIME and isinstance(value, int | float) and value > 0:
        value = _moment(value)
    elif isinstance(raw, int) and (slot.item.constant is not None or not slot.item.line):
        value = f"{raw:#04x}"  # a constant, a header of a chain: as the maker's document writes it
    return Part(
        at=_bytes(first, end - 1) + _bits(slot) if end > first else "",
        hex=payload[first:end].hex(),
        name=_NAMES.get(slot.name, slot.name),
        value=value,
        unit=_unit(definition, slot.name),
    )


_NAMES = {"_": "", "the next header": "(header)", "the next length": "(length)"}


def _bytes(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _bits(slot: Slot) -> str:
    """Return which bits of its bytes a slot takes, most significant first, where it does not take them all."""
    if slot.take:
        return f" bits {slot.low + slot.take - 1}..{slot.low}"
    start, end = slot.bit, slot.bit + slot.raw_type.bits
    if not (start % _BYTE or end % _BYTE):
        return ""
    total = _BYTE * -(-end // _BYTE)
    high, low = total - 1 - start, total - end
    return f" bit {low}" if high == low else f" bits {high}..{low}"


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow each other."""
    start = 0
    for position in range(1, len(numbers) + 1):
        if position == len(numbers) or numbers[position] != numbers[position - 1] + 1:
            yield numbers[start], numbers[position - 1]
            start = position


def _missing(definition: Definition, found: Sequence[_Found]) -> Iterator[str]:
    """Yield what a device file lacks, though it can be read."""
    yield from _without_examples(definition, found)
    fields = definition.type.fields
    if without := [field.name for field in fields if _wants_range(field)]:
        yield f"range of {', '.join(without)}: without one, no value is flagged as implausible"
    if same := _untranslated(definition):
        yield f"French: the title of {', '.join(same)} is the same in both languages"
    decodes = [one.decoded for one in found if isinstance(one.decoded, Decoded)]
    told = {name for one in decodes for record in one.records for name, value in record.values.items()}
    if decodes and (silent := [field.name for field in fields if field.name not in told]):
        yield f"examples of {', '.join(silent)}: none says it"
    yield from _unmapped(found)


def _without_examples(definition: Definition, found: Sequence[_Found]) -> Iterator[str]:
    if not definition.frames and definition.codec is None:
        return  # values by name have nothing to decode
    failed = [isinstance(one.decoded, DecodeError) for one in found]
    if not found or all(failed):
        yield "an [[example]] that decodes: a payload that a device sent, with the values that it means"
    if not any(failed):
        yield 'an [[example]] that fails, one cut short say, with error = "…": it shows that garbage is refused'


def _wants_range(field: Field) -> bool:
    number = field.kind in {Kind.FLOAT, Kind.INT}
    return number and not field.counter and field.minimum is None and field.quantity not in _WITHOUT_RANGE


def _untranslated(definition: Definition) -> list[str]:
    """Return what has the same title in both languages, unless that is the quantity's own."""
    same = ["the device"] if _alike(definition.type.title) else []
    return same + [
        field.name
        for field in definition.type.fields
        if _alike(field.title) and field.title != QUANTITIES[field.quantity].title
    ]


def _alike(title: Text) -> bool:
    return title.en == title.fr


def _unmapped(found: Sequence[_Found]) -> Iterator[str]:
    """Yield what the codec says that no field takes: each path that could be one, then the others together."""
    said: dict[str, list[Value]] = {}
    left: dict[str, list[Value]] = {}
    for taken in (taken for one in found for taken in one.taken if taken.value is not None):
        said.setdefault(taken.path, []).append(taken.value)
        if not taken.fields and not names_element(taken.path):
            left.setdefault(taken.path, []).append(taken.value)
    others: list[str] = []
    for path, values in left.items():
        proposal = propose(path, values, unit=unit_beside(path, said))
        shown = f"{path} ({', '.join(f'{value!r}' for value in list(dict.fromkeys(values))[:_MOST_SHOWN])})"
        if proposal is None:
            others.append(shown)
            continue
        unit = f' unit = "{proposal.unit}",' if proposal.unit else ""
        keys = f'path = "{path}", kind = "{proposal.kind}",{unit} quantity = "{proposal.quantity}"'
        yield f"a field for {shown}; it could be [field.{proposal.name}] with {keys}"
    if others:
        yield f"a field, if you want one, for {', '.join(others)}: kept with each frame as it is"
