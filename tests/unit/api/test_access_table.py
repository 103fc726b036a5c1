"""Every route for everybody: who may not is refused, and nobody reads what is hidden from him.

The tables stand here by themselves, not made from the code that they hold: what a route asks is written down twice.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts

from api.access.rights import need_of
from api.routes import access as access_routes
from model.access import Permission
from tests.unit.api.access_scene import (
    ASKERS,
    HIDDEN,
    MARK,
    NOBODY,
    OPEN_LAMP,
    PUBLIC,
    QUAY,
    SECRET,
    SEE_HIDDEN,
    WORDS,
    AccessScene,
    access_scene,
)
from tests.unit.api.scene import LAMP, NOW, scene_of

V1 = "/api/v1"
RULE = {
    "title": {"en": "Cold", "fr": "Froid"},
    "scope": {"experiment": [QUAY]},
    "when": {"kind": "threshold", "field": "power_w", "below": 1.0},
}
DEVICE = {"id": "70b3d500000000aa", "type": "lamp", "experiment": QUAY}

ALLOWED: Mapping[str, set[str]] = {
    "data": {PUBLIC, "viewer", "experimenter", "member", "operator", "admin", "narrow", "wide"},
    "alarms": {"viewer", "experimenter", "member", "operator", "admin", "wide"},
    "tokens": {"viewer", "experimenter", "member", "operator", "admin", "wide"},
    "in person": {"viewer", "experimenter", "member", "operator", "admin"},
    "decode": {"experimenter", "member", "operator", "admin"},
    "devices": {"experimenter", "member", "operator", "admin"},
    "rules": {"experimenter", "member", "operator", "admin"},
    "attend": {"experimenter", "member", "operator", "admin"},
    "silence": {"operator", "admin"},
    "frames": {"operator", "admin"},
    "catalogue": {"operator", "admin"},
    "metrics": {"operator", "admin"},
    "manage": {"admin"},
    "anybody": {*ASKERS},
}


@dataclass(frozen=True)
class Ask:
    """One request: what it asks of who asks, and how it is made."""

    permission: str
    method: str
    route: str
    address: str = ""
    body: Any = None
    header: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.address or self.route

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


TYPE = f"{V1}/device-types"
TABLE = (
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&order=desc&limit=1"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&format=csv"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&format=csv&limit=10"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&format=ndjson"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&format=arrow"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&format=parquet"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device={HIDDEN}"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device={LAMP}&device={HIDDEN}"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?experiment={SECRET}"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&tag=owner"),
    Ask("data", "GET", f"{V1}/readings", f"{V1}/readings?device_type=lamp&aggregation=lttb&points=10&fields=power_w"),
    Ask(
        "data",
        "GET",
        f"{V1}/readings",
        f"{V1}/readings?device_type=lamp&resolution=1h&from=2026-03-29T00:00:00Z&fields=power_w",
    ),
    Ask(
        "data",
        "GET",
        f"{V1}/readings",
        f"{V1}/readings?device_type=lamp&resolution=1h&from=2026-03-29T00:00:00Z&fields=power_w&format=csv",
    ),
    Ask("data", "GET", f"{V1}/latest"),
    Ask("data", "GET", f"{V1}/latest", f"{V1}/latest?device_type=lamp"),
    Ask("data", "GET", f"{V1}/latest", f"{V1}/latest?device={HIDDEN}"),
    Ask("data", "GET", f"{V1}/completeness", f"{V1}/completeness?device_type=lamp"),
    Ask("data", "GET", f"{V1}/completeness", f"{V1}/completeness?device={HIDDEN}"),
    Ask("data", "GET", f"{V1}/devices"),
    Ask("data", "GET", f"{V1}/devices", f"{V1}/devices?search=Lamp"),
    Ask("data", "GET", f"{V1}/devices/{{device}}", f"{V1}/devices/{HIDDEN}"),
    Ask("data", "GET", f"{V1}/devices/{{device}}", f"{V1}/devices/70b3d500000000f0"),
    Ask("devices", "POST", f"{V1}/devices", body=DEVICE),
    Ask("devices", "DELETE", f"{V1}/devices/{{device}}", f"{V1}/devices/{OPEN_LAMP}"),
    Ask("data", "GET", f"{V1}/devices.geojson"),
    Ask("data", "GET", f"{V1}/devices.geojson", f"{V1}/devices.geojson?experiment={SECRET}"),
    Ask("data", "GET", f"{V1}/stream", f"{V1}/stream?field=no_such_field"),
    Ask("data", "GET", TYPE),
    Ask("data", "GET", f"{TYPE}/{{name}}", f"{TYPE}/lamp"),
    Ask("decode", "GET", f"{TYPE}/{{name}}/unmapped", f"{TYPE}/lamp/unmapped"),
    Ask("catalogue", "POST", f"{TYPE}/{{name}}/fields", f"{TYPE}/lamp/fields", {"path": "a", "name": "a"}),
    Ask("decode", "POST", f"{TYPE}/{{name}}/decode", f"{TYPE}/lamp/decode", {"payload": "02019f01", "f_port": 1}),
    Ask("decode", "POST", f"{TYPE}/{{name}}/encode", f"{TYPE}/lamp/encode", {"values": {"power_w": 1.0}}),
    Ask("frames", "GET", f"{V1}/ledger"),
    Ask("frames", "GET", f"{V1}/workers"),
    Ask("frames", "GET", f"{V1}/quarantine"),
    Ask("frames", "GET", f"{V1}/quarantine/{{frame}}", f"{V1}/quarantine/1"),
    Ask("frames", "POST", f"{V1}/quarantine/replay", body={}),
    Ask("frames", "POST", f"{V1}/quarantine/{{frame}}/replay", f"{V1}/quarantine/1/replay"),
    Ask("alarms", "GET", f"{V1}/alarms"),
    Ask("alarms", "GET", f"{V1}/alarms", f"{V1}/alarms?subject={HIDDEN}"),
    Ask("alarms", "GET", f"{V1}/alarms/annotations", f"{V1}/alarms/annotations?from=0"),
    Ask("attend", "POST", f"{V1}/alarms/acknowledge", body={"ids": [2]}),
    Ask("alarms", "GET", f"{V1}/alarms/{{alarm}}", f"{V1}/alarms/3"),
    Ask("alarms", "GET", f"{V1}/alarms/{{alarm}}", f"{V1}/alarms/4"),
    Ask("attend", "POST", f"{V1}/alarms/{{alarm}}/acknowledge", f"{V1}/alarms/2/acknowledge"),
    Ask("attend", "POST", f"{V1}/alarms/{{alarm}}/comment", f"{V1}/alarms/2/comment", {"text": "seen"}),
    Ask("attend", "POST", f"{V1}/alarms/{{alarm}}/assign", f"{V1}/alarms/2/assign", {"to": "jean"}),
    Ask("alarms", "GET", f"{V1}/rules"),
    Ask("decode", "POST", f"{V1}/rules/check", body=RULE),
    Ask("rules", "POST", f"{V1}/rules/test", body={"rule": {**RULE, "name": "a"}}),
    Ask("alarms", "GET", f"{V1}/rules/{{rule:path}}/history", f"{V1}/rules/{MARK}/device/history"),
    Ask("alarms", "GET", f"{V1}/rules/{{rule:path}}", f"{V1}/rules/{MARK}/experiment"),
    Ask("rules", "PUT", f"{V1}/rules/{{rule:path}}", f"{V1}/rules/quay/new", RULE),
    Ask("rules", "DELETE", f"{V1}/rules/{{rule:path}}", f"{V1}/rules/quay/hot"),
    Ask("alarms", "GET", f"{V1}/silences"),
    Ask(
        "silence", "POST", f"{V1}/silences", body={"ends_at": "2026-03-30T00:00:00Z", "reason": "x", "rule": "quay/hot"}
    ),
    Ask("alarms", "GET", f"{V1}/silences/{{silence}}", f"{V1}/silences/2"),
    Ask("silence", "DELETE", f"{V1}/silences/{{silence}}", f"{V1}/silences/1"),
    Ask("silence", "GET", f"{V1}/channels"),
    Ask("silence", "POST", f"{V1}/channels/{{channel}}/test", f"{V1}/channels/ops/test"),
    Ask("silence", "GET", f"{V1}/notifications"),
    Ask("anybody", "POST", f"{V1}/login", body={"name": "viewer", "password": WORDS}),
    Ask("anybody", "POST", f"{V1}/logout"),
    Ask("anybody", "GET", f"{V1}/me"),
    Ask("tokens", "PUT", f"{V1}/me/password", body={"old": "short", "new": "short"}),
    Ask("manage", "GET", f"{V1}/users"),
    Ask("manage", "POST", f"{V1}/users", body={"name": "new", "password": WORDS}),
    Ask("manage", "PATCH", f"{V1}/users/{{user}}", f"{V1}/users/viewer", {"role": "operator"}),
    Ask("manage", "DELETE", f"{V1}/users/{{user}}", f"{V1}/users/viewer"),
    Ask("tokens", "GET", f"{V1}/tokens"),
    Ask("in person", "POST", f"{V1}/tokens", body={"name": "mine"}),
    Ask("tokens", "DELETE", f"{V1}/tokens/{{token}}", f"{V1}/tokens/999"),
    Ask("manage", "GET", f"{V1}/experiments"),
    Ask("manage", "PUT", f"{V1}/experiments/{{experiment}}", f"{V1}/experiments/quay", {"visibility": "members"}),
    Ask(
        "manage",
        "PUT",
        f"{V1}/experiments/{{experiment}}/members/{{user}}",
        f"{V1}/experiments/quay/members/viewer",
        {"role": "viewer"},
    ),
    Ask(
        "manage",
        "DELETE",
        f"{V1}/experiments/{{experiment}}/members/{{user}}",
        f"{V1}/experiments/quay/members/viewer",
    ),
    Ask("manage", "GET", f"{V1}/audit"),
    Ask("metrics", "GET", "/metrics"),
    Ask("data", "GET", "/sta/v1.1"),
    Ask("data", "GET", "/sta/v1.1/"),
    Ask("data", "HEAD", "/sta/v1.1"),
    Ask("data", "HEAD", "/sta/v1.1/"),
    *(
        Ask("data", "GET", "/sta/v1.1/{path:path}", f"/sta/v1.1/{path}")
        for path in (
            "Things?$count=true",
            "Things?$expand=Datastreams($expand=Observations),Locations",
            f"Things('{HIDDEN}')",
            f"Things('{HIDDEN}')/Datastreams",
            "Datastreams?$count=true&$expand=Thing",
            f"Datastreams('{HIDDEN}:power_w')/Observations",
            "Locations",
            "Locations?$resultFormat=GeoJSON",
            "HistoricalLocations",
            "FeaturesOfInterest",
            "Observations?$count=true",
            "Observations?$filter=result%20gt%20300",
            f"Observations?$filter=Datastream/Thing/id%20eq%20'{HIDDEN}'",
            "Observations?$expand=Datastream,FeatureOfInterest",
            "Observations?$resultFormat=dataArray",
            "Sensors?$expand=Datastreams",
            "ObservedProperties?$expand=Datastreams($expand=Thing)",
        )
    ),
    Ask("data", "HEAD", "/sta/v1.1/{path:path}", "/sta/v1.1/Things"),
    *(
        Ask("anybody", method, route, route.replace("{path:path}", "Things"))
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for route in ("/sta/v1.1", "/sta/v1.1/{path:path}")
    ),
)
"""Requests in which something hidden could show, and at least one of each route."""

ITS_OWN = {
    "POST /api/v1/callbacks/sigfox": "shows the network's token",
    "POST /api/v1/callbacks/{network}": "the same",
    "POST /api/v1/callbacks/{network}/{rest:path}": "the same",
    "GET /api/v1/callbacks/sigfox": "says that it takes POST only",
    **dict.fromkeys(
        (
            f"{method} {path}"
            for method in ("GET", "HEAD")
            for path in ("/catalog", "/catalog.{form}", "/catalog/{dataset}", "/catalog/{dataset}/files/{file}")
        ),
        "what is published is for anybody",
    ),
    "GET /catalog/style.css": "the same",
    "GET /healthz": "whether the process is alive, for whoever keeps it so",
    "GET /readyz": "the same",
    "WS /api/v1/stream/ws": "tried in test_access_streams",
}
"""Routes that guard themselves, and why."""
HARMLESS = {f"{method} /api/{{rest:path}}" for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}
"""What answers that there is nothing."""
LOOKS_SAME = {"/api/v1/login", "/api/v1/logout", "/api/v1/me"}


@pytest.fixture
async def made() -> AsyncIterator[AccessScene]:
    scene = await access_scene()
    async with scene.scene.client:
        yield scene


def routes_of() -> dict[str, object]:
    """Return every route that the application has, with the function that answers it."""
    found: dict[str, object] = {}
    for route in iter_route_contexts(scene_of().app.routes):
        if isinstance(route.original_route, APIRoute):
            found.update({f"{method} {route.path}": route.endpoint for method in route.methods or ()})
        elif isinstance(route.original_route, APIWebSocketRoute):
            found[f"WS {route.path}"] = route.endpoint
    return found


def test_every_route_says_what_it_asks_of_who_asks() -> None:
    """A route that says nothing would answer nobody; and each stands in the table, where it is tried."""
    routes = {name: endpoint for name, endpoint in routes_of().items() if name not in HARMLESS}
    silent = [name for name, endpoint in routes.items() if need_of(endpoint) is None]
    tried = {f"{ask.method} {ask.route}" for ask in TABLE}

    assert silent == []
    assert sorted(routes.keys() - tried - ITS_OWN.keys()) == []
    assert sorted((tried | ITS_OWN.keys()) - routes.keys()) == []
    assert {name for name in ITS_OWN if not name.startswith("WS")} == {
        name for name, endpoint in routes.items() if (need := need_of(endpoint)) and not need.looks
    }


@pytest.fixture(scope="module")
def answers() -> dict[str, list[tuple[Ask, httpx.Response]]]:
    """Keep what each asker was answered: tried once, looked at twice."""
    return {}


async def answered(known: dict[str, list[tuple[Ask, httpx.Response]]], asker: str) -> list[tuple[Ask, httpx.Response]]:
    """Return what each request of the table is answered to an asker; what ends something comes last."""
    if asker not in known:
        known[asker], made = [], await access_scene(public=asker != NOBODY)
        for ask in sorted(TABLE, key=_ends):
            response = await made.scene.client.request(ask.method, ask.url, json=ask.body, headers=made.headers[asker])
            known[asker].append((ask, response))
            made.scene.client.cookies.clear()
    return known[asker]


@pytest.mark.parametrize("asker", ASKERS)
async def test_who_may_is_answered_and_who_may_not_is_refused(
    answers: dict[str, list[tuple[Ask, httpx.Response]]], asker: str
) -> None:
    """Each route, as each sort of person and token: 401 for who is nobody, 403 for who may not."""
    wrong = []
    for ask, response in await answered(answers, asker):
        may = asker in ALLOWED[ask.permission]
        expected = "answered" if may else "401" if asker in {NOBODY, PUBLIC} else "403"
        told = "answered" if response.status_code not in {401, 403} else str(response.status_code)
        if told != expected or response.status_code >= 500:
            wrong.append(f"{ask}: {response.status_code}, not {expected}: {response.text[:200]}")

    assert wrong == []


@pytest.mark.parametrize("asker", ASKERS)
async def test_nobody_reads_what_is_hidden_from_him(
    answers: dict[str, list[tuple[Ask, httpx.Response]]], asker: str
) -> None:
    """Lists, counts, exports, the map, SensorThings, alarms, rules: the mark is in no answer but for who may see it."""
    shown, looked = [], 0
    for ask, response in await answered(answers, asker):
        body = response.text.replace(ask.url, "").replace(_quoted(ask), "")
        looked += response.status_code == 200
        if MARK in body or (HIDDEN in body and HIDDEN not in ask.url) or "-4.123456" in body:
            shown.append(f"{ask}: {body[:300]}")

    assert looked > 5 or asker == NOBODY
    assert bool(shown) is (asker in SEE_HIDDEN), shown


def _ends(ask: Ask) -> int:
    """Return how much a request ends: what others need comes first."""
    if ask.route.endswith("/logout"):
        return 2
    return int(ask.method == "DELETE" or ask.route.startswith(f"{V1}/experiments/"))


def _quoted(ask: Ask) -> str:
    """Return what an error may repeat of the address itself."""
    path, _, query = ask.url.partition("?")
    return query.partition("experiment=")[2] or path.removeprefix(f"{V1}/rules/").removesuffix("/history")


async def test_counts_leave_out_what_is_hidden(made: AccessScene) -> None:
    """A viewer counts what he sees, who looks after the city all."""
    client, seen = made.scene.client, {}
    for asker in (PUBLIC, "viewer", "member", "admin"):
        headers = made.headers[asker]
        things = (await client.get("/sta/v1.1/Things?$count=true", headers=headers)).json()["@iot.count"]
        devices = (await client.get(f"{V1}/devices", headers=headers)).json()["items"]
        report = (await client.get(f"{V1}/completeness?device_type=lamp", headers=headers)).json()["devices"]
        seen[asker] = (things, len(devices), report)

    assert seen == {PUBLIC: (1, 1, 1), "viewer": (4, 4, 3), "member": (5, 5, 4), "admin": (5, 5, 4)}


@pytest.mark.parametrize("asker", ["experimenter", "wide"])
async def test_nobody_changes_what_is_not_his(made: AccessScene, asker: str) -> None:
    """An experimenter changes neither the city's nor another experiment's devices, alarms and rules."""
    client, headers = made.scene.client, made.headers[asker]
    before = dict(made.scene.memory.devices)
    refused = [
        await client.post(f"{V1}/devices", json={**DEVICE, "experiment": SECRET}, headers=headers),
        await client.post(f"{V1}/devices", json={"id": DEVICE["id"], "type": "lamp"}, headers=headers),
        await client.post(f"{V1}/devices", json={"id": HIDDEN, "type": "lamp", "experiment": QUAY}, headers=headers),
        await client.post(f"{V1}/devices", json={"id": LAMP, "type": "lamp", "experiment": QUAY}, headers=headers),
        await client.delete(f"{V1}/devices/{LAMP}", headers=headers),
        await client.delete(f"{V1}/devices/{HIDDEN}", headers=headers),
        await client.post(f"{V1}/alarms/1/acknowledge", headers=headers),
        await client.post(f"{V1}/alarms/3/acknowledge", headers=headers),
        await client.post(f"{V1}/alarms/acknowledge", json={"ids": [2, 3]}, headers=headers),
        await client.put(f"{V1}/rules/a", json={**RULE, "scope": {}}, headers=headers),
        await client.put(f"{V1}/rules/a", json={**RULE, "scope": {"experiment": [SECRET]}}, headers=headers),
        await client.put(f"{V1}/rules/a", json={**RULE, "scope": {"device": [HIDDEN]}}, headers=headers),
        await client.put(f"{V1}/rules/lamps/hot", json=RULE, headers={**headers, "If-Match": "*"}),
        await client.delete(f"{V1}/rules/lamps/hot", headers=headers),
        await client.post(f"{V1}/rules/test", json={"rule": {**RULE, "name": "a", "scope": {}}}, headers=headers),
        await client.post(f"{V1}/rules/test", json={"rule": f"{MARK}/device"}, headers=headers),
    ]

    assert [one.status_code for one in refused if one.status_code not in {403, 404, 422}] == []
    assert made.scene.memory.devices == before
    assert {one.acknowledged_by for one in made.scene.alarms.alarms.values()} == {None}
    assert len(made.scene.rules.rules) == 4


async def test_a_rule_about_everybodys_gateways_is_an_operators(made: AccessScene) -> None:
    """Scope it as one may: gateways and sources serve all experiments."""
    client, headers = made.scene.client, made.headers["experimenter"]
    for of in ("gateway", "source"):
        rule = {**RULE, "when": {"kind": "silence", "of": of, "after": "15 min"}}
        answer = await client.put(f"{V1}/rules/quay/{of}", json=rule, headers=headers)
        assert answer.status_code >= 400
        assert "everybody's" in answer.text


async def test_a_token_makes_no_tokens_and_no_accounts(made: AccessScene) -> None:
    """It would outlive itself, or be more than its scope says: for these one logs in."""
    secret, _ = await made.access.new_token("admin", "n", set(Permission), who="x", at=NOW)
    client, headers = made.scene.client, {"Authorization": f"Bearer {secret}"}
    answers = [
        await client.post(f"{V1}/tokens", json={"name": "n"}, headers=headers),
        await client.post(f"{V1}/users", json={"name": "new", "password": WORDS}, headers=headers),
        await client.patch(f"{V1}/users/admin", json={"password": WORDS}, headers=headers),
        await client.delete(f"{V1}/users/viewer", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4


def test_the_routes_of_access_take_no_secret_in_an_address() -> None:
    """What stands in an address stands in logs."""
    for route in access_routes.router.routes:
        assert isinstance(route, APIRoute)
        assert not {"password", "secret"} & {one.name for one in route.dependant.query_params}
