"""Device files that documents show: whoever copies one has a device type that works."""

import re
import textwrap
from pathlib import Path

import pytest

from decoders.device import Definition
from decoders.units import UNITS
from model.errors import DecodeError

ROOT = Path(__file__).parents[3]
SHOWN = [
    pytest.param(textwrap.dedent(text), name, id=f"{name}-{number}")
    for name in ("CONTRIBUTING.md", "docs/layout-language.md")
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", (ROOT / name).read_text(), re.DOTALL))
]


def script(document: str) -> str:
    """Return the maker's script that a document shows."""
    (found,) = re.findall(r"```js\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return textwrap.dedent(str(found))


@pytest.mark.parametrize(("text", "document"), SHOWN)
def test_what_is_shown_works(text: str, document: str) -> None:
    """It is read without a problem, with the script beside it, and its examples say what it does."""
    definition = Definition.read("shown", text, lambda _: script(document))

    assert definition.type.fields
    for example in definition.examples:
        if example.error is None:
            decoded = definition.decode(example.payload, f_port=example.f_port)
            assert [dict(record.values) for record in decoded.records] == [dict(r.values) for r in example.records]
        else:
            with pytest.raises(DecodeError, match=re.escape(example.error)):
                definition.decode(example.payload, f_port=example.f_port)


def test_every_unit_is_shown() -> None:
    """The reference lists each unit that a codec may say values in, those of one dimension in one line."""
    text = (ROOT / "docs" / "layout-language.md").read_text().partition("**Units**")[2]
    by_dimension: dict[str, list[str]] = {}
    for unit, (dimension, _, _) in UNITS.items():
        by_dimension.setdefault(dimension, []).append(f"`{unit}`")
    lines = [f"| {dimension} | {' '.join(units)} |" for dimension, units in by_dimension.items()]
    assert [line for line in lines if line not in text.splitlines()] == []


def test_a_layout_and_a_board_without_one_are_shown() -> None:
    """Both ways to add a device stand in CONTRIBUTING."""
    shown = [Definition.read("shown", str(param.values[0])) for param in SHOWN[:2]]

    assert [bool(definition.frames) for definition in shown] == [True, False]
