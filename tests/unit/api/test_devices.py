"""What /devices promises."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import ApiConfig
from model.device import State
from model.views import StateValue
from tests.unit.api.scene import BIN, LAMP, NOW, PROBE, Down, Scene, problem_of, scene_of

CSV = "text/csv; charset=utf-8"


async def post(scene: Scene, content: str | bytes, kind: str) -> httpx.Response:
    return await scene.client.post("/api/v1/devices", content=content, headers={"Content-Type": kind})


async def test_pages_are_chained(scene: Scene) -> None:
    """Following the pages gives every device once, in order of id."""
    found, address = [], "/api/v1/devices?limit=2"
    while address:
        response = await scene.client.get(address)
        found += [device["id"] for device in response.json()["items"]]
        address = response.links.get("next", {}).get("url", "")

    assert found == [BIN, LAMP, PROBE]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"device_type": "lamp"}, [LAMP, PROBE]),
        ({"district": "Recouvrance"}, [LAMP]),
        ({"search": "Lampe 2"}, [PROBE]),
        ({"simulated": "only"}, [PROBE]),
        ({"state": "pending"}, []),
    ],
)
async def test_filters(scene: Scene, query: dict[str, str], ids: list[str]) -> None:
    """Devices are found by type, district, a part of the name, simulation and state."""
    answer = await scene.json("/devices", **query)

    assert [device["id"] for device in answer["items"]] == ids


@pytest.mark.parametrize("spelling", [LAMP, LAMP.upper(), "70-B3-D5-00-00-00-00-01", "70:b3:d5:00:00:00:00:01"])
async def test_any_spelling_of_an_id(scene: Scene, spelling: str) -> None:
    """A device is found by its id however it is written."""
    assert (await scene.json(f"/devices/{spelling}"))["id"] == LAMP


async def test_sigfox_ids_may_lack_zeros(scene: Scene) -> None:
    """A Sigfox id is found without its leading zeros."""
    assert (await scene.json("/devices/B5F3C1"))["id"] == BIN


async def test_what_the_network_told(scene: Scene) -> None:
    """A device comes with the newest of each fact: value, unit, time, and title in the language of the request."""
    told = StateValue(value=7.0, time=NOW, network="chirpstack", event="status")
    scene.memory.state[LAMP] = {
        "margin_db": told,
        "gateway": replace(told, value="roof", event="radio", simulated=True),
        "of_tomorrow": replace(told, value=None),
    }

    french = (await scene.json(f"/devices/{LAMP}", lang="fr"))["network_state"]
    english = (await scene.json(f"/devices/{LAMP}"))["network_state"]

    time = "2026-03-29T06:00:00Z"
    assert french["margin_db"] == {
        "title": "Marge de démodulation",
        "value": 7.0,
        "unit": "dB",
        "time": time,
        "network": "chirpstack",
        "event": "status",
        "simulated": False,
    }
    assert english["gateway"] == {
        "title": "Best gateway",
        "value": "roof",
        "unit": "",
        "time": time,
        "network": "chirpstack",
        "event": "radio",
        "simulated": True,
    }
    assert (english["of_tomorrow"]["title"], english["of_tomorrow"]["value"]) == ("of_tomorrow", None)
    assert (await scene.json(f"/devices/{PROBE}"))["network_state"] == {}


async def test_unknown_device(scene: Scene) -> None:
    """A device that does not exist is answered with 404 and ids that are like it."""
    problem = await scene.problem("/devices/70b3d50000000009")

    assert problem["status"] == 404
    assert LAMP in problem["near"]


async def test_retiring(scene: Scene) -> None:
    """DELETE retires a device: it stays in the register, retired; one that does not exist is 404."""
    response = await scene.client.delete(f"/api/v1/devices/{LAMP.upper()}")

    assert response.status_code == 204
    assert scene.memory.devices[LAMP].state is State.RETIRED
    assert problem_of(await scene.client.delete("/api/v1/devices/nobody"))["status"] == 404


async def test_one_device_as_json(scene: Scene) -> None:
    """One JSON object registers one device, under its canonical id; the same again changes nothing."""
    device = {"id": "70-B3-D5-00-00-00-00-0A", "type": "lamp", "latitude": 48.39, "tags": {"pole": "12"}}

    first = await scene.client.post("/api/v1/devices", json=device)
    second = await scene.client.post("/api/v1/devices", json=device)

    assert first.status_code == 201
    assert first.json() == {
        "counts": {"created": 1},
        "waiting_frames": 0,
        "rows": [{"row": 1, "id": "70b3d5000000000a", "result": "created", "problem": None}],
    }
    assert second.status_code == 200
    assert second.json()["counts"] == {"unchanged": 1}
    assert scene.memory.devices["70b3d5000000000a"].tags == {"pole": "12"}


async def test_mixed_rows_are_207(scene: Scene) -> None:
    """One wrong row spoils no other; the answer tells for each row what became of it and why."""
    rows = [
        {"id": LAMP, "type": "lamp", "name": "renamed"},
        {"id": "70b3d5000000000b", "type": "lmap"},
        {"id": "xyz", "type": "lamp", "latitude": 100, "colour": "red"},
        {"id": "70b3d5000000000c", "type": "lamp"},
        {"id": "70B3D5000000000C", "type": "lamp"},
    ]

    response = await scene.client.post("/api/v1/devices", json=rows)

    told = response.json()["rows"]
    assert response.status_code == 207
    assert response.json()["counts"] == {"updated": 1, "created": 1, "error": 3}
    assert [row["result"] for row in told] == ["updated", "error", "error", "created", "error"]
    assert "did you mean lamp" in told[1]["problem"]
    assert all(part in told[2]["problem"] for part in ("DevEUI", "latitude", "colour"))
    assert "row 4" in told[4]["problem"]


async def test_no_good_row_is_a_problem(scene: Scene) -> None:
    """When no row can be registered the answer is a problem that still tells each row."""
    response = await scene.client.post("/api/v1/devices", json=[{"id": "xyz", "type": "lamp"}, {}])

    problem = problem_of(response)
    assert problem["status"] == 422
    assert [row["result"] for row in problem["rows"]] == ["error", "error"]


async def test_a_french_spreadsheet(scene: Scene) -> None:
    """A CSV as a French spreadsheet saves it: semicolons, decimal commas, a byte order mark, tags in columns."""
    table = (
        "\ufeffdev_eui;type;name;lat;lon;simulated;tag.rue\r\n"
        "70B3D5000000000D;lamp;Lampe du Château;48,3904;-4,4861;oui;rue de Siam\r\n"
        "\r\n"
    )

    response = await post(scene, table.encode(), CSV)

    assert response.status_code == 201, response.text
    device = scene.memory.devices["70b3d5000000000d"]
    assert (device.latitude, device.longitude, device.simulated) == (48.3904, -4.4861, True)
    assert (device.name, device.tags) == ("Lampe du Château", {"rue": "rue de Siam"})


async def test_toml(scene: Scene) -> None:
    """A TOML file with [[device]] tables registers them."""
    response = await post(
        scene, '[[device]]\nid = "b5f3c2"\ntype = "bin"\nvariables = { depth_m = "1.2" }\n', "application/toml"
    )

    assert response.status_code == 201, response.text
    assert scene.memory.devices["00b5f3c2"].variables == {"depth_m": "1.2"}


@pytest.mark.parametrize(
    ("content", "kind", "status", "part"),
    [
        (b"{", "application/json", 422, "no JSON"),
        (b"3", "application/json", 422, "list of devices"),
        (b"[]", "application/json", 422, "empty"),
        (b"[" * 100_000, "application/json", 422, "no JSON"),
        (b"a;b\n1;2", CSV, 422, "id among them"),
        (b"", CSV, 422, "empty"),
        ("id,type\né,lamp".encode("latin-1"), CSV, 422, "UTF-8"),
        (b"id,type\n1,lamp,3", CSV, 422, "3 cells under 2 columns"),
        (b"[[device", "application/toml", 422, "no TOML"),
        (b"a = 1", "application/toml", 422, "[[device]]"),
        (b"<a/>", "application/xml", 415, "text/csv"),
        (b"", "application/json", 422, "no JSON"),
    ],
)
async def test_what_cannot_be_read(scene: Scene, content: bytes, kind: str, status: int, part: str) -> None:
    """A body that cannot be read is refused by an answer that says what was expected; nothing is registered."""
    before = dict(scene.memory.devices)

    problem = problem_of(await post(scene, content, kind))

    assert problem["status"] == status
    assert part in problem["detail"]
    assert scene.memory.devices == before


async def test_too_much_at_once() -> None:
    """A body over the limit is refused with the limit, whether its length was announced or not."""
    scene = scene_of(ApiConfig(upload_limit=1000))

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 500

    announced = problem_of(await post(scene, b"x" * 1001, CSV))
    unannounced = problem_of(
        await scene.client.post("/api/v1/devices", content=pieces(), headers={"Content-Type": CSV})
    )

    assert announced["status"] == unannounced["status"] == 413
    assert "1,000" in announced["detail"]


async def test_too_many_rows(scene: Scene) -> None:
    """More rows than are taken at once are refused with the limit."""
    response = await post(scene, "id,type\n" + "1,bin\n" * 10_001, CSV)

    assert "10,000" in problem_of(response)["detail"]


async def test_database_down() -> None:
    """While the database does not answer, the answer is 503 and says when to try again."""
    scene = scene_of(registry=Down())

    response = await scene.get("/devices")

    assert problem_of(response)["status"] == 503
    assert int(response.headers["retry-after"]) > 0
