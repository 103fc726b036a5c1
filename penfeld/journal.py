"""How processes log: one line an event on standard error, for systemd, a container or the supervisor to pass on."""

import logging

OURS = ("penfeld", "api", "alerts", "ingest", "storage", "simulators", "decoders", "model")


def start() -> None:
    """Log our packages from INFO, others from WARNING."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    # what the driver does about a lost connection besides telling us; that it is lost, our own line says
    logging.getLogger("psycopg").setLevel(logging.ERROR)
