"""Backups: one file with the database and the configuration, and a manifest that says what is in it.

Rules:

1. The file is a tar: ``manifest.json`` first, then ``database.dump`` (pg_dump's custom format) and ``configuration/``.
   It is readable by its owner only, and appears under its name when it is whole.
2. Secrets are left out unless asked for. A settings file of which a secret cannot be cut is left out whole, and told.
3. Nothing is taken out of a file before every checksum in its manifest was right.
"""

import hashlib
import io
import os
import shutil
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from model.errors import BadRequestError, ConfigError
from penfeld.config import Config

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
NOTE = "last-backup.json"
CONFIGURATION = "configuration/"
_SECRETS = ("secret", "password", "token", "key", "url")


class _Note(msgspec.Struct, frozen=True):
    """What is written down of the last backup."""

    made_at: datetime
    file: str


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds and what it needs."""

    format: int
    penfeld: str
    made_at: datetime
    engine: str
    postgresql: str
    timescaledb: str | None
    migration: int
    tables: int
    secrets: bool
    files: Mapping[str, Member]
    left_out: tuple[str, ...] = ()


def settings_texts(config: Config, *, secrets: bool) -> tuple[Mapping[str, bytes], tuple[str, ...]]:
    """Return the files of the configuration by their name in the backup, and what was left out."""
    found: dict[str, bytes] = {}
    left: list[str] = []
    if config.file is not None:
        text = config.file.read_text("utf-8")
        if not secrets:
            text = without_secrets(text)
        if text:
            found["penfeld.toml"] = text.encode()
        else:
            left.append(f"{config.file}: a secret in it cannot be cut out")
    for number, folder in enumerate(config.catalogue, 1):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                found[f"devices-{number}/{file.relative_to(folder).as_posix()}"] = file.read_bytes()
    broker = config.broker
    certificates = ((True, broker.ca_file), (secrets, broker.cert_file), (secrets, broker.key_file))
    for kept, path in [(kept, path) for kept, path in certificates if path is not None]:
        if kept:
            found[f"tls/{path.name}"] = path.read_bytes()
        else:
            left.append(f"{path}: kept with --with-secrets only")
    return found, tuple(left)


def without_secrets(text: str) -> str:
    """Return the settings with each line that holds a secret made a remark; empty if one would stay nonetheless."""
    hidden = set(_secrets(tomllib.loads(text)))
    lines = []
    for line in text.splitlines():
        if any(secret in line for secret in hidden):
            key = line.split("=", 1)[0].strip().lstrip("#")
            lines.append(f"# {key}: a secret, left out of this backup; set it anew" if "=" in line else "# left out")
        else:
            lines.append(line)
    kept = "\n".join(lines) + "\n"
    try:
        again = tomllib.loads(kept)
    except tomllib.TOMLDecodeError:
        return ""
    return "" if hidden & set(_secrets(again)) or any(secret in kept for secret in hidden) else kept


def _secrets(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that may hold a secret: by the settings' own marks, and by what a key is called."""
    marked = {item.name for kind in Config.SECTIONS.values() for item in fields(kind) if not item.repr}
    for key, value in table.items():
        close = key in marked or any(key == word or key.endswith(f"_{word}") for word in _SECRETS)
        if isinstance(value, dict):
            yield from (text for text in value.values() if isinstance(text, str)) if close else _secrets(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from _secrets(item)
        elif isinstance(value, str) and close and value not in ("", "embedded"):
            yield value


def write(
    out: Path, dump: Path, configuration: Mapping[str, bytes], head: Callable[[Mapping[str, Member]], Manifest]
) -> Manifest:
    """Write the backup beside its place and move it there; ``head`` makes the manifest of what is in it."""
    files = {DUMP: Member(dump.stat().st_size, _digest(dump))}
    files |= {
        CONFIGURATION + name: Member(len(data), hashlib.sha256(data).hexdigest())
        for name, data in configuration.items()
    }
    manifest = head(files)
    unfinished = out.with_name(f".{out.name}.part")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _add(archive, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            archive.add(dump, DUMP)
            for name, data in configuration.items():
                _add(archive, CONFIGURATION + name, data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(out)
    return manifest


def read(file: Path) -> Manifest:
    """Return what a backup says of itself; raise ``ConfigError`` if it is none."""
    try:
        with tarfile.open(file) as archive:
            first = archive.next()
            data = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
            if data is None:
                raise ConfigError([f"{file} is no backup of Penfeld: it has no {MANIFEST} in front"])
            manifest = msgspec.json.decode(data.read(), type=Manifest)
    except (tarfile.TarError, EOFError, msgspec.DecodeError) as error:
        raise ConfigError([f"{file} is no whole backup of Penfeld: {error}; take another one"]) from error
    except OSError as error:
        raise ConfigError([f"{file} cannot be read: {error.strerror}; check the path"]) from error
    if manifest.format != FORMAT:
        raise ConfigError([f"{file} has format {manifest.format}, this Penfeld reads {FORMAT}: update Penfeld"])
    return manifest


def unpack(file: Path, manifest: Manifest, folder: Path) -> None:
    """Take everything out into an empty folder, checked; raise ``ConfigError`` naming each file that is not right."""
    wrong = []
    try:
        with tarfile.open(file) as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() and entry.name in manifest.files else None
                if content is not None:
                    path = _inside(folder, entry.name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("wb") as out:
                        shutil.copyfileobj(content, out)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ConfigError([f"{file} is damaged: {error}; take another backup"]) from error
    for name, member in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != member.bytes or _digest(path) != member.sha256:
            wrong.append(f"{file}: {name} is not what the manifest says; take another backup")
    if wrong:
        raise ConfigError(wrong)


def _inside(folder: Path, name: str) -> Path:
    """Return where a file of a backup goes; raise ``ConfigError`` for one that wants to go elsewhere."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigError([f"{name!r} leads out of the backup: it was made to do harm; take another one"])
    return path


def refuse_mismatch(manifest: Manifest, *, major: int, timescaledb: str | None, newest: int) -> None:
    """Raise ``ConfigError`` with what to do if this server, or this Penfeld, cannot take a backup."""
    problems = []
    theirs = int(manifest.postgresql.split(".")[0])
    if theirs > major:
        problems.append(
            f"the backup is of PostgreSQL {theirs}, this server is {major}: use a server of {theirs} or later"
        )
    if manifest.timescaledb and not timescaledb:
        problems.append(
            f"the backup needs TimescaleDB {manifest.timescaledb}, this server has none: install that version"
        )
    elif manifest.timescaledb and manifest.timescaledb != timescaledb:
        problems.append(
            f"the backup is of TimescaleDB {manifest.timescaledb}, this server gives {timescaledb}: restore on"
            f" {manifest.timescaledb}, then `alter extension timescaledb update`"
        )
    if manifest.migration > newest:
        problems.append(
            f"the backup is of a newer Penfeld ({manifest.penfeld}, migration {manifest.migration};"
            f" this one knows {newest}): update Penfeld first"
        )
    if problems:
        raise ConfigError(problems)


def place(out: Path) -> None:
    """Raise ``BadRequestError`` if a backup cannot be written there."""
    if out.exists():
        raise BadRequestError(f"{out} is there already: choose another name; backups are never written over")
    if not out.parent.is_dir():
        raise BadRequestError(f"{out.parent} is no folder: make it first")


def note(data_dir: Path, made_at: datetime, out: Path) -> None:
    """Write down when the last backup was made, for ``penfeld doctor``."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / NOTE).write_bytes(msgspec.json.encode({"made_at": made_at, "file": str(out.resolve())}) + b"\n")


def last(data_dir: Path) -> datetime | None:
    """Return when the last backup was made, ``None`` if that is not known."""
    try:
        return msgspec.json.decode((data_dir / NOTE).read_bytes(), type=_Note).made_at
    except (OSError, msgspec.DecodeError):
        return None


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o600
    archive.addfile(entry, io.BytesIO(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
