"""What logging in, tokens and the check of where a request comes from promise."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from api.app import ApiConfig
from model.access import Permission
from tests.unit.api.access_scene import OPEN_LAMP, QUAY, WORDS, AccessScene, access_scene
from tests.unit.api.scene import LAMP, NOW, Scene, problem_of, scene_of

DEVICE = {"id": "70b3d500000000aa", "type": "lamp", "experiment": QUAY}
LOGIN = {"name": "operator", "password": WORDS}


@pytest.fixture
async def made() -> AsyncIterator[AccessScene]:
    scene = await access_scene()
    async with scene.scene.client:
        yield scene


async def log_in(made: AccessScene, base: str = "http://test", **headers: str) -> httpx.Response:
    return await made.scene.client.post(f"{base}/api/v1/login", json=LOGIN, headers=headers)


async def test_a_session_is_kept_where_no_script_reads_it(made: AccessScene) -> None:
    """Over TLS only where TLS is, not sent by other sites; the password is in no answer."""
    plain, safe = await log_in(made), await log_in(made, "https://test")

    assert "penfeld-session=" in plain.headers["set-cookie"]
    for answer in (plain, safe):
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert "samesite=lax" in answer.headers["set-cookie"].lower()
        assert WORDS not in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert safe.headers["set-cookie"].startswith("__Host-penfeld-session=")
    assert "secure" in safe.headers["set-cookie"].lower()
    assert "strict-transport-security" in safe.headers
    assert "strict-transport-security" not in plain.headers


async def test_who_logged_in_is_known_until_he_logs_out(made: AccessScene) -> None:
    """Name, role and what he may; then nobody again, also with the old cookie."""
    client = made.scene.client
    await log_in(made)
    told = (await client.get("/api/v1/me")).json()
    old = dict(client.cookies)
    await client.post("/api/v1/logout", headers={"Sec-Fetch-Site": "same-origin"})
    again = await client.get(
        "/api/v1/me", cookies=None, headers={"Cookie": f"penfeld-session={old['penfeld-session']}"}
    )

    assert (told["sort"], told["name"], told["role"]) == ("user", "operator", "operator")
    assert again.json()["sort"] == "anonymous"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_another_site_cannot_use_a_session(made: AccessScene, headers: dict[str, str]) -> None:
    """A change that a browser was made to ask for by a strange page is refused, and nothing is changed."""
    await log_in(made)
    before = dict(made.scene.memory.devices)
    answers = [
        await made.scene.client.post("/api/v1/devices", json=DEVICE, headers=headers),
        await made.scene.client.delete(f"/api/v1/devices/{OPEN_LAMP}", headers=headers),
        await made.scene.client.put("/api/v1/rules/quay/hot", json={}, headers=headers),
    ]

    assert [problem_of(one)["type"] for one in answers] == ["urn:penfeld:problem:forbidden"] * 3
    assert made.scene.memory.devices == before


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://test"}, {"X-Penfeld-Request": "1"}],
)
async def test_a_page_of_ours_can(made: AccessScene, headers: dict[str, str]) -> None:
    """Whichever way the browser says that it is one."""
    await log_in(made)
    answer = await made.scene.client.post("/api/v1/devices", json=DEVICE, headers=headers)

    assert answer.status_code == 201


async def test_another_site_cannot_log_somebody_in(made: AccessScene) -> None:
    """Nor use an API without accounts, which a browser on the same machine reaches."""
    strange = {"Sec-Fetch-Site": "cross-site"}
    assert problem_of(await log_in(made, **strange))["status"] == 403
    bare = scene_of()
    async with bare.client:
        refused = await bare.client.delete(f"/api/v1/devices/{LAMP}", headers=strange)
        done = await bare.client.delete(f"/api/v1/devices/{LAMP}")

    assert (refused.status_code, done.status_code) == (403, 204)


@pytest.mark.parametrize("token", ["", "pf_", "pf_nonsense", "nonsense", "a b"])
async def test_a_wrong_token_is_refused_even_where_nobody_would_be_let_in(made: AccessScene, token: str) -> None:
    """Who shows one means to be somebody; a cookie beside it does not count."""
    headers = {**made.headers["admin"], "Authorization": f"Bearer {token}"}
    answer = await made.scene.client.get("/api/v1/devices", headers=headers)

    assert problem_of(answer)["status"] == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_token_is_refused_at_once(made: AccessScene) -> None:
    """As is the token of an account that is removed, and one whose time is over."""
    client = made.scene.client
    revoked, line = await made.access.new_token("operator", "a", {Permission.DATA}, who="x", at=NOW)
    orphan, _ = await made.access.new_token("viewer", "b", {Permission.DATA}, who="x", at=NOW)
    over, _ = await made.access.new_token(
        "operator", "c", {Permission.DATA}, who="x", at=NOW - timedelta(days=2), expires_at=NOW
    )
    await made.access.revoke(line.id, who="x", at=NOW)
    await made.access.remove_user("viewer", who="x", at=NOW)
    answers = [
        await client.get("/api/v1/devices", headers={"Authorization": f"Bearer {token}"})
        for token in (revoked, orphan, over)
    ]

    assert [one.status_code for one in answers] == [401] * 3


async def test_who_does_something_is_who_asks_and_not_who_it_says(made: AccessScene) -> None:
    """In alarms and in the audit log; without accounts, whoever it says."""
    client, headers = made.scene.client, made.headers["operator"]
    await client.post("/api/v1/alarms/1/acknowledge", json={"who": "somebody else"}, headers=headers)
    await client.post("/api/v1/devices", json=DEVICE, headers=headers)
    await client.delete(f"/api/v1/devices/{LAMP}", headers={**headers, "X-Penfeld-User": "somebody else"})
    lines = [(one.who, one.what, one.target) for one in await made.access.audit(limit=2)]

    assert made.scene.alarms.alarms[1].acknowledged_by == "operator"
    assert lines == [("operator", "device.retired", LAMP), ("operator", "device.created", DEVICE["id"])]


async def test_without_accounts_everything_is_as_open_as_ever(scene: Scene) -> None:
    """Nobody is asked who he is; accounts are told not to be there."""
    assert (await scene.json("/me"))["sort"] == "open"
    assert (await scene.problem("/users"))["status"] == 404
    assert (await scene.client.get("/metrics")).status_code == 200


async def test_passwords_are_told_by_no_answer(made: AccessScene) -> None:
    """Not even by the refusal of a request that has one in the wrong place."""
    client, headers = made.scene.client, made.headers["admin"]
    answers = [
        await client.post("/api/v1/login", json={"name": 7, "password": WORDS}),
        await client.post("/api/v1/login", json={"name": "anne", "password": [WORDS]}),
        await client.post("/api/v1/users", json={"name": "été", "password": WORDS}, headers=headers),
        await client.post("/api/v1/users", json={"name": "new", "password": WORDS, "more": WORDS}, headers=headers),
        await client.get("/api/v1/users", headers=headers),
        await client.get("/api/v1/audit", headers=headers),
    ]

    assert [one for one in answers if WORDS in one.text or WORDS in repr(one.headers)] == []


def test_settings_show_nothing_secret() -> None:
    """The gate and its accounts are told by no repr of the application's settings."""
    assert "token" not in repr(ApiConfig(callback_tokens={"sigfox": "token"}))
