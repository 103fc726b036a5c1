"""Devices as GeoJSON: what QGIS, Leaflet and the city's map read without a plug-in."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from api import caching
from api.access.rights import needs
from api.choice import DistrictQuery, ExperimentQuery, TagsQuery, located
from api.context import PREFIX, ContextDep
from api.openapi import problems
from api.parameters import DeviceTypeQuery, SimulatedQuery, known_type, simulated_filter
from api.schemas import FeaturesOut
from model.access import Permission
from model.device import Device, State

router = APIRouter(prefix=PREFIX, tags=["devices"])

MEDIA_TYPE = "application/geo+json"


class GeoJsonResponse(JSONResponse):
    """An answer of that media type."""

    media_type = MEDIA_TYPE


@router.get(
    "/devices.geojson",
    summary="Devices on the map",
    response_class=GeoJsonResponse,
    responses={
        200: {"model": FeaturesOut, "description": "A FeatureCollection"},
        304: caching.NOT_MODIFIED,
        **problems(404, 422, 503),
    },
)
@needs(Permission.DATA)
async def geojson(
    request: Request,
    context: ContextDep,
    device_type: DeviceTypeQuery = None,
    state: Annotated[State | None, Query(description="Active ones, if nothing is said.")] = State.ACTIVE,
    district: DistrictQuery = None,
    experiment: ExperimentQuery = None,
    tag: TagsQuery = [],  # noqa: B006  FastAPI copies it
    simulated: SimulatedQuery = "include",
) -> Response:
    """All devices that have a position, as a FeatureCollection (RFC 7946, WGS 84), in order of id."""
    if device_type is not None:
        known_type(context, device_type)
    devices = await located(
        context,
        device_type=device_type,
        state=state,
        simulated=simulated_filter(simulated),
        district=district,
        experiment=experiment,
        tags=tag,
    )
    features = [_feature(device) for device in devices if device.latitude is not None and device.longitude is not None]
    body = msgspec.json.encode(
        {"type": "FeatureCollection", "features": features, "without_position": len(devices) - len(features)}
    )
    return caching.answer(request, body, {}, MEDIA_TYPE, end=None, now=context.clock())


def _feature(device: Device) -> dict[str, object]:
    return {
        "type": "Feature",
        "id": device.id,
        "geometry": {"type": "Point", "coordinates": [device.longitude, device.latitude]},
        "properties": {
            "device_type": device.type,
            "name": device.name,
            "state": device.state,
            "district": device.district,
            "experiment": device.experiment,
            "network": device.network,
            "simulated": device.simulated,
            "tags": device.tags,
            "last_seen": device.last_seen,
        },
    }
