"""A first device file with a layout: from nothing, or from a Sigfox grammar; or for a board whose values go by name.

What is written is a device file that can be used as it stands, with remarks on what each line is for.
"""

import math
from collections.abc import Mapping, Sequence

from decoders.device_file import RESERVED
from decoders.device_lines import About, alert_lines, example_lines, head_lines, quoted, range_lines, title_text
from decoders.drafts import Draft
from decoders.formats import sigfox
from decoders.layout import Item
from decoders.layout_parser import parse_layout
from decoders.layout_shape import FrameLayout, Program
from decoders.proposals import Proposal, differing_names, propose
from decoders.units import conversion
from model.device import Kind
from model.errors import DecodeError
from model.quantities import QUANTITIES, ending_problem

_BLOCKS = frozenset({"case", "chain", "optional", "repeat", "when"})
_MOST_ZEROS = 255
ALL_ZERO = "all zero: put a payload here that a device sent"
_SOME = 20

_LANGUAGE = (
    "# One file is one device type. docs/layout-language.md has every word; `penfeld device check` looks it over."
)
_BLANK = '''\
[[frame]]
name = "measurement"  # optional: what this kind of payload is called
{port}# An element a line, in the order of the bytes: NAME TYPE [ARITHMETIC] [null RAW]. What begins with _ is no field.
layout = """
_version          u8 = 1                    # a constant: a payload that begins otherwise is not this frame
temperature_c     i16 / 100  null 0x7fff    # two bytes, most significant first, hundredths; 0x7fff means not known
humidity_percent  u8 / 2
battery_v         u8 / 10
"""

# A field is a column: its name ends in the unit of its quantity, as model/quantities.py has it. Without a title it has
# that of the quantity.
[field.temperature_c]
title = {{ en = "Air temperature", fr = "Température de l’air" }}
quantity = "temperature"
range = [-40, 85]  # what is plausible: a value outside is kept, and flagged

[field.humidity_percent]
quantity = "humidity"
range = [0, 100]

[field.battery_v]
title = {{ en = "Battery voltage", fr = "Tension de la batterie" }}
quantity = "voltage"
range = [2, 4]

# Examples are promises: payloads that a device sent, and what they mean. One at least decodes, one fails.
'''
_NATIVE = """\
# A board publishes its values by name, in JSON, to penfeld/v1/{name}/<its name>/up:
#     {{"values": {{"temperature_c": 21.5, "door_open": true}}}}
# A field is a column: its name ends in the unit of its quantity, as model/quantities.py has it. kind: float, int, bool
# or text.
[field.temperature_c]
quantity = "temperature"
kind = "float"
range = [-40, 85]  # what is plausible: a value outside is kept, and flagged

[field.door_open]
title = {{ en = "Door open", fr = "Porte ouverte" }}
quantity = "state"
kind = "bool"
"""


def blank(about: About) -> str:
    """Return a device file with a layout that is made up, to be changed into that of a real device."""
    has_port = "lorawan" in about.networks
    port = "f_port = 1  # the LoRaWAN port that it comes on, or a list of ports; left out: any\n" if has_port else ""
    good = {"temperature_c": 21.5, "humidity_percent": 44.5, "battery_v": 3.6}
    f_port = 1 if has_port else None
    return "\n".join(
        [
            _LANGUAGE,
            *head_lines(about, "environment"),
            _BLANK.format(port=port) + "\n".join(example_lines("mild", bytes.fromhex("0108665924"), f_port, [good])),
            *example_lines("not known", bytes.fromhex("017fff5924"), f_port, [{**good, "temperature_c": None}]),
            *example_lines("cut short", bytes.fromhex("0108"), f_port, error="temperature_c needs"),
            *alert_lines("temperature_c"),
            "",
        ]
    )


def by_name(name: str, about: About) -> str:
    """Return a device file for a board that publishes its values by name."""
    return "\n".join(
        [
            _LANGUAGE,
            *head_lines(about, "environment"),
            _NATIVE.format(name=name),
            *alert_lines("door_open", Kind.BOOL),
            "",
        ]
    )


def of_grammar(about: About, grammar: str, payloads: Sequence[bytes]) -> Draft | None:
    """Return a device file whose layout means what a Sigfox grammar does; ``None`` where no layout can say it.

    ``payloads`` become examples; without any, one of zeros. Raise ``ConfigError`` for what is no grammar.
    """
    told = sigfox.to_layout(grammar)
    if told is None:
        return None
    items = {one.name: one for one in parse_layout(told)[0].body.items() if isinstance(one, Item)}
    fields = [_proposal(name, items[line]) for name, line in sigfox.layout_names(grammar).items()]
    named = dict(zip(sigfox.layout_names(grammar).values(), zip(_names(fields), fields, strict=True), strict=True))
    layout = "\n".join(_line(line, named) for line in told.strip().splitlines())
    lines = [
        _LANGUAGE,
        "# A grammar tells neither units nor what a value may be: both were guessed from names.",
        *head_lines(about, "environment"),
        "[[frame]]",
        "# An element a line, in the order of the bytes: NAME TYPE [ARITHMETIC]. What begins with _ is no field.",
        f'layout = """\n{layout}\n"""',
        "",
        "# A field is a column: its name ends in the unit of its quantity, as model/quantities.py has it.",
    ]
    for name, field in named.values():
        lines.append(f"[field.{name}]" + ("" if field.sure else "  # guessed from its name: check unit and scale"))
        lines += [f"title = {title_text(field.title)}"] if field.title is not None else []
        lines += [f"quantity = {quoted(field.quantity)}", *range_lines(field.kind, field.quantity), ""]
    program = Program([FrameLayout("", (), parse_layout(layout)[0])])
    lines += _examples(program, payloads or [_shortest(program)], invented=not payloads)
    shown = next(iter(named.values()), None)
    lines += alert_lines(shown[0], shown[1].kind) if shown is not None else []
    return Draft("\n".join([*lines, ""]), tuple(field for _, field in named.values()))


def _proposal(name: str, item: Item) -> Proposal:
    """Return the field that a part of a grammar most likely is: a state where its name says nothing."""
    values: Mapping[Kind, object] = {Kind.BOOL: True, Kind.INT: _SOME, Kind.FLOAT: float(_SOME)}
    found = propose(name, [values[item.kind]]) if item.kind in values else None
    number = item.kind in {Kind.FLOAT, Kind.INT}
    if found is not None and (found.kind is Kind.BOOL) == (item.kind is Kind.BOOL):
        return Proposal(name, found.name, item.kind, found.quantity, found.unit, found.title, sure=not number)
    quantity = "text" if item.kind is Kind.TEXT else "state"
    plain = item.name if ending_problem(item.name, QUANTITIES[quantity]) is None else f"{item.name}_value"
    return Proposal(name, plain, item.kind, quantity, sure=not number)


def _names(fields: Sequence[Proposal]) -> list[str]:
    return [f"{name}_value" if name in RESERVED or name in _BLOCKS else name for name in differing_names(fields)]


def _line(line: str, named: Mapping[str, tuple[str, Proposal]]) -> str:
    """Return a line of a layout with the field's new name, and what turns its value into the unit of its quantity."""
    first, _, rest = line.partition(" ")
    if first not in named:
        return line
    name, field = named[first]
    change = conversion(field.unit, QUANTITIES[field.quantity].unit) if field.unit is not None else None
    return f"{name} {rest}{_arithmetic(*change) if change is not None else ''}"


def _arithmetic(factor: float, offset: float) -> str:
    whole = round(1 / factor)
    said = f" / {whole}" if whole > 1 and math.isclose(whole * factor, 1.0, rel_tol=1e-12) else f" * {factor:.12g}"
    return ("" if factor == 1.0 else said) + (f" {'+' if offset > 0 else '-'} {abs(offset):.12g}" if offset else "")


def _shortest(program: Program) -> bytes:
    """Return the shortest payload of zeros that the layout takes."""
    for size in range(_MOST_ZEROS + 1):
        if program.shape(bytes(size), None).error is None:
            return bytes(size)
    return b""


def _examples(program: Program, payloads: Sequence[bytes], *, invented: bool) -> list[str]:
    lines: list[str] = []
    for number, payload in enumerate(payloads, 1):
        name = ALL_ZERO if invented else f"payload {number}"
        lines += _example(program, name, payload)
    if payloads[0]:
        lines += _example(program, "cut short", payloads[0][:-1])
    return lines


def _example(program: Program, name: str, payload: bytes) -> list[str]:
    try:
        decoded = program.decode(payload, None)
    except DecodeError as error:
        return example_lines(name, payload, None, error=str(error))
    records = [record.values for record in decoded.records]
    return example_lines(name, payload, None, records, warnings=decoded.warnings)
