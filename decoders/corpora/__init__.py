"""Readers of the layouts in which the world keeps codecs with examples. Pure: files come in as path -> text.

A layout is a module with ``NAME``, ``LOOKS_LIKE`` (what people are told was looked for) and ``read(files)``. A script
counts once: the first layout that knows it, in the order of ``LAYOUTS``, has it; so does a copy of one, examples and
all. Lone scripts are asked for last, and only where no layout knows anything: in a published folder they are parts.
"""

from collections.abc import Mapping

from decoders.corpora import actility, chirpstack, scripts, thethingsnetwork
from decoders.corpora.published import Expected, Fixture, Found, Published

__all__ = ["LOOKED_FOR", "Expected", "Fixture", "Found", "Published", "read"]

LAYOUTS = (thethingsnetwork, actility, chirpstack)
LOOKED_FOR = tuple(f"{layout.NAME}: {layout.LOOKS_LIKE}" for layout in (*LAYOUTS, scripts))


def read(files: Mapping[str, str]) -> Found:
    """Return the codecs of a folder, in the order of their names."""
    codecs: list[Published] = []
    problems: list[str] = []
    for layout in LAYOUTS:
        found = layout.read(files)
        known = {codec.path for codec in codecs}
        codecs += [codec for codec in found.codecs if codec.path not in known]
        problems += found.problems
    if not codecs and not problems:
        codecs += scripts.read(files).codecs
    codecs.sort(key=lambda codec: (codec.name, codec.path))
    once: list[Published] = []
    for codec in codecs:
        alike = [other for other in once if (other.name, other.source) == (codec.name, codec.source)]
        if not any(other.fixtures == codec.fixtures for other in alike):
            once.append(codec)
    return Found(tuple(once), tuple(problems))
