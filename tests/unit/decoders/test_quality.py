"""Flags for values that are not plausible."""

import numpy as np

from decoders.catalogue import Catalogue
from decoders.quality import flags
from model.readings import Column

STREETLIGHT = Catalogue.builtin()["penfeld_streetlight"].type


def test_values_outside_their_range_are_flagged() -> None:
    """A value outside its range is flagged under its field's name; its ends and nulls are not."""
    columns = {
        "voltage_v": Column(np.array([206.9, 207.0, 253.0, 253.1, 999.0]), np.array([True, True, True, True, False])),
        "power_w": Column(np.array([-0.1, 0.0, 400.0, 1.0, 1.0]), np.ones(5, bool)),
    }
    assert flags(STREETLIGHT, columns) == {0: ("power_w:range", "voltage_v:range"), 3: ("voltage_v:range",)}


def test_other_kinds_are_never_flagged() -> None:
    """Truth values and texts have no range, and fields that no frame said are passed over."""
    assert flags(STREETLIGHT, {"lamp_on": Column(np.array([True, False]), np.ones(2, bool))}) == {}
    assert flags(STREETLIGHT, {}) == {}
