"""What frames mean: readings in columns, ready for arithmetic and for the database.

One ``Readings`` holds the rows of many frames of one device type. A frame gives one row as a rule, several when a data
logger sent its memory. Columns, not rows, because a batch is decoded, checked and written column by column.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one field, and where there are any. ``values`` is float64, int64, bool or object (texts).

    Where ``valid`` is false the value means nothing (and is never NaN in the database: it is NULL).
    """

    values: Array
    valid: Bools


@dataclass(slots=True, kw_only=True)
class Readings:
    """Rows of one device type. All arrays have one length: the number of rows.

    ``frame``: position, in the batch of uplinks, of the frame that a row came from.
    ``time_us``: event time, microseconds since 1970 UTC.
    ``flags``: row -> flags such as ``("voltage_v:range",)``; rows without any are absent.
    """

    device_type: str
    version: str
    frame: Ints
    time_us: Ints
    columns: dict[str, Column]
    flags: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)
