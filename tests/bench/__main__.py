"""``python -m tests.bench [--full] [NAME…]``: measure; print one JSON line a figure, behind one that says on what.

A module of this folder with a function ``figures`` is a benchmark; without names all of them run, but those that say
``FULL_ONLY`` only with ``--full``. Figures go to
standard output, what happens meanwhile to standard error. docs/performance.md says how to read them.
"""

import argparse
import json
import pkgutil
import sys
import time
from importlib import import_module

import tests.bench
from tests.bench.figure import Size
from tests.bench.machine import machine
from tests.bench.progress import tell


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="longer, with more rounds and more data")
    parser.add_argument("name", nargs="*", help="only these benchmarks")
    options = parser.parse_args()
    found = benchmarks()
    if unknown := [name for name in options.name if name not in found]:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(found)}")
    size = Size.FULL if options.full else Size.SHORT
    _print(machine())
    for name in options.name or found:
        if not options.name and not options.full and hasattr(import_module(f"tests.bench.{name}"), "FULL_ONLY"):
            continue
        began = time.monotonic()
        tell(f"{name} ({size})")
        for figure in import_module(f"tests.bench.{name}").figures(size):
            _print(figure.line())
        tell(f"{name}: {time.monotonic() - began:.0f} s")


def benchmarks() -> tuple[str, ...]:
    """Return the names of the modules that measure."""
    names = sorted(module.name for module in pkgutil.iter_modules(tests.bench.__path__) if module.name != "__main__")
    return tuple(name for name in names if hasattr(import_module(f"tests.bench.{name}"), "figures"))


def _print(line: object) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
