"""What commands print: aligned columns for people, JSON for programs, on standard output; remarks on standard error."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import Path


def as_json(value: object, *, compact: bool = False) -> None:
    """Print a value as JSON. Dataclasses become objects, times ISO 8601 texts, durations seconds."""
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=None if compact else 2), flush=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Collection[str] = ()) -> None:
    """Print rows under headers, columns aligned; those named in ``right`` at their right edge."""
    texts = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *texts, strict=True)]
    signs = [">" if header in right else "<" for header in headers]
    for line in ([*headers], *texts):
        cells = (f"{cell:{sign}{width}}" for cell, sign, width in zip(line, signs, widths, strict=True))
        print("  ".join(cells).rstrip())


def remark(text: str) -> None:
    """Tell a person something beside the result."""
    print(text, file=sys.stderr, flush=True)


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.12g}" if isinstance(cell, float) else str(cell)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
