"""A script by itself, with examples in a file beside it or with none.

The examples stand in ``<script>.examples.json``, ``<script>-examples.json`` or ``examples.json``, in the form of any
layout: a list, or an object whose ``examples``, ``uplink``, ``downlink`` or ``downlinkDecode`` is one.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from decoders.corpora._reading import fixtures, from_json
from decoders.corpora.published import Fixture, Found, Published
from model.script import Way

NAME = "script"
LOOKS_LIKE = "<codec>.js with decodeUplink, Decode or Decoder (examples optional, in <codec>.examples.json)"
_ENTRY = re.compile(r"\b(?:decodeUplink|Decode|Decoder)\s*[=(:]")
_LISTS: Mapping[str, Way | None] = {
    "examples": None,
    "uplink": "uplink",
    "downlink": "downlink",
    "downlinkDecode": "back",
}


def read(files: Mapping[str, str]) -> Found:
    """Return every script that has a function to call."""
    codecs = [_codec(files, path) for path in sorted(files) if path.endswith(".js") and _ENTRY.search(files[path])]
    return Found(tuple(codecs))


def _codec(files: Mapping[str, str], path: str) -> Published:
    """Return a script with the examples beside it."""
    place = PurePosixPath(path)
    good: list[Fixture] = []
    bad: list[str] = []
    beside = next((found for found in _beside(place) if found in files), None)
    if beside is not None:
        name = PurePosixPath(beside).name
        try:
            for raw, way in _lists(from_json(files[beside])):
                some, wrong = fixtures(raw, way, name)
                good += some
                bad += wrong
        except ValueError as error:
            bad.append(f"{name} {error}")
    model = re.sub(r"[-_.](?:codec|decoder|encoder|payload)\b", "", place.stem, flags=re.IGNORECASE)
    return Published(
        layout=NAME,
        vendor="",
        model=model or place.stem,
        path=path,
        source=files[path],
        fixtures=tuple(good),
        broken=tuple(bad),
    )


def _beside(place: PurePosixPath) -> list[str]:
    names = (f"{place.stem}.examples.json", f"{place.stem}-examples.json", "examples.json")
    return [str(place.with_name(name)) for name in names]


def _lists(raw: object) -> list[tuple[object, Way | None]]:
    """Return the lists of examples of a file, with the function that they are of."""
    if isinstance(raw, dict):
        return [(raw[key], way) for key, way in _LISTS.items() if key in raw]
    return [(raw, None)]
