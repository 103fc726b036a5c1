"""docs/formats.md: its device files work, and it leaves out neither an option nor a type."""

import re
import textwrap
from pathlib import Path

import pytest

from decoders.device import Definition
from decoders.formats import formats
from decoders.formats._lpp import TYPES, LppType

TEXT = (Path(__file__).parents[4] / "docs" / "formats.md").read_text()
SHOWN = [textwrap.dedent(text) for text in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_works(text: str) -> None:
    """A device file is read without a problem, and all its examples hold, good ones and bad ones."""
    definition = Definition.read("shown", text)

    assert definition.check() == ()
    assert {example.error is None for example in definition.examples} == {True, False}


def test_every_format_is_shown() -> None:
    """Each format has a device file and a line in the table with all its options."""
    shown = [name for name in formats() if any(f'format = "{name}"' in text for text in SHOWN)]
    rows = dict(re.findall(r"\n\| `(\w+)` \| [^|]* \|([^|]*)\|", TEXT))

    assert shown == list(formats())
    assert {name: tuple(re.findall(r"`(\w+)`", rows[name])) for name in shown} == {
        name: tuple(module.options) for name, module in formats().items()
    }


def test_every_type_of_cayenne_is_shown() -> None:
    """The table has each type with its names, the form of its numbers and their units."""
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"\n(\| \d+ \|.*\|)", TEXT)]

    assert rows == [_row(kind) for kind in TYPES.values()]


def _row(kind: LppType) -> list[str]:
    forms: dict[str, list[str]] = {}
    for number in kind.numbers:
        form = f"{number.size} byte{'s' if number.size > 1 else ''}"
        form += ", signed" if number.signed else ""
        form += f", / {number.divisor}" if number.divisor > 1 else ""
        forms.setdefault(form, []).append(f"`{number.name}`" if number.name else "")
    told = "; ".join(f"{', '.join(names)}: {form}".removeprefix(": ") for form, names in forms.items())
    units = ", ".join(dict.fromkeys(number.unit for number in kind.numbers))
    return [str(kind.code), f"`{kind.flat}`", f"`{kind.nested}`", told, units]
