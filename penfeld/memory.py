"""Memory given back: how the C library and Arrow keep what a long answer needed for a while.

Left to themselves, each thread of an export keeps pieces of its own, and Arrow a pool: a process that has sent a
million readings holds twice what it held before. Pieces of the size of a column are asked of the system here, and
given back to it.
"""

import ctypes
import os

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
"""Names of glibc's ``mallopt``."""
_SETTINGS = ((_MMAP_THRESHOLD, 256 * 1024), (_TRIM_THRESHOLD, 1024 * 1024), (_ARENA_MAX, 2))


def give_back() -> bool:
    """Let both give back what is free; ``False`` where the C library does not know how.

    To be called once, before Arrow is loaded: it looks for its settings only then.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # noqa: TID251 -- said to Arrow, not read by us
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and {mallopt(name, value) for name, value in _SETTINGS} == {1}
