"""A disk that can be full: a small file system in memory, on which a tablespace lies.

Mounting needs root or sudo. Where neither may (a container without rights), the database says of every write what it
says when its disk is full, by a trigger: the worker cannot tell the difference.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.acceptance.faults.server import Server

_SIZE = "128m"
_TABLESPACE = "small"
_FULL = """
create function public.disk_full() returns trigger language plpgsql as $$
begin
    raise exception using errcode = 'disk_full', message = 'could not extend file: No space left on device';
end
$$;
create trigger disk_full before insert on penfeld.uplink for each statement execute function public.disk_full()
"""
_ROOM = "drop function public.disk_full cascade"


class Disk(Protocol):
    """Where the database ``name`` of ``server`` lies."""

    name: str

    def fill(self) -> None:
        """Leave no byte free."""

    def make_room(self) -> None:
        """Take away what fills it."""


class Mounted:
    """A file system of its own, filled by a file that is nobody's."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass

    def make_room(self) -> None:
        """Take away what fills it."""
        self._ballast.unlink()


class Told:
    """The errors of a full disk without one."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self._dsn = server.dsn(name)

    def fill(self) -> None:
        """Refuse every frame as a full disk does."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_FULL)

    def make_room(self) -> None:
        """Take frames again."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_ROOM)


@contextlib.contextmanager
def small_disk(server: Server, folder: Path) -> Iterator[Disk]:
    """Make a database on a disk that can be full."""
    if not _mounted(folder):
        name = server.database()
        yield Told(name, server)
        server.drop(name)
        return
    try:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            place = folder / "tablespace"
            place.mkdir(mode=0o700)
            if server.user is not None:
                os.chown(place, server.user, -1)
            connection.execute(
                SQL("create tablespace {} location {}").format(Identifier(_TABLESPACE), Literal(str(place)))
            )
            name = server.database(_TABLESPACE)
            yield Mounted(name, folder)
            server.drop(name)
            connection.execute(SQL("drop tablespace {}").format(Identifier(_TABLESPACE)))
    finally:
        _run("umount", "--lazy", str(folder))


def _mounted(folder: Path) -> bool:
    return _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0777", "tmpfs", str(folder))


def _run(*command: str) -> bool:
    """Run a command as root; return whether that went well."""
    prefix = () if os.geteuid() == 0 else ("sudo", "-n")
    try:
        return subprocess.run((*prefix, *command), check=False, capture_output=True).returncode == 0
    except FileNotFoundError:  # no sudo here
        return False
