"""What is wrong with a request, as SensorThings' clients expect it: a status, and a message that says what to do."""

from model.errors import PenfeldError


class StaError(PenfeldError):
    """A request that cannot be answered. ``status``: 400 it makes no sense, 404 no such thing, 501 not done here."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def bad(message: str) -> StaError:
    """Return the error of a request that makes no sense."""
    return StaError(400, message)


def missing(message: str) -> StaError:
    """Return the error of something that is not there."""
    return StaError(404, message)


def undone(message: str) -> StaError:
    """Return the error of something that the standard knows and this service does not do."""
    return StaError(501, message)
