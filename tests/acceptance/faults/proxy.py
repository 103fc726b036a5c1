"""A line that can be cut: TCP in, TCP or a Unix socket out, and in between whatever a network does to people.

``cut``: every connection breaks and new ones are refused. ``stall``: nothing is answered any more, and nothing breaks.
``mute``: what the near end says does not arrive, while it hears all. ``delay_s``: every piece comes later. ``heal``
ends all of it.
"""

import contextlib
import socket
import time
from pathlib import Path
from threading import Event, Lock, Thread

_PIECE = 1 << 16
_LOOK_S = 0.05

Target = tuple[str, int] | Path


class Proxy:
    """Forwards ``port`` of this machine to ``target``. ``close`` it at the end."""

    def __init__(self, target: Target) -> None:
        self.delay_s = 0.0
        self.connections = 0
        self._target = target
        self._flowing = Event()
        self._heard = Event()
        self._closing = Event()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._flowing.set()
        self._heard.set()
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        with self._lock:
            self._listener.close()
            self._break()

    def stall(self) -> None:
        """Let nothing through, in either direction; connections stay, new ones are not answered."""
        self._flowing.clear()

    def mute(self) -> None:
        """Let nothing through that the near end says."""
        self._heard.clear()

    def heal(self) -> None:
        """Let everything through again, at once."""
        self.delay_s = 0.0
        self._flowing.set()
        self._heard.set()
        with self._lock:
            if self._listener.fileno() < 0:
                self._listener = self._listen(self.port)

    def close(self) -> None:
        """End everything."""
        self._closing.set()
        self._flowing.set()
        self._heard.set()
        self.cut()
        self._thread.join()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), reuse_port=True)
        listener.settimeout(_LOOK_S)
        return listener

    def _break(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            self._flowing.wait()
            try:
                near, _ = self._listener.accept()
            except OSError:  # nobody came, or the line is cut
                time.sleep(_LOOK_S if self._listener.fileno() < 0 else 0)
                continue
            near.settimeout(None)
            try:
                far = self._connected()
            except OSError:  # nobody listens behind us: so it looks from here
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
                self.connections += 1
            ways = ((near, far, self._heard), (far, near, self._flowing))
            pair = [Thread(target=self._pump, args=way, daemon=True) for way in ways]
            for thread in pair:
                thread.start()

    def _connected(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(self._target))
        except OSError:
            far.close()
            raise
        return far

    def _pump(self, source: socket.socket, sink: socket.socket, passes: Event) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if self.delay_s:
                    time.sleep(self.delay_s)
                self._flowing.wait()
                passes.wait()
                sink.sendall(piece)
        with self._lock:
            self._open -= {source, sink}
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the pump of the other direction, which closes its own source
        source.close()
