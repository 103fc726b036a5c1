"""Requests made from the OpenAPI document, and what every answer must be: shared by fuzzing on fakes and on a city.

``FUZZ=full`` asks each address many times and goes through the edges of each parameter; without it a few times.
"""

import os
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

FULL = os.environ.get("FUZZ") == "full"
NOT_IMPLEMENTED = 501


def no_accident(_context: object, response: Any, _case: object) -> None:  # noqa: ANN401  schemathesis' answer
    """Fail for what a server says when something broke; 501 tells what of a standard is not done, and is told of."""
    status = response.status_code
    assert status < 500 or status == NOT_IMPLEMENTED, f"{status}: {response.content[:1000]!r}"


CHECKS = [no_accident, status_code_conformance, content_type_conformance, response_schema_conformance]

Case = schemathesis.Case[Any]
Known = Mapping[str, Any]


@schemathesis.serializer("application/toml")
def _toml(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """Send a text as it is, whether it is TOML or not; what is no text is sent as Python shows it."""
    return (value if isinstance(value, str) else repr(value)).encode(errors="replace")


def prepared(schema: Any, known: Known) -> Any:  # noqa: ANN401  schemathesis has no name for what it loads
    """Return a schema ready to be asked; half of all requests name what there is, by the ``known`` parameters."""
    schema.config.phases.coverage.enabled = schema.config.phases.examples.enabled = FULL

    def known_path(_context: object, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        return _known(parameters, known)

    def known_query(_context: object, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        return _known(parameters, known)

    schema.hooks.hook("map_path_parameters")(known_path)
    schema.hooks.hook("map_query")(known_query)
    return schema


def _known(parameters: dict[str, Any] | None, known: Known) -> dict[str, Any] | None:
    if not parameters or crc32(repr(sorted(parameters)).encode() + repr(parameters).encode()) % 2:
        return parameters
    return {name: known.get(name, value) for name, value in parameters.items()}


def times(few: int) -> settings:
    """Return how often each address is asked: ``few`` times, or many with ``FUZZ=full``."""
    return settings(
        max_examples=few * 25 if FULL else few,
        derandomize=not FULL,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
