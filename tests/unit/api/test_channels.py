"""What /channels and /notifications promise."""

import msgspec

from model.notification import NotificationState
from model.status import AlertsStatus
from tests.unit.api.scene import NOW, Scene, problem_of


async def test_channels(scene: Scene) -> None:
    """Every channel is told with why it last failed; what the sender says of it now counts first."""
    before = await scene.json("/channels")
    scene.live.report_alerts(AlertsStatus(time=NOW, started=NOW, channels={"ops": "the mail server refuses"}))
    scene.live.close()
    await scene.hub.run()
    after = await scene.json("/channels")

    assert before["items"] == [
        {"name": "hook", "kind": "webhook", "target": "https://example.org", "trouble": "it does not answer"},
        {"name": "ops", "kind": "mail", "target": "ops@example.org", "trouble": ""},
    ]
    assert [one["trouble"] for one in after["items"]] == ["it does not answer", "the mail server refuses"]


async def test_a_test_message(scene: Scene) -> None:
    """A test message waits in the outbox, and the list tells what became of it."""
    answer = await scene.client.post("/api/v1/channels/ops/test", json={"who": "anna"})
    bare = await scene.client.post("/api/v1/channels/hook/test")

    assert (answer.status_code, bare.status_code) == (202, 202)
    told = answer.json()
    assert (told["channel"], told["alarm"], told["kind"], told["state"]) == ("ops", None, None, "waiting")
    assert [one["channel"] for one in (await scene.json("/notifications"))["items"]] == ["hook", "ops"]


async def test_an_unknown_channel(scene: Scene) -> None:
    """A test message over a channel that there is not is refused with names that are like it."""
    problem = problem_of(await scene.client.post("/api/v1/channels/osp/test", json={}))

    assert (problem["status"], problem["near"]) == (404, ["ops"])
    assert scene.outbox.lines == []


async def test_messages_are_paged_and_filtered(scene: Scene) -> None:
    """Messages come newest first, by what became of them and by alarm; pages are chained."""
    for number in range(1, 6):
        line = await scene.outbox.test("ops", "x", NOW)
        state = NotificationState.SENT if number % 2 else NotificationState.FAILED
        scene.outbox.lines[-1] = msgspec.structs.replace(line, state=state, alarm=7 if number < 3 else None)

    first = await scene.get("/notifications", limit=2)
    second = await scene.client.get(first.links["next"]["url"])
    last = await scene.json("/notifications", limit=2, cursor=second.json()["next_cursor"])

    pages = (first.json(), second.json(), last)
    assert [[one["id"] for one in page["items"]] for page in pages] == [[5, 4], [3, 2], [1]]
    assert last["next_cursor"] is None
    assert [one["id"] for one in (await scene.json("/notifications", state="failed"))["items"]] == [4, 2]
    assert [one["id"] for one in (await scene.json("/notifications", alarm=7))["items"]] == [2, 1]
    assert "next_cursor" in (await scene.problem("/notifications", cursor="x"))["detail"]
