"""A breaker stops asking after repeated failures, and lets one probe at a time test the way back."""

import pytest

from fyke.cache.breaker import Breaker


class Seconds:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


@pytest.fixture
def clock() -> Seconds:
    """A clock."""
    return Seconds()


@pytest.fixture
def breaker(clock: Seconds) -> Breaker:
    """A breaker that opens after three failures, for two seconds."""
    return Breaker(clock, failures=3, cooldown=2.0)


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    """Three; a success between them begins the count anew."""
    for outcome in ("failed", "failed", "succeeded", "failed", "failed"):
        assert breaker.allow()
        getattr(breaker, outcome)()
    assert breaker.state == "closed"
    assert breaker.failed()
    assert breaker.state == "open"
    assert not breaker.allow()


def test_one_probe_at_a_time_tests_the_way_back(breaker: Breaker, clock: Seconds) -> None:
    """After the cooldown one call is allowed; its failure waits another cooldown, its success closes."""
    breaker.trip()
    clock.now += 1.9
    assert not breaker.allow()
    clock.now += 0.2
    assert breaker.state == "half-open"
    assert breaker.allow()
    assert not breaker.allow()
    assert not breaker.failed()
    assert not breaker.allow()
    clock.now += 2.1
    assert breaker.allow()
    assert breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.allow()
    assert not breaker.succeeded()
