"""Checks of settings that several sections share: each returns what is wrong, ``None`` if nothing is. Pure."""

import re
from collections.abc import Callable
from typing import Any


def between(low: int, high: int) -> Callable[[Any], str | None]:
    """Return a check that a number lies in a range."""
    return lambda value: None if low <= value <= high else f"must be between {low} and {high}"


def word(value: str) -> str | None:
    """Check a word that ends up in topics and in the ledger."""
    return None if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value) else "may hold letters, digits, _ . - (at most 64)"
