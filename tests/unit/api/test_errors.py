"""What every problem document promises."""

import logging

import pytest

from api.errors import near
from api.language import accepted
from tests.unit.api.scene import Down, Scene, problem_of, scene_of


class Broken:
    """A port with a defect of ours in it."""

    async def ledger(self, **_: object) -> None:
        """Fail as no port may."""
        raise KeyError("the secret of the house")


async def test_what_nobody_foresaw(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is answered with a reference that is in the log, and nothing of what went wrong."""
    with caplog.at_level(logging.ERROR):
        response = await scene_of(queries=Broken()).get("/ledger")

    problem = problem_of(response)
    assert problem["status"] == 500
    assert problem["reference"] in problem["detail"]
    assert problem["reference"] in caplog.text
    assert "the secret of the house" in caplog.text
    assert "secret" not in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("POST", "/api/v1/nothing", 404),
        ("GET", "/api/v1/latest?state=active", 422),
        ("GET", "/api/v1/devices/x?state=active", 422),
        ("PUT", "/api/v1/readings", 405),
        ("POST", "/api/v1/device-types/lamp/decode", 422),
        ("GET", "/api/v1/ledger?limit=x", 422),
        ("GET", "/api/v1/devices/%00", 422),
        ("GET", "/api/v1/devices?search=%00", 422),
        ("GET", "/api/v1/devices/" + "x" * 300, 422),
    ],
)
async def test_every_refusal_is_a_problem(scene: Scene, method: str, path: str, status: int) -> None:
    """Whatever is refused, by whichever part, is refused with a problem document that is not to be cached."""
    response = await scene.client.request(method, path)

    assert problem_of(response)["status"] == status
    assert response.headers["cache-control"] == "no-store"


async def test_a_parameter_that_is_none_is_no_filter(scene: Scene) -> None:
    """A mistyped query parameter is refused with the one that was meant, and never answered as if it were not there."""
    problem = problem_of(await scene.get("/readings", device_type="lamp", feilds="power_w"))

    assert problem["near"] == ["fields"]
    assert "did you mean fields?" in problem["detail"]


async def test_many_names_are_listed_elsewhere(scene: Scene) -> None:
    """Where nothing is like a name, the answer says where the names are."""
    problem = problem_of(await scene.get("/devices/zzz"))

    assert problem["detail"] == "there is no device named 'zzz'; /api/v1/devices lists them"


async def test_every_method_is_allowed_by_name(scene: Scene) -> None:
    """Where a method is not allowed, the answer names all that are."""
    response = await scene.client.put("/api/v1/devices/x")

    assert response.headers["allow"] == "GET, DELETE"
    assert "GET, DELETE" in problem_of(response)["detail"]


async def test_a_body_that_cannot_be_read(scene: Scene) -> None:
    """A body that is no text at all is the sender's problem, told as any other."""
    response = await scene.client.post(
        "/api/v1/device-types/lamp/encode", content=b"Q\xff", headers={"Content-Type": "application/json"}
    )

    assert problem_of(response)["status"] == 422


@pytest.mark.parametrize(
    "path",
    ["/readings?device_type=lamp", "/latest", "/ledger", "/quarantine", "/quarantine/1", "/devices", "/devices/x"],
)
async def test_database_down(path: str) -> None:
    """While the database does not answer every route says 503 and when to try again."""
    response = await scene_of(queries=Down(), registry=Down()).client.get(f"/api/v1{path}")

    assert problem_of(response)["status"] == 503
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("query", "header", "title"),
    [
        ("", "", "No such device"),
        ("", "fr", "Appareil inconnu"),
        ("", "de, fr-CA;q=0.8, en;q=0.2", "Appareil inconnu"),
        ("?lang=fr", "en", "Appareil inconnu"),
        ("?lang=en", "fr", "No such device"),
    ],
)
async def test_titles_follow_the_language(scene: Scene, query: str, header: str, title: str) -> None:
    """Titles are in the language of ``lang``, else of ``Accept-Language``, else English."""
    response = await scene.client.get(f"/api/v1/devices/nobody{query}", headers={"Accept-Language": header})

    assert problem_of(response)["title"] == title


@pytest.mark.parametrize(
    ("header", "language"),
    [("fr;q=0, en", "en"), ("fr;q=x", "en"), ("en;q=0.1,fr;q=0.1", "en"), ("*", "en"), ("FR-fr", "fr"), (";;,=", "en")],
)
def test_accept_language(header: str, language: str) -> None:
    """Weights count, the first of equals wins, and what cannot be read is passed over."""
    assert accepted(header) == language


async def test_half_a_character_can_be_told(scene: Scene) -> None:
    """A text with half a surrogate pair, which UTF-8 cannot say, is answered as any other."""
    response = await scene.client.post(
        "/api/v1/device-types/lamp/encode",
        content=rb'{"values": {"\ud800": 1}}',
        headers={"Content-Type": "application/json"},
    )

    assert problem_of(response)["status"] == 422


async def test_bodies_have_an_end(scene: Scene) -> None:
    """A body longer than any that makes sense is refused with the limit, on any route."""
    response = await scene.client.post("/api/v1/device-types/lamp/decode", content=b" " * (6 * 1024 * 1024))

    assert problem_of(response)["status"] == 413


async def test_long_answers_are_compressed(scene: Scene) -> None:
    """A long answer is compressed for who takes gzip."""
    response = await scene.get("/openapi.json")

    assert response.headers["content-encoding"] == "gzip"


def test_near_names() -> None:
    """Near names are the likest first, at most three; nothing is near to nonsense."""
    known = ["power_w", "power_factor", "energy_kwh", "voltage_v", "powers_w"]

    assert near("power_", known)[0] in {"power_w", "powers_w"}
    assert len(near("power", known)) <= 3
    assert near("§" * 10_000, known) == []
