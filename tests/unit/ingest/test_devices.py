"""The short memory for devices."""

from datetime import timedelta

import pytest

from ingest.devices import Devices
from model.device import State
from model.errors import UnavailableError
from tests.fakes.lookup import DeviceLookup
from tests.unit.ingest.scene import NOON, ref


async def test_active_is_remembered() -> None:
    """An active device is asked for once, however often it speaks within the time."""
    lookup = DeviceLookup({"a": ref(1), "b": ref(2)})
    devices = Devices(lookup)

    first = await devices.identify(["a", "a"], NOON)
    second = await devices.identify(["b", "a"], NOON + timedelta(seconds=9))
    third = await devices.identify(["b", "a"], NOON + timedelta(seconds=9))

    assert lookup.asked == [("a",), ("b",)]
    assert first["a"] == second["a"] == third["a"] == ref(1)
    assert second["b"] == third["b"] == ref(2)


async def test_forgets() -> None:
    """After a while, or when time went backwards, a device is asked for again."""
    lookup = DeviceLookup({"a": ref(1)})
    devices = Devices(lookup)

    for now in (NOON, NOON + timedelta(seconds=10), NOON):
        await devices.identify(["a"], now)

    assert lookup.asked == [("a",)] * 3


@pytest.mark.parametrize("state", [State.PENDING, State.RETIRED, None])
async def test_others_are_asked_again(state: State | None) -> None:
    """Unknown, pending and retired devices are asked for with every batch: registering shows at once."""
    lookup = DeviceLookup({"a": ref(1, state=state)} if state else {})
    devices = Devices(lookup)
    await devices.identify(["a"], NOON)
    lookup.known["a"] = ref(1)

    found = await devices.identify(["a"], NOON)

    assert found["a"].state is State.ACTIVE


async def test_bounded() -> None:
    """No more devices are remembered than allowed."""
    lookup = DeviceLookup({name: ref(1) for name in "abc"})
    devices = Devices(lookup, at_most=2)

    for names in ("ab", "c", "a"):
        found = await devices.identify(list(names), NOON)
        assert set(found) >= set(names)

    assert lookup.asked == [("a", "b"), ("c",), ("a",)]


async def test_full_in_the_middle_of_a_batch() -> None:
    """When the memory is full, the devices of this batch that it held are still known: none is taken for a stranger."""
    devices = Devices(DeviceLookup({name: ref(1) for name in "abc"}), at_most=2)
    await devices.identify(["a", "b"], NOON)

    found = await devices.identify(["b", "c"], NOON)

    assert set(found) == {"b", "c"}


async def test_down() -> None:
    """A registry that does not answer is not taken for one that knows nobody."""
    lookup = DeviceLookup()
    lookup.down = True

    with pytest.raises(UnavailableError):
        await Devices(lookup).identify(["a"], NOON)
