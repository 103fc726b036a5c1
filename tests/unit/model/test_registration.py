"""What lists of devices promise; what the API makes of them stands in tests/unit/api/test_devices.py."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.device import Device, DeviceType, State, Text
from model.errors import BadRequestError, NotFoundError
from model.registration import COLUMNS, devices_of, read_csv, read_toml


def type_of(name: str) -> DeviceType:
    networks = {"lamp": ("lorawan",), "bin": ("sigfox",), "tram": ("native",)}
    if name not in networks:
        raise NotFoundError(f"there is no device type {name!r}")
    return DeviceType(
        name=name,
        title=Text(en="", fr=""),
        vendor="",
        model="",
        domain="",
        networks=networks[name],
        period=timedelta(minutes=1),
        source="",
        fields=(),
        version="1",
    )


def device_of(**row: object) -> Device | str:
    """Return the device that one row makes, or its problem."""
    (only,) = devices_of([row], type_of)
    return only.device or only.problem


@pytest.mark.parametrize(("delimiter", "latitude"), [(",", "48.39"), (";", "48,39"), ("\t", "48,39"), (";", "48.39")])
def test_csv(delimiter: str, latitude: str) -> None:
    """Whichever sign stands between the cells, and the decimals, the same device comes out."""
    lines = [["ID", "Type", "lat", "tag.rue"], ["70B3D50000000001", "lamp", latitude, "Siam"]]
    data = "\n".join(delimiter.join(line) for line in lines).encode()

    (row,) = devices_of(read_csv(data), type_of)

    assert row.device == Device(id="70b3d50000000001", type="lamp", latitude=48.39, tags={"rue": "Siam"})


def test_csv_in_quotes() -> None:
    """Cells in quotes may hold delimiters and line ends; tags may stand in one cell."""
    data = b'id,type,name,tags\nt1,tram,"Tram, red\tone","line=A; depot=nord"\n'

    (row,) = devices_of(read_csv(data), type_of)

    assert row.device == Device(id="t1", type="tram", name="Tram, red one", tags={"line": "A", "depot": "nord"})


def test_toml() -> None:
    """[[device]] tables make devices."""
    data = b'[[device]]\nid = "b5f3c1"\ntype = "bin"\nlatitude = 48\nsimulated = true\n[device.tags]\nsize = "L"\n'

    (row,) = devices_of(read_toml(data), type_of)

    assert row.device == Device(id="00b5f3c1", type="bin", latitude=48.0, simulated=True, tags={"size": "L"})


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ({"id": "t1"}, ["type: missing"]),
        ({"type": "tram"}, ["id: missing"]),
        ({"id": "t1", "type": "trm"}, ["no device type 'trm'"]),
        ({"id": "t 1", "type": "tram"}, ["id:", "tram-12"]),
        ({"id": "t1", "type": "tram", "latitude": "north"}, ["latitude"]),
        ({"id": "t1", "type": "tram", "latitude": "48,39"}, ["latitude: '48,39' is no number", "with a point"]),
        ({"id": "t1", "type": "tram", "latitude": 91, "longitude": -181.0}, ["latitude", "longitude", "±180"]),
        ({"id": "t1", "type": "tram", "latitude": "nan"}, ["latitude"]),
        ({"id": "t1", "type": "tram", "latitud": 48}, ["latitud: unknown", "did you mean latitude"]),
        ({"id": "t1", "type": "tram", "state": "pending"}, ["state", "active nor retired"]),
        ({"id": "t1", "type": "tram", "simulated": "perhaps"}, ["simulated"]),
        ({"id": "t1", "type": "tram", "name": "x" * 501}, ["name: longer than 500"]),
        ({"id": "t1", "type": "tram", "name": "a\0b"}, ["name:", "cannot be shown"]),
        ({"id": "t1", "type": "tram", "tags": {"a": 1}}, ["tags"]),
        ({"id": 5, "type": None}, ["id", "type"]),
    ],
)
def test_problems_name_every_part(row: dict[str, object], parts: list[str]) -> None:
    """A row's problem names every wrong part of it, and what would be right."""
    problem = device_of(**row)

    assert isinstance(problem, str)
    assert all(part in problem for part in parts), problem


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"network": "sigfox", "id": "B5F3C1"}, "00b5f3c1"),
        ({"network": "chirpstack", "id": "70B3D50000000001"}, "70b3d50000000001"),
        ({"id": "B5F3C1"}, "B5F3C1"),
    ],
)
def test_the_network_decides_the_form_of_the_id(row: dict[str, object], expected: str) -> None:
    """A row's own network goes before that of its type."""
    device = device_of(type="tram", **row)

    assert isinstance(device, Device)
    assert device.id == expected


def test_null_is_empty() -> None:
    """What a row says is null is empty, as if it had left it out."""
    assert device_of(id="t1", type="tram", district=None, latitude=None) == device_of(id="t1", type="tram")


def test_retired() -> None:
    """A list can retire a device."""
    device = device_of(id="t1", type="tram", state="retired")

    assert isinstance(device, Device)
    assert device.state is State.RETIRED


def test_twice_in_one_list() -> None:
    """A device that stands in two rows is registered by the first and refused in the second, whatever the spelling."""
    rows = devices_of([{"id": "B5F3C1", "type": "bin"}, {"id": "00b5f3c1", "type": "bin"}], type_of)

    assert rows[0].device is not None
    assert rows[1].problem == "id: 00b5f3c1 stands in row 1 already"


CELLS = st.text(max_size=8) | st.sampled_from([*COLUMNS, "lamp", "bin", "tram", "48,4", "B5F3C1", ";", ",", "\n", '"'])


@given(
    st.binary(max_size=100) | st.lists(CELLS, max_size=20).map(lambda cells: ";".join(cells).encode("utf-8", "replace"))
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes make rows that are devices or have a problem, or are refused as a whole."""
    for read in (read_csv, read_toml):
        try:
            values = read(data)
        except BadRequestError:
            continue
        for row in devices_of(values, type_of):
            assert (row.device is None) == bool(row.problem)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=5), VALUES, max_size=6))
def test_any_values(row: dict[str, object]) -> None:
    """Any values that JSON or TOML can hold make a device or a problem."""
    (only,) = devices_of([row], type_of)

    assert (only.device is None) == bool(only.problem)
