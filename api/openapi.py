"""The OpenAPI document: what FastAPI makes of the routes, with what only we know.

Added: every problem as ``application/problem+json``; and a schema ``values_<device type>`` for each device type of the
catalogue, with title, unit and range of each field, to which a reading's ``values`` refers; and ``AlertRule`` with what
a rule can say, made from ``model.rule``.
"""

from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.access.gate import COOKIE
from api.access.rights import need_of
from api.alert_schemas import RULE_EXAMPLE, RULE_MARK
from api.schemas import DeviceIn, ProblemOut
from decoders.catalogue import Catalogue
from model.device import DeviceType, Kind
from model.rule import Rule
from model.spans import Span

_DESCRIPTIONS = {
    401: "Log in, or send a token; the one that was sent is wrong",
    403: "Who asks may not do this; the detail says what is missing",
    404: "There is no such thing; `near` lists names that are like it",
    406: "Not one of the formats we write",
    409: "It contradicts what is there already; the detail says what to do",
    413: "The body is too large; the detail says the limit",
    415: "Not one of the formats we read",
    416: "It has no such part; `Content-Range` says its size",
    422: "A part of the request is wrong; `errors` or the detail says which",
    429: "Asked too often; try again after `Retry-After` seconds",
    503: "Database or broker does not answer; try again after `Retry-After` seconds",
}
_TYPES = {Kind.FLOAT: "number", Kind.INT: "integer", Kind.BOOL: "boolean", Kind.TEXT: "string"}
_REFERENCE = "#/components/schemas/"

TAGS = [
    {"name": "readings", "description": "What sensors said: ranges, newest values, live."},
    {"name": "device types", "description": "Sensor models: fields, units, decoding and encoding."},
    {"name": "devices", "description": "The register of devices."},
    {"name": "accounts", "description": "What became of every frame: ledger, quarantine, ingest workers."},
    {"name": "alarms", "description": "What alert rules found, and what people do about it."},
    {"name": "rules", "description": "Alert rules: written, checked, tried on the past."},
    {"name": "notifications", "description": "Who is told, over which channels, and who is not for a while."},
    {"name": "open data", "description": "What is published: the catalogue (DCAT-AP) and the files."},
    {"name": "access", "description": "Accounts, tokens, who sees which experiment, and who changed what."},
    {"name": "callbacks", "description": "Where network servers post what they heard."},
    {"name": "sensorthings", "description": "OGC SensorThings 1.1, reading: for QGIS and other GIS."},
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
            _tell_access(app, document)
            _tell_problems(document)
            _tell_values(document["components"]["schemas"], catalogue.types())
            _tell_rules(document)
            document["x-complete"] = True
        return app.openapi_schema or plain()

    app.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


_TOO_MANY = {
    "429": {
        "description": _DESCRIPTIONS[429],
        "content": {"application/problem+json": {"schema": {"$ref": f"{_REFERENCE}ProblemOut"}}},
    }
}


def _tell_access(app: FastAPI, document: dict[str, Any]) -> None:
    """Tell which routes look at who asks, and what they answer to who may not."""
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token, as `penfeld token new` makes it"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What `/login` sets"},
    }
    refusals = problems(401, 403, 503)
    for route in iter_route_contexts(app.routes):
        need = need_of(route.endpoint)
        path = document["paths"].get(route.path_format or "", {})
        if need is None or not need.looks:
            continue
        for method in route.methods or ():
            operation = path.get(method.lower())
            if operation is None:
                continue
            operation["security"] = [{}, {"token": []}, {"session": []}]
            if need.permission is not None:
                operation["x-penfeld-permission"] = need.permission.value
            for status, told in refusals.items():
                name = "StaErrorOut" if operation["tags"] == ["sensorthings"] else "ProblemOut"
                content = {"application/json": {"schema": {"$ref": _REFERENCE + name}}}
                refusal = {"description": told["description"], "content": content}
                operation["responses"].setdefault(str(status), refusal)


def _tell_problems(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            if operation["tags"] == ["sensorthings"]:  # refuses in its own words, and never by FastAPI's
                operation["responses"].pop("422", None)
            if operation["tags"] not in (["callbacks"], ["health"], ["sensorthings"]):
                operation["responses"] |= _TOO_MANY
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                told: dict[str, Any] = next(
                    iter(content.values()), {}
                )  # FastAPI tells the media type of the good answer
                if status >= "4" and told.get("schema", {}).get("$ref", "").endswith("/ProblemOut"):
                    response["content"] = {"application/problem+json": told}
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["DeviceIn"] = DeviceIn.model_json_schema()
    schemas["StaErrorOut"] = {
        "type": "object",
        "title": "StaErrorOut",
        "required": ["code", "type", "message"],
        "properties": {
            "code": {"type": "integer"},
            "type": {"type": "string", "const": "error"},
            "message": {"type": "string", "description": "What is wrong, and what to do next"},
        },
    }


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


def _tell_rules(document: dict[str, Any]) -> None:
    """Describe rules by the classes that read them, wherever one stands."""
    _, parts = msgspec.json.schema_components([Rule], schema_hook=_length, ref_template=_REFERENCE + "Alert{name}")
    for name, schema in parts.items():
        schema["title"] = f"Alert{name}"
        schema["description"] = cleandoc(schema.get("description", "")).replace("``", "`")
        document["components"]["schemas"][f"Alert{name}"] = schema
    rule = parts["Rule"]
    rule["required"].remove("name")  # where the address says it, or it is only tried
    rule["examples"] = [RULE_EXAMPLE]
    _refer(document)


def _refer(node: Any) -> None:  # noqa: ANN401  JSON is what it is
    """Let every marked place refer to the schema of rules."""
    if isinstance(node, dict):
        if node.pop(RULE_MARK, False):
            node.pop("type", None)
            node["$ref"] = _REFERENCE + "AlertRule"
        for value in tuple(node.values()):
            _refer(value)
    elif isinstance(node, list):
        for value in node:
            _refer(value)


def _length(kind: type) -> dict[str, Any]:
    """Return how the document tells a length of time, which is all that JSON has no word for."""
    return {"type": "string", "description": "A length of time", "examples": ["10 min"]} if kind is Span else {}


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
