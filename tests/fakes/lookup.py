"""``DeviceLookup`` in memory. ``asked`` is what was asked for, call by call; ``down`` makes it fail."""

from collections.abc import Mapping, Sequence

from model.device import DeviceRef
from model.errors import UnavailableError


class DeviceLookup:
    """Devices by id."""

    def __init__(self, known: Mapping[str, DeviceRef] | None = None) -> None:
        self.known = dict(known or {})
        self.asked: list[tuple[str, ...]] = []
        self.down = False

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Return what is known of these ids."""
        if self.down:
            raise UnavailableError("the database does not answer")
        self.asked.append(tuple(devices))
        return {name: self.known[name] for name in devices if name in self.known}
