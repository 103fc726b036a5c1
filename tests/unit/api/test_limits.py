"""Buckets let through what is allowed and nothing more, whatever comes when; memory is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits import SECOND, Buckets, Failures, Kind, Policy, headers, here, kind_of, place, seconds

POLICIES = st.builds(Policy, st.integers(1, 60), st.integers(1, 3600))
GAPS = st.lists(st.integers(0, 20 * SECOND), max_size=30)


@given(POLICIES, GAPS)
def test_never_more_than_the_quota_and_what_flowed_in(policy: Policy, gaps: list[int]) -> None:
    """Between any two moments no more passes than the quota and one request for each step of time between them."""
    buckets, now, passed = Buckets(policy, 10), 0, []
    for gap in gaps:
        now += gap
        if buckets.take("a", now).allowed:
            passed.append(now)

    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= policy.quota + (passed[last] - start) // policy.step


@given(POLICIES, GAPS)
def test_what_is_told_is_true(policy: Policy, gaps: list[int]) -> None:
    """After the wait that a refusal tells one passes, and not before; as many pass at once as were said to remain."""
    buckets, now = Buckets(policy, 10), 0
    for gap in gaps:
        now += gap
        verdict = buckets.take("a", now)
        if verdict.allowed:
            continue
        assert not buckets.take("a", now + verdict.wait - 1).allowed
        now += verdict.wait
        assert buckets.take("a", now).allowed
    left = buckets.take("a", now + SECOND)
    passed = [buckets.take("a", now + SECOND).allowed for _ in range(left.remaining + 1)]
    if left.allowed:
        assert passed == [True] * left.remaining + [False]


@given(POLICIES)
def test_a_whole_quota_passes_at_once_and_again_when_it_is_full(policy: Policy) -> None:
    """A burst as large as the quota passes, one more does not, and after the time that is told it is full again."""
    buckets = Buckets(policy, 10)
    verdicts = [buckets.take("a", 5) for _ in range(policy.quota + 1)]

    assert [one.allowed for one in verdicts] == [True] * policy.quota + [False]
    later = 5 + verdicts[-1].full
    assert all(buckets.take("a", later).allowed for _ in range(policy.quota))


def test_nobody_pays_for_others() -> None:
    """Each has a bucket."""
    buckets = Buckets(Policy(1), 10)

    assert [buckets.take(who, 0).allowed for who in ("a", "a", "b")] == [True, False, True]


@given(st.lists(st.integers(0, 50), max_size=300))
def test_memory_is_bounded(who: list[int]) -> None:
    """However many ask, no more than the limit are remembered, and those that asked last are."""
    buckets, failures = Buckets(Policy(1), 7), Failures(7)
    for now, one in enumerate(who):
        buckets.take(str(one), now)
        failures.failed(str(one), str(one), now)
        assert not buckets.take(str(one), now).allowed

    assert len(buckets) <= 7
    assert len(failures._accounts) <= 7
    assert len(failures._addresses) <= 7


def test_each_failure_makes_the_next_login_wait_longer() -> None:
    """Two are free, then 1 s, 2 s, 4 s … up to a quarter of an hour for an address."""
    failures, now, waits = Failures(10), 0, []
    for number in range(16):
        failures.failed(f"account {number}", "192.0.2.1", now)
        waits.append(failures.wait("fresh", "192.0.2.1", now) // SECOND)
        now += waits[-1] * SECOND

    assert waits[:6] == [0, 0, 1, 2, 4, 8]
    assert waits[-1] == 900
    assert failures.wait("fresh", "192.0.2.1", now) == 0


def test_nobody_locks_another_out_for_long() -> None:
    """However often strangers fail with somebody's name, its owner waits a minute at most, and no more once in."""
    failures = Failures(1000)
    for number in range(100):
        failures.failed("anne", f"192.0.2.{number}", 0)

    assert failures.wait("anne", "198.51.100.7", 0) == 60 * SECOND
    failures.succeeded("anne")
    assert failures.wait("anne", "198.51.100.7", 0) == 0


def test_one_good_login_does_not_clear_an_address() -> None:
    """Who tries many names goes on waiting after one of them was right; after an hour of rest it is forgotten."""
    failures = Failures(10)
    for _ in range(10):
        failures.failed("a", "192.0.2.1", 0)
    failures.succeeded("a")

    assert failures.wait("a", "192.0.2.1", 0) > 0
    failures.failed("a", "192.0.2.1", 3601 * SECOND)
    assert failures.wait("a", "192.0.2.1", 3601 * SECOND) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_counts_as_its_place(address: str, counted: str) -> None:
    """IPv6 by network, IPv4 in either spelling; what is none is one and the same."""
    assert place(address) == counted


def test_this_machine_is_known() -> None:
    """Loopback in both families, and nothing else."""
    assert [here(one) for one in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")] == [True] * 4
    assert [here(one) for one in ("192.0.2.1", "2001:db8::1", "", "localhost")] == [False] * 4


@pytest.mark.parametrize(
    ("method", "path", "formats", "kind"),
    [
        ("POST", "/api/v1/login", "", Kind.LOGINS),
        ("GET", "/login/oidc", "", Kind.LOGINS),
        ("GET", "/login/oidc/callback", "", None),
        ("GET", "/api/v1/devices", "", Kind.QUERIES),
        ("GET", "/api/v1/readings", "application/json", Kind.QUERIES),
        ("GET", "/api/v1/readings", "format=parquet */*", Kind.EXPORTS),
        ("GET", "/api/v1/readings", "text/csv", Kind.EXPORTS),
        ("GET", "/api/v1/stream", "", Kind.STREAMS),
        ("GET", "/api/v1/stream/ws", "", Kind.STREAMS),
        ("GET", "/sta/v1.1/Things", "", Kind.QUERIES),
        ("POST", "/api/v1/callbacks/sigfox", "", None),
        ("GET", "/healthz", "", None),
        ("GET", "/metrics", "", None),
        ("GET", "/", "", None),
    ],
)
def test_a_request_counts_as_what_it_costs(method: str, path: str, formats: str, kind: Kind | None) -> None:
    """Pushes of network servers, health and pages never count: nothing is lost because somebody asked too often."""
    assert kind_of(method, path, formats) is kind


def test_headers_are_those_of_the_draft() -> None:
    """Structured fields: the policy's name with quota and window, then what remains and until when."""
    buckets = Buckets(Policy(2, 60), 10)

    assert headers(Kind.EXPORTS, buckets.policy, buckets.take("a", 0)) == {
        "RateLimit-Policy": '"exports";q=2;w=60',
        "RateLimit": '"exports";r=1;t=30',
    }
    buckets.take("a", 0)
    refused = headers(Kind.EXPORTS, buckets.policy, buckets.take("a", 1 * SECOND))
    assert refused == {"RateLimit-Policy": '"exports";q=2;w=60', "RateLimit": '"exports";r=0;t=59', "Retry-After": "29"}
    assert [seconds(one) for one in (0, 1, SECOND, SECOND + 1)] == [0, 1, 1, 2]
