from api.console.city import City, Selection
from api.console.listing import listed, natural
from tests.unit.api.console.samples import LAMP, NOON, lamp, said


def city() -> City:
    built = City([LAMP])
    built.load([lamp(f"lamp-{n}", name=f"n°{n}") for n in range(1, 13)])
    built.apply([said("lamp-7", "lamp", NOON, "voltage_v:range")])
    built.tick(NOON)
    return built


def _names(*, sort: str = "device", down: bool = False, page: int = 0, search: str = "") -> list[str]:
    found = listed(city().spots.values(), Selection(search=search), sort=sort, down=down, page=page, size=5)
    return [spot.device.name for spot in found.spots]


def test_natural_order() -> None:
    """Names are sorted as people count: 2 before 10."""
    assert _names() == ["n°1", "n°2", "n°3", "n°4", "n°5"]
    assert sorted(["b10", "b9", "B1", "a"], key=natural) == ["a", "B1", "b9", "b10"]


def test_pages() -> None:
    """A page behind the last one is the last one."""
    assert _names(page=2) == _names(page=99) == ["n°11", "n°12"]


def test_order_by_state() -> None:
    """Sorted by state, what needs attention comes first; sorted by last reading, the newest."""
    assert _names(sort="health")[0] == "n°7"
    assert _names(sort="last", down=True)[0] == "n°7"


def test_counts() -> None:
    """The list says how many were chosen, and where the page begins; an empty choice gives an empty page."""
    everything = listed(city().spots.values(), Selection(), sort="device", down=False, page=1, size=5)
    assert (everything.first, everything.total) == (5, 12)
    nothing = listed(city().spots.values(), Selection(search="nowhere"), sort="type", down=False, page=3, size=5)
    assert (nothing.spots, nothing.first, nothing.total) == ([], 0, 0)
