"""Waiting times."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from model.retry import Backoff


@given(failures=st.integers(1, 10_000), seed=st.integers())
def test_bounds(failures: int, seed: int) -> None:
    """A pause is never shorter than half of its step, nor longer than the longest."""
    wait = Backoff(first_s=1.0, longest_s=60.0).wait_s(failures, Random(seed))  # noqa: S311 chance, not secrecy

    step = min(60.0, 2.0 ** min(failures - 1, 30))
    assert step / 2 <= wait <= step


def test_spread() -> None:
    """Two workers that failed together do not come back together."""
    backoff = Backoff()

    one, other = (backoff.wait_s(3, Random(seed)) for seed in (1, 2))  # noqa: S311 chance, not secrecy

    assert one != other
