"""``Quarantine`` in memory."""

from collections.abc import Sequence
from datetime import datetime

from model.batch import Replay, Replayed
from model.errors import UnavailableError, WriteRejectedError
from model.views import Amount, QuarantinedFrame, QuarantineFilter
from tests.fakes.memory import Memory


class Quarantine:
    """What was set aside in a ``Memory``. ``replays`` are those that were asked for.

    ``refuse``: devices (keys) whose frames can never be stored, and why. ``down``: nothing can be taken out.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.replays: list[Replay] = []
        self.refuse: dict[int, str] = {}
        self.down = False

    async def lines(self, wanted: QuarantineFilter, *, limit: int = 500, after: int = 0) -> Sequence[QuarantinedFrame]:
        """Return lines in order of their ids, behind the line ``after``."""
        return [frame for frame in self.memory.lines(wanted) if frame.id > after][:limit]

    async def count(self, wanted: QuarantineFilter) -> Amount:
        """Return how much is meant."""
        found = self.memory.lines(wanted)
        return Amount(lines=len(found), frames=sum(frame.times for frame in found))

    async def request(self, wanted: QuarantineFilter) -> Amount:
        """Mark lines for replay."""
        ids = {frame.id for frame in self.memory.lines(wanted)}
        return self.memory.mark(lambda frame: frame.id in ids)

    async def request_types(self, device_types: Sequence[str]) -> Amount:
        """Mark lines whose device type was unknown."""
        types = {name: device.type for name, device in self.memory.devices.items()}
        return self.memory.mark(
            lambda frame: (
                frame.reason == "unknown_type"
                and (frame.device_type in device_types or types.get(frame.device or "") in device_types)
            )
        )

    async def waiting(self, devices: Sequence[str]) -> Amount:
        """Return how much of these devices' frames is marked."""
        found = [
            frame
            for frame in self.memory.quarantine.values()
            if frame.device in devices and frame.replay_requested_at is not None
        ]
        return Amount(lines=len(found), frames=sum(frame.times for frame in found))

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Take lines out."""
        if self.down:
            raise UnavailableError("the database does not answer")
        frames = replay.batch.frames
        if refused := {i: self.refuse[frame.device] for i, frame in enumerate(frames) if frame.device in self.refuse}:
            raise WriteRejectedError(refused)
        self.replays.append(replay)
        return await self.memory.replay(replay, at)
