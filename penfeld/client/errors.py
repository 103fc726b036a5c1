"""What can go wrong between a program and Penfeld: errors of the client alone, each with what to do."""

from collections.abc import Sequence


class ClientError(Exception):
    """The base of all errors of this client."""


class NotReachedError(ClientError):
    """Nobody answered: wrong address, no network, service down."""


class BrokenAnswerError(ClientError):
    """An answer broke off, or is not what this client reads. What came before is not the whole."""


class ProblemError(ClientError):
    """Penfeld refused, and said why. ``detail`` says what to change, ``near`` names that are like a wrong one.

    ``retry_after``: seconds after which to try again, where it said so.
    """

    def __init__(
        self, status: int, title: str, detail: str, near: Sequence[str] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(f"{title} ({status}): {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.near = tuple(near)
        self.retry_after = retry_after
