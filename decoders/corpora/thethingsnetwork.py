"""The Things Network's device repository: ``vendor/<vendor>/<codec>.yaml`` names a script and has examples."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from decoders.corpora._reading import fixtures, from_yaml
from decoders.corpora.published import Fixture, Found, Published
from model.script import Way

NAME = "The Things Network"
LOOKS_LIKE = "vendor/<vendor>/<codec>.yaml with uplinkDecoder.fileName"

_SECTIONS: Mapping[str, Way] = {"uplinkDecoder": "uplink", "downlinkEncoder": "downlink", "downlinkDecoder": "back"}
_SECTION = re.compile(rf"^(?:{'|'.join(_SECTIONS)})\s*:", re.MULTILINE)
_TITLE = re.compile(r"^name:\s*['\"]?(.*?)['\"]?\s*$", re.MULTILINE)
_USED = re.compile(r"^\s*codec:\s*['\"]?([\w.-]+)['\"]?\s*(?:#.*)?$", re.MULTILINE)


def read(files: Mapping[str, str]) -> Found:
    """Return the codecs of every such file."""
    found: list[Published] = []
    problems: list[str] = []
    titles: dict[str, dict[str, str]] = {}
    for path in sorted(files):
        if not path.endswith((".yaml", ".yml")) or not _SECTION.search(text := files[path]):
            continue
        folder = str(PurePosixPath(path).parent)
        if folder not in titles:
            titles[folder] = _titles(files, folder)
        try:
            table = from_yaml(text)
            found += _codecs(files, path, table if isinstance(table, dict) else {}, titles[folder])
        except ValueError as error:
            problems.append(f"{path}: {error}")
    return Found(tuple(found), tuple(problems))


def _codecs(
    files: Mapping[str, str], path: str, table: Mapping[str, object], titles: Mapping[str, str]
) -> list[Published]:
    """Return the codec of one file: one for each script that it names."""
    place = PurePosixPath(path)
    by_script: dict[str, tuple[list[Fixture], list[str]]] = {}
    for section, way in _SECTIONS.items():
        entry = table.get(section)
        if not isinstance(entry, dict):
            continue
        if not isinstance(name := entry.get("fileName"), str):
            raise ValueError(f"{section} has no fileName")  # noqa: TRY004 - a problem of the file, not of our call
        good, bad = fixtures(entry.get("examples"), way, section)
        kept = by_script.setdefault(name, ([], []))
        kept[0].extend(good)
        kept[1].extend(bad)
    codecs: list[Published] = []
    for name, (good, bad) in by_script.items():
        script = str(place.parent / name)
        if script not in files:
            raise ValueError(f"there is no {name} beside it")
        model = place.stem.removesuffix("-codec")
        codecs.append(
            Published(
                layout=NAME,
                vendor=place.parent.name,
                model=model if len(by_script) == 1 or not codecs else f"{model}-{PurePosixPath(name).stem}",
                path=script,
                source=files[script],
                fixtures=tuple(good),
                title=titles.get(place.stem, ""),
                broken=tuple(bad),
            )
        )
    return codecs


def _titles(files: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return what the devices of a vendor are called, by their codecs; the first where several share one."""
    titles: dict[str, str] = {}
    for path in sorted(files):
        if str(PurePosixPath(path).parent) == folder and path.endswith(".yaml"):
            text = files[path]
            if (name := _TITLE.search(text)) is not None:
                for codec in _USED.findall(text):
                    titles.setdefault(codec, name[1])
    return titles
