"""What a codec makes of a payload when it is no layout: an object with names of the codec's own choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.errors import DecodeError

if TYPE_CHECKING:  # `penfeld decode` of a layout loads none of it
    from model.script import Result


@dataclass(frozen=True, slots=True)
class Output:
    """What a vendor's script or a self-describing format says of one payload.

    ``data``: as JSON has it (texts, numbers, booleans, ``None``, lists, objects with texts as keys).
    """

    data: Mapping[str, object]
    warnings: tuple[str, ...] = ()


def output_of(result: "Result") -> Output:
    """Return what a script's result says, a list under the name ``data``; raise ``DecodeError`` for one with errors."""
    if result.errors:
        raise DecodeError("; ".join(result.errors))
    return Output(result.data if isinstance(result.data, dict) else {"data": result.data}, result.warnings)
