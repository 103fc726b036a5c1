"""The routes of data, asked all sorts of things: no 5xx, and no answer outside the document."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.unit.api.access_scene import access_scene
from tests.unit.api.scene import scene_of

DATA = ["/api/v1/readings", "/api/v1/completeness", "/api/v1/devices.geojson"]
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", scene_of().app).include(path=DATA)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@SCHEMA.parametrize()
@settings(max_examples=6, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_answer_is_in_the_document(case: schemathesis.Case[Any]) -> None:
    """Whatever is asked is answered by a status, a media type and a shape that the document tells of."""
    case.call_and_validate(checks=CHECKS)


ENDLESS = ["/api/v1/stream"]
"""Answers that never end: tried in test_access_streams."""
MADE = asyncio.run(access_scene())
ADMIN = dict(MADE.headers["wide"])
GUARDED = schemathesis.openapi.from_asgi("/api/v1/openapi.json", MADE.scene.app).exclude(path=ENDLESS)


@GUARDED.parametrize()
@settings(max_examples=3, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("headers", [ADMIN, {"Authorization": "Bearer pf_wrong"}, {}], ids=["token", "wrong", "none"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_with_accounts_every_answer_is_in_the_document(case: schemathesis.Case[Any], headers: dict[str, str]) -> None:
    """Over all addresses, with a viewer's token, a wrong one and none: no 5xx, and what is refused is told of."""
    response = case.call(headers=headers)
    case.validate_response(response, checks=[not_a_server_error, status_code_conformance])
