"""``python -m tests.bench [NAME…]``: measure, and print one JSON line a figure, behind one that says on what.

A module of this folder with a function ``figures`` is a benchmark; without names all of them run.
"""

import json
import pkgutil
import platform
import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version

import numpy as np

import tests.bench


def main() -> None:
    """Run the benchmarks that are named, or all."""
    found = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    chosen = sys.argv[1:] or found
    machine = {
        "machine": platform.processor() or platform.machine(),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "penfeld": version("penfeld") if _installed() else "from the checkout",
    }
    print(json.dumps(machine, ensure_ascii=False), flush=True)
    for name in chosen:
        if name not in found:
            sys.exit(f"there is no benchmark '{name}'; there are {', '.join(found)}")
        for figure in getattr(import_module(f"tests.bench.{name}"), "figures", tuple)():
            print(json.dumps(asdict(figure), ensure_ascii=False), flush=True)


def _cpu() -> str:
    """Return the processor's name as Linux tells it, empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - no path to speak of
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return ""


def _installed() -> bool:
    """Whether Penfeld runs as an installed package."""
    try:
        version("penfeld")
    except ModuleNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
