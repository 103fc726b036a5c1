"""``model.alert_ports.Outbox`` and ``Channels`` in memory, for who looks at them; nothing is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from model.alert_ports import ChannelView
from model.notification import Due, Notification, NotificationState, Outcome


class Outbox:
    """Notifications in a list."""

    def __init__(self) -> None:
        self.lines: list[Notification] = []

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return test messages that wait."""
        some = [one for one in self.lines if one.state is NotificationState.WAITING and one.due_at <= now]
        return [Due(notification=one, alarm=None, rule=None) for one in some[:limit]]

    async def settle(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Refuse: nobody sends here."""
        raise NotImplementedError(f"{len(outcomes)} outcomes at {at}")

    async def escalate(self, now: datetime) -> int:
        """Add nothing."""
        del now
        return 0

    async def test(self, channel: str, who: str, at: datetime) -> Notification:
        """Add a test message."""
        del who
        line = Notification(id=len(self.lines) + 1, channel=channel, kind=None, alarm=None, created_at=at, due_at=at)
        self.lines.append(line)
        return line

    async def page(
        self,
        *,
        state: NotificationState | None = None,
        alarm: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Notification]:
        """Return notifications, the newest first."""
        return [
            one
            for one in reversed(self.lines)
            if state in (None, one.state) and alarm in (None, one.alarm) and (before is None or one.id < before)
        ][:limit]

    async def counts(self) -> Mapping[str, int]:
        """Return state -> how many."""
        found: dict[str, int] = {}
        for one in self.lines:
            found[one.state] = found.get(one.state, 0) + 1
        return found


class Channels:
    """Channels as they are given."""

    def __init__(self, *views: ChannelView) -> None:
        self.views = views

    def channels(self) -> Sequence[ChannelView]:
        """Return them."""
        return sorted(self.views, key=lambda one: one.name)
