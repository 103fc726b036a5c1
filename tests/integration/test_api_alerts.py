"""Alert rules over HTTP on a real database: from a rule that is tried and saved to an alarm that is looked after."""

import pytest

from alerts.compiled import Place
from alerts.desk import RuleDesk
from model.instants import moment
from storage.alarms import Alarms
from storage.alerts import AlertStore
from storage.connection import Database
from storage.outbox import Outbox
from storage.rulebook import RuleBook
from storage.writer import Writer
from tests.integration.test_storage_alerts import LAMPS, RealCity
from tests.unit.alerts.city import PERIOD, START, TYPE
from tests.unit.api.scene import Scene, problem_of, scene_of

HOT = {
    "title": {"en": "Hot", "fr": "Chaude"},
    "scope": {"type": TYPE},
    "when": {"field": "heat", "above": 60},
    "notify": "team",
}
PATH = "/api/v1/rules/lamps/hot"


def scene_on(city: RealCity) -> Scene:
    """Return the application on the city's database."""
    desk = RuleDesk(
        book=RuleBook(city.database),
        store=AlertStore(city.database),
        types=lambda: {TYPE: LAMPS},
        channels=lambda: ["team"],
        clock=lambda: moment(city.now_us),
        place=Place(),
    )
    return scene_of(registry=city.registry, alarms=Alarms(city.database), rules=desk, outbox=Outbox(city.database))


@pytest.fixture
async def city(database: Database) -> RealCity:
    """Make a city of two lamps that spoke eight times, one of which was hot twice."""
    made = RealCity(database)
    await made.begin(2, [])
    made.now_us = START + 8 * PERIOD
    await made.write(
        [
            (device, START + step * PERIOD, {"heat": 70.0 if device == 1 and step in {2, 3} else 20.0})
            for device in (1, 2)
            for step in range(8)
        ]
    )
    return made


async def test_a_rule_is_tried_before_it_is_saved(city: RealCity) -> None:
    """What a rule would have raised is told without storing anything; one that cannot work names the place."""
    scene = scene_on(city)
    period = {"from": moment(START).isoformat(), "to": moment(city.now_us).isoformat()}

    told = await scene.client.post("/api/v1/rules/test", json={"rule": HOT, **period})
    wrong = HOT | {"when": {"field": "heta", "above": 60}}
    refused = problem_of(await scene.client.post("/api/v1/rules/test", json={"rule": wrong, **period}))

    assert [(one["subject"], len(one["episodes"])) for one in told.json()["found"]] == [("lamp-1", 1)]
    assert told.json()["found"][0]["episodes"][0]["started_at"] == moment(START + 2 * PERIOD).isoformat().replace(
        "+00:00", "Z"
    )
    assert refused["errors"][0]["where"] == "when.field"
    assert "heat" in refused["errors"][0]["problem"]
    assert (await scene.json("/rules"))["items"] == []


async def test_two_people_and_one_rule(city: RealCity) -> None:
    """Who changes what somebody else changed meanwhile is told so; the record has all that happened, and who did it."""
    scene = scene_on(city)
    first = await scene.client.put(PATH, json=HOT, headers={b"X-Penfeld-User": "Loïc".encode()})
    tag = {"If-Match": first.headers["etag"]}

    second = await scene.client.put(f"{PATH}?who=anna", json=HOT | {"severity": "critical"}, headers=tag)
    late = await scene.client.put(f"{PATH}?who=yann", json=HOT, headers=tag)

    assert (first.status_code, second.status_code) == (201, 200)
    assert problem_of(late)["status"] == 409
    assert (await scene.json("/rules/lamps/hot"))["rule"]["severity"] == "critical"
    history = (await scene.json("/rules/lamps/hot/history"))["items"]
    assert [(one["what"], one["who"]) for one in history] == [("rule.changed", "anna"), ("rule.added", "Loïc")]


async def test_an_alarm_is_looked_after(city: RealCity) -> None:
    """A saved rule raises its alarm; what people do about it is kept, and its message waits in the outbox."""
    scene = scene_on(city)
    await scene.client.put(PATH, json=HOT)
    # those that run look only once a second what rules there are: these begin with the new one
    city.evaluator = city.new()
    await city.look()
    city.writer = Writer(city.database, "worker-1")
    city.now_us = START + 10 * PERIOD
    await city.write([(2, START + step * PERIOD, {"heat": 75.0}) for step in (8, 9)])
    await city.look()

    (alarm,) = (await scene.json("/alarms", state="open", subject="lamp-2"))["items"]
    address = f"/api/v1/alarms/{alarm['id']}"
    await scene.client.post("/api/v1/alarms/acknowledge", json={"ids": [alarm["id"]], "who": "anna"})
    await scene.client.post(f"{address}/comment", json={"who": "anna", "text": "<b>on my way</b>"})
    await scene.client.post(f"{address}/assign", json={"who": "anna", "to": "yann"})

    told = await scene.json(f"/alarms/{alarm['id']}")
    assert (told["first_value"], told["acknowledged_by"], told["assigned_to"]) == (75.0, "anna", "yann")
    assert [(one["kind"], one["who"], one["text"]) for one in told["events"]] == [
        ("opened", "", ""),
        ("acknowledged", "anna", ""),
        ("commented", "anna", "<b>on my way</b>"),
        ("assigned", "anna", "yann"),
    ]
    assert [(one["channel"], one["state"]) for one in told["notifications"]] == [("team", "waiting")]
    range_of = {"from": START // 1000, "to": city.now_us // 1000}
    assert alarm["id"] in [one["id"] for one in await scene.json("/alarms/annotations", **range_of)]


async def test_a_silence_on_the_database(city: RealCity) -> None:
    """A silence is stored, listed, and ended before its time."""
    scene = scene_on(city)
    asked = {"subject": "lamp-1", "ends_at": "2099-01-01T00:00:00Z", "reason": "cables are replaced", "who": "anna"}
    made = (await scene.client.post("/api/v1/silences", json=asked)).json()

    before = await scene.json("/silences")
    await scene.client.delete(f"/api/v1/silences/{made['id']}?who=yann")

    assert [(one["id"], one["by"], one["subject"]) for one in before["items"]] == [(made["id"], "anna", "lamp-1")]
    assert (await scene.json("/silences"))["items"] == []
    assert len((await scene.json("/silences", ended=True))["items"]) == 1
