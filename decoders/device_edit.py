"""A field more in the text of a device file; whatever else stands there stays as it is, to the last blank.

Rules:

1. What is written is read again: the file says what it said before and the new field, or nothing is written.
2. The field's table goes behind those of the others, else to the end.
3. Examples that held hold again: what the field says in them is put into them.
4. What is refused says why, and what to do.
"""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from decoders.device_lines import field_lines, value_text
from decoders.mapping import steps
from model.device import NewField
from model.errors import BadRequestError, ConflictError
from model.value import Value

_VALUES = re.compile(r"(?P<head>\s*values\s*=\s*\{)(?P<said>.*)(?P<tail>\}\s*(?:#[^}]*)?)", re.DOTALL)


def with_field(text: str, field: NewField) -> str:
    """Return the text of a device file with a field more.

    Raise ``BadRequestError`` for a field that no file can have, ``ConflictError`` for one that this file cannot take:
    its name or its path is taken, or nothing can be put in without changing other lines.
    """
    table = _table(text)
    _check(table, field)
    lines = table_of(field)
    wanted = {**table, "field": {**table.get("field", {}), **tomllib.loads(lines)["field"]}}
    for changed in _placed(text, lines):
        try:
            if tomllib.loads(changed) == wanted:
                return changed
        except tomllib.TOMLDecodeError:
            continue
    raise ConflictError(f"the file writes its fields in a way that leaves no place for one more; add by hand:\n{lines}")


def table_of(field: NewField) -> str:
    """Return the lines of a field's table; raise ``BadRequestError`` for what TOML cannot say."""
    text = "\n".join(field_lines(field)) + "\n"
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        told = {}
    if (
        list(told) != ["field"]
        or list(told["field"]) != [field.name]
        or told["field"][field.name]["path"] != field.path
    ):
        said = ", ".join(ascii(word) for word in (field.name, field.path))
        raise BadRequestError(f"{said}: a device file cannot hold these characters")
    return text


def with_values(text: str, field: str, values: Mapping[int, Value]) -> str:
    """Return the text with what a field says in the examples of these numbers, so that they hold again.

    Only examples are changed whose ``values`` stand in one line; others are a person's to complete.
    """
    for number, value in values.items():
        table = tomllib.loads(text)
        examples = table.get("example", [])
        said = examples[number].get("values") if isinstance(examples, list) and number < len(examples) else None
        if value is None or not isinstance(said, dict) or field in said:
            continue
        said[field] = value  # what the text is to say then
        with contextlib.suppress(tomllib.TOMLDecodeError):
            changed = _completed(text, number, f"{field} = {value_text(value)}")
            text = changed if tomllib.loads(changed) == table else text
    return text


def _completed(text: str, number: int, said: str) -> str:
    """Return the text with words more in the line of values of an example, counted from 0."""
    lines = text.split("\n")
    seen = -1
    for place, line in enumerate(lines):
        seen += line.replace(" ", "").startswith("[[example]]")
        found = _VALUES.fullmatch(line)
        if seen == number and found is not None:
            before = found["said"].rstrip()
            lines[place] = f"{found['head']}{before}{',' if before.strip() else ''} {said} {found['tail']}"
            break
    return "\n".join(lines)


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConflictError(f"the file cannot be read, correct it first: {error}") from None


def _check(table: Mapping[str, Any], field: NewField) -> None:
    """Refuse a field that the file has no place for."""
    if "codec" not in table:
        raise BadRequestError(
            "paths lead through what a codec says; this device type has a layout, which names its fields"
        )
    try:
        way = steps(field.path)
    except ValueError as error:
        raise BadRequestError(f"path: {error}") from None
    fields = table.get("field", {})
    if not isinstance(fields, dict):
        raise ConflictError("the file cannot be read, correct it first: fields are tables, [field.NAME]")
    if field.name in fields:
        raise ConflictError(f"there is a field '{field.name}' already: choose another name")
    for name, entry in fields.items():
        if isinstance(entry, dict) and _way(entry.get("path")) == way:
            raise ConflictError(f"'{field.path}' is what the field '{name}' takes already")


def _way(path: object) -> tuple[str, ...]:
    try:
        return steps(path) if isinstance(path, str) else ()
    except ValueError:
        return ()


def _placed(text: str, lines: str) -> Iterator[str]:
    """Yield the text with the lines in it: behind the last field, else behind the codec; then at the end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    table = newline.join(lines.strip().split("\n"))
    found = text.split("\n")
    heads = [number for number, line in enumerate(found) if line.lstrip().startswith("[")]
    for head in ("[field.", "[codec]"):
        starts = [number for number in heads if found[number].replace(" ", "").startswith(head)]
        if starts:
            end = next((number for number in heads if number > starts[-1]), len(found))
            place = _end(found, starts[-1], end)
            before, after = "\n".join(found[:place]).rstrip("\r"), "\n".join(found[place:])
            yield f"{before}{newline}{newline}{table}{newline}{after}"
    yield f"{text.rstrip()}{newline}{newline}{table}{newline}"


def _end(lines: list[str], start: int, end: int) -> int:
    """Return where a table ends: before the remarks that belong to what follows, and the empty lines before these."""
    place = end
    while place - 1 > start and lines[place - 1].lstrip().startswith("#"):
        place -= 1
    while place - 1 > start and not lines[place - 1].strip():
        place -= 1
    return place
