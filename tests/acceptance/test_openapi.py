"""A whole city with its real database, asked all sorts of things: no 5xx, and no answer outside the document."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import given
from schemathesis import BaseSchema
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from tests.acceptance.command import get, service, until
from tests.acceptance.conftest import temporary_folder
from tests.openapi_cases import CHECKS, Case, prepared, times


@pytest.fixture(scope="module")
def asked() -> Iterator[BaseSchema]:
    """Run a small city that may be changed at will; give its schema, without the stream that never ends."""
    words = ("--lamps", "10", "--meters", "5", "--sigfox", "4", "--trams", "3", "--no-history")
    with temporary_folder() as path, service("demo", "--port", "0", *words, folder=path) as running:
        [device, *_] = until(lambda: get(f"{running.runtime['api']}/api/v1/latest")["items"], running)
        known = {
            "device": device["device"]["id"],
            "device_type": device["device"]["type"],
            "name": device["device"]["type"],
            "rule": get(f"{running.runtime['api']}/api/v1/rules")["items"][0]["rule"]["name"],
            "network": "sigfox",
            "path": "Datastreams",
        }
        schema = schemathesis.openapi.from_url(f"{running.runtime['api']}/api/v1/openapi.json")
        yield prepared(schema.exclude(path="/api/v1/stream"), known)
        assert running.process.poll() is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_answer_is_in_the_document(asked: BaseSchema) -> None:
    """Whatever is asked, of whatever the database makes of it, is answered as the document says."""
    wrong: dict[str, str] = {}
    for found in asked.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @times(4)
        @given(operation.as_strategy())
        def one(case: Case) -> None:
            case.call_and_validate(checks=CHECKS)

        try:
            one()
        except FailureGroup as failures:
            wrong[operation.label] = str(failures)

    assert wrong == {}
