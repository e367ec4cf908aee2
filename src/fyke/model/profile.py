"""The profile of texts under a model: how its scores, the words that it does not know and lengths are spread."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from fyke.model.card import Profile, Spread
from fyke.model.classifier import Classifier

SCORES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SHARES = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75)
CHARACTERS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


@runtime_checkable
class KnowsWords(Protocol):
    """A model with a vocabulary."""

    def words(self, text: str, /) -> tuple[list[str], NDArray[np.bool_]]:
        """The words of a text as the model takes them, (n,), and whether it has a weight for each, (n,)."""
        ...


def profile_of(classifier: Classifier, texts: Sequence[str], scores: Sequence[float] | None = None) -> Profile:
    """The profile of texts, at least one, whose ``scores`` may be known already.

    Words are those of two characters or more that are not among scikit-learn's English stop words; texts without any
    are left out of that spread, which is missing where the model knows no words.
    """
    shares = list(_unknown_shares(classifier, texts)) if isinstance(classifier, KnowsWords) else []
    return Profile(
        rows=len(texts),
        scores=spread(classifier.predict_many(texts) if scores is None else scores, SCORES),
        unknown_words=spread(shares, SHARES) if shares else None,
        characters=spread(map(len, texts), CHARACTERS),
    )


def spread(values: Iterable[float], edges: Sequence[float]) -> Spread:
    """How many values, of one at least, lie below the first edge, from each to below the next, and from the last on."""
    found = np.fromiter(values, np.float64)
    counts = np.bincount(np.searchsorted(edges, found, side="right"), minlength=len(edges) + 1)
    return Spread(edges=list(map(float, edges)), counts=counts.tolist(), median=float(np.median(found)))


def _unknown_shares(classifier: KnowsWords, texts: Iterable[str]) -> Iterator[float]:
    """For each text that has words, the share of them that the model does not know."""
    for text in texts:
        words, known = classifier.words(text)
        counted = np.fromiter((len(word) > 1 and word not in ENGLISH_STOP_WORDS for word in words), np.bool_)
        if counted.any():
            yield float(1 - known[counted].mean())
