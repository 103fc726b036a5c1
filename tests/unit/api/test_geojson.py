"""What /devices.geojson promises."""

from dataclasses import replace

from api.schemas import FeaturesOut
from tests.unit.api.scene import BIN, LAMP, PROBE, Scene


def placed(scene: Scene, device: str, latitude: float, longitude: float, **more: object) -> None:
    """Put a device on the map."""
    known = scene.memory.devices[device]
    scene.memory.add(replace(known, latitude=latitude, longitude=longitude, **more))  # type: ignore[arg-type]


async def test_devices_stand_where_they_are(scene: Scene) -> None:
    """Each device with a position is a point, longitude first; those without are counted."""
    placed(scene, LAMP, 48.39, -4.48, tags={"street": "rue de Siam"})

    response = await scene.get("/devices.geojson")

    answer = FeaturesOut.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/geo+json"
    assert [(one.id, one.geometry.coordinates) for one in answer.features] == [(LAMP, [-4.48, 48.39])]
    assert answer.features[0].properties["name"] == "Lampe 1"
    assert answer.features[0].properties["tags"] == {"street": "rue de Siam"}
    assert answer.without_position == 2


async def test_filters_choose_who_is_on_the_map(scene: Scene) -> None:
    """Type, district, experiment, tag and mark choose."""
    placed(scene, LAMP, 48.0, -4.0)
    placed(scene, PROBE, 48.0, -4.0, experiment="dim", tags={"row": "2"})
    placed(scene, BIN, 48.0, -4.0)

    async def on_the_map(**query: str) -> list[str]:
        return [one["id"] for one in (await scene.json("/devices.geojson", **query))["features"]]

    assert await on_the_map(device_type="bin") == [BIN]
    assert await on_the_map(district="Recouvrance") == [LAMP]
    assert await on_the_map(experiment="dim") == [PROBE]
    assert await on_the_map(tag="row:2") == [PROBE]
    assert await on_the_map(simulated="exclude") == [BIN, LAMP]
    assert await on_the_map(state="retired") == []


async def test_an_unchanged_map_is_not_sent_again(scene: Scene) -> None:
    """The tag of the map spares sending it again."""
    first = await scene.get("/devices.geojson")

    again = await scene.client.get("/api/v1/devices.geojson", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
