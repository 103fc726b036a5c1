"""Device files that documents show: whoever copies one has a device type that works."""

import re
import textwrap
from pathlib import Path

import pytest

from decoders.device import Definition

ROOT = Path(__file__).parents[3]
SHOWN = [
    pytest.param(textwrap.dedent(text), id=f"{name}-{number}")
    for name in ("CONTRIBUTING.md", "docs/layout-language.md")
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", (ROOT / name).read_text(), re.DOTALL))
]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_works(text: str) -> None:
    """It is read without a problem, and its examples say what it does."""
    definition = Definition.read("shown", text)

    assert definition.type.fields
    for example in definition.examples:
        if example.error is None:
            decoded = definition.decode(example.payload, f_port=example.f_port)
            assert [dict(record.values) for record in decoded.records] == [dict(r.values) for r in example.records]


def test_a_layout_and_a_board_without_one_are_shown() -> None:
    """Both ways to add a device stand in CONTRIBUTING."""
    shown = [Definition.read("shown", str(param.values[0])) for param in SHOWN[:2]]

    assert [bool(definition.frames) for definition in shown] == [True, False]
