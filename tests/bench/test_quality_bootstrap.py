"""Intervals over clusters."""

import numpy as np
import pytest

from bench.quality.bootstrap import draws, interval


def test_a_cluster_is_drawn_whole() -> None:
    """The rows of a cluster have one weight, and the clusters' weights add up to their number."""
    clusters = np.array([7, 7, 7, 3, 3, 9])
    for weights in draws(clusters, count=50):
        assert len(set(weights[:3])) == 1
        assert weights[3] == weights[4]
        assert weights[0] + weights[3] + weights[5] == 3


def test_the_same_seed_gives_the_same_interval() -> None:
    """And another seed another."""
    values, clusters = np.arange(40.0), np.arange(40)

    def mean(weights: np.ndarray) -> float:
        return float(np.average(values, weights=weights))

    assert interval(mean, clusters) == interval(mean, clusters)
    assert interval(mean, clusters) != interval(mean, clusters, seed=7)


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    """With every row its own cluster: 1.96 standard errors to either side, within a tenth of them."""
    values = np.random.default_rng(3).normal(5, 2, 400)
    low, high = interval(lambda weights: float(np.average(values, weights=weights)), np.arange(400), count=4000)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_copies_do_not_narrow_the_interval() -> None:
    """Each row ten times in its cluster says no more than each row once; as rows of their own they would."""
    values = np.random.default_rng(4).normal(0, 1, 60)
    copies = np.repeat(values, 10)

    def width(rows: np.ndarray, clusters: np.ndarray) -> float:
        low, high = interval(lambda weights: float(np.average(rows, weights=weights)), clusters)
        return high - low

    assert width(copies, np.repeat(np.arange(60), 10)) == pytest.approx(width(values, np.arange(60)))
    assert width(copies, np.arange(600)) < 0.5 * width(values, np.arange(60))


def test_draws_without_a_figure_are_left_out() -> None:
    """A figure that raises ValueError for a draw, or is not a number, does not spoil the others."""
    labels = np.array([1, 0])

    def share(weights: np.ndarray) -> float:
        if not weights[labels == 0].any():
            raise ValueError
        return float("nan") if not weights[labels == 1].any() else 0.5

    assert interval(share, np.arange(2)) == (0.5, 0.5)
