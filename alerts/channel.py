"""What a channel is: a door to people, and what is agreed on how it is used."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from alerts.messages import Message, Tongue
from model.quiet import Quiet


class Door(Protocol):
    """The way to one outside system."""

    async def send(self, message: Message) -> str:
        """Hand a message over; return "" or what is worth knowing (one of several addresses is refused).

        Raise ``UnavailableError`` where trying again may help, ``BadRequestError`` where it cannot. Neither says a
        secret.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One ``[[channel]]``. ``target``: whom it reaches, as people see it, without a secret.

    ``group_wait``: at least so long from one message to the next; what comes meanwhile goes together. ``quiet``: hours
    in which messages wait. ``give_up_after``: how long a message is tried.
    """

    name: str
    kind: str
    target: str
    door: Door
    language: Tongue = "fr"
    group_wait: timedelta = timedelta(seconds=10)
    quiet: Quiet | None = None
    give_up_after: timedelta = timedelta(days=3)
