"""ChirpStack's device profiles: ``vendors/<vendor>/codecs/<codec>.js`` with ``test_decode_<codec>.json`` beside it."""

import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath

from decoders.corpora._reading import fixtures, from_json
from decoders.corpora.published import Fixture, Found, Published
from model.script import Way

NAME = "ChirpStack"
LOOKS_LIKE = "vendors/<vendor>/codecs/<codec>.js with test_decode_<codec>.json"
_TESTS: Mapping[str, Way] = {"test_decode_": "uplink", "test_encode_": "downlink"}


def read(files: Mapping[str, str]) -> Found:
    """Return every script that has such tests beside it."""
    return Found(tuple(_codec(files, path) for path in sorted(files) if path.endswith(".js") and _tests(files, path)))


def _tests(files: Mapping[str, str], path: str) -> dict[str, Way]:
    """Return the tests of a script."""
    place = PurePosixPath(path)
    paths = {str(place.with_name(f"{start}{place.stem}.json")): way for start, way in _TESTS.items()}
    return {path: way for path, way in paths.items() if path in files}


def _codec(files: Mapping[str, str], path: str) -> Published:
    """Return one codec with its tests."""
    place = PurePosixPath(path)
    good: list[Fixture] = []
    bad: list[str] = []
    for test, way in _tests(files, path).items():
        name = PurePosixPath(test).name
        try:
            some, wrong = fixtures(from_json(files[test]), way, name)
        except ValueError as error:
            some, wrong = [], [f"{name} {error}"]
        good += some
        bad += wrong
    vendor = place.parts[-3] if len(place.parts) > 2 else ""  # noqa: PLR2004 - <vendor>/codecs/<codec>.js
    return Published(
        layout=NAME,
        vendor=vendor,
        model=place.stem,
        path=path,
        source=files[path],
        fixtures=tuple(good),
        title=_title(files, place),
        broken=tuple(bad),
    )


def _title(files: Mapping[str, str], place: PurePosixPath) -> str:
    """Return what the first device that uses a codec is called."""
    folder = f"{place.parent.parent / 'devices'}/"
    for path in sorted(files):
        if path.startswith(folder) and path.endswith(".toml") and f'"{place.name}"' in files[path]:
            try:
                device = tomllib.loads(files[path]).get("device")
            except tomllib.TOMLDecodeError:
                continue
            if isinstance(device, dict) and isinstance(device.get("name"), str):
                return str(device["name"])
    return ""
