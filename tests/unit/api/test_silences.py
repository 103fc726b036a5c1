"""What /silences promises."""

from datetime import timedelta

import httpx
import pytest

from tests.unit.api.scene import LAMP, NOW, Scene, problem_of, rule_of_lamps

LATER = (NOW + timedelta(hours=4)).isoformat()
BODY = {"subject": LAMP, "ends_at": LATER, "reason": "cables are replaced"}


async def post(scene: Scene, body: object, user: str = "anna") -> httpx.Response:
    return await scene.client.post("/api/v1/silences", json=body, headers={"X-Penfeld-User": user})


async def test_a_silence_from_now_on(scene: Scene) -> None:
    """A silence begins now unless it says when, keeps who and why, and writes a device as it is registered."""
    answer = await post(scene, BODY | {"subject": LAMP.upper(), "maintenance": True})

    assert answer.status_code == 201
    assert answer.json() == {
        "id": 1,
        "starts_at": "2026-03-29T06:00:00Z",
        "ends_at": "2026-03-29T10:00:00Z",
        "reason": "cables are replaced",
        "by": "anna",
        "rule": None,
        "subject": LAMP,
        "device_type": None,
        "district": None,
        "maintenance": True,
        "weekly": None,
    }
    assert await scene.json("/silences/1") == answer.json()


async def test_ending_one(scene: Scene) -> None:
    """A silence is ended before its time: it is then only in the list of those that have ended."""
    for subject in ("district:Siam", "gateway:0016c001f153a14c"):
        await post(scene, BODY | {"subject": subject})

    response = await scene.client.delete("/api/v1/silences/1?who=yann")

    assert response.status_code == 204
    assert [one["id"] for one in (await scene.json("/silences"))["items"]] == [2]
    first = await scene.json("/silences", ended=True, limit=1)
    second = await scene.json("/silences", ended=True, limit=1, cursor=first["next_cursor"])
    assert [one["id"] for one in first["items"] + second["items"]] == [2, 1]
    assert second["next_cursor"] is None


async def test_silencing_all_is_said(scene: Scene) -> None:
    """A silence that says nothing of which alarms is refused, unless it says that all are meant."""
    vague = {"ends_at": LATER, "reason": "exercise"}

    assert "everything" in problem_of(await post(scene, vague))["detail"]
    assert (await post(scene, vague | {"everything": True})).status_code == 201


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (BODY | {"ends_at": NOW.isoformat()}, "ends_at"),
        (BODY | {"starts_at": "2026-03-29T11:00:00Z"}, "ends after it starts"),
        (BODY | {"ends_at": "tomorrow"}, "write it like"),
        (BODY | {"reason": " "}, "body.reason"),
        (BODY | {"reason": "x" * 501}, "body.reason"),
        (BODY | {"subject": "70b3d50000000003"}, LAMP),
        (BODY | {"device_type": "lmap"}, "lamp"),
        (BODY | {"rule": "lamps/hto"}, "lamps/hot"),
        (BODY | {"who": ""}, "body.who"),
        (BODY | {"until": LATER}, "body.until"),
    ],
)
async def test_silences_that_cannot_be_meant(scene: Scene, body: dict[str, object], told: str) -> None:
    """A silence that is over, without a reason, or of whom there is not, is refused: it would silence nobody."""
    await scene.rules.save(rule_of_lamps("lamps/hot"), who="x", origin="console")

    assert told in problem_of(await post(scene, body))["detail"]
    assert scene.alarms.silence_list == {}


async def test_a_silence_of_a_rule(scene: Scene) -> None:
    """A rule, a device type and a district may be silenced, alone or together."""
    await scene.rules.save(rule_of_lamps("lamps/hot"), who="x", origin="console")
    body = {"rule": "lamps/hot", "device_type": "lamp", "district": "Siam", "ends_at": LATER, "reason": "x"}

    told = (await post(scene, body)).json()

    assert (told["rule"], told["device_type"], told["district"]) == ("lamps/hot", "lamp", "Siam")


async def test_no_such_silence(scene: Scene) -> None:
    """A number that no silence has is told so."""
    assert problem_of(await scene.get("/silences/9"))["status"] == 404
    assert problem_of(await scene.client.delete("/api/v1/silences/9"))["status"] == 404
