"""What /completeness promises."""

from datetime import timedelta

from api.schemas import CompletenessOut
from model.views import ReadingRow
from tests.unit.api.scene import LAMP, NOW, PROBE, Scene


def spoke(scene: Scene, device: str, minutes: range) -> None:
    """Let a lamp speak at these minutes before now."""
    rows = scene.memory.rows.setdefault("lamp", {})
    for minute in minutes:
        time = NOW - timedelta(minutes=minute)
        rows[device, time] = ReadingRow(device=device, time=time, received_at=time, values={"power_w": 1.0})


async def test_gaps_are_told(scene: Scene) -> None:
    """The lamp that was silent for three hours comes first, with its gap; the range is the last day by itself."""
    spoke(scene, LAMP, range(0, 24 * 60 + 15, 15))
    spoke(scene, PROBE, range(180, 24 * 60 + 15, 15))

    response = await scene.get("/completeness", device_type="lamp")

    answer = CompletenessOut.model_validate_json(response.content, strict=True)
    assert [one.device for one in answer.worst] == [PROBE, LAMP]
    assert answer.worst[0].gaps[-1].end == answer.end == NOW
    assert answer.start == NOW - timedelta(days=1)
    assert answer.worst[0].completeness < answer.completeness < 100.0 == answer.worst[1].completeness


async def test_only_of_whom_it_was_asked(scene: Scene) -> None:
    """A choice of devices is judged alone."""
    spoke(scene, LAMP, range(0, 24 * 60 + 15, 15))
    spoke(scene, PROBE, range(180, 24 * 60 + 15, 15))

    answer = await scene.json("/completeness", district="Recouvrance")

    assert [one["device"] for one in answer["worst"]] == [LAMP]
    assert answer["devices"] == 1


async def test_the_future_has_no_gaps(scene: Scene) -> None:
    """A range that is not yet is refused with what to ask for."""
    problem = await scene.problem("/completeness", device_type="lamp", **{"from": "2027-01-01T00:00:00Z"})

    assert problem["status"] == 422
