"""Penfeld's data from Python: ``from penfeld.client import Client``. docs/client.md shows how."""

from penfeld.client.client import Client
from penfeld.client.errors import BrokenAnswerError, ClientError, NotReachedError, ProblemError
from penfeld.client.live import LiveEvent
from penfeld.client.readings import Readings

__all__ = ["BrokenAnswerError", "Client", "ClientError", "LiveEvent", "NotReachedError", "ProblemError", "Readings"]
