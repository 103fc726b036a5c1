"""Alert rules over HTTP."""

import json

import pytest

from tests.unit.api.scene import Scene

HOT = {
    "name": "lamp/hot",
    "title": {"en": "Hot", "fr": "Chaud"},
    "when": {"field": "power_w", "above": 75, "for": "10 min"},
}
PERIOD = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-29T00:00:00Z"}


async def test_saved_and_removed(scene: Scene) -> None:
    """A rule is saved under its name, told as it counts, and removed; who did what stays."""
    saved = await scene.client.put("/api/v1/rules/lamp/hot?who=Anne", json=HOT)
    assert saved.status_code == 200
    told = await scene.get("/rules/lamp/hot")
    assert told.headers["etag"] == '"1"'
    assert told.json()["rule"]["when"] == {"kind": "threshold", "field": "power_w", "above": 75.0, "for": "10 min"}
    assert [one["rule"]["name"] for one in (await scene.get("/rules")).json()] == ["lamp/hot"]
    assert (await scene.client.delete("/api/v1/rules/lamp/hot?who=Yann")).status_code == 204
    assert (await scene.get("/rules/lamp/hot")).status_code == 404
    lines = (await scene.get("/rules/lamp/hot/history")).json()
    assert [(one["who"], one["what"]) for one in lines] == [("Yann", "rule.removed"), ("Anne", "rule.added")]


async def test_changed_by_two(scene: Scene) -> None:
    """Of two people who change one version, the second is told so, and nothing is lost."""
    await scene.client.put("/api/v1/rules/lamp/hot", json=HOT)
    first = await scene.client.put("/api/v1/rules/lamp/hot", json=HOT, headers={"If-Match": '"1"'})
    second = await scene.client.put("/api/v1/rules/lamp/hot", json=HOT, headers={"If-Match": '"1"'})
    assert (first.status_code, second.status_code) == (200, 409)
    assert "read it again" in second.json()["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"when": {"field": "power_w", "above": 75, "for": "10 lightyears"}}, "when.for"),
        ({"when": {"kind": "nothing"}}, "when.kind"),
        ({"when": {"field": "power_w", "above": 75, "colour": "red"}}, "colour"),
        ({"title": {"en": "only"}}, "title"),
        ({"name": "another"}, "write the same"),
        ({"severity": "deadly"}, "severity"),
    ],
)
async def test_wrong_rules(scene: Scene, change: dict[str, object], said: str) -> None:
    """A rule that cannot be read is refused with the place."""
    answer = await scene.client.put("/api/v1/rules/lamp/hot", json={**HOT, **change})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_deep_conditions(scene: Scene) -> None:
    """Conditions without end in one another are a wrong request, not a crash."""
    text = '{"not":' * 5_000 + "{}" + "}" * 5_000
    body = f'{{"name":"lamp/hot","title":{{"en":"a","fr":"b"}},"when":{text}}}'
    answer = await scene.client.post("/api/v1/rules/check", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


async def test_check(scene: Scene) -> None:
    """What keeps a rule from working is told without storing it."""
    answer = await scene.client.post("/api/v1/rules/check", json={**HOT, "name": "lamp hot"})
    assert answer.json()["problems"] == ["name: 'lamp hot' has a blank: leave it out"]
    assert (await scene.get("/rules")).json() == []


async def test_tried(scene: Scene) -> None:
    """A rule is tried on the past: the answer at once, or with its progress as events."""
    asked = {"rule": HOT, **PERIOD}
    plain = await scene.client.post("/api/v1/rules/test", json=asked)
    assert (plain.json()["alarms"], len(plain.json()["by_hour"])) == (0, 24)
    events = await scene.client.post("/api/v1/rules/test", json=asked, headers={"Accept": "text/event-stream"})
    names = [line.removeprefix("event: ") for line in events.text.splitlines() if line.startswith("event")]
    assert names[-1] == "trial"
    assert json.loads(events.text.splitlines()[-2].removeprefix("data: ")) == plain.json()


@pytest.mark.parametrize(
    "period", [{"from": PERIOD["to"], "to": PERIOD["from"]}, {**PERIOD, "to": "2099-01-01T00:00:00Z"}]
)
async def test_wrong_period(scene: Scene, period: dict[str, str]) -> None:
    """A period that is none, or years long, is refused."""
    assert (await scene.client.post("/api/v1/rules/test", json={"rule": HOT, **period})).status_code == 422


async def test_tried_in_vain(scene: Scene) -> None:
    """A rule that does not work is refused while it is tried, as an event where events are told."""
    asked = {"rule": {**HOT, "name": "lamp hot"}, **PERIOD}
    assert (await scene.client.post("/api/v1/rules/test", json=asked)).status_code == 422
    events = await scene.client.post("/api/v1/rules/test", json=asked, headers={"Accept": "text/event-stream"})
    assert "event: problem" in events.text
    assert "has a blank" in events.text
