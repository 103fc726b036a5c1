"""What each route asks of who asks: said at the route itself, by a decorator beneath its address.

Rules:

1. Every route says it. One that says nothing answers nobody, and a test names it.
2. ``needs(permission)``: whoever may. ``needs()``: anybody, known or not. ``unguarded``: it looks at nobody, since it
   guards itself (callbacks have tokens of their own) or there is nothing to guard (health).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from model.access import Permission

_MARK = "__penfeld_needs__"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Need:
    """What a route asks. ``looks``: whether it is of any interest who asks."""

    permission: Permission | None = None
    looks: bool = True


def needs(permission: Permission | None = None) -> Callable[[Endpoint], Endpoint]:
    """Say what who calls a route must be allowed; nothing: anybody may."""
    return _marked(Need(permission))


def unguarded(endpoint: Endpoint) -> Endpoint:
    """Say that a route answers without a look at who asks."""
    return _marked(Need(looks=False))(endpoint)


def need_of(endpoint: object) -> Need | None:
    """Return what a route asks, ``None`` where it says nothing."""
    found = getattr(endpoint, _MARK, None)
    return found if isinstance(found, Need) else None


def _marked(need: Need) -> Callable[[Endpoint], Endpoint]:
    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, need)
        return endpoint

    return mark
