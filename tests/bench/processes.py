"""What processes cost, as Linux counts it: processor time and memory.

Processor time is that of a process with all its descendants, those that ended included, in steps of 10 ms.
"""

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the processor time, user and system, that a process and its descendants have taken, seconds."""
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _fields(int(folder.name))
        except OSError:  # it ended just now
            continue
        ticks[int(folder.name)] = sum(int(field) for field in fields[11:15])
        children[int(fields[1])].append(int(folder.name))
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += ticks.get(one, 0)
        waiting += children[one]
    return total / _TICKS


def parent(pid: int) -> int:
    """Return who started a process."""
    return int(_fields(pid)[1])


def peak_mb(pid: int) -> float:
    """Return the most memory that a process held at any time, MB (10⁶ bytes)."""
    return _memory_mb(pid, "VmHWM")


def held_mb(pid: int) -> float:
    """Return the memory that a process holds now, MB (10⁶ bytes)."""
    return _memory_mb(pid, "VmRSS")


def _memory_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def _fields(pid: int) -> list[str]:
    """Return the fields of ``stat`` from the state on; the name before may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
