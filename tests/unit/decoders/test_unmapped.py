"""What of a codec's output no field takes."""

from decoders.device import Definition
from decoders.proposals import Proposal
from decoders.unmapped import unmapped
from model.device import Kind
from model.value import Value

HEAD = """\
title = { en = "Probe", fr = "Sonde" }
vendor = "Lab"
model = "Probe"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up"

"""
CODEC = """\
[codec]
format = "cayenne"
time = "measured_at"

[field.temperature_c]
path = "list.*.temp"
kind = "float"
quantity = "temperature"

[storage]
retired = ["humidity_percent"]
"""


def test_what_is_taken_is_told_no_more() -> None:
    """Paths that fields take by now, their times, and the names of elements of lists are left out."""
    seen: dict[str, list[Value]] = {
        "list.*.temp": [1.0],
        "list.0.temp": [1.0],
        "list.name=a.temp": [1.0],
        "list.name=a.name": ["a"],
        "measured_at": ["2026-05-04T06:15:00Z"],
        "other.name=a.deep.temp": [7.5],
        "list.temp": [7.5],
    }

    left = unmapped(Definition.read("probe", HEAD + CODEC), seen)

    assert list(left) == ["other.name=a.deep.temp", "list.temp"]


def test_a_field_is_proposed_where_it_is_clear() -> None:
    """Names differ from each other, from the fields that there are and from those that there were; units count."""
    left = unmapped(
        Definition.read("probe", HEAD + CODEC),
        {
            "temp": [21.5],
            "Temperature": [21.5],
            "humidity": [55],
            "battery": [3571],
            "distance": [2.0],
            "distance_unit": ["m"],
            "": [1],
            "a..b": [1],
        },
    )

    assert [None if one is None else (one.name, one.unit) for one in left.values()] == [
        ("temperature_2_c", None),
        ("temperature_3_c", None),
        ("humidity_2_percent", None),
        ("battery_v", "mV"),
        ("distance_m", None),
        None,
        None,
        None,
    ]
    assert left["temp"] == Proposal("temp", "temperature_2_c", Kind.FLOAT, "temperature")


def test_a_layout_leaves_nothing() -> None:
    """A device type with a layout has no codec that says more."""
    layout = '[[frame]]\nlayout = "temperature_c i8"\n[field.temperature_c]\nquantity = "temperature"\n'
    example = '[[example]]\nname = "x"\npayload = "01"\nvalues = { temperature_c = 1 }\n'

    assert unmapped(Definition.read("probe", HEAD + layout + example), {"temp": [1.0]}) == {}
