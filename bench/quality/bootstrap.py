"""Intervals by the bootstrap over clusters: near-duplicates are drawn together, since they are one observation."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DRAWS = 300
SEED = 6
LEVEL = 0.95


def draws(clusters: ArrayLike, count: int = DRAWS, seed: int = SEED) -> Iterator[Floats]:
    """For each draw the (n,) weights of the rows: how often the row's cluster was drawn, as many draws as clusters."""
    _, numbers = np.unique(np.asarray(clusters), return_inverse=True)
    random = np.random.default_rng(seed)
    size = int(numbers.max()) + 1
    for _ in range(count):
        times = np.bincount(random.integers(0, size, size), minlength=size)
        yield times[numbers].astype(np.float64)


def interval(
    figure: Callable[[Floats], float], clusters: ArrayLike, *, count: int = DRAWS, seed: int = SEED
) -> tuple[float, float]:
    """The percentile interval at `LEVEL` of a figure that takes row weights; draws that lack a label are left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [_value(figure, weights) for weights in draws(clusters, count, seed)]
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return (float("nan"), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _value(figure: Callable[[Floats], float], weights: Floats) -> float:
    try:
        return figure(weights)
    except (ValueError, ZeroDivisionError):  # no row of one label was drawn
        return float("nan")
