"""``python -m tests.bench.publisher HOST PORT FILE [START RATE]``: publish the packets of ``tests.bench.frames``.

As fast as the broker takes them, or frame ``i`` at ``START + i / RATE`` (seconds since 1970). No more than ``WINDOW``
are under way without the broker's acknowledgement. A process of its own, so that it can be late on nobody's account.
"""

import select
import socket
import sys
import time
from array import array
from pathlib import Path

WINDOW = 5000
_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench"
_PUBACK_BYTES = 4
_TICK_S = 0.002


def publish(host: str, port: int, file: Path, start_s: float = 0.0, rate: float = 0.0) -> float:
    """Send all; return for how long frames had to wait at most, seconds, beyond their time."""
    ends = array("Q", file.with_suffix(".ends").read_bytes())
    packets = memoryview(file.read_bytes())
    sent = acknowledged = rest = 0
    late = 0.0
    with socket.create_connection((host, port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(_CONNECT)
        assert line.recv(4, socket.MSG_WAITALL)[3] == 0, "the broker takes no connection"
        while acknowledged < len(ends):
            now = time.time()
            due = min(int((now - start_s) * rate) + 1, len(ends)) if rate else len(ends)
            if (until := min(due, acknowledged + WINDOW)) > sent:
                if rate:
                    late = max(late, now - start_s - sent / rate)
                line.sendall(packets[ends[sent - 1] if sent else 0 : ends[until - 1]])
                sent = until
            while select.select([line], [], [], _TICK_S if sent == due else 0.05 * (sent - acknowledged >= WINDOW))[0]:
                rest += len(line.recv(65536))
                acknowledged, rest = acknowledged + rest // _PUBACK_BYTES, rest % _PUBACK_BYTES
                if sent < due or acknowledged == sent:
                    break
    return late


if __name__ == "__main__":
    host, port, file, *timing = sys.argv[1:]
    print(publish(host, int(port), Path(file), *map(float, timing)))
