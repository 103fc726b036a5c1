"""The catalogue: every device type that Penfeld knows, found by looking in the folder.

Rules:

1. A device type's name is its file's name; adding one adds a file and edits nothing.
2. A file is read when its type is first asked for: decoding one payload reads one file.
3. Files outside the package come in as text, and may replace one of the package. Makers' scripts beside them too.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from decoders.device import Definition
from model.device import DeviceType
from model.errors import ConfigError, UnknownTypeError

if TYPE_CHECKING:
    from model.rule import Rule

_ENDING = ".toml"
_SCRIPT = ".js"


class Catalogue:
    """Device types by name. ``Catalogue.builtin()`` holds those of the package. ``scripts``: makers' codecs by file."""

    def __init__(
        self, sources: Mapping[str, str | Traversable], scripts: Mapping[str, str | Traversable] | None = None
    ) -> None:
        self._sources = dict(sorted(sources.items()))
        self._scripts = dict(scripts or {})
        self._definitions: dict[str, Definition] = {}

    @classmethod
    def builtin(cls, extra: Mapping[str, str] | None = None, scripts: Mapping[str, str] | None = None) -> "Catalogue":
        """Return the package's device types, with those of ``extra`` (name -> text of the file) and their scripts."""
        entries = list(files("decoders.devices").iterdir())
        found = {entry.name.removesuffix(_ENDING): entry for entry in entries if entry.name.endswith(_ENDING)}
        beside = {entry.name: entry for entry in entries if entry.name.endswith(_SCRIPT)}
        return cls({**found, **(extra or {})}, {**beside, **(scripts or {})})

    def __getitem__(self, name: str) -> Definition:
        """Return a device type; raise ``UnknownTypeError``, or ``ConfigError`` if its file is wrong."""
        definition = self._definitions.get(name)
        if definition is None:
            source = self._sources.get(name)
            if source is None:
                raise UnknownTypeError(f"there is no device type '{name}'")
            text = source if isinstance(source, str) else _text(f"{name}{_ENDING}", source)
            definition = self._definitions[name] = Definition.read(name, text, self._script)
        return definition

    def _script(self, name: str) -> str | None:
        """Return the text of a maker's script, ``None`` where there is none of that name."""
        source = self._scripts.get(name)
        return source if source is None or isinstance(source, str) else _text(name, source)

    def __contains__(self, name: object) -> bool:
        """Whether there is a device type of that name; its file is not read."""
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, sorted."""
        return iter(self._sources)

    def __len__(self) -> int:
        """Return how many device types there are."""
        return len(self._sources)

    def get(self, name: str) -> Definition | None:
        """Return a device type, ``None`` if there is none of that name."""
        return self[name] if name in self._sources else None

    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(self._sources)

    def definitions(self) -> tuple[Definition, ...]:
        """Return all device types; raise one ``ConfigError`` with the problems of all files."""
        return tuple(_all(self))

    def types(self) -> tuple[DeviceType, ...]:
        """Return what all device types are; raise one ``ConfigError`` with the problems of all files."""
        return tuple(definition.type for definition in self.definitions())

    def rules(self) -> "list[Rule]":
        """Return the alert rules that device types bring with them; raise one ``ConfigError`` as the others do."""
        return [rule for definition in self.definitions() for rule in definition.alerts]


def _all(catalogue: Catalogue) -> Iterable[Definition]:
    found: list[Definition] = []
    problems: list[str] = []
    for name in catalogue:
        try:
            definition = catalogue[name]
            _ = definition.alerts  # what is wrong with them is said here; decoding one payload reads none
            found.append(definition)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return found


def _text(name: str, source: Traversable) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{name}: not UTF-8: {error}"]) from None
