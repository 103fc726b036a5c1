"""When a batch is ready; time is a number here."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.batching import Batching, Limits, Window

LIMITS = Limits(count=10, age_s=0.5)


def test_nothing_waits() -> None:
    """An empty batch is never ready."""
    assert Batching(LIMITS).wait_s(100.0) is None


def test_age() -> None:
    """A batch is ready when its first message has waited long enough; later ones do not prolong that."""
    batching = Batching(LIMITS)
    batching.add(1, 100.0)
    batching.add(1, 100.25)

    assert [batching.wait_s(now) for now in (100.25, 100.5, 101.0)] == [0.25, 0.0, 0.0]


def test_count() -> None:
    """A full batch is ready at once."""
    batching = Batching(LIMITS)
    batching.add(10, 100.0)

    assert batching.wait_s(100.0) == 0.0


def test_hurry() -> None:
    """When no more will come, what waits is ready at once; the next batch waits again."""
    batching = Batching(LIMITS)
    batching.add(3, 100.0)
    batching.hurry()

    assert batching.wait_s(100.0) == 0.0
    assert batching.take(100.0) == 3
    batching.add(1, 101.0)
    assert batching.wait_s(101.0) == 0.5


def test_window() -> None:
    """A broker that stops at the same number again has a window of that size; one that goes on has a larger one."""
    window = Window()

    assert [window.came(count) for count in (8, 12)] == [False, False]
    window.left(20)
    assert [window.came(count) for count in (8, 12)] == [False, True]
    window.left(12)
    assert [window.came(count) for count in (12, 1)] == [True, False]
    window.left(5)
    assert [window.came(count) for count in (4, 0, 1)] == [False, False, True]


def test_few_are_no_window() -> None:
    """That a handful of messages comes again and again says nothing of a window."""
    window = Window()
    for _ in range(3):
        assert not window.came(9)
        window.left(9)


def test_left_behind() -> None:
    """What does not fit into a batch waits for the next, from then on."""
    batching = Batching(LIMITS)
    batching.add(13, 100.0)

    assert batching.take(101.0) == 10
    assert batching.wait_s(101.25) == 0.25
    assert batching.take(101.5) == 3
    assert batching.wait_s(101.5) is None


def test_dropped() -> None:
    """What is dropped does not wait any more."""
    batching = Batching(LIMITS)
    batching.add(13, 100.0)

    batching.drop(0)

    assert batching.wait_s(101.0) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 64))))
def test_nobody_waits_longer(arrivals: list[tuple[int, int]]) -> None:
    """Whoever takes batches when they are ready gets all messages, no batch above the limit, none late."""
    batching = Batching(LIMITS)
    now, sent, taken = 0.0, 0, []
    for count, pause in arrivals:
        batching.add(count, now)
        sent += count
        end = now + pause / 64  # a fraction that a double holds exactly
        while (wait := batching.wait_s(now)) is not None and now + wait <= end:
            assert wait <= LIMITS.age_s
            now += wait
            taken.append(batching.take(now))
        now = end
    while (wait := batching.wait_s(now)) is not None:
        now += wait
        taken.append(batching.take(now))

    assert sum(taken) == sent
    assert all(0 < count <= LIMITS.count for count in taken)
