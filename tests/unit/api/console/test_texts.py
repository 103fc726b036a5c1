import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.console import texts
from api.console.shapes import PATHS
from api.console.states import Health
from api.console.texts import TEXTS, Words
from model.device import State
from model.errors import Reason

CONSOLE = Path(texts.__file__).parent


def _holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_complete(key: str) -> None:
    """Every text exists in both languages, and both leave the same places to be filled."""
    text = TEXTS[key]
    assert text.en.strip()
    assert text.fr.strip()
    assert _holes(text.en) == _holes(text.fr)


def _asked_for() -> Iterator[str]:
    """Yield, as patterns, all strings in the console's code that could be keys."""
    for path in CONSOLE.rglob("*.py"):
        if path.name in {"texts.py", "alert_texts.py", "access_texts.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.escape(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                parts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z0-9_]+" for p in node.values)
                yield "".join(parts)


def test_every_text_is_used() -> None:
    """No text is kept that the console's code does not name."""
    pattern = re.compile("|".join(p for p in _asked_for() if "." in p or p.isalpha() or p == "not_found"))
    assert {key for key in TEXTS if not pattern.fullmatch(key)} == set()


def test_every_text_asked_for_exists() -> None:
    """Every text that the console's code asks for is in the table."""
    code = "\n".join(path.read_text() for path in CONSOLE.rglob("*.py"))
    asked = set(re.findall(r"\bwords\(\s*[\"']([^\"'{]+)[\"']", code))
    assert len(asked) > 50
    assert asked - set(TEXTS) == set()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_closed_lists(language: str) -> None:
    """States, reasons and domains all have their words."""
    words = Words("fr" if language == "fr" else "en")
    for health in Health:
        assert words(f"health.{health.value}")
        assert words(f"health.{health.value}.hint")
    for state in State:
        assert words(f"state.{state.value}")
    for reason in Reason:
        assert words(f"reason.{reason.value}")
    for domain in PATHS:
        assert words(f"domain.{domain}")


def test_filling() -> None:
    """What is filled into a text stays text, braces included."""
    assert Words("en")("not_found.device", id="{x}<b>") == "No device has the id “{x}<b>”."
