"""Passwords are not guessed: who fails again and again waits, and the page shows the way to the city's own login."""

from api.context import ApiConfig
from api.limits import Kind, LimitConfig, Policy
from model.access import Role
from tests.fakes.access import Access
from tests.unit.api.scene import NOW, scene_of

RIGHT = "three words together"
MANY = 12


async def test_who_fails_often_waits_even_with_the_right_password() -> None:
    """After some wrong ones no password is looked at for a while, so that trying on is of no use."""
    access = Access()
    await access.add_user("anne", Role.VIEWER, RIGHT, who="setup", at=NOW)
    limits = LimitConfig(policies={Kind.LOGINS: Policy(1000)}, remembered=100)
    scene = scene_of(ApiConfig(limits=limits), access=access)

    async def log_in(name: str, password: str) -> int:
        answer = await scene.client.post("/api/v1/login", json={"name": name, "password": password})
        return answer.status_code

    statuses = [await log_in("anne", "wrong") for _ in range(MANY)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert await log_in("anne", RIGHT) == 429


async def test_a_wrong_token_is_counted_by_its_address_and_refused() -> None:
    """Who asks with a token of nobody is told so, with limits in front as without."""
    limits = LimitConfig(policies={Kind.QUERIES: Policy(1000)}, remembered=100)
    scene = scene_of(ApiConfig(limits=limits), access=Access())

    answer = await scene.client.get("/api/v1/devices", headers={"Authorization": "Bearer pf_wrong"})

    assert answer.status_code == 401


async def test_spelling_a_name_in_another_way_is_no_way_round() -> None:
    """Small and capital letters and blanks are the same account, and the same wait."""
    access = Access()
    await access.add_user("anne", Role.VIEWER, RIGHT, who="setup", at=NOW)
    limits = LimitConfig(policies={Kind.LOGINS: Policy(1000)}, remembered=100)
    scene = scene_of(ApiConfig(limits=limits), access=access)

    spelt = ["anne", "Anne", "ANNE", " anne", "anNe ", "aNNe", "annE", "AnnE", "ANne", "anNE", "aNnE", "AnNe"]
    answers = [
        await scene.client.post("/api/v1/login", json={"name": name, "password": "wrong"}, headers={}) for name in spelt
    ]

    assert answers[-1].status_code == 429
