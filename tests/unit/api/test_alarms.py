"""Alarms, silences, channels and messages over HTTP."""

from datetime import timedelta

import pytest

from model.alarm import Alarm, AlarmState
from tests.unit.api.scene import LAMP, NOW, Scene


def alarm_of(number: int, **more: object) -> Alarm:
    """Return an open alarm of the lamp."""
    said: dict[str, object] = {
        "id": number,
        "rule": "lamp/hot",
        "version": "1",
        "severity": "warning",
        "state": AlarmState.OPEN,
        "subject": LAMP,
        "device": LAMP,
        "device_type": "lamp",
        "district": "Recouvrance",
        "simulated": False,
        "started_at": NOW - timedelta(hours=2),
        "raised_at": NOW - timedelta(hours=1),
        "ended_at": None,
        "opened_at": NOW,
        "closed_at": None,
        "first_value": 71.5,
    }
    return Alarm(**{**said, **more})  # type: ignore[arg-type]  # as the fields say


async def test_pages(scene: Scene) -> None:
    """Alarms come newest first, page by page, each once."""
    for number in range(1, 8):
        scene.alarms.add(alarm_of(number))
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await scene.get("/alarms", **query)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == ([7, 6, 5, 4, 3, 2, 1], None)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"state": "open"}, [1, 3]),
        ({"state": "cleared"}, [2]),
        ({"severity": "critical"}, [3]),
        ({"acknowledged": "true"}, [3]),
        ({"simulated": "exclude"}, [1, 2]),
        ({"subject": "nobody"}, []),
        ({"to": "2026-03-29T04:59:00Z"}, []),
    ],
)
async def test_filters(scene: Scene, query: dict[str, str], ids: list[int]) -> None:
    """A filter leaves what fits."""
    scene.alarms.add(alarm_of(1))
    scene.alarms.add(alarm_of(2, state=AlarmState.CLEARED, ended_at=NOW))
    scene.alarms.add(alarm_of(3, severity="critical", acknowledged_at=NOW, simulated=True))
    found = (await scene.get("/alarms", **query)).json()["items"]
    assert sorted(one["id"] for one in found) == ids


async def test_history(scene: Scene) -> None:
    """What people do about an alarm is in its history, with who did it and what they said, as they said it."""
    scene.alarms.add(alarm_of(1))
    said = "<img src=x onerror=alert(1)>"
    await scene.client.post("/api/v1/alarms/1/comment", json={"who": "Anne", "text": said})
    await scene.client.post("/api/v1/alarms/1/assign", json={"who": "Anne", "to": "Yann"})
    await scene.client.post("/api/v1/alarms/acknowledge", json={"ids": [1], "who": "Yann"})
    told = (await scene.get("/alarms/1")).json()
    assert (told["assigned_to"], told["acknowledged_by"]) == ("Yann", "Yann")
    assert [(one["kind"], one["who"], one["text"]) for one in told["events"]] == [
        ("opened", "", ""),
        ("commented", "Anne", said),
        ("assigned", "Anne", "Yann"),
        ("acknowledged", "Yann", ""),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/alarms/9", None, 404),
        ("GET", "/alarms/x", None, 422),
        ("POST", "/alarms/acknowledge", {"ids": []}, 422),
        ("POST", "/alarms/acknowledge", {"ids": [9]}, 404),
        ("POST", "/alarms/9/comment", {"text": "hm"}, 404),
        ("POST", "/alarms/9/comment", {"text": ""}, 422),
        ("GET", "/alarms?cursor=abc", None, 422),
        ("GET", "/alarms?colour=red", None, 422),
        ("POST", "/channels/nobody/test", None, 404),
        ("DELETE", "/silences/5", None, 404),
        ("POST", "/silences", {"ends_at": "2026-03-28T06:00:00Z", "reason": "x"}, 422),
        ("POST", "/silences", {"ends_at": "2026-03-30T06:00:00Z", "reason": ""}, 422),
    ],
)
async def test_wrong_requests(scene: Scene, method: str, path: str, body: object, status: int) -> None:
    """A wrong request is answered by a problem document that says what is wrong."""
    answer = await scene.client.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_annotations(scene: Scene) -> None:
    """Grafana gets a region an alarm, an open one up to now; what was none is left out."""
    scene.alarms.add(alarm_of(1))
    scene.alarms.add(alarm_of(2, state=AlarmState.WITHDRAWN, ended_at=NOW))
    [one] = (await scene.get("/alarms/annotations")).json()
    assert one["timeEnd"] - one["time"] == 3_600_000
    assert one["tags"] == ["warning", "lamp/hot", "open"]


async def test_silences(scene: Scene) -> None:
    """A silence begins now unless it says when; ended, it is in the list of those that are over."""
    asked = {"ends_at": "2026-03-29T14:00:00Z", "reason": "cable work", "by": "Anne", "district": "Siam"}
    made = await scene.client.post("/api/v1/silences", json=asked)
    assert made.status_code == 201
    assert made.json()["starts_at"] == "2026-03-29T06:00:00Z"
    assert [one["reason"] for one in (await scene.get("/silences")).json()] == ["cable work"]
    assert (await scene.client.delete(f"/api/v1/silences/{made.json()['id']}")).status_code == 204
    assert (await scene.get("/silences")).json() == []
    assert len((await scene.get("/silences", ended="true")).json()) == 1


async def test_channels(scene: Scene) -> None:
    """A channel can be tried; its message is in the list."""
    assert [(one["name"], one["trouble"]) for one in (await scene.get("/channels")).json()] == [
        ("hook", "it does not answer"),
        ("ops", ""),
    ]
    answer = await scene.client.post("/api/v1/channels/ops/test?who=Anne")
    assert answer.status_code == 202
    [line] = (await scene.get("/notifications")).json()["items"]
    assert (line["channel"], line["kind"], line["state"]) == ("ops", None, "waiting")
