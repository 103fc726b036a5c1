"""A service that takes new and changed device files by itself: it ends in order and begins again in the same process.

Rules:

1. The process keeps its number, so that whoever supervises it (systemd, a container) sees no restart.
2. Files that cannot be read change nothing: what is wrong is told, and the service goes on with those that it read.
3. A socket that people reach it by is handed on open: who asks meanwhile waits, and is not refused.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable

from decoders.catalogue import Catalogue
from penfeld.config import Config
from penfeld.watch import Watch

_HANDED_ON = "PENFELD_LISTENING_SOCKET"
_log = logging.getLogger(__name__)


class Renewal:
    """Whether a service is to begin again, for one configuration. Without ``watches``, never: another sees to it."""

    def __init__(self, config: Config, *, watches: bool) -> None:
        self._config, self._watches = config, watches
        self._wanted = self._ended = False

    def end(self, stop: Callable[[], None]) -> None:
        """End the service for good, whatever device files ask for."""
        self._wanted, self._ended = False, True
        stop()

    @contextlib.asynccontextmanager
    async def watching(self, stop: Callable[[], None]) -> AsyncIterator[None]:
        """Watch the device files for as long as the block lasts; ``stop`` ends the service in order."""
        if not self._watches:
            yield
            return

        async def renew(_: Catalogue, changed: str) -> None:
            if not self._ended:
                _log.info("device files changed (%s): beginning again with them", changed)
                self._wanted = True
                stop()

        watch = Watch(self._config, renew, _log.warning)
        watching = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            watch.stop()
            await watching

    def begin_again(self, listening: socket.socket | None = None) -> None:
        """Begin again if device files ask for it; otherwise return. ``listening``: the socket that is handed on."""
        if not self._wanted:
            return
        if listening is not None:
            listening.set_inheritable(True)
            os.environ[_HANDED_ON] = str(listening.fileno())  # noqa: TID251 -- from us to us, no setting
        sys.stdout.flush()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- the very command that runs now


def handed_on() -> socket.socket | None:
    """Return the open socket that the service before left, ``None`` at a first start."""
    number = os.environ.pop(_HANDED_ON, "")  # noqa: TID251 -- from us to us, no setting
    if not number:
        return None
    listening = socket.socket(fileno=int(number))
    listening.set_inheritable(False)
    return listening
