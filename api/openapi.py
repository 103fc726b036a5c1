"""The OpenAPI document: what FastAPI makes of the routes, with what only we know.

Added: every problem as ``application/problem+json``; and a schema ``values_<device type>`` for each device type of the
catalogue, with title, unit and range of each field, to which a reading's ``values`` refers.
"""

from typing import Any

from fastapi import FastAPI

from api.schemas import DeviceIn, ProblemOut
from decoders.catalogue import Catalogue
from model.device import DeviceType, Kind

_DESCRIPTIONS = {
    401: "The token is missing or wrong",
    404: "There is no such thing; `near` lists names that are like it",
    406: "Not one of the formats we write",
    409: "It contradicts what is there already; the detail says what to do",
    413: "The body is too large; the detail says the limit",
    415: "Not one of the formats we read",
    422: "A part of the request is wrong; `errors` or the detail says which",
    503: "Database or broker does not answer; try again after `Retry-After` seconds",
}
_TYPES = {Kind.FLOAT: "number", Kind.INT: "integer", Kind.BOOL: "boolean", Kind.TEXT: "string"}
_REFERENCE = "#/components/schemas/"

TAGS = [
    {"name": "readings", "description": "What sensors said: ranges, newest values, live."},
    {"name": "device types", "description": "Sensor models: fields, units, decoding and encoding."},
    {"name": "devices", "description": "The register of devices."},
    {"name": "accounts", "description": "What became of every frame: ledger, quarantine, ingest workers."},
    {"name": "alerts", "description": "Rules, the alarms that they raise, what people do about them, and who is told."},
    {"name": "callbacks", "description": "Where network servers post what they heard."},
    {"name": "health", "description": "For those who keep the service running."},
]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return a route's ``responses`` for these statuses."""
    return {status: {"model": ProblemOut, "description": _DESCRIPTIONS[status]} for status in statuses}


def install(app: FastAPI, catalogue: Catalogue) -> None:
    """Give the application the whole document; made once, when first asked for."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None or "x-complete" not in app.openapi_schema:
            document = plain()
            _tell_problems(document)
            _tell_values(document["components"]["schemas"], catalogue.types())
            document["x-complete"] = True
        return app.openapi_schema or plain()

    app.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _tell_problems(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "4" and "application/json" in response.get("content", {}):
                    response["content"]["application/problem+json"] = response["content"].pop("application/json")
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["DeviceIn"] = DeviceIn.model_json_schema()


def _tell_values(schemas: dict[str, Any], types: tuple[DeviceType, ...]) -> None:
    names = []
    for device_type in types:
        name = f"values_{device_type.name}"
        names.append(name)
        schemas[name] = {
            "type": "object",
            "title": device_type.title.en,
            "properties": {field.name: _property(device_type, field.name) for field in device_type.fields},
        }
    values = schemas["ReadingOut"]["properties"]["values"]
    values["description"] += ": " + ", ".join(names)
    values["x-schemas"] = {device_type.name: _REFERENCE + name for device_type, name in zip(types, names, strict=True)}


def _property(device_type: DeviceType, name: str) -> dict[str, Any]:
    field = device_type.field(name)
    if field is None:
        raise KeyError(name)
    told: dict[str, Any] = {
        "type": [_TYPES[field.kind], "null"],
        "title": field.title.en,
        "description": f"{field.title.fr}; {field.quantity}" + (f" in {field.unit}" if field.unit else ""),
        "x-unit": field.unit,
        "x-quantity": field.quantity,
    }
    if field.choices:
        told["examples"] = list(field.choices)
    if field.minimum is not None:
        told["x-plausible-minimum"] = field.minimum
    if field.maximum is not None:
        told["x-plausible-maximum"] = field.maximum
    return told
