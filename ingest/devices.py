"""Who sent this: the registry asked once a batch, with a short memory for devices that are active.

Only active devices are remembered, and not for long: one that is registered, changed or removed is noticed within
``forget_after``; unknown and pending ones are asked for with every batch, so that registering shows at once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from model.device import DeviceRef, State
from model.ports import DeviceLookup

FORGET_AFTER = timedelta(seconds=10)
AT_MOST = 100_000


class Devices:
    """A lookup that remembers. Time is passed in (of arrival), so that it reads no clock."""

    def __init__(self, lookup: DeviceLookup, *, forget_after: timedelta = FORGET_AFTER, at_most: int = AT_MOST) -> None:
        self._lookup = lookup
        self._forget_after = forget_after
        self._at_most = at_most
        self._known: dict[str, DeviceRef] = {}
        self._since: datetime | None = None

    async def identify(self, ids: Iterable[str], now: datetime) -> Mapping[str, DeviceRef]:
        """Return what is known of these devices; raise ``UnavailableError`` when the registry does not answer."""
        if self._since is None or not timedelta(0) <= now - self._since < self._forget_after:
            self.forget()
            self._since = now
        known = self._known  # what is answered to a question from before ``forget`` is forgotten with it
        wanted = set(ids)
        asked = sorted(wanted - known.keys())
        if not asked:
            return known
        answered = await self._lookup.identify(asked)
        remembered = {id_: known[id_] for id_ in wanted & known.keys()}
        if len(known) + len(answered) > self._at_most:
            known.clear()
        known.update((id_, ref) for id_, ref in answered.items() if ref.state is State.ACTIVE)
        return {**remembered, **answered}

    def forget(self) -> None:
        """Ask for every device again."""
        self._known = {}
