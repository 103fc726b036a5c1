"""Who may ask how often: token buckets by class of request, and waits after failed logins. Pure; time is handed in.

Rules:

1. A bucket holds its class's quota and refills evenly: a short burst may be as large as the quota, and over any length
   of time no more passes than the quota and what flowed in meanwhile.
2. Memory is bounded: who was not seen for longest is forgotten first. A full bucket and no bucket are the same, so this
   forgives nobody who waited, and somebody who did not only where there are more of them than are remembered.
3. Each failed login of an address doubles its wait, up to a quarter of an hour. An account waits too, but a minute at
   most: otherwise a stranger could lock its owner out.
4. Addresses of IPv6 count by network (/64): who has one has all addresses in it.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SECOND = 1_000_000_000
"""Times are in nanoseconds of a clock that only goes forward."""

_FREE_FAILURES = 3
_LONGEST_ADDRESS = 900 * SECOND
_LONGEST_ACCOUNT = 60 * SECOND
_FORGOTTEN_AFTER = 3600 * SECOND
_V6_NETWORK = 64


class Kind(StrEnum):
    """What a request costs us: a closed list, told in headers as it stands here."""

    LOGINS = "logins"
    QUERIES = "queries"
    EXPORTS = "exports"
    STREAMS = "streams"


@dataclass(frozen=True, slots=True)
class Policy:
    """``quota`` requests in ``window_s`` seconds."""

    quota: int
    window_s: int = 60

    @property
    def step(self) -> int:
        """After how long there is one more, rounded up: never more than the quota."""
        return -(-self.window_s * SECOND // self.quota)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request passes. ``remaining``: how many more would now; ``wait``, ``full``: until one, until all do."""

    allowed: bool
    remaining: int
    wait: int
    full: int


class Buckets:
    """The buckets of one class, ``most`` of them at most. Each is one number: when it will be full."""

    def __init__(self, policy: Policy, most: int) -> None:
        self.policy = policy
        self._most = most
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._full_at)

    def take(self, who: str, now: int) -> Verdict:
        """Take one request out of somebody's bucket, if there is one in it."""
        step = self.policy.step
        size = step * self.policy.quota
        full_at = max(self._full_at.get(who, now), now)
        after = full_at + step
        if after - now > size:
            return Verdict(allowed=False, remaining=0, wait=after - now - size, full=full_at - now)
        self._full_at[who] = after
        self._full_at.move_to_end(who)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return Verdict(allowed=True, remaining=(size - (after - now)) // step, wait=0, full=after - now)


@dataclass(slots=True)
class _Failed:
    times: int = 0
    at: int = 0


class Failures:
    """Failed logins by account and by address, ``most`` of each at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._addresses: OrderedDict[str, _Failed] = OrderedDict()
        self._accounts: OrderedDict[str, _Failed] = OrderedDict()

    def wait(self, account: str, address: str, now: int) -> int:
        """Return how long this login must wait, 0 if it may be tried now."""
        return max(
            _wait(self._addresses.get(address), now, _LONGEST_ADDRESS),
            _wait(self._accounts.get(account), now, _LONGEST_ACCOUNT),
        )

    def failed(self, account: str, address: str, now: int) -> None:
        """Note that name or password were wrong."""
        for where, who in ((self._addresses, address), (self._accounts, account)):
            found = where.setdefault(who, _Failed())
            found.times = 1 if now - found.at > _FORGOTTEN_AFTER else found.times + 1
            found.at = now
            where.move_to_end(who)
            if len(where) > self._most:
                where.popitem(last=False)

    def succeeded(self, account: str) -> None:
        """Note that somebody is in. The address goes on waiting: it may have guessed one of many."""
        self._accounts.pop(account, None)


def _wait(found: _Failed | None, now: int, longest: int) -> int:
    if found is None or found.times < _FREE_FAILURES:
        return 0
    delay = min(SECOND << min(found.times - _FREE_FAILURES, 60), longest)
    return max(found.at + delay - now, 0)


def place(address: str) -> str:
    """Return as whom an address counts."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if found.version == 4:  # noqa: PLR2004 -- of the internet protocol
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((int(found), _V6_NETWORK), strict=False))


def here(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if found.version == 6 else None  # noqa: PLR2004 -- of the internet protocol
    return (mapped or found).is_loopback


def kind_of(method: str, path: str, formats: str) -> Kind | None:
    """Return what a request counts as, ``None`` for what does not count (pages, health, pushes of network servers).

    ``formats``: what it asks for, by parameter or by ``Accept``.
    """
    if (method, path) in _LOGINS:
        return Kind.LOGINS
    if not path.startswith(("/api/", "/sta/")) or path.startswith("/api/v1/callbacks/"):
        return None
    if path.startswith("/api/v1/stream"):
        return Kind.STREAMS
    if path == "/api/v1/readings" and any(word in formats for word in _EXPORTED):
        return Kind.EXPORTS
    return Kind.QUERIES


_LOGINS = (("POST", "/api/v1/login"), ("PUT", "/api/v1/me/password"), ("GET", "/login/oidc"))
_EXPORTED = ("csv", "ndjson", "parquet", "arrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConfig:
    """``policies``: of the classes that have a limit. ``remembered``: users and addresses at most, of each class."""

    policies: Mapping[Kind, Policy]
    remembered: int = 20_000


def seconds(time: int) -> int:
    """Return whole seconds, rounded up."""
    return -(-time // SECOND)


def headers(kind: Kind, policy: Policy, verdict: Verdict) -> Mapping[str, str]:
    """Return what tells a client where it stands (draft-ietf-httpapi-ratelimit-headers-11)."""
    told = {
        "RateLimit-Policy": f'"{kind}";q={policy.quota};w={policy.window_s}',
        "RateLimit": f'"{kind}";r={verdict.remaining};t={seconds(verdict.full)}',
    }
    return told if verdict.allowed else {**told, "Retry-After": str(seconds(verdict.wait))}
