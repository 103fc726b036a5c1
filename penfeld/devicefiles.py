"""The catalogue in use: the device files that come with Penfeld and those of the folders in ``catalogue``.

Rules:

1. ``./my-devices`` is such a folder where it exists and no other is named: a new type is one file and no setting.
2. Written are only files of these folders, whole or not at all, and only when what they say afterwards can be read.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.device import DeviceType, NewField
from model.errors import (
    BadRequestError,
    ConfigError,
    ConflictError,
    DecodeError,
    UnavailableError,
    UnknownTypeError,
)
from penfeld.config import OWN_FOLDER, Config

if TYPE_CHECKING:
    from model.ports import Codecs
    from model.value import Value

_PLACE = re.compile(r"^\w+\.toml(?::\d+)?: ")
_BOM = "\ufeff"


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
                text = text_of(file)
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


def text_of(file: Path) -> str:
    """Return the text of a device file or a maker's script; scripts may hold what is no UTF-8, in remarks mostly."""
    return file.read_text(encoding="utf-8-sig", errors="replace" if file.suffix == ".js" else "strict")


class DeviceFiles:
    """Writes files of the catalogue's folders: ``model.ports.DeviceFiles``. ``codecs``: who runs their scripts."""

    def __init__(self, config: Config, codecs: "Codecs") -> None:
        self._config, self._codecs = config, codecs

    async def add_field(self, device_type: str, field: NewField) -> DeviceType:
        """Write a field into a type's file and return what the file says now."""
        return await map_path(self._config, self._codecs, device_type, field)


async def map_path(config: Config, codecs: "Codecs", device_type: str, field: NewField) -> DeviceType:
    """Write a field for a path of what a codec says into the type's file; return what the file says now.

    The file's examples get what the field says in them. Raise ``BadRequestError`` for a field that makes no sense,
    ``ConflictError`` where the file cannot take it: it has such a field, it is not one's own, or it cannot be written.
    """
    import asyncio  # noqa: PLC0415 -- only who writes needs it

    from decoders.device_edit import table_of, with_field, with_values  # noqa: PLC0415 -- the same

    lines = table_of(field)
    file = _own_file(config, device_type)
    if file is None:
        raise ConflictError(_from_elsewhere(config, device_type, lines))
    try:
        before = file.read_bytes().decode()
        text = before.removeprefix(_BOM)
        changed = with_field(text, field)
        definition = _read(config, file, text, changed)
        changed = with_values(changed, field.name, await _in_examples(definition, codecs, field.name))
        await asyncio.to_thread(_write, file, before, changed if text == before else _BOM + changed)
    except UnicodeDecodeError as error:
        raise ConflictError(f"{file} cannot be read: {error}; save it as UTF-8") from None
    except OSError as error:
        raise ConflictError(f"{file} cannot be written ({error.strerror}); put in by hand:\n{lines}") from None
    return definition.type


async def _in_examples(definition: Definition, codecs: "Codecs", field: str) -> dict[int, "Value"]:
    """Return what a field says in the examples that promise one record, by their numbers."""
    from api.decoding import said  # noqa: PLC0415 -- only who writes needs it

    found: dict[int, Value] = {}
    for number, example in enumerate(definition.examples):
        if len(example.records) != 1:
            continue
        try:
            told = await said(definition, example.payload, example.f_port, codecs=codecs, at=None)
        except (DecodeError, UnavailableError):  # it does not hold, or nobody can say: it stays as it is
            continue
        if len(told.decoded.records) == 1:
            found[number] = told.decoded.records[0].values.get(field)
    return found


def _own_file(config: Config, device_type: str) -> Path | None:
    """Return the file that counts for a type, ``None`` where none of the catalogue's folders has one."""
    found = (
        file for folder in reversed(config.catalogue) for file in folder.glob("*.toml") if file.stem == device_type
    )
    return next(found, None)


def _from_elsewhere(config: Config, device_type: str, lines: str) -> str:
    """Return what to do about a type whose file is not one's own."""
    own = config.file.parent if config.file is not None else Path()
    folder = config.catalogue[-1] if config.catalogue else own / OWN_FOLDER
    come = Path(str(files("decoders.devices"))) / f"{device_type}.toml"
    if not come.is_file():
        return f"the file of {device_type} is in no folder of the catalogue any more: put it back, then try again"
    copied = f"copy {come} to {folder}" + ("" if folder.is_dir() else ", which is to be made")
    return f"{device_type} comes with Penfeld, whose files are not changed: {copied}, and put in\n{lines}"


def _read(config: Config, file: Path, text: str, changed: str) -> Definition:
    """Return what the changed text of a file says; raise an error that tells its own problems from the field's."""

    def script(name: str) -> str | None:
        folders = (*reversed(config.catalogue), Path(str(files("decoders.devices"))))
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
        return found.read_text(encoding="utf-8-sig", errors="replace") if found is not None else None

    try:
        return Definition.read(file.stem, changed, script)
    except ConfigError as error:
        wrong = error
    try:
        Definition.read(file.stem, text, script)
    except ConfigError as before:
        raise ConflictError(f"correct the file first: {'; '.join(before.problems)}") from None
    raise BadRequestError("; ".join(_PLACE.sub("", problem) for problem in wrong.problems))


def _write(file: Path, before: str, text: str) -> None:
    """Put the text in place of the file's, in one step: whoever reads it sees the one or the other.

    Raise ``ConflictError`` if the file does not say any more what it said ``before``.
    """
    target = file.resolve()
    aside = target.with_name(f".{target.name}.new")
    with _alone(target.parent):
        if target.read_bytes() != before.encode():
            raise ConflictError(f"{file} was changed by somebody else just now: try again")
        try:
            with aside.open("wb") as opened:
                opened.write(text.encode())
                opened.flush()
                os.fsync(opened.fileno())
            aside.chmod(target.stat().st_mode)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others who change files of this folder waiting as long as the block lasts."""
    import fcntl  # noqa: PLC0415 -- only who writes needs it

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
