"""What the API promises of device types that a codec reads."""

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from httpx import Response

from model.device import Device
from model.errors import UnavailableError
from model.script import Call, Result, Suspension
from model.status import IngestStatus
from model.uplink import Rest
from tests.fakes.registry import Registry
from tests.unit.api.scene import MAST_FILE, NOW, Down, Scene, problem_of, scene_of
from tests.unit.storage.batches import Builder

MASTS = "70b3d500000000a1", "70b3d500000000a2"
HUMIDITY = {"path": "hum", "name": "humidity_percent", "kind": "float", "quantity": "humidity"}


@pytest.fixture
async def masts() -> AsyncIterator[Scene]:
    """Make the application with a device type that a script reads, and two devices of it."""
    made = scene_of(types={"mast": MAST_FILE})
    for name in MASTS:
        made.memory.add(Device(id=name, type="mast", network="chirpstack"))
    async with made.client:
        yield made


async def decode(scene: Scene, payload: str = "0102", **more: object) -> Response:
    return await scene.client.post("/api/v1/device-types/mast/decode", json={"payload": payload, **more})


async def add(scene: Scene, **field: object) -> Response:
    return await scene.client.post("/api/v1/device-types/mast/fields", json={**HUMIDITY, **field})


async def hear(scene: Scene, device: str, minute: int, **paths: float | str) -> None:
    """Store a frame of a mast, of which the codec said this beyond the fields."""
    builder = Builder(await Registry(scene.memory).identify([device]))
    batch = builder.frame(device, NOW + timedelta(minutes=minute), [], rest=Rest(paths=paths)).build()
    await scene.memory.write(batch)


async def test_a_script_is_asked_elsewhere(masts: Scene) -> None:
    """A pasted payload goes to who runs scripts, with port, time, variables; the answer tells fields and rest."""
    masts.codecs.says["mast"] = Result(
        data={"wind": 20, "hum": 55.5, "deep": {"er": [True]}}, warnings=("low battery",), log=("hello",)
    )

    answer = (await decode(masts, f_port=7)).json()

    assert masts.codecs.asked == [("mast.js", "uplink", Call([1, 2], 7, NOW.timestamp() * 1000, {"height": "10"}))]
    assert [(one["name"], one["value"], one["flags"]) for one in answer["records"][0]["fields"]] == [
        ("wind_kmh", 72.0, [])
    ]
    assert answer["rest"] == {"hum": 55.5, "deep.er.0": True}
    assert (answer["frame"], answer["warnings"], answer["log"]) == ("", ["low battery"], ["hello"])


async def test_what_a_script_says_is_judged(masts: Scene) -> None:
    """Values beyond the plausible range are flagged, as those of a layout are."""
    masts.codecs.says["mast"] = Result(data={"wind": 100})

    answer = (await decode(masts)).json()

    assert answer["records"][0]["fields"][0]["flags"] == ["wind_kmh:range"]


async def test_what_a_script_refuses_is_told(masts: Scene) -> None:
    """The script's own words are the answer; and so are those of who does not run it any more."""
    masts.codecs.says["mast"] = Result(errors=("mast.js:3: too short",))
    refused = problem_of(await decode(masts))
    masts.codecs.refused.append(Suspension(codec="mast.js", reason="mast.js: ran for 0.3 s"))
    suspended = problem_of(await decode(masts))

    assert (refused["status"], refused["detail"]) == (422, "mast.js:3: too short")
    assert (suspended["status"], suspended["detail"]) == (422, "mast.js: ran for 0.3 s")


async def test_nobody_to_run_scripts(masts: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no process can be had, that is said, and to try again."""

    async def fails(*_: object) -> None:
        raise UnavailableError("the process for makers' codecs does not start")

    monkeypatch.setattr(masts.codecs, "run", fails)

    response = await decode(masts)

    assert (problem_of(response)["status"], response.headers["retry-after"]) == (503, "5")


async def test_a_type_tells_of_its_codec(masts: Scene) -> None:
    """Script, variables, times, and where each field comes from, in which unit; of a layout there is none."""
    answer = await masts.json("/device-types/mast")

    assert answer["codec"] == {
        "script": "mast.js",
        "format": None,
        "variables": {"height": "10"},
        "times": ["at"],
        "places": [{"field": "wind_kmh", "path": "wind", "unit": "m/s"}],
        "suspended": None,
    }
    assert (await masts.json("/device-types/lamp"))["codec"] is None


async def test_a_format_is_told_and_read_here() -> None:
    """A known format has a name, and needs nobody to run it."""
    text = MAST_FILE.replace('script = "mast.js"\nvariables = { height = "10" }', 'format = "cayenne"')
    text = text.replace('"wind"', '"temperature_1"')
    scene = scene_of(
        types={"mast": text.replace('"speed"', '"temperature"').replace('"m/s"', '"Cel"').replace("_kmh", "_c")}
    )

    async with scene.client:
        told = await scene.json("/device-types/mast")
        answer = (await decode(scene, "016700ff 026855")).json()

    assert (told["codec"]["script"], told["codec"]["format"]) == (None, "cayenne")
    assert answer["records"][0]["fields"][0]["value"] == 25.5
    assert answer["rest"] == {"relative_humidity_2": 42.5}
    assert scene.codecs.asked == []


async def test_a_suspended_script_tells_why(masts: Scene) -> None:
    """While a worker tells that it asks a script no more, the type says why; one that is gone does not count."""
    reason = Suspension(codec="mast.js", reason="mast.js: ran for 0.3 s (payload 01, port 1)")
    running = IngestStatus(worker="a", time=NOW)
    masts.live.report(running)
    masts.live.report(IngestStatus(worker="gone", time=NOW - timedelta(minutes=1), suspended=(reason,)))
    masts.live.close()
    await masts.hub.run()
    before = (await masts.json("/device-types/mast"))["codec"]["suspended"]
    masts.live.report(msgspec.structs.replace(running, suspended=(reason,)))
    masts.live.close()
    await masts.hub.run()

    assert before is None
    assert (await masts.json("/device-types/mast"))["codec"]["suspended"] == reason.reason


async def test_what_no_field_takes_is_listed(masts: Scene) -> None:
    """What is clear comes first, with a field that can be posted as it is; then what many devices say."""
    await hear(masts, MASTS[0], 0, hum=55.5, raw="ab12")
    await hear(masts, MASTS[1], 1, hum=60, raw="ab12", odd="x7", wind=3)

    items = (await masts.json("/device-types/mast/unmapped"))["items"]
    alone = (await masts.json("/device-types/mast/unmapped", device=MASTS[0].upper()))["items"]

    assert [(one["path"], one["value"], one["devices"]) for one in items] == [
        ("hum", 60, 2),
        ("raw", "ab12", 2),
        ("odd", "x7", 1),
    ]
    assert {**items[0]["proposal"], "path": items[0]["path"]} == {**HUMIDITY, "unit": None, "title": None, "sure": True}
    assert items[1]["proposal"] is None
    assert [(one["path"], one["value"]) for one in alone] == [("hum", 55.5), ("raw", "ab12")]


async def test_a_layout_leaves_nothing(masts: Scene) -> None:
    """A type with a layout has no path that no field takes, and the database is not even asked."""
    scene = scene_of(queries=Down())

    async with scene.client:
        assert (await scene.json("/device-types/lamp/unmapped"))["items"] == []
    assert (await masts.problem("/device-types/nast/unmapped"))["near"] == ["mast"]
    assert (await masts.problem("/device-types/mast/unmapped", device="70b3d500000000aa"))["status"] == 404


async def test_a_field_is_added(masts: Scene) -> None:
    """A path becomes a field of the file; the answer tells it as it will be, with the version that has it."""
    response = await add(masts, title={"en": "Humidity", "fr": "Humidité"})

    assert response.status_code == 201, response.text
    answer = response.json()
    assert (answer["device_type"], answer["field"]["name"], answer["field"]["unit"]) == (
        "mast",
        "humidity_percent",
        "%",
    )
    assert answer["version"] != (await masts.json("/device-types/mast"))["version"]
    assert '[field.humidity_percent]\ntitle = { en = "Humidity"' in masts.device_files.texts["mast"]


@pytest.mark.parametrize(
    ("field", "status", "part"),
    [
        ({"quantity": "humidty"}, 422, "did you mean humidity"),
        ({"name": "humidity"}, 422, "_percent"),
        ({"unit": "mV"}, 422, "mV"),
        ({"path": ""}, 422, "empty step"),
        ({"path": "wind"}, 409, "wind_kmh"),
        ({"name": "wind_kmh", "quantity": "speed"}, 409, "already"),
        ({"kind": "double"}, 422, "kind"),
        ({"range": [0, 100]}, 422, "range"),
    ],
)
async def test_a_field_that_cannot_be_is_refused(
    masts: Scene, field: dict[str, object], status: int, part: str
) -> None:
    """What is wrong is said, and the file stays as it was."""
    problem = problem_of(await add(masts, **field))

    assert problem["status"] == status
    assert part in problem["detail"]
    assert masts.device_files.texts["mast"] == MAST_FILE


async def test_files_that_come_with_penfeld_are_not_written(masts: Scene) -> None:
    """A type whose file is not one's own is answered with what to do."""
    problem = problem_of(await masts.client.post("/api/v1/device-types/lamp/fields", json=HUMIDITY))

    assert problem["status"] == 409
    assert "copy its file" in problem["detail"]
