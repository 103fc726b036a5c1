"""On what is measured: the machine, and the versions of all that takes part."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.servers import MOSQUITTO, SETTINGS, database_versions

_ROOT = Path(__file__).parents[2]
_LIBRARIES = ("numpy", "msgspec", "psycopg", "paho-mqtt")


def machine() -> Mapping[str, object]:
    """Return the first line of a run. What is not there is ``None``."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 1e6, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **database_versions(),
        "database_settings": dict(line.split(" = ") for line in SETTINGS.strip().splitlines()),
        "mosquitto": _said(MOSQUITTO, "-h").partition(" version ")[2].partition("\n")[0] or None if MOSQUITTO else None,
        "penfeld": f"{_version('penfeld') or 'from the checkout'} {_commit()}".strip(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _commit() -> str:
    """Return the commit that is measured, with a mark if files have changed since."""
    return _said("git", "-C", str(_ROOT), "describe", "--always", "--dirty").strip() if shutil.which("git") else ""


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _field(file: str, name: str) -> str:
    """Return the first value of that name as Linux tells it, empty elsewhere."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
