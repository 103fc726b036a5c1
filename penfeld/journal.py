"""How processes log: one line an event on standard error, for systemd, a container or the supervisor to pass on.

Nothing of ours writes a secret there; but libraries log addresses and what broke, and those may hold one. So what looks
like a secret is taken out of every line at the last moment, whoever wrote it.
"""

import logging
import re

OURS = ("penfeld", "api", "alerts", "ingest", "storage", "simulators", "decoders", "model")
MASK = "…"

_MASKED = (
    (re.compile(r"(?<=://)([^\s:/@'\"]*):[^\s'\"]+@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\b(pf_|whsec_)[\w+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]*\.[\w-]*"), f"eyJ{MASK}"),
    (
        re.compile(
            r"((?:[?&\s;,{(]|^)['\"]?(?:\w*password|\w*secret|\w*token|code|code_verifier)['\"]?\s?[=:]\s?)(['\"]?)[^\s&'\",;})]{6,}"
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(/callbacks/[\w-]+/)[^\s?'\"]+"), rf"\1{MASK}"),
)


def discreet(text: str) -> str:
    """Return a text without what looks like a secret: passwords in addresses, tokens, cookies of logins."""
    for pattern, instead in _MASKED:
        text = pattern.sub(instead, text)
    return text


class Discreet(logging.Formatter):
    """Writes lines, and what broke beneath them, without what looks like a secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Return what is written of an event."""
        return discreet(super().format(record))


def start() -> None:
    """Log our packages from INFO, others from WARNING."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    # what the driver does about a lost connection besides telling us; that it is lost, our own line says
    logging.getLogger("psycopg").setLevel(logging.ERROR)
