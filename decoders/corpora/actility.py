"""Actility's drivers, and Watteco's: a folder with ``examples.json``, a script, and for ThingPark a ``driver.yaml``.

The script is what ``package.json`` calls ``main``, else ``index.js``, else ``main.js``, bundled.
Older drivers keep their examples in ``examples/*.examples.json``, one object an example.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from decoders.corpora._reading import fixtures, from_json, from_yaml
from decoders.corpora.published import Fixture, Found, Published

NAME = "Actility"
LOOKS_LIKE = "<driver>/examples.json beside index.js or main.js (driver.yaml optional)"
_SCRIPTS = ("index.js", "main.js")
_CATALOGUE_DEPTH = 4  # vendors/<vendor>/drivers/<driver>


def read(files: Mapping[str, str]) -> Found:
    """Return the codec of every folder of a driver."""
    folders: dict[PurePosixPath, None] = {}
    for path in sorted(files):
        place = PurePosixPath(path)
        if place.name in {"examples.json", "driver.yaml"}:
            folders[place.parent] = None
        elif place.name.endswith(".examples.json") and place.parent.name == "examples":
            folders[place.parent.parent] = None
    found: list[Published] = []
    problems: list[str] = []
    for folder in folders:
        try:
            if (codec := _codec(files, folder)) is not None:
                found.append(codec)
        except ValueError as error:
            problems.append(f"{folder}: {error}")
    return Found(tuple(found), tuple(problems))


def _codec(files: Mapping[str, str], folder: PurePosixPath) -> Published | None:
    """Return a folder's codec, ``None`` if it has no script; raise ``ValueError`` for a bad ``driver.yaml``."""
    script = _script(files, folder)
    if script is None:
        return None  # the catalogue names drivers that it does not publish
    driver = from_yaml(files[str(folder / "driver.yaml")]) if str(folder / "driver.yaml") in files else {}
    driver = driver if isinstance(driver, dict) else {}
    good: list[Fixture] = []
    bad: list[str] = []
    own = str(folder / "examples.json")
    paths = [own] if own in files else _older(files, folder)
    for path in paths:
        try:
            raw = from_json(files[path])
        except ValueError as error:
            bad.append(f"{PurePosixPath(path).name} {error}")
            continue
        raw = raw["examples"] if isinstance(raw, dict) and "examples" in raw else raw
        some, wrong = fixtures(raw if path == own else _wrapped(raw), None, PurePosixPath(path).name)
        good += [_sent(one) for one in some] if driver.get("signature") == "actility" else some
        bad += wrong
    return Published(
        layout=NAME,
        vendor=_vendor(folder, driver),
        model=folder.name,
        path=script,
        source=files[script],
        fixtures=tuple(good),
        title=str(driver.get("name") or ""),
        broken=tuple(bad),
    )


def _script(files: Mapping[str, str], folder: PurePosixPath) -> str | None:
    """Return the path of a driver's script."""
    names = list(_SCRIPTS)
    package = str(folder / "package.json")
    if package in files:
        try:
            told = from_json(files[package])
        except ValueError:
            told = {}
        main = told.get("main") if isinstance(told, dict) else None
        if isinstance(main, str) and main.strip():
            names.insert(0, main.strip().replace("\\", "/").removeprefix("./"))
    return next((path for name in names if (path := str(folder / name)) in files), None)


def _older(files: Mapping[str, str], folder: PurePosixPath) -> list[str]:
    inside = f"{folder / 'examples'}/"
    return sorted(path for path in files if path.startswith(inside) and path.endswith(".json"))


def _wrapped(raw: object) -> object:
    """Return older examples, whose input and output stand side by side, in the form of today."""
    if not isinstance(raw, list):
        return raw
    wrapped: list[object] = []
    for entry in raw:
        if not isinstance(entry, dict) or "input" in entry or "output" in entry:
            wrapped.append(entry)
        elif entry.get("type") == "downlink":
            sent = {key: entry[key] for key in ("bytes", "fPort", "errors", "warnings") if key in entry}
            given = {key: entry[key] for key in ("data", "fPort") if key in entry}
            wrapped.append({**entry, "type": "downlink-encode", "input": given, "output": sent})
        else:
            wrapped.append({**entry, "input": dict(entry), "output": {"data": entry.get("data")}})
    return wrapped


def _sent(one: Fixture) -> Fixture:
    """Return an example of Actility's own signature, whose encoder takes what is to be said itself for its input."""
    return replace(one, more=one.given) if one.way == "downlink" and isinstance(one.given, Mapping) else one


def _vendor(folder: PurePosixPath, driver: Mapping[str, object]) -> str:
    """Return who made it: in Actility's catalogue the folder says so, elsewhere the driver may."""
    if len(folder.parts) >= _CATALOGUE_DEPTH and folder.parts[-2] == "drivers":
        return folder.parts[-3]
    return str(driver.get("producerId") or "")
