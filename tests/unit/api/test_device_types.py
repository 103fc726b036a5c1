"""What /device-types promises."""

import pytest
from httpx import Response

from tests.unit.api.scene import Scene, problem_of


async def decode(scene: Scene, payload: str, **more: object) -> Response:
    return await scene.client.post("/api/v1/device-types/lamp/decode", json={"payload": payload, **more})


async def encode(scene: Scene, **body: object) -> Response:
    return await scene.client.post("/api/v1/device-types/lamp/encode", json=body)


async def test_list(scene: Scene) -> None:
    """The list has every device type with its fields, units and titles in both languages."""
    answer = await scene.json("/device-types")

    assert [one["name"] for one in answer["items"]] == ["bin", "lamp"]
    assert answer["items"][1]["fields"][0] == {
        "name": "power_w",
        "kind": "float",
        "quantity": "power",
        "unit": "W",
        "title": {"en": "Power", "fr": "Puissance"},
        "minimum": 0,
        "maximum": 400,
        "choices": [],
    }
    assert answer["items"][1]["period_s"] == 900


async def test_pages(scene: Scene) -> None:
    """The list is paged and can be narrowed to a domain."""
    first = await scene.get("/device-types", limit=1)

    second = await scene.client.get(first.links["next"]["url"])
    assert [one["name"] for one in second.json()["items"]] == ["lamp"]
    assert second.json()["next_cursor"] is None
    assert [one["name"] for one in (await scene.json("/device-types", domain="waste"))["items"]] == ["bin"]


async def test_one(scene: Scene) -> None:
    """One device type comes with its frames and with example payloads that anyone can try."""
    answer = await scene.json("/device-types/lamp")

    assert answer["frames"][0] == {
        "name": "status",
        "f_ports": [1],
        "fields": ["power_w", "lamp_on"],
        "derived": [],
        "own_time": False,
    }
    example = answer["examples"][0]
    assert example["payload"] == "02019f01"
    assert example["records"] == [{"values": {"power_w": 41.5, "lamp_on": "on"}, "time": None, "age_s": 0}]
    assert answer["examples"][1]["error"] == "power_w"


async def test_unknown_type(scene: Scene) -> None:
    """A device type that does not exist is answered with 404 and names that are like it."""
    problem = await scene.problem("/device-types/lamb")

    assert (problem["status"], problem["near"]) == (404, ["lamp"])


@pytest.mark.parametrize(
    "payload", ["02019f01", "02 01 9F 01", "0x02, 0x01, 0x9f, 0x01", "02:01:9f:01", "02-01-9f-01\n"]
)
async def test_decoding_hex(scene: Scene, payload: str) -> None:
    """Hex as people paste it is decoded to fields with units; titles in the language of the request."""
    response = await scene.client.post(
        "/api/v1/device-types/lamp/decode",
        json={"payload": payload, "f_port": 1},
        headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"},
    )

    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["frame"], answer["size"], answer["warnings"]) == ("status", 4, [])
    assert answer["records"] == [
        {
            "time": None,
            "age_s": 0,
            "fields": [
                {
                    "name": "power_w",
                    "title": "Puissance",
                    "value": 41.5,
                    "unit": "W",
                    "quantity": "power",
                    "flags": [],
                },
                {"name": "lamp_on", "title": "Lampe", "value": "on", "unit": "", "quantity": "state", "flags": []},
            ],
        }
    ]


async def test_decoding_base64(scene: Scene) -> None:
    """Base64, as network servers show payloads, is decoded when asked for, in either alphabet."""
    answer = (await decode(scene, "AgGfAQ", encoding="base64")).json()

    assert answer["records"][0]["fields"][0]["value"] == 41.5


async def test_doubtful_values_are_flagged(scene: Scene) -> None:
    """A value outside the plausible range is told and flagged; an unknown one is null; warnings are told."""
    flagged = (await decode(scene, "02 1000 01")).json()
    unknown = (await decode(scene, "02 ffff 07")).json()

    assert flagged["records"][0]["fields"][0]["flags"] == ["power_w:range"]
    assert [field["value"] for field in unknown["records"][0]["fields"]] == [None, None]
    assert "lamp_on" in unknown["warnings"][0]


async def test_payload_that_does_not_fit(scene: Scene) -> None:
    """A payload that does not fit is refused with the reason and the byte where decoding stopped."""
    problem = problem_of(await decode(scene, "0201", f_port=1))

    assert problem["status"] == 422
    assert problem["type"] == "urn:penfeld:problem:payload-does-not-fit"
    assert 0 <= problem["offset"] <= 2


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"payload": "02 0g"}, "'g' is no hex digit"),
        ({"payload": "020"}, "odd number"),
        ({"payload": "\ud800"}, "valid string"),
        ({"payload": "0", "encoding": "base64"}, "no base64"),
        ({"payload": "02", "f_port": 256}, "f_port"),
        ({"payload": "02", "port": 1}, "port"),
        ({}, "payload"),
        ({"payload": "00" * 20_000}, "20000"),
    ],
)
async def test_what_is_no_payload(scene: Scene, body: dict[str, object], part: str) -> None:
    """What is no payload is refused by an answer that says what is wrong."""
    content = str(body).replace("'", '"').encode("utf-8", "surrogatepass")
    response = await scene.client.post(
        "/api/v1/device-types/lamp/decode", content=content, headers={"Content-Type": "application/json"}
    )

    problem = problem_of(response)
    assert problem["status"] == 422
    assert part in problem["detail"]


async def test_encoding(scene: Scene) -> None:
    """Values are encoded to the payload that a device would send, and decode to the same values."""
    response = await encode(scene, values={"power_w": 41.5, "lamp_on": "on"}, f_port=1)

    assert response.status_code == 200, response.text
    assert response.json() == {
        "device_type": "lamp",
        "payload": "02019f01",
        "base64": "AgGfAQ==",
        "size": 4,
        "f_port": 1,
    }


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"values": {"power": 1}}, "did you mean power_w"),
        ({"values": {"power_w": 1e9, "lamp_on": "on"}}, "power_w"),
        ({"values": {"power_w": "much", "lamp_on": "on"}}, "power_w"),
        ({"values": {"power_w": 1, "lamp_on": "blue"}}, "lamp_on"),
        ({"values": {"lamp_on": "on"}, "f_port": 9}, "9"),
        ({}, "either values"),
        ({"values": {}, "records": []}, "either values"),
        ({"values": {"power_w": {"a": 1}}}, "values"),
    ],
)
async def test_values_that_do_not_fit(scene: Scene, body: dict[str, object], part: str) -> None:
    """Values that the layout cannot say are refused by an answer that names the field."""
    problem = problem_of(await encode(scene, **body))

    assert problem["status"] == 422
    assert part in problem["detail"]


async def test_unknown_type_decodes_nothing(scene: Scene) -> None:
    """Decoding and encoding with an unknown device type are 404 with near names."""
    for action, body in (("decode", {"payload": "00"}), ("encode", {"values": {}})):
        problem = problem_of(await scene.client.post(f"/api/v1/device-types/lampe/{action}", json=body))
        assert (problem["status"], problem["near"]) == (404, ["lamp"])
