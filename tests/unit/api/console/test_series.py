from datetime import timedelta

from api.console.formats import milliseconds
from api.console.series import Line, as_number, drawable, first_choice, gap_of, lines
from model.views import ReadingRow
from tests.unit.api.console.samples import LAMP, NOON, TRAM

MINUTE = timedelta(minutes=1)
T0 = milliseconds(NOON)


def _row(minutes: int, **values: float | bool | None) -> ReadingRow:
    at = NOON + minutes * MINUTE
    return ReadingRow(device="lamp-1", time=at, received_at=at, values=values)


def test_gaps_stay_gaps() -> None:
    """Where readings are missing the line breaks; nothing is drawn that nobody measured."""
    points, _ = lines([_row(0, power_w=1.0), _row(15, power_w=2.0), _row(60, power_w=3.0)], ["power_w"], 37 * MINUTE)
    assert points == [[[T0, 1.0], [T0 + 900_000, 2.0], [T0 + 900_001, None], [T0 + 3_600_000, 3.0]]]


def test_other_frames_do_not_break_a_line() -> None:
    """A reading that does not carry a field leaves that field's line alone."""
    rows = [_row(0, power_w=1.0), _row(5, power_w=None, lamp_on=True), _row(10, power_w=2.0)]
    points, _ = lines(rows, ["power_w", "lamp_on"], 37 * MINUTE)
    assert points == [[[T0, 1.0], [T0 + 600_000, 2.0]], [[T0 + 300_000, 1.0]]]


def test_slow_fields_are_joined() -> None:
    """A field that comes in every eighth frame is joined over that distance, and breaks where even that is exceeded."""
    rows = [_row(15 * n, power_w=1.0, **({"voltage_v": 230.0} if n % 8 == 0 else {})) for n in range(50)]
    rows += [_row(15 * n, voltage_v=230.0) for n in (80, 88)]
    points, _ = lines(rows, ["power_w", "voltage_v"], 37 * MINUTE)
    assert [value for _, value in points[0]] == [1.0] * 50
    assert [value for _, value in points[1]] == [*[230.0] * 7, None, 230.0, 230.0]


def test_growing() -> None:
    """A line goes on where it ended: late readings are left out, a pause becomes a gap."""
    line = Line(2 * MINUTE)
    assert line.add(NOON, 1.0) == [[T0, 1.0]]
    assert line.add(NOON, 1.0) == []
    assert line.add(NOON - MINUTE, 9.0) == []
    assert line.add(NOON + 3 * MINUTE, 2.0) == [[T0 + 1, None], [T0 + 180_000, 2.0]]


def test_gap() -> None:
    """The distance that makes a gap follows the period, or the thinning if that is coarser."""
    assert gap_of(15 * MINUTE) == 37.5 * MINUTE
    assert gap_of(timedelta(seconds=1)) == timedelta(seconds=5)
    assert gap_of(timedelta(seconds=1), thinned_to=6 * MINUTE) == 15 * MINUTE


def test_what_is_drawn() -> None:
    """Numbers and true-or-false are drawn, positions and texts are not; the most telling field comes first."""
    assert [f.name for f in TRAM.fields if drawable(f)] == ["speed_kmh"]
    assert first_choice(LAMP) == ["power_w", "voltage_v"]
    assert [as_number(v) for v in (True, False, 3, 2.5, "open", None)] == [1.0, 0.0, 3.0, 2.5, None, None]
