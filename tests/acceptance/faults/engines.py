"""On which database a fault is tried: where the database is part of it on every one, else in the full form only."""

import pytest

from tests.acceptance.faults.scale import scaled
from tests.acceptance.faults.server import EMBEDDED, TIMESCALEDB

EVERY = (EMBEDDED, TIMESCALEDB)

on_every_engine = pytest.mark.parametrize("server", EVERY, indirect=True, scope="session")
on_one_engine = pytest.mark.parametrize("server", scaled(EVERY[:1], EVERY), indirect=True, scope="session")
