"""The closed list of quantities."""

import pytest

from model.quantities import QUANTITIES, Quantity, ending_problem


@pytest.fixture(params=QUANTITIES.values(), ids=list(QUANTITIES))
def each(request: pytest.FixtureRequest) -> Quantity:
    assert isinstance(request.param, Quantity)
    return request.param


def test_a_unit_has_its_endings(each: Quantity) -> None:
    """What has a unit has endings for the names of its fields, each beginning with an underscore."""
    assert bool(each.endings) or not each.unit
    assert all(ending.startswith("_") for ending in each.endings)


def test_titles_are_in_both_languages(each: Quantity) -> None:
    """Every quantity has a title in English and in French."""
    assert each.title.en
    assert each.title.fr


def test_an_ending_means_one_unit() -> None:
    """Fields with the same ending are in the same unit, whatever they measure."""
    units: dict[str, set[str]] = {}
    for quantity in QUANTITIES.values():
        for ending in quantity.endings:
            units.setdefault(ending, set()).add(quantity.unit)
    assert {ending: found for ending, found in units.items() if len(found) > 1} == {"_index": {"", "1"}}


@pytest.mark.parametrize(
    ("field", "quantity", "wrong"),
    [
        ("air_temperature_c", "temperature", None),
        ("ph", "ph", None),
        ("temperature_k", "temperature", "must end in _c, as temperature is in Cel"),
        ("door_open", "state", None),
        ("door_v", "state", "must not end in _v: state has no unit"),
    ],
)
def test_names_say_their_units(field: str, quantity: str, wrong: str | None) -> None:
    """A field's name must end as its quantity's unit is called; without a unit it must not seem to have one."""
    assert (ending_problem(field, QUANTITIES[quantity]) or "").endswith(wrong or "")
    assert (ending_problem(field, QUANTITIES[quantity]) is None) == (wrong is None)
