"""A device type with its behaviour: decoding, encoding, and the examples that prove both.

Rules:

1. ``Definition.read`` takes the text of a device file: a definition, or one ``ConfigError`` with every problem.
2. Everything here is pure; a definition may be used by any number of callers at once.
3. Nothing here needs numpy; ``decode_batch`` loads it, so that decoding one payload from the command line starts fast.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from decoders.device_file import DeviceFile, Example, ExampleRecord, read_file
from decoders.layout import INT64_MAX, INT64_MIN, TIME, Derived, Item, Repeat
from decoders.layout_encoding import encode
from decoders.layout_shape import Decoded, FrameLayout, Program, Record
from decoders.mapping import EACH, Mapped, Taken, steps
from decoders.output import Output, output_of
from model.device import DeviceType, Field, Kind
from model.errors import ConfigError, DecodeError, EncodeError
from model.value import Value

if TYPE_CHECKING:
    from decoders.batch import BatchDecoder, DecodedBatch
    from decoders.javascript import Codec
    from model.rule import Rule
    from model.script import Script

__all__ = ["Decoded", "Definition", "Encoded", "Example", "Frame", "Log", "Record"]


@dataclass(frozen=True, slots=True)
class Log:
    """The records of a frame that holds several. ``fields``: what each of them carries.

    ``step_s``: seconds between records; where a word gives the step, ``step_word`` names it and ``step_s`` is its unit;
    0 where each record carries its own time. ``count``: how many records, a number, a word's name, or as many as fit.
    """

    newest_first: bool
    step_s: int
    step_word: str | None
    count: int | str | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One kind of payload. ``fields``: what encoding takes; ``derived``: what decoding calculates from these.

    ``f_ports``: empty for any. ``own_time``: it carries the time of its reading.
    """

    name: str
    f_ports: tuple[int, ...]
    fields: tuple[str, ...]
    derived: tuple[str, ...]
    own_time: bool
    log: Log | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A payload and the port it goes out on, ``None`` if any will do."""

    payload: bytes
    f_port: int | None


class Definition:
    """A device type that decodes and encodes. ``type`` says what it is, ``frames`` what it sends."""

    def __init__(self, file: DeviceFile, source: str | None = None) -> None:
        self.type: DeviceType = file.type
        self.codec = file.codec
        self.script: Script | None = None
        self._map = file.codec.field_map() if file.codec is not None else None
        self._format = file.codec.format if file.codec is not None else None
        if file.codec is not None and file.codec.script is not None:
            self.script = _script(file, source or "")
            version = blake2b(f"{file.type.version}{self.script.digest}".encode(), digest_size=6).hexdigest()
            self.type = replace(file.type, version=version)
        self.examples: tuple[Example, ...] = file.examples
        self.frames: tuple[Frame, ...] = tuple(_frame(frame) for frame in file.frames)
        self.program = Program(file.frames)
        self._words = {line.name for frame in file.frames for line in frame.layout.body.items()}
        self._fields = {field.name: field for field in file.type.fields}
        self._kinds = {name: field.kind for name, field in self._fields.items()}
        self._mixed = {  # floats that a frame of theirs gives as integers
            line.name
            for frame in file.frames
            for line in frame.layout.body.items()
            if isinstance(line, Item)
            and line.kind is Kind.INT
            and line.name in self._fields
            and self._fields[line.name].kind is Kind.FLOAT
        }
        self._file = file
        self._alerts: tuple[Rule, ...] | None = None
        self._batch: BatchDecoder | None = None
        self._engine: Codec | None = None

    @classmethod
    def read(cls, name: str, text: str, script: Callable[[str], str | None] | None = None) -> "Definition":
        """Return the device type that a file of that name and text defines; raise ``ConfigError`` with all problems.

        ``script`` gives the text of the script of a name that lies beside it.
        """
        file = read_file(name, text)
        if file.codec is None or file.codec.script is None:
            return cls(file)
        source = script(file.codec.script) if script is not None else None
        if source is None:
            raise ConfigError([f"{name}.toml: there is no script {file.codec.script} beside it"])
        return cls(file, source)

    def decode(self, payload: bytes, *, f_port: int | None = None) -> Decoded:
        """Return what a payload says; raise ``DecodeError``.

        A maker's script runs here in this very process: for files whose scripts somebody has read (see ``output``).
        """
        if self._map is not None:
            mapped = self._map.read(self.output(payload, f_port=f_port))
            return Decoded(mapped.records, mapped.warnings)
        decoded = self.program.decode(payload, f_port)
        for record in decoded.records if self._mixed else ():
            for name in self._mixed & record.values.keys():
                value = record.values[name]
                record.values[name] = value if value is None else float(value)
        return decoded

    @property
    def alerts(self) -> "tuple[Rule, ...]":
        """The rules that devices of this type bring with them; raise ``ConfigError`` with all their problems."""
        if self._alerts is None:
            self._alerts = self._file.alerts
        return self._alerts

    @property
    def has_logs(self) -> bool:
        """Whether a frame may hold readings of other times than its own."""
        if self.codec is not None:
            return bool(self.codec.times) or any(EACH in steps(place.path) for place in self.codec.places)
        return any(frame.log is not None for frame in self.frames)

    def output(self, payload: bytes, *, f_port: int | None = None) -> Output:
        """Return what the type's codec says of a payload; raise ``DecodeError``.

        Limits within the engine hold, no others: what nobody has read belongs into the cage of ``ingest``.
        """
        if self._format is not None:
            return self._format.decode(payload, f_port)
        if self.codec is None or self.script is None:
            raise DecodeError(f"{self.type.name} has a layout and no codec")
        if self._engine is None:
            from decoders.javascript import Codec  # noqa: PLC0415 - the engine is loaded only by who needs it

            self._engine = Codec(self.script.source, name=self.script.name)
            self._engine.fresh = not self._engine.steady(self.script.probes)
        return output_of(self._engine.decode(payload, f_port=f_port, variables=self.codec.variables))

    def mapped(self, output: Output) -> Mapped:
        """Return what the fields say of what the codec said, and what they leave."""
        if self._map is None:
            raise DecodeError(f"{self.type.name} has a layout and no codec")
        return self._map.read(output)

    def decode_outputs(self, outputs: Sequence[Output | DecodeError]) -> "DecodedBatch":
        """Return what the fields say of many payloads, given by what the codec said of each, or why it failed."""
        from decoders.codec_batch import by_rows  # noqa: PLC0415 - numpy is loaded only by who needs it

        if self._map is None:
            raise ValueError(f"{self.type.name} has a layout and no codec")
        return by_rows(self._map, self._kinds, outputs)

    def decode_batch(self, payloads: Sequence[bytes], f_ports: Sequence[int | None]) -> "DecodedBatch":
        """Return what many payloads say, in columns; a bad payload is in its ``errors``, and none is raised.

        Payloads of a maker's script go through the cage and ``decode_outputs``.
        """
        if self._map is not None and self._format is not None:
            from decoders.codec_batch import by_columns  # noqa: PLC0415 - numpy is loaded only by who needs it

            return by_columns(self._map, self._kinds, self._format.decode_batch(payloads, f_ports))
        if self.script is not None:
            raise ValueError(f"{self.type.name} has a script: its payloads go through the cage")
        if self._batch is None:
            from decoders.batch import BatchDecoder  # noqa: PLC0415 - numpy is loaded only by who needs it

            self._batch = BatchDecoder(self.program, self._kinds)
        return self._batch.decode(payloads, f_ports)

    def encode(
        self,
        values: Mapping[str, Value] | Sequence[Mapping[str, Value]],
        *,
        frame: str | None = None,
        f_port: int | None = None,
    ) -> Encoded:
        """Return the payload that says ``values``, or several records in payload order; raise ``EncodeError``.

        The first frame that takes every given value is used, if none is named. ``time`` is in seconds since 1970 UTC.
        A word of the layout may be given under its own name (``_period_min``). Derived values are passed over.
        """
        records = [values] if isinstance(values, Mapping) else list(values)
        if not records:
            raise EncodeError("there is no record to encode")
        if self._map is not None and self._format is not None:
            return Encoded(self._format.encode(self._map.written(records[0])), f_port)
        if not self.frames:
            raise EncodeError(f"{self.type.name} has no layout: its values go by name, in JSON")
        given = {name for record in records for name, value in record.items() if value is not None}
        if strange := given - self._words:
            raise EncodeError(f"{', '.join(sorted(strange))}: {self.type.name} has no such field")
        failed: list[tuple[int, EncodeError]] = []
        for told, candidate in zip(self.frames, self.program.frames, strict=True):
            if frame not in {None, told.name} or not candidate.fits_port(f_port):
                continue
            left_out = given - {line.name for line in candidate.layout.body.items()}
            try:
                return self._encode(candidate, left_out, records, f_port)
            except EncodeError as error:
                failed.append((len(left_out), error))
        if not failed:
            names = ", ".join(told.name for told in self.frames)
            raise EncodeError(f"no frame '{frame or ''}' on port {f_port}; there are {names}")
        raise min(failed, key=lambda failure: failure[0])[1]

    def _encode(
        self, frame: FrameLayout, left_out: set[str], records: list[Mapping[str, Value]], f_port: int | None
    ) -> Encoded:
        """Return the payload of one frame, if decoding finds that frame in it again."""
        if left_out:
            raise EncodeError(f"{', '.join(sorted(left_out))}: not in frame '{frame.name}'")
        if f_port is None and frame.f_ports:
            f_port = frame.f_ports[0]
        payload = encode(frame.layout, records)
        shape = self.program.shape(payload, f_port)
        if shape.error is not None or shape.frame != frame.name:
            found = shape.error[0] if shape.error else f"it would be read as frame '{shape.frame}'"
            raise EncodeError(f"frame '{frame.name}' cannot say these values: {found}")
        return Encoded(payload, f_port)

    def record_of(self, values: Mapping[str, object]) -> Record:
        """Return the record that named values make, checked; raise ``DecodeError`` naming the field."""
        checked: dict[str, Value] = {}
        for name, value in values.items():
            field = self._fields.get(name)
            if field is None:
                raise DecodeError(f"{name}: {self.type.name} has no such field; it has {', '.join(self._fields)}")
            checked[name] = _checked(field, value)
        return Record(checked)

    def check(self) -> tuple[str, ...]:
        """Return what is wrong with the examples: one line for each that does not hold."""
        return tuple(
            f"example '{example.name}': {problem}" for example in self.examples for problem in self.mismatches(example)
        )

    def mismatches(self, example: Example) -> Iterator[str]:
        """Yield every difference between an example and what its payload decodes to."""
        found: Decoded | DecodeError
        try:
            found = self.decode(example.payload, f_port=example.f_port)
        except DecodeError as error:
            found = error
        yield from differences(found, example)

    def explained(self, output: Output) -> Iterator[Taken]:
        """Yield every value that the codec said, with the fields that take it."""
        return self._map.explained(output) if self._map is not None else iter(())


def differences(found: Decoded | DecodeError, example: Example) -> Iterator[str]:
    """Yield every difference between an example and what was found in its payload."""
    if isinstance(found, DecodeError):
        if example.error is None:
            yield f"does not decode: {found} (at byte {found.offset})"
        elif example.error not in str(found):
            yield f"fails with '{found}' and not with '{example.error}'"
        return
    if example.error is not None:
        yield f"decodes, but should fail with '{example.error}'"
        return
    yield from _record_differences(found, example)
    for part in example.warnings:
        if not any(part in warning for warning in found.warnings):
            yield f"does not warn of '{part}' but of {list(found.warnings)}"
    if found.warnings and not example.warnings:
        yield f"warns: {'; '.join(found.warnings)}"


def _script(file: DeviceFile, source: str) -> "Script":
    """Return the script of a device file, with the payloads of its first examples to try it when it is loaded."""
    from model.script import MOST_PROBES, Call, Script  # noqa: PLC0415 - loaded only by who needs it

    if file.codec is None or file.codec.script is None:
        raise ValueError(f"{file.type.name} has no script")
    variables = file.codec.variables
    probes = tuple(Call(list(one.payload), one.f_port, 0.0, variables) for one in file.examples[:MOST_PROBES])
    return Script(name=file.codec.script, source=source, probes=probes)


def _frame(frame: FrameLayout) -> Frame:
    lines = [line for line in frame.layout.body.items() if not line.name.startswith("_")]
    fields = dict.fromkeys(line.name for line in lines if isinstance(line, Item) and line.constant is None)
    derived = dict.fromkeys(line.name for line in lines if isinstance(line, Derived))
    own_time = fields.pop(TIME, 0) is None
    repeat = next(frame.layout.repeats(), None)
    return Frame(
        frame.name, frame.f_ports, tuple(fields), tuple(derived), own_time, _log(repeat) if repeat is not None else None
    )


def _log(repeat: Repeat) -> Log:
    names = dict.fromkeys(
        line.name for line in repeat.body.items() if isinstance(line, Item) and line.is_field and line.name != TIME
    )
    step = repeat.step
    return Log(
        repeat.newest_first, step.seconds if step else 0, step.word if step else None, repeat.count, tuple(names)
    )


def _checked(field: Field, value: object) -> Value:
    """Return ``value`` as the field's kind; raise ``DecodeError``."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if field.kind is Kind.BOOL and isinstance(value, bool):
        return value
    if field.kind is Kind.TEXT and isinstance(value, str):
        if field.choices and value not in field.choices:
            raise DecodeError(f"{field.name}: '{value}' is none of {', '.join(field.choices)}")
        if "\0" in value or not value.isprintable():
            raise DecodeError(f"{field.name}: the text has characters that cannot be printed")
        return value
    if field.kind in {Kind.INT, Kind.FLOAT} and isinstance(value, int | float) and not isinstance(value, bool):
        return _checked_number(field, value)
    raise DecodeError(f"{field.name}: {value!r} is not {_KINDS[field.kind]}")


def _checked_number(field: Field, value: float) -> Value:
    if field.kind is Kind.FLOAT:
        try:
            return float(value)
        except OverflowError:
            raise DecodeError(f"{field.name}: the number is too large") from None
    if value != int(value) or not INT64_MIN <= value <= INT64_MAX:
        raise DecodeError(f"{field.name}: {value} is not an integer of 64 bits")
    return int(value)


_KINDS = {Kind.FLOAT: "a number", Kind.INT: "an integer", Kind.BOOL: "true or false", Kind.TEXT: "a text"}


def _record_differences(decoded: Decoded, example: Example) -> Iterator[str]:
    if len(decoded.records) != len(example.records):
        yield f"has {len(decoded.records)} records and not {len(example.records)}"
        return
    for position, (record, promised) in enumerate(zip(decoded.records, example.records, strict=True)):
        for difference in _differences(record, promised):
            yield difference if len(decoded.records) == 1 else f"record {position}: {difference}"


def _differences(record: Record, promised: ExampleRecord) -> Iterator[str]:
    for name in dict.fromkeys([*promised.values, *record.values]):
        value, expected = record.values.get(name), promised.values.get(name)
        if not _same(value, expected):
            yield f"{name} is {value!r} and not {expected!r}"
    time_us = None if promised.time is None else round(promised.time.timestamp() * 1e6)
    if record.time_us != time_us:
        yield f"time is {record.time_us} µs and not {time_us} µs"
    if record.age_us != round(promised.age.total_seconds() * 1e6):
        yield f"age is {record.age_us} µs and not {promised.age}"


def _same(value: Value, expected: Value) -> bool:
    if isinstance(value, bool) or isinstance(expected, bool) or isinstance(value, str | None):
        return value is expected or (isinstance(value, str) and value == expected)
    if isinstance(expected, str | None):
        return False
    return value == expected or (isinstance(value, float) and math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9))
