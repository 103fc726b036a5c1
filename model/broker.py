"""Where a broker is and how to be let in: shared by every door to MQTT.

``BrokerAddress.parse("mqtts://user:secret@broker.example:8883")`` reads the short form. User and password may be
percent-encoded. The password never shows in ``repr`` nor in ``str``.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from model.errors import ConfigError

Protocol = Literal["3.1.1", "5"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_URL = re.compile(
    r"(?P<scheme>mqtts?)://"
    r"(?:(?P<username>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<host>[^:@/?#\[\]\s]+))"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """A broker and the credentials for it. Files are paths in PEM; without ``ca_file`` the system's authorities count.

    ``cert_file`` and ``key_file``: the certificate that this client shows, where the broker asks for one.
    """

    host: str = "localhost"
    port: int = 1883
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: Protocol = "3.1.1"

    @classmethod
    def parse(cls, url: str, *, protocol: Protocol = "3.1.1") -> "BrokerAddress":
        """Return the address in ``mqtt://[user[:password]@]host[:port]`` or ``mqtts://…``; raise ``ConfigError``."""
        match = _URL.fullmatch(url.strip())
        if match is None:  # the text is not repeated: it may hold a password
            form = "mqtt://user:password@host:1883 or mqtts://…:8883"
            raise ConfigError([f"broker address: must look like {form}, with @ : / ? # of a password as %40 %3A %2F …"])
        scheme = match["scheme"].lower()
        port = int(match["port"] or _PORTS[scheme])
        if not 1 <= port <= 65535:  # noqa: PLR2004 what TCP has
            raise ConfigError([f"broker address: the port must be between 1 and 65535, not {port}"])
        return cls(
            host=match["ipv6"] or match["host"],
            port=port,
            tls=scheme == "mqtts",
            username=_unquoted(match["username"]),
            password=_unquoted(match["password"]),
            protocol=protocol,
        )

    def __str__(self) -> str:
        """Return the address as people write it, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.username}@" if self.username else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def _unquoted(text: str | None) -> str | None:
    """Return the text without percent-encoding; ``None`` for an absent or empty one."""
    if not text:
        return None
    return _PERCENT.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode()).decode(errors="replace")
