"""Judging values: flags for what is not plausible. Nothing is deleted and nothing changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model.device import DeviceType
from model.readings import Column


def flags(device_type: DeviceType, columns: Mapping[str, Column]) -> dict[int, tuple[str, ...]]:
    """Return, by row, ``"<field>:range"`` for each value outside its field's plausible range; rows without are absent.

    The order of the flags is that of the device type's fields.
    """
    found: dict[int, tuple[str, ...]] = {}
    for field in device_type.fields:
        column = columns.get(field.name)
        if column is None or field.minimum is None or field.maximum is None:
            continue
        values: npt.NDArray[Any] = column.values
        outside = ((values < field.minimum) | (values > field.maximum)) & column.valid
        if outside.any():
            flag = f"{field.name}:range"
            for row in np.flatnonzero(outside).tolist():
                found[row] = (*found.get(row, ()), flag)
    return found
