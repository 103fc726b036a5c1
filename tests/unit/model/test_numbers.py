"""Numbers and units as people read them."""

import pytest

from model.numbers import number, unit


@pytest.mark.parametrize(
    ("of", "digits", "english", "french"),
    [
        (42310, None, "42,310", "42\u202f310"),
        (1234567.25, None, "1,234,567", "1\u202f234\u202f567"),
        (1234.56, None, "1,234.6", "1\u202f234,6"),
        (0.04567, None, "0.046", "0,046"),
        (12.3456, None, "12.35", "12,35"),
        (-3.5, None, "−3.5", "−3,5"),
        (70.0, None, "70", "70"),
        (1200.0, 1, "1,200.0", "1\u202f200,0"),
        (float("inf"), None, "inf", "inf"),
        (float("nan"), 2, "nan", "nan"),
    ],
)
def test_numbers(of: float, digits: int | None, english: str, french: str) -> None:
    """Numbers carry the separators of the reader's language, and no more digits than are worth reading."""
    assert number(of, "en", digits) == english
    assert number(of, "fr", digits) == french


def test_units() -> None:
    """Units are shown as people write them; a code we do not know stays as it is."""
    assert [unit(code) for code in ("Cel", "kW.h", "m3/h", "1", "{NTU}", "furlong")] == [
        "°C", "kWh", "m³/h", "", "NTU", "furlong",
    ]  # fmt: skip
