"""Labelled texts with their scores, and what comes of them: by corpus, at operating points, and the worst mistakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fyke.model.card import OperatingPoint
from fyke.model.classifier import THRESHOLD, Classifier
from fyke.model.corpus import Corpus
from fyke.model.labels import PHISHING

Curve = tuple[NDArray[np.float64], NDArray[np.float64], float]


@dataclass(frozen=True)
class Judged:
    """Texts with what the model says of them, all of length n.

    ``rows`` number them in their corpus, from 1; ``corpora[i]`` is the place of text i's corpus in ``names``;
    ``scores`` are probabilities of phishing, and ``phishing`` says what is so.
    """

    names: list[str]
    texts: list[str]
    rows: NDArray[np.int64]
    corpora: NDArray[np.int64]
    scores: NDArray[np.float64]
    phishing: NDArray[np.bool_]

    def has_both(self) -> bool:
        """Whether some texts are phishing and some are not."""
        return bool(self.phishing.any() and not self.phishing.all())


class Rates(NamedTuple):
    """What a threshold does to texts; a rate is None where there is no text of its kind."""

    rows: int
    phishing: int
    accuracy: float
    false_positive_rate: float | None
    recall: float | None
    auc: float | None


class Mistake(NamedTuple):
    """A text that the model is wrong about: which one, its score, and what it is."""

    place: int
    score: float
    phishing: bool


def judge(classifier: Classifier, corpus: Corpus, rows: Sequence[int]) -> Judged:
    """The scores of those rows of a corpus."""
    texts = [corpus.texts[row] for row in rows]
    sizes = [one.rows for one in corpus.datasets]
    chosen = np.asarray(rows, np.int64)
    corpora = np.repeat(np.arange(len(sizes)), sizes)[chosen]
    starts = np.cumsum([0, *sizes])
    return Judged(
        names=[one.name for one in corpus.datasets],
        texts=texts,
        rows=chosen - starts[corpora] + 1,
        corpora=corpora,
        scores=np.array(classifier.predict_many(texts), np.float64),
        phishing=np.array([corpus.labels[row] == PHISHING for row in rows], np.bool_),
    )


def rates(scores: NDArray[np.float64], phishing: NDArray[np.bool_], threshold: float = THRESHOLD) -> Rates:
    """What a threshold does to texts, at least one."""
    flagged = scores > threshold
    honest_rate, recall = (float(flagged[kind].mean()) if kind.any() else None for kind in (~phishing, phishing))
    both = honest_rate is not None and recall is not None
    return Rates(
        rows=len(scores),
        phishing=int(phishing.sum()),
        accuracy=float((flagged == phishing).mean()),
        false_positive_rate=honest_rate,
        recall=recall,
        auc=float(roc_auc_score(phishing, scores)) if both else None,
    )


def by_corpus(judged: Judged, threshold: float = THRESHOLD) -> list[tuple[str, Rates]]:
    """The rates of each corpus that has rows, in order."""
    found = []
    for place, name in enumerate(judged.names):
        own = judged.corpora == place
        if own.any():
            found.append((name, rates(judged.scores[own], judged.phishing[own], threshold)))
    return found


def at_points(judged: Judged, points: Iterable[OperatingPoint]) -> list[tuple[OperatingPoint, Rates]]:
    """What each operating point of the card does to these texts."""
    return [(point, rates(judged.scores, judged.phishing, point.threshold)) for point in points]


def roc(judged: Judged) -> Curve:
    """False-positive rates and recalls, ascending, and the area; of texts of both kinds."""
    honest, recall, _ = roc_curve(judged.phishing, judged.scores, drop_intermediate=True)
    return honest, recall, float(roc_auc_score(judged.phishing, judged.scores))


def precision_recall(judged: Judged) -> Curve:
    """Recalls, descending, their precisions, and the average precision; of texts of both kinds."""
    precision, recall, _ = precision_recall_curve(judged.phishing, judged.scores, drop_intermediate=True)
    return recall, precision, float(average_precision_score(judged.phishing, judged.scores))


def worst_mistakes(judged: Judged, most: int, threshold: float = THRESHOLD) -> list[Mistake]:
    """The texts that the model is furthest wrong about, ``most`` of either kind, honest ones first."""
    flagged = judged.scores > threshold
    found: list[Mistake] = []
    for kind in (False, True):
        wrong = np.flatnonzero((judged.phishing == kind) & (flagged != kind))
        order = np.argsort(judged.scores[wrong] if kind else -judged.scores[wrong], kind="stable")
        found += [Mistake(int(place), float(judged.scores[place]), kind) for place in wrong[order][:most]]
    return found
