"""A list of alarms as cards that stay where they are while they change."""

from collections.abc import Callable, Sequence
from datetime import datetime

from api.console.alarm_lines import Known, line_of
from api.console.components.alarm_card import Actions, AlarmCard
from api.console.components.elements import block
from api.console.parts import Parts
from api.console.texts import Words
from model.alarm import Alarm


async def known_of(parts: Parts) -> Known:
    """Return what lines are made with, as it is now; raise ``UnavailableError``."""
    rules = {one.rule.name: one.rule for one in await parts.rules.all()}
    return Known(rules=rules, types=parts.feed.city.types, name=lambda device: name_of(parts, device))


def name_of(parts: Parts, device: str) -> str:
    """Return a device's name, "" where it has none."""
    spot = parts.feed.city.spots.get(device)
    return (spot.device.name or "") if spot is not None else ""


class AlarmList:
    """``show`` brings it up to date. ``on_select``: called whenever the selection is another one."""

    def __init__(
        self, words: Words, actions: Actions | None = None, on_select: Callable[[], None] | None = None
    ) -> None:
        self._words, self._actions, self._on_select = words, actions, on_select
        self._cards: dict[int, AlarmCard] = {}
        self._open: set[int] = set()
        self.selected: set[int] = set()
        self._place = block("div", "cards alarm-cards")

    def show(self, alarms: Sequence[Alarm], known: Known, now: datetime) -> None:
        """Show these alarms in this order."""
        there = {one.id for one in alarms}
        for gone in [number for number in self._cards if number not in there]:
            self._cards.pop(gone).element.delete()
        self._open = {one.id for one in alarms if one.acknowledged_at is None}
        for position, alarm in enumerate(alarms):
            card = self._cards.get(alarm.id)
            if card is None:
                with self._place:
                    card = AlarmCard(self._words, self._actions, self._select if self._on_select else None)
                self._cards[alarm.id] = card
            if self._place.default_slot.children[position] is not card.element:
                card.element.move(self._place, position)
            card.show(alarm, line_of(alarm, known, now, self._words))
        if not self.selected <= self._open:
            self.selected &= self._open
            self._tell()
        self._place.set_visibility(bool(alarms))

    def select_all(self) -> None:
        """Tick all that can be, or none where all are."""
        ticked = self.selected != self._open
        for number in self._open:
            self._cards[number].select(ticked=ticked)

    @property
    def selectable(self) -> int:
        """How many can be ticked."""
        return len(self._open)

    def _select(self, number: int, ticked: bool) -> None:  # noqa: FBT001 -- a card tells it
        (self.selected.add if ticked else self.selected.discard)(number)
        self._tell()

    def _tell(self) -> None:
        if self._on_select is not None:
            self._on_select()
