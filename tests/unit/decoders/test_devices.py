"""What every device file promises, those not yet written included."""

import pytest

from decoders.catalogue import Catalogue
from decoders.device import Definition

CATALOGUE = Catalogue.builtin()


@pytest.fixture(params=CATALOGUE.names())
def definition(request: pytest.FixtureRequest) -> Definition:
    return CATALOGUE[str(request.param)]


def test_examples_hold(definition: Definition) -> None:
    """Every example of a device file gives the values, warnings or the error that it promises."""
    assert definition.check() == ()


def test_examples_show_success_and_failure(definition: Definition) -> None:
    """Every device file shows at least one payload that decodes and one that does not."""
    errors = [example.error for example in definition.examples]
    assert None in errors
    assert any(error is not None for error in errors)
