"""What /rules promises."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api.alert_schemas import MAX_EPISODES
from api.app import ApiConfig
from api.context import context_of
from model.alarm import Episode
from model.errors import BadRequestError, UnavailableError
from model.rule import Rule, rule_json
from model.trial import Alternative, SubjectEpisodes, Trial
from tests.fakes.rules import Rules
from tests.unit.api.scene import LAMP, NOW, Scene, problem_of, rule_of_lamps, scene_of
from tests.unit.api.sse import Listener

HOT = "/api/v1/rules/lamps/hot"
SAID = json.loads(rule_json(rule_of_lamps()))
BODY = {key: value for key, value in SAID.items() if key != "name"}
START_US = 1_774_764_000_000_000


async def put(scene: Scene, body: object = None, path: str = HOT, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await scene.client.put(path, json=BODY if body is None else body, headers=named)


async def post(scene: Scene, path: str, body: object, **headers: str) -> httpx.Response:
    return await scene.client.post(f"/api/v1/rules/{path}", json=body, headers=headers)


def changed(**when: object) -> dict[str, Any]:
    return BODY | {"when": {"kind": "threshold", "field": "power_w", "above": 100.0} | when}


async def test_writing_reading_removing(scene: Scene) -> None:
    """A rule is written under a name with slashes, read as it was written, and removed; who did it is kept."""
    written = await put(scene, X_Penfeld_User="anna")
    read = await scene.client.get(HOT)

    assert written.status_code == 201
    assert read.json()["rule"] == SAID
    assert written.json() == read.json() | {"notes": []}
    assert (read.json()["changed_by"], read.json()["origin"]) == ("anna", "console")
    assert read.headers["etag"] == written.headers["etag"] == '"1"'
    assert (await scene.client.delete(f"{HOT}?who=yann")).status_code == 204
    assert problem_of(await scene.client.get(HOT))["status"] == 404
    history = await scene.json("/rules/lamps/hot/history")
    assert [(one["what"], one["who"]) for one in history["items"]] == [("rule.removed", "yann"), ("rule.added", "anna")]


async def test_nobody_overwrites_what_he_has_not_read(scene: Scene) -> None:
    """An existing rule is replaced with its ETag only; the answer to all else gives the ETag of today."""
    await put(scene)

    blind = await put(scene, changed(above=120.0))
    read = await put(scene, changed(above=120.0), If_Match='"1"')
    late = await put(scene, changed(above=130.0), If_Match='"1"')
    weak = await put(scene, changed(above=140.0), If_Match='"1", W/"2"')
    whatever = await put(scene, changed(above=150.0), If_Match="*")

    assert problem_of(blind)["status"] == 409
    assert blind.headers["etag"] == '"1"'
    assert (read.status_code, read.headers["etag"]) == (200, '"2"')
    assert problem_of(late)["status"] == 409
    assert "read it again" in late.json()["detail"]
    assert (weak.status_code, whatever.status_code) == (200, 200)
    assert (await scene.rules.rule("lamps/hot")).rule.when == rule_of_lamps(when=changed(above=150.0)["when"]).when


async def test_a_rule_that_went_meanwhile(scene: Scene) -> None:
    """Who changes or removes a rule by an ETag that is no more is told so."""
    assert problem_of(await put(scene, If_Match='"1"'))["status"] == 409
    await put(scene)
    stale = await scene.client.delete(HOT, headers={"If-Match": '"7"'})
    assert problem_of(stale)["status"] == 409
    assert (await scene.client.delete(HOT, headers={"If-Match": '"1"'})).status_code == 204


async def test_short_forms(scene: Scene) -> None:
    """A rule may be sent as rule files write it: the kind follows from the keys, one text is a list of one."""
    short = BODY | {"scope": {"type": "lamp"}, "when": {"field": "power_w", "above": 100, "for": "600 s"}}

    answer = await put(scene, short)

    assert answer.json()["rule"] == SAID


@pytest.mark.parametrize(
    ("body", "place", "told"),
    [
        (changed(**{"for": "10"}), "when.for", "no length of time"),
        (BODY | {"when": {"any": [changed(**{"for": 5})["when"]]}}, "when.of[0].for", "no length of time"),
        (changed(above="much"), "when.above", "write a number"),
        (changed(abve=1), "when", "did you mean above?"),
        (BODY | {"when": {"field": "power_w"}}, "when", "kind"),
        ({"when": BODY["when"]}, "", "title is missing"),
        (BODY | {"name": "lamps/cold"}, "name", "lamps/hot"),
        (BODY | {"severity": "bad"}, "severity", "info, warning, critical"),
        (BODY | {"title": {"en": "\x00", "fr": "b"}}, "title.en", "stored"),
        (BODY | {"title": {"en": "\ud800", "fr": "b"}}, "title.en", "stored"),
        (BODY | {"text": {"en": "x" * 2001, "fr": "b"}}, "text.en", "2,000"),
        (BODY | {"notify": ["x"] * 20_001}, "", "20,000"),
        (changed(above=float("nan")), "when.above", "has an end"),
        (changed(above=float("inf")), "when.above", "has an end"),
    ],
)
async def test_what_is_no_rule(scene: Scene, body: dict[str, object], place: str, told: str) -> None:
    """What is no rule is refused with the place of what is wrong and what to write, for saving, checking and trying."""
    content = json.dumps(body).encode()  # NaN and half characters as they come
    answers = (
        await scene.client.put(HOT, content=content, headers={"Content-Type": "application/json"}),
        await scene.client.post(
            "/api/v1/rules/test",
            content=b'{"rule": %s}' % json.dumps(body | {"name": body.get("name", "lamps/hot")}).encode(),
            headers={"Content-Type": "application/json"},
        ),
    )

    error = problem_of(answers[0])["errors"][0]
    assert error["where"] == place
    assert told in error["problem"]
    assert (answers[1].status_code == 422) is (place != "name")
    assert scene.rules.rules == {}


async def test_what_is_wrong_is_said_in_french(scene: Scene) -> None:
    """Whoever asks in French is told in French what to change, at the same place, whatever refuses it."""
    french = {"Accept-Language": "fr"}
    saved = await scene.client.put(HOT, json=changed(abve=1), headers=french)
    asked = await scene.client.post("/api/v1/rules/check?lang=fr", json=changed(above="much"))
    plain = await scene.client.put(HOT, json=changed(abve=1))

    assert saved.json()["errors"] == [{"where": "when", "problem": "'abve' est inconnu ; vouliez-vous dire above ?"}]
    assert saved.json()["detail"] == "when: 'abve' est inconnu ; vouliez-vous dire above ?"
    assert asked.json()["errors"] == [{"where": "when.above", "problem": "écrivez un nombre, pas un texte"}]
    assert plain.json()["errors"] == [{"where": "when", "problem": "'abve' is unknown; did you mean above?"}]


async def test_too_deep(scene: Scene) -> None:
    """Conditions in conditions without end are refused, and the service goes on."""
    when: dict[str, object] = dict(BODY["when"])
    for _ in range(200):
        when = {"not": when}

    assert "nested" in problem_of(await put(scene, BODY | {"when": when}))["detail"]
    content = b'{"when":' * 100_000 + b"1" + b"}" * 100_000
    assert problem_of(await scene.client.put(HOT, content=content))["status"] == 422


@pytest.mark.parametrize("body", [[], "rule", 5, None])
async def test_a_body_that_is_no_object(scene: Scene, body: object) -> None:
    """A body that is no object is refused."""
    response = await scene.client.put(HOT, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert problem_of(response)["status"] == 422


async def test_a_rule_that_cannot_work(scene: Scene) -> None:
    """A rule that cannot work is not stored; its problems are told each with its place."""
    answer = await put(scene, path="/api/v1/rules/lamps hot")

    assert problem_of(answer)["errors"] == [{"where": "name", "problem": "'lamps hot' has a blank: leave it out"}]
    assert scene.rules.rules == {}


async def test_a_name_that_is_an_address(scene: Scene) -> None:
    """No rule may be named like the history of another."""
    assert "history" in problem_of(await put(scene, path=f"{HOT}/history"))["detail"]


async def test_methods_that_rules_do_not_take(scene: Scene) -> None:
    """An address of a rule tells which methods it takes, in spite of its slashes."""
    answer = await scene.client.post(HOT, json={})

    assert problem_of(answer)["status"] == 405
    assert answer.headers["allow"] == "GET, PUT, DELETE"


async def test_an_unknown_rule(scene: Scene) -> None:
    """Names that are like the one given are told; so for its history, and for trying it."""
    await put(scene)

    for answer in (
        await scene.get("/rules/lamps/hto"),
        await scene.get("/rules/lamps/hto/history"),
        await scene.client.delete("/api/v1/rules/lamps/hto"),
        await post(scene, "test", {"rule": "lamps/hto"}),
    ):
        problem = problem_of(answer)
        assert (problem["status"], problem["near"]) == (404, ["lamps/hot"])


async def test_the_list(scene: Scene) -> None:
    """Rules come in order of their names, paged, and by where they are from and whether they are on."""
    for name in ("c", "a", "b"):
        await scene.rules.save(
            rule_of_lamps(name, enabled=name != "b"), who="x", origin="device" if name == "c" else "console"
        )

    first = await scene.json("/rules", limit=2)
    second = await scene.json("/rules", limit=2, cursor=first["next_cursor"])

    assert [[one["name"] for one in page["items"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert second["next_cursor"] is None
    assert [one["name"] for one in (await scene.json("/rules", origin="device"))["items"]] == ["c"]
    assert [one["name"] for one in (await scene.json("/rules", enabled=False))["items"]] == ["b"]


async def test_checking(scene: Scene) -> None:
    """Checking tells what keeps a rule from working and stores nothing; a name is not needed."""
    fine = await post(scene, "check", BODY)
    wrong = await post(scene, "check", BODY | {"name": "a b"})

    assert fine.json() == {"works": True, "problems": [], "notes": []}
    assert wrong.json()["works"] is False
    assert wrong.json()["problems"][0]["where"] == "name"
    assert scene.rules.rules == {}
    no_rule = problem_of(await post(scene, "check", changed(**{"for": "soon"})))
    assert no_rule["errors"][0]["where"] == "when.for"


def trial(found: Sequence[SubjectEpisodes] = ()) -> Trial:
    alarms = sum(len(one.episodes) for one in found)
    return Trial(
        start=NOW - timedelta(days=30),
        end=NOW,
        readings=2880,
        subjects=1,
        found=found,
        alarms=alarms,
        open=1,
        raised_s=5400.0,
        longest_s=3600.0,
        by_hour=[alarms, *[0] * 23],
        by_day=[("2026-03-01", alarms)],
        alternatives=[Alternative(limit=120.0, alarms=1, subjects=1)],
    )


def episode(minute: int, *, over: bool = True) -> Episode:
    start = START_US + minute * 60_000_000
    return Episode(
        start_us=start, raised_us=start + 60_000_000, end_us=start + 120_000_000 if over else None, first=101.5, last=99
    )


async def test_trying_a_rule(scene: Scene) -> None:
    """A trial tells how many, how long, when, on whom, and what another limit would have done."""
    scene.rules.trial = trial([SubjectEpisodes(subject=LAMP, episodes=[episode(0), episode(9, over=False)])])

    answer = await post(scene, "test", {"rule": BODY, "from": "2026-03-01T00:00:00Z", "to": "2026-03-29T06:00:00Z"})

    told = answer.json()
    assert told["found"] == [
        {
            "subject": LAMP,
            "episodes": [
                {
                    "started_at": "2026-03-29T06:00:00Z",
                    "raised_at": "2026-03-29T06:01:00Z",
                    "ended_at": "2026-03-29T06:02:00Z",
                    "first_value": 101.5,
                    "last_value": 99,
                },
                {
                    "started_at": "2026-03-29T06:09:00Z",
                    "raised_at": "2026-03-29T06:10:00Z",
                    "ended_at": None,
                    "first_value": 101.5,
                    "last_value": 99,
                },
            ],
        }
    ]
    assert (told["alarms"], told["open"], told["raised_s"], told["cut"]) == (2, 1, 5400.0, False)
    assert told["by_hour"] == [2, *[0] * 23]
    assert told["by_day"] == [{"day": "2026-03-01", "alarms": 2}]
    assert told["alternatives"] == [{"limit": 120.0, "alarms": 1, "subjects": 1}]


async def test_a_trial_with_too_many_episodes(scene: Scene) -> None:
    """A rule that flaps for a month is told in part, with the right sums, and says so."""
    many = [episode(minute) for minute in range(MAX_EPISODES - 1)]
    found = [SubjectEpisodes(subject=name, episodes=some) for name, some in (("a", many), ("b", many[:5]), ("c", many))]
    scene.rules.trial = trial(found)

    told = (await post(scene, "test", {"rule": BODY})).json()

    assert [(one["subject"], len(one["episodes"])) for one in told["found"]] == [("a", MAX_EPISODES - 1), ("b", 1)]
    assert (told["cut"], told["alarms"]) == (True, 2 * MAX_EPISODES + 3)


async def test_a_stored_rule_is_tried_by_its_name() -> None:
    """A stored rule is tried by its name; without times over the last 30 days."""
    tried: list[tuple[Rule, datetime, datetime]] = []

    class Noting(Rules):
        async def test(
            self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
        ) -> Trial:
            """Note what is tried."""
            tried.append((rule, start, end))
            return await super().test(rule, start, end, progress)

    scene = scene_of(rules=Noting(lambda: NOW))
    await put(scene)

    answer = await post(scene, "test", {"rule": "lamps/hot"})

    assert answer.status_code == 200
    assert tried == [(rule_of_lamps(), NOW - timedelta(days=30), NOW)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"rule": BODY, "from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "lies behind"),
        ({"rule": BODY, "from": "2024-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "400"),
        ({"rule": BODY, "from": "yesterday"}, "write it like"),
        ({"from": "2026-03-02T00:00:00Z"}, "rule"),
        ({"rule": BODY, "days": 5}, "days"),
        ({"rule": BODY | {"name": "a b"}}, "has a blank"),
    ],
)
async def test_what_cannot_be_tried(scene: Scene, body: dict[str, object], told: str) -> None:
    """A trial over no time or years, or of a rule that cannot work, is refused."""
    assert told in problem_of(await post(scene, "test", body))["detail"]


class Waiting(Rules):
    """Rules whose trial waits at half. ``cancelled``: how many were given up; ``failure``: what the trial raises."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.go = asyncio.Event()
        self.cancelled = 0
        self.early: Exception | None = None
        self.failure: Exception | None = None

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        """Tell that half is done, and wait."""
        if self.early is not None:
            raise self.early
        progress(0.5)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return await super().test(rule, start, end, progress)


def listener(scene: Scene) -> Listener:
    """Return who tries a rule and wants to be told of progress."""
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
    return Listener(scene.app, "/api/v1/rules/test", headers=headers, body=json.dumps({"rule": BODY}).encode())


async def test_progress() -> None:
    """Who asks for events is told how much is done, and at last the same as who does not."""
    rules = Waiting()
    rules.trial = trial([SubjectEpisodes(subject=LAMP, episodes=[episode(0)])])
    scene = scene_of(rules=rules)
    async with listener(scene) as told:
        assert told.headers["content-type"].startswith("text/event-stream")
        assert await told.next() == {"event": "progress", "data": '{"done":0.5}'}
        rules.go.set()
        last = await told.next()
        while last["event"] == "progress":
            last = await told.next()
        assert await told.next() == {}

    assert last["event"] == "result"
    assert json.loads(last["data"]) == (await post(scene, "test", {"rule": BODY})).json()


async def test_a_trial_that_breaks() -> None:
    """What goes wrong on the way is the last event; at once, it is an ordinary answer."""
    rules = Waiting()
    rules.failure = UnavailableError("the database does not answer")
    scene = scene_of(rules=rules)
    async with listener(scene) as told:
        await told.next()
        rules.go.set()

        assert await told.next() == {"event": "problem", "data": '{"detail":"the database does not answer"}'}
        assert await told.next() == {}
    rules.early = BadRequestError("when: a gateway cannot be tried")
    async with listener(scene) as refused:
        assert refused.status == 422
    assert context_of(scene.app).trials.running == 0


async def test_too_many_trials_and_one_given_up() -> None:
    """One trial more than there may be is told to come later; who hangs up ends his, and makes room."""
    rules = Waiting()
    scene = scene_of(ApiConfig(max_trials=1), rules=rules)
    async with listener(scene) as told:
        await told.next()
        refused = await post(scene, "test", {"rule": BODY})
        assert problem_of(refused)["status"] == 503
        assert refused.headers["retry-after"]
    assert rules.cancelled == 1

    rules.go.set()
    assert (await post(scene, "test", {"rule": BODY})).status_code == 200
