"""What ``penfeld run`` and ``penfeld demo`` start: database, broker, ingest, API, alerts, in order, and back again.

Rules:

1. What the settings call "embedded" is started here; what has an address is used where it is.
2. Children are the ordinary commands (``penfeld ingest``, ``serve``, ``alerts``); their settings come by environment.
3. Whatever takes long to import is imported while something else starts.
4. Stopping goes the other way round: nobody loses the one it sends to while it still sends.
5. When a device file is new or changed, the tables are made, then the children start again; frames wait meanwhile.
"""

import asyncio
import os
import sys
from importlib import import_module
from typing import IO, TYPE_CHECKING

from decoders.catalogue import Catalogue
from model.broker import BrokerAddress
from model.errors import ConfigError
from penfeld.config import Config, child_environment
from penfeld.devicefiles import catalogue
from penfeld.embedded.launch import HOST as BROKER_HOST
from penfeld.embedded.launch import broker_started
from penfeld.embedded.postgres import Postgres, started
from penfeld.processes import free_port, port_is_free
from penfeld.reach import answers
from penfeld.reached import reach_checked
from penfeld.runtime import DataFolder, Runtime
from penfeld.supervisor import Child, Program, Supervisor
from penfeld.watch import Watch

if TYPE_CHECKING:
    from storage.connection import Database


class Stack:
    """The services of one data folder. ``start`` once, ``stop`` once."""

    def __init__(self, config: Config, supervisor: Supervisor) -> None:
        self.config = config
        self.catalogue: Catalogue = catalogue(config)
        self.folder = DataFolder(config.data_dir)
        self.broker_url = config.broker.url
        self.database_url = config.database.url
        self.api_port = config.api.port or free_port()
        self._supervisor = supervisor
        self._lock: IO[str] | None = None
        self._broker_port = 0
        self._services: list[Child] = []
        self._watch = Watch(config, self._renew, lambda line: supervisor.tell("penfeld", line))
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where people find the console."""
        host = self.config.api.host
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- compared with, not listened on
        return f"http://{everywhere.get(host, f'[{host}]' if ':' in host else host)}:{self.api_port}"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a child: our settings with the addresses in use."""
        settings = {
            "PENFELD_DATA_DIR": str(self.config.data_dir.resolve()),
            "PENFELD_BROKER_URL": self.broker_url,
            "PENFELD_DATABASE_URL": self.database_url,
            "PENFELD_API_PORT": str(self.api_port),
            **({"PENFELD_CONFIG": str(self.config.file.resolve())} if self.config.file else {}),
            **self._datasets(),
        }
        return child_environment({**settings, **more})

    def _datasets(self) -> dict[str, str]:
        """Return where datasets are and who publishes them, as children are told."""
        of = self.config.opendata
        if not of.datasets:
            return {}
        texts = {key: getattr(of, key) for key in ("publisher", "publisher_url", "contact", "title_en", "title_fr")}
        paths = os.pathsep.join(str(path.resolve()) for path in of.datasets)
        return {f"PENFELD_OPENDATA_{key}".upper(): text for key, text in {**texts, "datasets": paths}.items() if text}

    def program(self, name: str, *words: str, **more: object) -> Program:
        """Return a ``penfeld`` command as a child. ``-P``: the working folder must not shadow our packages."""
        command = (sys.executable, "-P", "-m", "penfeld", *words)
        return Program(name=name, command=command, environment=self.environment(), **more)  # type: ignore[arg-type]

    async def start(self) -> "Database":
        """Start everything and return the open database, brought up to date; raise our errors with what to do.

        Whatever happens, ``stop`` afterwards.
        """
        reach_checked(self.config, self.config.api.host)
        self.folder.make()
        self._lock = self.folder.lock()
        self._take_ports()
        loading = asyncio.create_task(asyncio.to_thread(import_module, "penfeld.wiring"))  # takes a second
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._start_broker())
                group.create_task(self._start_database())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        for name, command in (("ingest", "ingest"), ("api", "serve")):
            self._services.append(await self._service(name, command))
        self.folder.announce(
            Runtime(
                pid=os.getpid(),
                api=self.url,
                broker=self.broker_url if self.config.broker.embedded else None,
                database=self.database_url if self.config.database.embedded else None,
            )
        )
        await loading
        from penfeld.wiring import make_ready  # noqa: PLC0415 -- loaded while the database started
        from storage.connection import Database  # noqa: PLC0415 -- the same

        database = Database(self.database_url, min_size=1, max_size=2)
        try:
            await database.open()
            await make_ready(database, self.catalogue)
        except BaseException:
            await database.close()
            raise
        # the last: nothing waits for it, and what is stored before it looks is looked at then
        self._services.append(await self._service("alerts", "alerts"))
        self._watching = asyncio.create_task(self._watch.run())
        return database

    async def stop(self) -> None:
        """Stop everything, the last started first, and let the folder go."""
        if self._lock is None:
            return
        self.folder.withdraw()
        self._watch.stop()
        if self._watching is not None:
            await self._watching
        await self._supervisor.stop_all()
        if self.config.database.embedded:
            Postgres(self.config.data_dir).leave()
        self._lock.close()

    async def _renew(self, known: Catalogue, changed: str) -> None:
        """Let device files count that are new or changed: make their tables, start the children again."""
        from penfeld.wiring import make_ready  # noqa: PLC0415 -- loaded long ago
        from storage.connection import Database  # noqa: PLC0415 -- the same

        database = Database(self.database_url, min_size=1, max_size=1)
        try:
            await database.open()
            await make_ready(database, known)
        finally:
            await database.close()
        self._supervisor.tell("penfeld", f"device files changed ({changed}): starting ingest, API and alerts again")
        self.catalogue = known
        self._services = [await self._supervisor.restart(service) for service in self._services]

    async def _service(self, name: str, command: str) -> Child:
        return await self._supervisor.start(self.program(name, command, "--no-watch", "--wait", "60"))

    def _take_ports(self) -> None:
        """Choose the ports, and tell of a taken one before anything starts."""
        host = self.config.api.host
        if not port_is_free(host, self.api_port):
            remedy = "stop what listens there, or choose another with --port N or [api] port"
            raise ConfigError([f"port {self.api_port} on {host} is taken: {remedy}"])
        if self.config.broker.embedded:
            port = self.config.broker.port or free_port()
            if not port_is_free(BROKER_HOST, port):
                remedy = "stop what listens there, or set [broker] port to another, or to 0 for a free one"
                raise ConfigError([f"port {port}, for the embedded broker, is taken: {remedy}"])
            self._broker_port = port
            self.broker_url = f"mqtt://{BROKER_HOST}:{port}"

    async def _start_broker(self) -> None:
        if self.config.broker.embedded:
            await broker_started(self._broker_port, self._supervisor)
        else:
            await answers(BrokerAddress.parse(self.broker_url))

    async def _start_database(self) -> None:
        if self.config.database.embedded:
            postgres = Postgres(self.config.data_dir)
            self.database_url = postgres.url
            await started(postgres, self._supervisor)
