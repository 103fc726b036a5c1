"""Chance without state: every random number is a function of a seed, a name and whole numbers.

So any value of the world can be asked at any time, in any order, for many devices at once, and is always the same.
The mixing is that of SplitMix64 (Steele, Lea, Flood 2014).
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def key(seed: int, name: str) -> int:
    """Return the 64-bit start of the stream of numbers called ``name``."""
    return int.from_bytes(blake2b(f"{seed} {name}".encode(), digest_size=8).digest())


def draw(stream: int, *parts: Ints) -> Floats:
    """Return one number in [0, 1) for each set of whole numbers (arrays of one shape, or that broadcast to one)."""
    state = np.array([stream], np.uint64)
    for part in parts:
        state = state + (part.astype(np.uint64) + np.uint64(1)) * _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def smooth(stream: int, who: Ints, position: Floats) -> Floats:
    """Return a curve in [-1, 1] without jumps or kinks that turns about once per unit of ``position``."""
    whole = np.floor(position)
    part = position - whole
    step = whole.astype(np.int64)
    before = draw(stream, who, step)
    return 2.0 * (before + (draw(stream, who, step + 1) - before) * part * part * (3.0 - 2.0 * part)) - 1.0
