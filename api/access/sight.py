"""Which devices who asks may see, and which he may change: decided here, for one request.

Rules:

1. ``None`` is all, a set is what is in it; the empty set is nobody, never everybody.
2. What somebody may not see does not exist for him: it is not found, and not counted.
"""

from collections.abc import Iterable

from model.access import sees
from model.device import Device
from model.errors import BadRequestError, NotFoundError
from model.ports import Registry

MOST = 100_000
"""Devices that somebody can see who does not see all."""


class Sight:
    """What somebody sees who does not see all. ``experiments``: those that he sees; ``own``: those that he changes.

    ``lasting``: it is asked again and again, so nothing is remembered.
    """

    def __init__(
        self, registry: Registry, experiments: frozenset[str], own: frozenset[str], *, lasting: bool = False
    ) -> None:
        self._lasting = lasting
        self.experiments = experiments
        self.own = own
        self._registry = registry
        self._known: dict[str | None, frozenset[str]] = {}

    def sees(self, device: Device) -> bool:
        """Whether he may see a device."""
        return sees(self.experiments, device)

    def owns(self, device: Device) -> bool:
        """Whether he may change a device."""
        return device.experiment is not None and device.experiment in self.own

    async def device(self, device_id: str) -> Device:
        """Return a device that he may see; raise ``NotFoundError``."""
        found = await self._registry.device(device_id)
        if not self.sees(found):
            raise NotFoundError(f"no device {device_id!r} is registered")
        return found

    async def ids(self, device_type: str | None = None) -> frozenset[str]:
        """Return the devices that he may see, of one type or of all."""
        if self._lasting or device_type not in self._known:
            found = await self._registry.devices(device_type=device_type, experiments=self.experiments, limit=MOST + 1)
            if len(found) > MOST:
                raise BadRequestError(f"you may see more than {MOST:,} devices: ask for some of them, by name")
            self._known[device_type] = frozenset(one.id for one in found)
        return self._known[device_type]

    async def of(self, devices: Iterable[str] | None, device_type: str | None = None) -> list[str]:
        """Return which of these he may see, of all where it is ``None``."""
        seen = await self.ids(device_type)
        return sorted(seen) if devices is None else [one for one in devices if one in seen]
