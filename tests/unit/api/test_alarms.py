"""What /alarms promises."""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from api.alert_schemas import AlarmOut
from model.alarm import Alarm, AlarmState, EventKind
from tests.unit.api.scene import LAMP, NOW, PROBE, Down, Scene, alarm_of, problem_of, rule_of_lamps, scene_of

HOUR = timedelta(hours=1)


def several(scene: Scene) -> None:
    """Put in: an open alarm, an acknowledged one, one that is over, a withdrawn one, a folded simulated one."""
    scene.alarms.add(alarm_of(1))
    scene.alarms.add(alarm_of(2, severity="critical", rule="lamps/off", acknowledged_at=NOW, acknowledged_by="anna"))
    scene.alarms.add(alarm_of(3, state=AlarmState.CLEARED, raised_at=NOW - 9 * HOUR, ended_at=NOW - 8 * HOUR))
    scene.alarms.add(alarm_of(4, state=AlarmState.WITHDRAWN, ended_at=NOW))
    scene.alarms.add(
        alarm_of(5, subject=PROBE, device=PROBE, district="Siam", device_type="bin", simulated=True, folded_into=1)
    )


async def post(scene: Scene, path: str, body: object = None, user: str | None = None) -> httpx.Response:
    headers = {} if user is None else {"X-Penfeld-User": user}
    return await scene.client.post(f"/api/v1{path}", json=body, headers=headers)


def ids(page: Any) -> list[int]:  # noqa: ANN401  JSON is what it is
    return [one["id"] for one in page["items"]]


async def test_alarms_come_newest_first(scene: Scene) -> None:
    """A list tells all of each alarm, as the live stream does; pages are chained by cursor and Link."""
    several(scene)

    first = await scene.get("/alarms", limit=2)
    page = first.json()
    rest = await scene.client.get(first.links["next"]["url"])

    assert ids(page) == [5, 4]
    assert ids(await scene.json("/alarms", limit=3, cursor=page["next_cursor"])) == [3, 2, 1]
    assert ids(rest.json()) == [3, 2]
    everything = await scene.json("/alarms")
    assert everything["next_cursor"] is None
    assert everything["items"][-1] == msgspec.to_builtins(alarm_of(1))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": "open"}, [5, 2, 1]),
        ({"state": ["cleared", "withdrawn"]}, [4, 3]),
        ({"severity": "critical"}, [2]),
        ({"rule": "lamps/off"}, [2]),
        ({"subject": PROBE.upper()}, [5]),
        ({"subject": "district:Siam"}, []),
        ({"device_type": "bin"}, [5]),
        ({"district": "Siam"}, [5]),
        ({"acknowledged": "true"}, [2]),
        ({"folded": "false", "state": "open"}, [2, 1]),
        ({"simulated": "only"}, [5]),
        ({"from": "2026-03-28T21:00:00Z", "to": "2026-03-28T22:00:00Z"}, [3]),
        ({"to": "2026-03-28T20:00:00Z"}, []),
    ],
)
async def test_filters(scene: Scene, query: dict[str, object], expected: list[int]) -> None:
    """Each filter narrows the list; a device may be written in any spelling."""
    several(scene)

    assert ids(await scene.json("/alarms", **query)) == expected


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"state": "closed"}, "state"),
        ({"device_type": "lmap"}, "lamp"),
        ({"subject": "70b3d50000000003"}, LAMP),
        ({"from": "2026-03-29T00:00:00Z", "to": "2026-03-28T00:00:00Z"}, "lies behind"),
        ({"from": "yesterday"}, "write it like"),
        ({"cursor": "bm9uZQ"}, "next_cursor"),
        ({"cursor": "wrong cursor"}, "next_cursor"),
        ({"limit": 1001}, "1000"),
        ({"severty": "critical"}, "severity"),
    ],
)
async def test_filters_that_make_no_sense(scene: Scene, query: dict[str, object], told: str) -> None:
    """A filter that cannot be meant so is refused with what would be right, not answered with nothing or all."""
    problem = await scene.problem("/alarms", **query)

    assert problem["status"] in {404, 422}
    assert told in problem["detail"]


async def test_one_alarm_with_its_story(scene: Scene) -> None:
    """One alarm comes with what happened to it, the oldest first, as it was said, and with its messages."""
    several(scene)
    line = await scene.outbox.test("ops", "anna", NOW)
    scene.outbox.lines = [msgspec.structs.replace(line, alarm=1, kind=EventKind.OPENED)]
    await post(scene, "/alarms/1/comment", {"text": "<b>on my way</b>"}, user="anna")

    told = await scene.json("/alarms/1")

    assert told["id"] == 1
    assert [(one["kind"], one["who"], one["text"]) for one in told["events"]] == [
        ("opened", "", ""),
        ("commented", "anna", "<b>on my way</b>"),
    ]
    assert [(one["channel"], one["kind"], one["state"]) for one in told["notifications"]] == [
        ("ops", "opened", "waiting")
    ]


@pytest.mark.parametrize("number", ["99", "0", "x", str(2**63)])
async def test_no_such_alarm(scene: Scene, number: str) -> None:
    """A number that no alarm has is told so, whoever looks or acts."""
    assert problem_of(await scene.get(f"/alarms/{number}"))["status"] in {404, 422}
    for action, body in (("acknowledge", {}), ("comment", {"text": "x"}), ("assign", {"to": "anna"})):
        assert problem_of(await post(scene, f"/alarms/{number}/{action}", body))["status"] in {404, 422}


async def test_acknowledging_many(scene: Scene) -> None:
    """Many are acknowledged at once, each once; the answer tells them as they are now."""
    several(scene)

    answer = await post(scene, "/alarms/acknowledge", {"ids": [1, 3, 1], "who": "anna", "text": "looking"})

    assert answer.status_code == 200
    assert sorted((one["id"], one["acknowledged_by"]) for one in answer.json()["items"]) == [(1, "anna"), (3, "anna")]
    assert [(one.kind, one.text) for one in scene.alarms.happened[1]][1:] == [(EventKind.ACKNOWLEDGED, "looking")]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"ids": []}, "body.ids"),
        ({"ids": list(range(1, 502))}, "body.ids"),
        ({"ids": [0]}, "body.ids.0"),
        ({"ids": [1], "text": "x" * 2001}, "body.text"),
        ({"ids": [1], "text": "\x00"}, "body.text"),
        ({"ids": [1], "who": " "}, "body.who"),
        ({"ids": [1], "who": "x" * 101}, "body.who"),
        ({"ids": [1], "who": "two\nlines"}, "body.who"),
        ({"ids": [1], "name": "anna"}, "body.name"),
        ({}, "body.ids"),
    ],
)
async def test_what_cannot_be_acknowledged(scene: Scene, body: dict[str, object], place: str) -> None:
    """None or too many ids, texts that are too long, names that are none: refused with the place, nothing is noted."""
    several(scene)

    problem = problem_of(await post(scene, "/alarms/acknowledge", body))

    assert problem["errors"][0]["where"] == place
    assert scene.alarms.alarms[1].acknowledged_at is None


async def test_one_that_does_not_exist_stops_all(scene: Scene) -> None:
    """An id among many that no alarm has is named."""
    several(scene)

    assert "99" in problem_of(await post(scene, "/alarms/acknowledge", {"ids": [99, 1]}))["detail"]
    assert scene.alarms.alarms[1].acknowledged_at is None


@pytest.mark.parametrize(
    ("body", "header", "who"),
    [
        ({"who": " anna "}, "yann", "anna"),
        ({}, "yann", "yann"),
        ({}, "Loïc Kervella", "Loïc Kervella"),
        ({}, " ", "api"),
        ({}, None, "api"),
    ],
)
async def test_who_did_it(scene: Scene, body: dict[str, object], header: str | None, who: str) -> None:
    """Who acts is what the request says, else the header, else api; names may have accents."""
    several(scene)
    headers = {} if header is None else {b"X-Penfeld-User": header.encode()}

    answer = await scene.client.post("/api/v1/alarms/1/acknowledge", json=body, headers=headers)

    assert answer.json()["acknowledged_by"] == who


async def test_a_header_of_latin_letters(scene: Scene) -> None:
    """A name that came as Latin-1 is understood, too; one that is no name is refused."""
    several(scene)
    accented = {b"X-Penfeld-User": "Loïc".encode("latin-1")}
    answer = await scene.client.post("/api/v1/alarms/1/acknowledge", headers=accented)
    assert answer.json()["acknowledged_by"] == "Loïc"

    for name in (b"x" * 101, b"two\xc2\x85lines"):
        refused = await scene.client.post("/api/v1/alarms/2/acknowledge", headers={b"X-Penfeld-User": name})
        assert "X-Penfeld-User" in problem_of(refused)["detail"]


async def test_assigning(scene: Scene) -> None:
    """An alarm is given to somebody, and to nobody again."""
    several(scene)

    given = await post(scene, "/alarms/1/assign", {"to": "yann"}, user="anna")
    back = await post(scene, "/alarms/1/assign", {"to": None})

    assert (given.json()["assigned_to"], back.json()["assigned_to"]) == ("yann", None)
    assert [(one.who, one.text) for one in scene.alarms.happened[1]][1:] == [("anna", "yann"), ("api", "")]


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "\x00"])
async def test_comments_that_say_nothing(scene: Scene, text: str) -> None:
    """A comment without a word, or with too many, is refused."""
    several(scene)

    assert problem_of(await post(scene, "/alarms/1/comment", {"text": text}))["errors"][0]["where"] == "body.text"


async def test_annotations(scene: Scene) -> None:
    """Grafana gets a region for each alarm in its range: milliseconds, title of the rule, tags; withdrawn ones not."""
    several(scene)
    await scene.rules.save(rule_of_lamps("lamps/hot"), who="x", origin="console")
    start, end = (int((NOW + of).timestamp() * 1000) for of in (-2 * HOUR, HOUR))

    told = await scene.json("/alarms/annotations", **{"from": start, "to": end, "lang": "fr"})

    assert [one["id"] for one in told] == [5, 2, 1]
    assert told[2] == {
        "id": 1,
        "time": int((NOW - timedelta(minutes=70)).timestamp() * 1000),
        "timeEnd": int(NOW.timestamp() * 1000),
        "title": "Lampe chaude",
        "text": f"{LAMP}\u00a0: 74.0",
        "tags": ["warning", "open", "lamps/hot", "lamp", "Recouvrance"],
    }
    assert told[1]["title"] == "lamps/off"
    assert told[1]["text"].endswith(" (pris en charge par anna)")
    assert "simulated" in told[0]["tags"]


async def test_annotations_of_a_past_day(scene: Scene) -> None:
    """Of an alarm that is over the region ends with it; times may be ISO 8601, states be asked for."""
    several(scene)
    range_of = {"from": "2026-03-28T20:30:00Z", "to": "2026-03-28T22:30:00Z"}

    (told,) = await scene.json("/alarms/annotations", **range_of)

    assert (told["id"], told["timeEnd"]) == (3, int((NOW - 8 * HOUR).timestamp() * 1000))
    assert [one["id"] for one in await scene.json("/alarms/annotations", state="withdrawn")] == [4]


@pytest.mark.parametrize("moment", ["9" * 20, "9" * 5000, "yesterday", "-5"])
async def test_annotations_at_no_time(scene: Scene, moment: str) -> None:
    """A time that is none is refused with how to write one."""
    problem = await scene.problem("/alarms/annotations", **{"from": moment})

    assert problem["errors"][0]["where"] == "query.from"


async def test_nothing_answers() -> None:
    """While the database does not answer, all of it says so and when to try again."""
    scene = scene_of(alarms=Down())

    for response in (
        await scene.get("/alarms"),
        await scene.get("/alarms/1"),
        await scene.get("/alarms/annotations"),
        await post(scene, "/alarms/1/acknowledge", {}),
    ):
        assert problem_of(response)["status"] == 503
        assert response.headers["retry-after"]


def test_shapes_are_those_of_the_values() -> None:
    """What the document tells of an alarm has the names of the value that is sent."""
    assert list(AlarmOut.model_fields) == [field.name for field in msgspec.structs.fields(Alarm)]
