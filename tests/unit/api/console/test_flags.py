from api.console.flags import alarm_texts, flag_texts, plausible
from api.console.texts import Words
from tests.unit.api.console.samples import LAMP


def test_plain_words() -> None:
    """Flags are told in plain words, with the range that a value left."""
    flags = ("voltage_v:range", "power_w:range", "time:implausible", "power_w:stuck", "other:range")
    assert list(flag_texts(flags, LAMP, Words("en"))) == [
        "Voltage v: outside the plausible range 207 … 253\u00a0V",
        "Power w: outside the plausible range",
        "The device’s own time was not believable; the time of arrival is used.",
        "Power w: stuck",
        "other: outside the plausible range",
    ]
    assert list(alarm_texts(["lamp_failure"], None, Words("fr"))) == ["lamp_failure : signalé par l’appareil"]


def test_range() -> None:
    """A field without a range has none to show."""
    assert plausible(LAMP.fields[0], Words("en")) == "–"
