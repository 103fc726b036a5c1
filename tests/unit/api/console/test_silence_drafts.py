"""The boxes of a new silence, and what they make."""

from datetime import UTC, datetime, timedelta

import pytest

from api.console.drafts import DraftError
from api.console.silence_drafts import SilenceDraft, silence_of, when_of
from api.console.texts import Words
from model.alarm import Silence
from model.weekly import Weekly

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A Monday."""


def made(**boxes: object) -> Silence:
    return silence_of(SilenceDraft(reason="work", **boxes), "Anne", NOW)  # type: ignore[arg-type]  # as its boxes say


def test_now_for_some_hours() -> None:
    """With nothing but a reason it is an hour from now on, of everything."""
    assert made() == Silence(starts_at=NOW, ends_at=NOW + timedelta(hours=1), reason="work", by="Anne")
    assert made(hours="1,5").ends_at == NOW + timedelta(hours=1.5)


def test_planned() -> None:
    """From and to are by the clocks of Paris; whom it is of, and that it is maintenance, are kept."""
    silence = made(starts="2026-11-24T22:00", ends="2026-11-25T04:00", maintenance=True, device_type="lamp", rule="r")
    assert silence.starts_at == datetime(2026, 11, 24, 21, tzinfo=UTC)
    assert silence.ends_at == datetime(2026, 11, 25, 3, tzinfo=UTC)
    assert (silence.maintenance, silence.device_type, silence.rule, silence.weekly) == (True, "lamp", "r", None)


def test_every_week() -> None:
    """Days and hours make it come again, for a year unless an end is written; the page says when it comes next."""
    silence = made(days=["thu", "tue"], day_start="22:00", day_end="04:00")
    assert silence.weekly == Weekly(days=("tue", "thu"), start="22:00", end="04:00")
    assert silence.ends_at == NOW + timedelta(days=366)
    assert when_of(silence, NOW, Words("en")) == (
        "every Tue, Thu 22:00–04:00 · next Tue 2026-11-24, 22:00:00 CET · until Wed 2027-11-24, 13:00:00 CET"
    )
    assert "en cours" in when_of(silence, NOW + timedelta(hours=34), Words("fr"))


@pytest.mark.parametrize(
    ("boxes", "key"),
    [
        ({"reason": " "}, "silences.reason.missing"),
        ({"hours": "0"}, "silences.hours.wrong"),
        ({"hours": "many"}, "silences.hours.wrong"),
        ({"starts": "soon"}, "silences.time.wrong"),
        ({"ends": "2026-11-22T12:00"}, "silences.ends.wrong"),
        ({"starts": "2026-11-25T12:00", "ends": "2026-11-24T12:00"}, "silences.ends.wrong"),
        ({"days": ["mon"]}, "silences.weekly.wrong"),
        ({"day_start": "22:00", "day_end": "23:00"}, "silences.weekly.wrong"),
    ],
)
def test_unreadable(boxes: dict[str, object], key: str) -> None:
    """What cannot be read names what it wants."""
    with pytest.raises(DraftError) as caught:
        silence_of(SilenceDraft(**{"reason": "work", **boxes}), "Anne", NOW)  # type: ignore[arg-type]  # as above
    assert caught.value.key == key
