from dataclasses import replace
from datetime import timedelta

from api.console.city import City, Selection, count_states, marker
from api.console.states import Health
from model.device import State
from model.views import Latest, LatestValue
from tests.unit.api.console.samples import LAMP, NOON, TRAM, lamp, said, tram

SECOND = timedelta(seconds=1)


def city() -> City:
    built = City([LAMP, TRAM])
    built.load([lamp("lamp-1"), lamp("lamp-2"), tram("tram-1")])
    built.tick(NOON)
    return built


def test_nothing_happened() -> None:
    """A tick in which nothing happened sends nothing to the map."""
    assert city().tick(NOON + SECOND).marker_updates() == {}


def test_first_tick() -> None:
    """Devices with a place become markers; one without a place waits until it tells where it is."""
    built = City([LAMP, TRAM])
    built.load([lamp("lamp-1"), tram("tram-1")])
    updates = built.tick(NOON).marker_updates()
    assert updates == {
        "add": [[0, "lamp-1", "Quai 1", "lamp", "Europe", "no_data", 48.39, -4.48, False]],
        "remove": [1],
    }
    built.apply([said("tram-1", "tram", NOON, latitude_deg=48.4, longitude_deg=-4.5)])
    assert built.tick(NOON).marker_updates() == {
        "add": [[1, "tram-1", "Rame 1", "tram", "", "ok", 48.4, -4.5, True]],
    }


def test_only_changes() -> None:
    """The map is told of the marker that moved and of the one whose state changed, and of no other."""
    built = city()
    built.apply([said("tram-1", "tram", NOON, latitude_deg=48.4, longitude_deg=-4.5)])
    built.tick(NOON)
    built.apply([
        said("tram-1", "tram", NOON + SECOND, latitude_deg=48.41, longitude_deg=-4.51),
        said("tram-1", "tram", NOON + 2 * SECOND, latitude_deg=48.42, longitude_deg=-4.52),
        said("lamp-2", "lamp", NOON + SECOND, lamp_failure=True),
    ])  # fmt: skip
    assert built.tick(NOON + 2 * SECOND).marker_updates() == {
        "states": [[1, "alarm"]],
        "places": [[2, 48.42, -4.52]],
    }


def test_a_stop_is_no_move() -> None:
    """A tram that stands still sends no positions."""
    built = city()
    place = {"latitude_deg": 48.4, "longitude_deg": -4.5}
    built.apply([said("tram-1", "tram", NOON, **place)])
    built.tick(NOON)
    built.apply([said("tram-1", "tram", NOON + SECOND, **place)])
    assert built.tick(NOON + SECOND).marker_updates() == {}


def test_silence_comes_by_itself() -> None:
    """A device that stops speaking turns silent without anything arriving, and comes back with its next reading."""
    built = city()
    built.apply([said("lamp-1", "lamp", NOON, power_w=40.0)])
    assert built.tick(NOON).states == [(0, Health.OK)]
    later = NOON + timedelta(minutes=46)
    assert built.tick(later).states == [(0, Health.SILENT)]
    assert built.tick(later + SECOND).states == []
    built.apply([said("lamp-1", "lamp", later + SECOND, power_w=40.0)])
    assert built.tick(later + SECOND).states == [(0, Health.OK)]


def test_old_values_change_nothing() -> None:
    """A reading that comes late never replaces a newer one."""
    built = city()
    built.apply([said("lamp-1", "lamp", NOON, power_w=40.0)])
    built.apply([said("lamp-1", "lamp", NOON - timedelta(hours=2), "voltage_v:range", power_w=99.0)])
    spot = built.spots["lamp-1"]
    assert (spot.values["power_w"], spot.time, spot.flags) == (40.0, NOON, ())


def test_unknown_devices_are_noted() -> None:
    """A device that speaks before the register knows it is noted, until the register brings it."""
    built = city()
    built.apply([said("new-1", "lamp", NOON)])
    assert built.unknown == {"new-1"}
    built.load([lamp("lamp-1"), lamp("lamp-2"), tram("tram-1"), lamp("new-1")])
    assert built.unknown == set()
    assert [row[1] for row in _rows(built.tick(NOON).marker_updates()["add"])] == ["new-1"]


def test_register_changes() -> None:
    """A renamed device is drawn again under its index, a retired or vanished one leaves the map."""
    built = city()
    built.load([lamp("lamp-1", name="Quai 9"), lamp("lamp-2", state=State.RETIRED)])
    changes = built.tick(NOON)
    assert [(spot.index, spot.device.name) for spot in changes.renewed] == [(0, "Quai 9")]
    assert sorted(changes.removed) == [1, 2]
    assert set(built.spots) == {"lamp-1"}


def test_remembered_values() -> None:
    """After a start the newest values of the database count like live ones."""
    built = city()
    entry = Latest(
        device=lamp("lamp-1"),
        time=NOON,
        received_at=NOON,
        values={"lamp_failure": LatestValue(value=True, time=NOON)},
    )
    built.remember([entry, replace(entry, device=lamp("stranger"))])
    assert built.tick(NOON).states == [(0, Health.ALARM)]


def test_catching_up() -> None:
    """Devices that the register heard later than the city are asked for, once; those in step are not."""
    built = city()
    built.apply([said("lamp-1", "lamp", NOON, power_w=40.0)])
    later = NOON + timedelta(minutes=1)
    register = [
        lamp("lamp-1", last_seen=NOON + SECOND),
        lamp("lamp-2", last_seen=later),
        lamp("new", last_seen=later, state=State.PENDING),
        tram("tram-1"),
    ]
    built.load(register)
    assert built.behind(register) == ["lamp-2"]
    assert built.behind(register) == []
    register[0] = lamp("lamp-1", last_seen=later)
    assert built.behind(register) == ["lamp-1"]


def test_selection() -> None:
    """A selection holds what matches every part of it; words are searched in id, name, type, district and tags."""
    built = City([LAMP, TRAM])
    built.load([lamp("lamp-1", tags={"street": "Rue de Siam"}), lamp("lamp-2", district="Bellevue"), tram("tram-1")])
    built.tick(NOON)

    def found(selection: Selection) -> list[str]:
        return [spot.device.id for spot in built.spots.values() if selection.holds(spot)]

    assert found(Selection()) == ["lamp-1", "lamp-2", "tram-1"]
    assert found(Selection(search="siam rue")) == ["lamp-1"]
    assert found(Selection(types=frozenset({"lamp"}), district="Bellevue")) == ["lamp-2"]
    assert found(Selection(states=frozenset({Health.OK}))) == []
    assert found(Selection(pending=True)) == []
    assert count_states(built.spots.values()) == {Health.NO_DATA: 3}
    assert built.districts() == ["Bellevue", "Europe"]


def test_names_travel_as_they_are() -> None:
    """What a person named a device reaches the map as plain text, unchanged."""
    nasty = "<script>alert(1)</script>"
    built = City([LAMP])
    built.load([lamp("lamp-1", name=nasty)])
    assert marker(built.spots["lamp-1"])[2] == nasty


def _rows(rows: list[object]) -> list[list[object]]:
    return [row for row in rows if isinstance(row, list)]
