"""Evaluation: accuracy and the classification report, as the tutorial publishes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.metrics import accuracy_score, classification_report

from fyke.errors import DataError
from fyke.model.card import Card
from fyke.model.classifier import Classifier, verdict
from fyke.model.corpus import Corpus
from fyke.model.curves import at_thresholds, reliability
from fyke.model.labels import LABELS, PHISHING

FEW = 10  # rows of a label that say little
Learnt = Literal["all", "some", "none"]


def evaluate_texts(classifier: Classifier, texts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """`evaluate_scores` of texts with known labels."""
    return evaluate_scores(classifier.predict_many(texts), labels)


def evaluate_scores(scores: Sequence[float], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, rows, scikit-learn's classification report and `fyke.model.curves`."""
    predicted = [verdict(score)[0] for score in scores]
    report = classification_report(labels, predicted, labels=list(LABELS), output_dict=True, zero_division=0.0)
    report.pop("accuracy", None)
    report.pop("micro avg", None)
    phishing = np.array([label == PHISHING for label in labels])
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "rows": len(labels),
        "report": report,
        "reliability": reliability(np.array(scores), phishing),
        "thresholds": at_thresholds(np.array(scores), phishing),
    }


def flatters(card: Card, corpus: Corpus, scope: str) -> bool:
    """Whether rows are measured that the model may have been trained on: some of its files, and not just the rows that
    were held out of just these files in the same order."""
    known = learnt_from(card, [one.sha256 for one in corpus.datasets])
    return known == "some" or (known == "all" and scope == "all")


def learnt_from(card: Card, digests: Sequence[str]) -> Learnt:
    """Whether files are all that a model was trained on, in that order, or some of them are."""
    known = [one.sha256 for one in card.datasets]
    if list(digests) == known:
        return "all"
    return "none" if set(digests).isdisjoint(known) else "some"


def check_datasets(card: Card, corpus: Corpus, paths: Sequence[Path]) -> None:
    """Refuse files other than those trained on: another file has another split, and the figures would leak.

    Raises:
        DataError: names the first file that differs, or says that the rows of the split are in no file.
    """
    expected = [one.sha256 for one in card.datasets]
    if card.rows != sum(one.rows for one in card.datasets):
        raise DataError(
            "This model was trained on a choice of rows of its files, so the recorded split says nothing about whole "
            "files. Evaluate every row of yours with --all, or insist with --any-file."
        )
    for path, dataset in zip(paths, corpus.datasets, strict=True):
        if dataset.sha256 not in expected:
            raise DataError(
                f"{path}: not a file that this model was trained on (its digest differs), so the recorded split "
                "says nothing about it. Evaluate every row of it with --all, or insist with --any-file."
            )
    if [one.sha256 for one in corpus.datasets] != expected:
        names = " ".join(one.name for one in card.datasets)
        raise DataError(
            f"The recorded split is over these files together, in this order: {names}. Give them so, or evaluate "
            "every row of yours with --all."
        )


def report_text(figures: dict[str, Any]) -> str:
    """The accuracy, then the layout of scikit-learn's ``classification_report`` with four digits, and which label has
    too few rows for it to mean much."""
    rows = dict(figures["report"])
    few = [(name, int(rows[name]["support"])) for name in LABELS if rows[name]["support"] < FEW]
    width = max(len("accuracy"), *map(len, rows))
    lines = [f"Accuracy: {figures['accuracy']:.5f}", ""]
    lines += [" " * width + "".join(f"{head:>11}" for head in ("precision", "recall", "f1-score", "support")), ""]
    lines += [_row(name, rows.pop(name), width) for name in LABELS]
    lines += ["", f"{'accuracy':>{width}}{figures['accuracy']:>33.4f}{figures['rows']:>11}"]
    lines += [_row(name, row, width) for name, row in rows.items()]
    lines += [f"\n{name}: {many} rows. The figures say little of such mail." for name, many in few]
    return "\n".join(lines)


def _row(name: str, row: dict[str, float], width: int) -> str:
    numbers = "".join(f"{row[key]:>11.4f}" for key in ("precision", "recall", "f1-score"))
    return f"{name:>{width}}{numbers}{int(row['support']):>11}"
