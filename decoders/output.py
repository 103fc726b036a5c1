"""What a codec makes of a payload when it is no layout: an object with names of the codec's own choice."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """What a vendor's script or a self-describing format says of one payload.

    ``data``: as JSON has it (texts, numbers, booleans, ``None``, lists, objects with texts as keys).
    """

    data: Mapping[str, object]
    warnings: tuple[str, ...] = ()
