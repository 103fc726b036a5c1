r"""What every payload format is: bytes in, an object out; where it can, an object in, bytes out.

Rules:

1. Any bytes give an ``Output`` or ``DecodeError``, never anything else. ``data`` is as JSON has it: no bytes (they are
   texts in hex digits), no NaN, no integer of more than 64 bits with sign; each of those is null.
2. A payload has at most ``MOST_BYTES`` bytes, containers stand at most ``DEEPEST`` deep in each other, and an output
   has some warnings, however much there is to warn of.
3. A batch says what its payloads say one by one. Columns have paths: keys joined by dots, a dot in a key as ``\.``.
4. Nothing here needs numpy; who decodes a batch by columns loads it.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from decoders.layout_shape import MOST_BYTES
from decoders.output import Output
from model.errors import ConfigError, DecodeError, EncodeError

if TYPE_CHECKING:
    from model.readings import Array, Ints

DEEPEST = 32
"""How deep containers may stand in each other: far deeper than any device, far from the interpreter's limit."""

_MOST_WARNINGS = 20


@dataclass(frozen=True, slots=True, eq=False)
class OutputGroup:
    """Payloads of one signature, in columns. ``positions``: which of the batch; ``columns``: path -> a value of each.

    All arrays have one length. A group's payloads all have all of its paths, and no others.
    """

    positions: "Ints"
    columns: Mapping[str, "Array"]


@dataclass(frozen=True, slots=True, eq=False)
class OutputBatch:
    """What a batch of payloads says: a payload is in one of ``groups``, in ``outputs``, or in ``errors``.

    ``outputs``, ``errors``: by position. ``warnings``: by position, of payloads in groups; an ``Output`` has its own.
    """

    count: int
    groups: Sequence[OutputGroup] = ()
    outputs: Mapping[int, Output] = field(default_factory=dict)
    warnings: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[int, DecodeError] = field(default_factory=dict)

    def rows(self) -> list[Output | DecodeError]:
        """Return what each payload says by itself, in order; for who wants no columns."""
        found: dict[int, Output | DecodeError] = {**self.outputs, **self.errors}
        for group in self.groups:
            paths = [split_path(path) for path in group.columns]
            columns = [column.tolist() for column in group.columns.values()]
            for row, position in enumerate(group.positions.tolist()):
                data = _nested(paths, [column[row] for column in columns])
                found[position] = Output(data, self.warnings.get(position, ()))
        return [found[position] for position in range(self.count)]


class Format(ABC):
    """A payload format with its options chosen; pure, and may be used by any number of callers at once."""

    name: ClassVar[str]

    @abstractmethod
    def decode(self, payload: bytes, f_port: int | None = None) -> Output:
        """Return what a payload says; raise ``DecodeError``."""

    def decode_batch(self, payloads: Sequence[bytes], f_ports: Sequence[int | None]) -> OutputBatch:
        """Return what many payloads say; a bad one is in ``errors``, and none is raised."""
        outputs: dict[int, Output] = {}
        errors: dict[int, DecodeError] = {}
        for position, (payload, f_port) in enumerate(zip(payloads, f_ports, strict=True)):
            try:
                outputs[position] = self.decode(payload, f_port)
            except DecodeError as error:
                errors[position] = error
        return OutputBatch(len(payloads), outputs=outputs, errors=errors)

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``, as decoding gives it; raise ``EncodeError``."""
        raise EncodeError(f"{', '.join(data)}: nothing can be written in the format '{self.name}'")


def check_size(payload: bytes) -> None:
    """Refuse a payload that is longer than any frame."""
    if len(payload) > MOST_BYTES:
        raise DecodeError(f"{len(payload)} bytes are more than any frame has ({MOST_BYTES})", offset=MOST_BYTES)


def check_options(name: str, options: Mapping[str, str], choices: Mapping[str, Collection[str]]) -> None:
    """Refuse options that a format does not have, and values that an option does not take (no choices: any)."""
    problems: list[str] = []
    for option, value in options.items():
        if option not in choices:
            known = f"it has {', '.join(choices)}" if choices else "it has none"
            problems.append(f"'{option}' is no option of the format '{name}': {known}")
        elif choices[option] and value not in choices[option]:
            problems.append(f"{option} = {value!r} is not understood: use {' or '.join(choices[option])}")
    if problems:
        raise ConfigError(problems)


def shortened(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return warnings as an output has them: the first ones, and how many more there are."""
    if len(warnings) <= _MOST_WARNINGS:
        return tuple(warnings)
    return (*warnings[:_MOST_WARNINGS], f"{len(warnings) - _MOST_WARNINGS} more warnings of this payload")


def join_path(keys: Iterable[str]) -> str:
    """Return the path of these keys; dots and backslashes in a key are written with a backslash in front."""
    return ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in keys)


def split_path(path: str) -> tuple[str, ...]:
    """Return the keys of a path that ``join_path`` has written."""
    keys: list[str] = [""]
    characters: Iterator[str] = iter(path)
    for character in characters:
        if character == ".":
            keys.append("")
        else:
            keys[-1] += next(characters, "") if character == "\\" else character
    return tuple(keys)


def _nested(paths: Sequence[Sequence[str]], values: Sequence[object]) -> dict[str, object]:
    """Return the object that has these values under these paths."""
    data: dict[str, object] = {}
    for path, value in zip(paths, values, strict=True):
        inner = data
        for key in path[:-1]:
            found = inner.setdefault(key, {})
            assert isinstance(found, dict)  # noqa: S101 - a path of a group never goes through another one's value
            inner = found
        inner[path[-1]] = value
    return data
