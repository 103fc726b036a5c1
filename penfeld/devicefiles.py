"""The catalogue in use: the device files that come with Penfeld and those of the folders in ``catalogue``.

``./my-devices`` is such a folder where it exists and no other is named: a new device type is one file and no setting.
"""

from difflib import get_close_matches
from pathlib import Path

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.errors import ConfigError, UnknownTypeError
from penfeld.config import OWN_FOLDER, Config


def definition(config: Config, name: str) -> Definition:
    """Return one device type; raise ``UnknownTypeError`` with the nearest names."""
    return definition_in(catalogue(config), name)


def definition_in(known: Catalogue, name: str) -> Definition:
    """Return one device type of a catalogue; raise ``UnknownTypeError`` with the nearest names."""
    if name not in known:
        near = get_close_matches(name, known.names(), 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`penfeld devices types` lists them"
        raise UnknownTypeError(f"there is no device type {name!r}; {hint}")
    return known[name]


def name_in(config: Config, text: str) -> str:
    """Return the name of the type that a person means by a name, or by a file of the catalogue's folders.

    Raise ``ConfigError`` for a file elsewhere: ingest would not know it.
    """
    if not text.endswith(".toml"):
        return text
    file = Path(text)
    if not file.is_file():
        raise ConfigError([f"{file} is no file; a device type of the catalogue is named without .toml"])
    if file.resolve().parent not in [folder.resolve() for folder in config.catalogue]:
        remedy = f'move it to ./{OWN_FOLDER}, or set catalogue = ["{file.parent}"], and start Penfeld again'
        raise ConfigError([f"{file} is in no folder of the catalogue, so ingest would not know it: {remedy}"])
    return file.stem


def catalogue(config: Config) -> Catalogue:
    """Return the catalogue; raise ``ConfigError`` for a folder that is none or a file that cannot be read."""
    texts: dict[str, str] = {}
    scripts: dict[str, str] = {}
    problems = []
    for folder in config.catalogue:
        if not folder.is_dir():
            problems.append(f"catalogue names {folder}, which is no folder; make it, or correct `catalogue`")
            continue
        for file in sorted((*folder.glob("*.toml"), *folder.glob("*.js"))):
            try:
                text = file.read_text(encoding="utf-8-sig", errors="replace" if file.suffix == ".js" else "strict")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{file}: cannot be read: {error}")
                continue
            if file.suffix == ".js":
                scripts[file.name] = text
            else:
                texts[file.stem] = text
    if problems:
        raise ConfigError(problems)
    return Catalogue.builtin(texts, scripts)
