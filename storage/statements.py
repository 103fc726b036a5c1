"""Named SQL: every statement that is not built from a device type stands in ``storage/sql/*.sql``.

A statement begins with a line ``-- name: NAME`` and ends at the next one or at the end of its file; comment lines
behind the name say what it is for. Names are unique over all files.
"""

import re
from functools import cache
from importlib.resources import files

from psycopg.sql import SQL

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def split(text: str) -> dict[str, str]:
    """Return name -> SQL of one file's text; raise ``ValueError`` for a name that stands twice or SQL without one."""
    head, *rest = _NAME.split(text)
    if any(line and not line.startswith("--") for line in head.splitlines()):
        raise ValueError(f"SQL in front of the first '-- name:' line: {head.strip()[:60]!r}")
    names = rest[::2]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"statements named twice: {', '.join(twice)}")
    return {name: sql.strip() for name, sql in zip(names, rest[1::2], strict=True)}


@cache
def _all() -> dict[str, str]:
    folder = files("storage") / "sql"
    texts = sorted((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql"))
    return split("\n".join(text for _, text in texts))


def statement(name: str) -> SQL:
    """Return the statement of that name."""
    return SQL(_all()[name])
