"""What the OpenAPI document promises."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.api.scene import scene_of

DOCUMENT: dict[str, Any] = scene_of().app.openapi()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
WITHOUT_BODY = {"/api/v1/quarantine/{frame}/replay", "/api/v1/logout"}


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    """Every $ref names a schema that is there, and every schema is used."""
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    values = {name for name in known if "/values_" in name}  # referred to by x-schemas

    assert set(references(DOCUMENT)) | values == known


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """Every operation has a tag that is explained, a summary, a description, and describes its parameters."""
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    for parameter in operation.get("parameters", []):
        assert parameter.get("description"), f"{method} {path}: {parameter['name']}"
    if method == "post" and path not in WITHOUT_BODY:
        assert operation["requestBody"]["content"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_tells_its_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """Whoever takes parameters or a body can refuse them; whoever asks the database can find it down; all say so."""
    errors = {status: answer for status, answer in operation["responses"].items() if status >= "4"}

    if operation.get("parameters") or method == "post":
        assert ("400" if path.startswith("/sta/") else "422") in errors  # SensorThings has words of its own
    if path.startswith("/api/v1/") and not path.startswith(("/api/v1/device-types", "/api/v1/workers")):
        assert "503" in errors
    if "{" in path:
        assert "404" in errors
    if method == "post" and path not in WITHOUT_BODY:
        assert "413" in errors
    for answer in errors.values():
        assert answer["description"]
        if path != "/readyz":
            told = "application/json" if path.startswith("/sta/") else "application/problem+json"
            assert list(answer["content"]) == [told]


def test_operations_have_names_of_their_own() -> None:
    """No two operations share an id: client generators name methods after it."""
    names = [operation["operationId"] for operations in DOCUMENT["paths"].values() for operation in operations.values()]

    assert len(set(names)) == len(names)


def test_units_of_every_device_type() -> None:
    """Each device type has a schema that tells title, unit and plausible range of its fields."""
    schemas = DOCUMENT["components"]["schemas"]

    assert schemas["values_lamp"]["properties"]["power_w"] == {
        "type": ["number", "null"],
        "title": "Power",
        "description": "Puissance; power in W",
        "x-unit": "W",
        "x-quantity": "power",
        "x-plausible-minimum": 0,
        "x-plausible-maximum": 400,
    }
    assert schemas["values_lamp"]["properties"]["lamp_on"]["examples"] == ["off", "on"]
    assert set(schemas["ReadingOut"]["properties"]["values"]["x-schemas"]) == {"lamp", "bin"}


def test_the_document_is_made_once() -> None:
    """Asking twice gives the same document."""
    app = scene_of().app

    assert app.openapi() is app.openapi()
