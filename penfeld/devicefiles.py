"""The catalogue in use: the device files that come with Penfeld and those of the folders in ``catalogue``."""

from difflib import get_close_matches

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.errors import ConfigError, UnknownTypeError
from penfeld.config import Config


def definition(config: Config, name: str) -> Definition:
    """Return one device type; raise ``UnknownTypeError`` with the nearest names."""
    known = catalogue(config)
    if name not in known:
        near = get_close_matches(name, known.names(), 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`penfeld devices types` lists them"
        raise UnknownTypeError(f"there is no device type {name!r}; {hint}")
    return known[name]


def catalogue(config: Config) -> Catalogue:
    """Return the catalogue; raise ``ConfigError`` for a folder that is none or a file that cannot be read."""
    texts: dict[str, str] = {}
    problems = []
    for folder in config.catalogue:
        if not folder.is_dir():
            problems.append(f"catalogue names {folder}, which is no folder; make it, or correct `catalogue`")
            continue
        for file in sorted(folder.glob("*.toml")):
            try:
                texts[file.stem] = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{file}: cannot be read: {error}")
    if problems:
        raise ConfigError(problems)
    return Catalogue.builtin(texts)
