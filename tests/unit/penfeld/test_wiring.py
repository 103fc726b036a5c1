"""What the wiring joins."""

from datetime import UTC, datetime

import pytest

from decoders.catalogue import Catalogue
from model.errors import BadRequestError
from penfeld.config import Config
from penfeld.wiring import dashboards
from storage.connection import Database

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def test_dashboards_are_built_from_settings_and_catalogue() -> None:
    """They are ready before the database answers, and refuse nonsense without it."""
    catalogue = Catalogue.builtin()

    ready = dashboards(Database("postgresql://nobody@localhost/none"), Config(), catalogue, lambda: NOON)

    with pytest.raises(BadRequestError, match="before it begins"):
        await ready.top(catalogue["penfeld_streetlight"].type, "energy_kwh", start=NOON, end=NOON)
