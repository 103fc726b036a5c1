"""Watches device files while Penfeld runs: a new or changed one counts without anybody starting anything again.

Rules:

1. A change counts when it has stood still for a look: files are written in pieces.
2. What is wrong is told and changes nothing: those who run go on with the files that they read.
3. A change is handed on whole, as the catalogue that it makes; the watch knows nothing of who uses it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path

from decoders.catalogue import Catalogue
from model.errors import ConfigError, PenfeldError
from penfeld.config import Config, load
from penfeld.devicefiles import catalogue

LOOK_S = 1.0
State = Mapping[Path, tuple[int, int]]


class Watch:
    """The watch over the device files of one configuration. ``run`` until ``stop``.

    ``renew`` takes the new catalogue and the names of the changed files; what it raises of ours is told by ``tell``.
    """

    def __init__(
        self, config: Config, renew: Callable[[Catalogue, str], Awaitable[None]], tell: Callable[[str], None]
    ) -> None:
        self._file = config.file
        self._renew = renew
        self._tell = tell
        self._stopping = asyncio.Event()
        self._known = state(config)

    async def run(self, look_s: float = LOOK_S) -> None:
        """Look again and again, until told to stop."""
        last = self._known
        while not await self._stopped_within(look_s):
            try:
                config = load(self._file)  # a folder ./my-devices may have come into being
                now = await asyncio.to_thread(state, config)
                if now != self._known and now == last:
                    changed = sorted({path.name for path, _ in now.items() ^ self._known.items()})
                    self._known = now
                    await self._take(config, ", ".join(changed))
                last = now
            except ConfigError:  # of penfeld.toml, which counts at the next start
                continue

    def stop(self) -> None:
        """Look no more; a change that is under way is carried through."""
        self._stopping.set()

    async def _take(self, config: Config, changed: str) -> None:
        try:
            known = catalogue(config)
            await asyncio.to_thread(known.types)  # reads them all, and tells all that is wrong
            await self._renew(known, changed)
        except ConfigError as error:
            for problem in error.problems:
                self._tell(f"not taken: {problem}")
        except PenfeldError as error:
            self._tell(f"{changed} not taken: {error}; save it again to try again")

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


def state(config: Config) -> State:
    """Return all device files and makers' scripts with their times and sizes."""
    own = Path(str(files("decoders.devices")))
    found = {}
    for folder in (own, *config.catalogue):
        for path in (*folder.glob("*.toml"), *folder.glob("*.js")):
            try:
                facts = path.stat()
            except OSError:  # gone since the folder was read
                continue
            found[path] = (facts.st_mtime_ns, facts.st_size)
    return found
