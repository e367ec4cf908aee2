"""The stability index is what its definition says, and its reading allows for chance."""

import math

import numpy as np
import pytest

from fyke.errors import DataError
from fyke.model.card import Profile, Spread
from fyke.model.drift import FEW, by_chance, drifts, reading, stability_terms
from fyke.model.hashed import GATE, HashedClassifier, HashedWeights
from fyke.model.profile import KnowsWords, profile_of, spread

EDGES = tuple(range(1, 10))


def test_the_index_is_its_definition() -> None:
    """A hundred and a thousand texts in two bins, half a text more in each."""
    old, new = (Spread(edges=[0.5], counts=counts, median=0.0) for counts in ([80, 20], [500, 500]))
    p, q = 80.5 / 101, 0.5
    expected = [(q - p) * math.log(q / p), (p - q) * math.log((1 - q) / (1 - p))]
    assert stability_terms(old, new).tolist() == pytest.approx(expected)


def test_bins_without_a_text_add_nothing() -> None:
    """The index is that of the bins in use, and zero where nothing moved."""
    terms = stability_terms(*(Spread(edges=[1, 2], counts=counts, median=0.0) for counts in ([9, 0, 1], [90, 0, 10])))
    assert terms.tolist()[1] == 0.0
    assert 0 < terms.sum() < 0.02
    alike = Spread(edges=[1, 2], counts=[9, 0, 1], median=0.0)
    assert stability_terms(alike, alike).tolist() == [0.0, 0.0, 0.0]


def test_values_on_an_edge_lie_above_it() -> None:
    """Bins are closed below and open above; the outer ones have no end."""
    found = spread([-5.0, 0.99, 1, 1.5, 2, 100], (1, 2))
    assert (found.counts, found.median) == ([2, 2, 2], 1.25)


def test_chance_stays_below_its_limit() -> None:
    """Of 400 pairs of samples of one distribution, about 5 in 100 have an index above it."""
    draw = np.random.default_rng(5)
    above = 0
    for _ in range(400):
        old, new = (spread(draw.uniform(0, 10, rows), EDGES) for rows in (900, 400))
        above += float(stability_terms(old, new).sum()) > by_chance(old, new)
    assert 0.02 < above / 400 < 0.08


def test_the_usual_reading() -> None:
    """Below 0.1, to 0.25, above; and none where chance reaches as far."""
    assert [reading(psi, 0.02) for psi in (0.05, 0.1, 0.25, 0.3)] == ["stable", "moved", "moved", "changed"]
    assert [reading(psi, 0.4) for psi in (0.05, 0.3, 0.5)] == ["stable", FEW, "changed"]


def test_profiles_over_other_bins_are_not_compared() -> None:
    """The remedy is named."""
    one, other = (
        Profile(rows=1, scores=spread([0.5], edges), unknown_words=None, characters=spread([1], (5,)))
        for edges in ((0.1,), (0.2,))
    )
    with pytest.raises(DataError, match=r"train the model anew.*--against"):
        list(drifts(one, other))


def test_the_hashed_model_tells_known_words_from_unknown_ones() -> None:
    """A word is known where the gate has met its row; a text without words counts in no share."""
    tables, none = np.zeros((3, 1 << 16), np.float16), np.zeros(3)
    empty = HashedClassifier("empty", HashedWeights(tables, none, none))
    tables = tables.copy()
    tables[GATE] = 1
    full = HashedClassifier("full", HashedWeights(tables, none, none))
    assert isinstance(empty, KnowsWords)
    for classifier, share in ((empty, 1.0), (full, 0.0)):
        words, known = classifier.words("Verify the\u200b ACCOUNT, 4711 \ud800")
        assert words == ["verify", "the", "account", "0000"]
        assert known.tolist() == [share == 0.0] * 4
        found = profile_of(classifier, ["Verify the account", "", "the"])
        assert found.unknown_words is not None
        assert (found.unknown_words.median, sum(found.unknown_words.counts)) == (share, 1)
    assert profile_of(empty, [""]).unknown_words is None
    assert len(empty.words("é" * 10_000)[0]) == 1
