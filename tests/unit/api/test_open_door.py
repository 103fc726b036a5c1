"""What pages of other sites may read in a browser."""

from tests.unit.api.scene import Scene

ORIGIN = {"Origin": "https://gis.example.org"}


async def test_a_page_of_another_site_reads_sensorthings(scene: Scene) -> None:
    """Any page may read SensorThings, and errors of it, without cookies or tokens."""
    for path in ("/sta/v1.1/Things", "/sta/v1.1/Nothing"):
        answer = await scene.client.get(path, headers=ORIGIN)

        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


async def test_what_a_browser_asks_beforehand(scene: Scene) -> None:
    """A browser that asks beforehand hears that reading is allowed, and writing is not."""
    asked = {method: {**ORIGIN, "Access-Control-Request-Method": method} for method in ("GET", "POST")}

    reading = await scene.client.options("/sta/v1.1/Things", headers=asked["GET"])
    writing = await scene.client.options("/sta/v1.1/Things", headers=asked["POST"])

    assert (reading.status_code, writing.status_code) == (200, 400)
    assert reading.headers["access-control-allow-methods"] == "GET, HEAD"


async def test_nothing_else_is_open(scene: Scene) -> None:
    """The API itself tells browsers nothing of the kind: a page of another site cannot read it."""
    answer = await scene.client.get("/api/v1/devices", headers=ORIGIN)

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
