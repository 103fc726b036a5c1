"""The same meaning in the layout language: what a grammar says, as a layout that reads, writes and batches natively.

Rules:

1. Fields stand in the order of the payload, with what lies between them passed over. What follows behind them is passed
   over too, as Sigfox does.
2. Fields that share bits are taken out of a word; that works for integers and bools of up to 64 bits together.
3. A text, a float or a little-endian integer that does not begin on a byte, or shares bits, cannot be said: ``None``.
4. Layouts name fields in their own way: ``layout_names`` says how each is called there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from decoders.bits import RawType
from decoders.formats._grammar import Field
from decoders.layout import Item

_TAKEN = (
    *("age", "codec", "device", "flags", "frame", "received_at", "simulated", "time"),
    *("case", "chain", "optional", "repeat", "when"),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHERS = re.compile(r"[^a-z0-9]+")
_BYTE, _WIDEST = 8, 64


def layout_names(fields: Sequence[Field]) -> Mapping[str, str]:
    """Return what each field is called in a layout, by its name in the grammar."""
    names: dict[str, str] = {}
    for field in fields:
        name = _OTHERS.sub("_", _CAMEL.sub("_", field.name).lower()).strip("_")
        if not name[:1].isalpha():
            name = f"field_{name}".strip("_")
        if name in _TAKEN:
            name += "_value"
        number, chosen = 1, name
        while chosen in names.values():
            number += 1
            chosen = f"{name}_{number}"
        names[field.name] = chosen
    return names


def layout(fields: Sequence[Field]) -> str | None:
    """Return a layout with the same meaning, ``None`` if there is none."""
    names = layout_names(fields)
    lines: list[str] = []
    bit = 0
    for start, end, cluster in _clusters(fields):
        lines += _passed_over(bit, start)
        if len(cluster) == 1:
            item = cluster[0].item
            if start % _BYTE and item.raw_type.needs_byte:
                return None
            lines.append(f"{names[item.name]} {_type(item.raw_type)}{_operations(item)}")
        elif end - start > _WIDEST or any(field.item.raw_type.needs_byte for field in cluster):
            return None
        else:
            word = f"_bits_{start}"
            lines.append(f"{word} u{end - start}")
            for field in cluster:
                place = f"of {word} bits {end - field.end}..{end - field.bit - 1}"
                lines.append(f"{names[field.name]} {_type(field.item.raw_type)} {place}{_operations(field.item)}")
        bit = end
    lines += _passed_over(bit, bit + -bit % _BYTE)
    return "\n".join([*lines, "_ hex[*]"]) + "\n"


def _clusters(fields: Sequence[Field]) -> Iterator[tuple[int, int, list[Field]]]:
    """Yield fields in the order of the payload, those that share bits together: first bit, last but one, fields."""
    cluster: list[Field] = []
    end = 0
    for field in sorted(fields, key=lambda field: field.bit):
        if cluster and field.bit >= end:
            yield cluster[0].bit, end, cluster
            cluster = []
        cluster.append(field)
        end = max(end, field.end)
    yield cluster[0].bit, end, cluster


def _passed_over(start: int, end: int) -> Iterator[str]:
    """Yield lines that pass over the bits from ``start`` to ``end``."""
    if end - start <= _WIDEST:
        if end > start:
            yield f"_ u{end - start}"
        return
    if start % _BYTE:
        yield f"_ u{-start % _BYTE}"
    yield f"_ hex[{end // _BYTE - -(-start // _BYTE)}]"
    if end % _BYTE:
        yield f"_ u{end % _BYTE}"


def _type(raw_type: RawType) -> str:
    if raw_type.form == "flag":
        return "flag"
    if raw_type.form == "ascii":
        return f"ascii[{raw_type.bits // _BYTE}]"
    letter = "f" if raw_type.form == "float" else "i" if raw_type.signed else "u"
    return f"{letter}{raw_type.bits}{'le' if raw_type.order == 'little' else ''}"


def _operations(item: Item) -> str:
    surely_float = item.raw_type.form == "float" or any(sign == "/" for sign, _ in item.operations)
    numbers = [repr(number).removesuffix(".0") if surely_float else repr(number) for _, number in item.operations]
    return "".join(f" {sign} {number}" for (sign, _), number in zip(item.operations, numbers, strict=True))
