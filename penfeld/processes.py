"""What the operating system knows of processes: who lives, who holds a file, and who dies with whom. Linux first.

Where ``prctl`` is missing (macOS) everything works but one thing: children outlive a parent that was killed with -9.
"""

import ctypes
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from model.errors import ConfigError

_PR_SET_PDEATHSIG = 1


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Return what a child calls between fork and exec, so that the kernel signals it when its parent is gone."""
    if sys.platform != "linux":
        return lambda: None
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: after the fork nothing may be loaded

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), death_signal)

    return ask


def alive(pid: int) -> bool:
    """Whether a process of that id runs. One that ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:  # no /proc here, or it ended this moment
        return not Path("/proc/self").exists()
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return state != "Z"


def port_is_free(host: str, port: int) -> bool:
    """Whether one can listen there now. Raises ``ConfigError`` if the host is no address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise ConfigError([f"port {port} needs more rights than this user has; choose one above 1023"]) from None
        except socket.gaierror:
            raise ConfigError([f"{host!r} is no address of this machine; [api] host = 127.0.0.1 is"]) from None
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def lock(path: Path) -> IO[str] | None:
    """Lock a file until it is closed or the process ends, however it ends; ``None`` if another process holds it."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
