"""Rules in TOML files, as engineers keep them: tables ``[rule."name"]``, several a file. Pure.

Rules:

1. Every problem of a file is told at once, each with its line. What is read is not checked here: ``alerts.check`` does.
2. ``text_of`` writes one form only, with the short forms of ``model.rule_text``; what it writes says exactly the same
   when it is read again.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from decoders.device_lines import quoted, title_text
from decoders.rule_lines import shortened, value_lines
from model.device import Text
from model.errors import ConfigError
from model.rule import Rule, plain
from model.rule_text import rule_from

_TABLE = "rule"
_ORDER = ("title", "severity", "enabled", "scope", "when", "schedule", "notify", "escalate", "simulated", "text")
_LINE = re.compile(r"(?P<what>.*?) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)
_WORD = re.compile(r"[a-z_]+")


def rules_in(text: str, file: str) -> list[Rule]:
    """Return the rules of a file in their order; raise ``ConfigError`` with all that is wrong, a line each."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _LINE.fullmatch(str(error))
        last = f"{file}:{len(text.splitlines()) or 1}"
        where, what = (f"{file}:{match['line']}", match["what"]) if match else (last, str(error))
        raise ConfigError([f"{where}: this is no TOML: {what}"]) from None
    except RecursionError:
        raise ConfigError([f"{file}: is nested far too deep; write fewer levels"]) from None
    lines = _Lines(text)
    problems = [
        f'{file}:{lines.of_key(key)}: {key!r} is unknown here; a rule begins with [{_TABLE}."its/name"]'
        for key in said
        if key != _TABLE
    ]
    tables = said.get(_TABLE, {})
    if not isinstance(tables, dict):
        problems.append(f'{file}:{lines.of_key(_TABLE)}: rules are tables; write [{_TABLE}."its/name"]')
        tables = {}
    found = []
    for name, table in tables.items():
        try:
            found.append(rule_from(name, table))
        except ValueError as error:
            problems.append(f"{file}:{lines.of(name, str(error))}: rule {name!r}: {error}")
    if problems:
        raise ConfigError(problems)
    return found


def located(text: str, file: str, rule: str, problem: str) -> str:
    """Return a problem of ``alerts.check`` with the file and the line that it is of."""
    return f"{file}:{_Lines(text).of(rule, problem)}: rule {rule!r}: {problem}"


def text_of(rules: Iterable[Rule]) -> str:
    """Return rules as a file says them, in order of their names."""
    return "\n".join(_table(rule) for rule in sorted(rules, key=lambda one: one.name))


def _table(rule: Rule) -> str:
    said = plain(rule)
    lines = [f"[{_TABLE}.{quoted(rule.name)}]"]
    for key in _ORDER:
        if key not in said:
            continue
        value: Any = said[key]
        if key in ("title", "text"):
            text = title_text(Text(en=value["en"], fr=value["fr"]))
        elif key == "when":
            text = value_lines(shortened(value))
        else:
            text = value_lines(value, key)
        lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


class _Lines:
    """Where things stand in a file."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._heads = dict(self._found())

    def of_key(self, key: str) -> int:
        """Return the line on which a key of the file's top begins."""
        each = enumerate(self._lines, 1)
        return next((number for number, line in each if line.lstrip().lstrip("[\"'").startswith(key)), 1)

    def of(self, rule: str, problem: str) -> int:
        """Return the line of a problem: of the last word of its place that stands once in the rule, else its head."""
        head = next((number for number, name in self._heads.items() if name == rule), None)
        if head is None:
            return next((number for number, line in enumerate(self._lines, 1) if rule and rule in line), 1)
        end = next((number for number, name in self._heads.items() if number > head and name != rule), None)
        mine = range(head, end if end is not None else len(self._lines) + 1)
        place = problem.partition(": ")[0]
        for word in reversed(_WORD.findall(place) if " " not in place else []):
            key = re.compile(rf"(?<![\w.\"]){word}(\.\w+)*\s*=|^\s*\[.*\.{word}\]")
            there = [number for number in mine if key.search(self._lines[number - 1])]
            if len(there) == 1:
                return there[0]
        return head

    def _found(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(self._lines, 1):
            if not line.lstrip().startswith("["):
                continue
            try:
                said = tomllib.loads(line).get(_TABLE)
            except (tomllib.TOMLDecodeError, RecursionError):
                continue
            if isinstance(said, dict) and len(said) == 1:
                yield number, next(iter(said))
