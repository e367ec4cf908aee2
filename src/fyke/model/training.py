"""Training: corpus -> split -> recipe -> fitted pipeline -> arrays and card."""

import datetime
import hashlib
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from fyke.errors import DataError
from fyke.model.card import Card, DatasetCard, SplitCard
from fyke.model.corpus import Corpus
from fyke.model.directory import Model, classifier_from, model_id
from fyke.model.evaluation import evaluate_scores
from fyke.model.fitted import packed_from
from fyke.model.labels import PHISHING, SAFE
from fyke.model.profile import profile_of
from fyke.model.recipes import build
from fyke.model.selftest import scored

TEST_SIZE = 0.2
RANDOM_STATE = 42


def split_rows(rows: int, *, test_size: float = TEST_SIZE, random_state: int = RANDOM_STATE) -> tuple[Any, Any]:
    """Row numbers for training and for testing: the split of `sklearn.model_selection.train_test_split`."""
    return tuple(train_test_split(np.arange(rows), test_size=test_size, random_state=random_state))


def train(
    corpus: Corpus,
    recipe: str = "baseline",
    *,
    columns: tuple[str, str],
    label_map: dict[str, str] | None = None,
    progress: Callable[[str], None] = lambda step: None,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> tuple[bytes, Model]:
    """Fit a recipe on 80 % of the corpus and measure it on the rest.

    ``progress`` is told each step by name; ``columns`` are the text's and the label's, for the card.
    Returns the packed weights and the model, ready for `fyke.model.directory.write_model`.

    Raises:
        DataError: fewer than two labels in the corpus or in the rows to train on, or nothing to learn from.
        SettingsError: there is no such recipe.
    """
    started = time.perf_counter()
    pipeline = build(recipe)
    names = ", ".join(one.name for one in corpus.datasets)
    if len(corpus.label_counts()) < 2:
        (only,) = corpus.label_counts()
        raise DataError(f"{names}: every row is labelled {only!r}; training needs both {PHISHING!r} and {SAFE!r}.")
    if len(corpus.texts) < 10:
        raise DataError(f"{names}: only {len(corpus.texts)} rows, too few to train on and to test; give at least 10.")
    train_rows, test_rows = split_rows(len(corpus.texts))
    labels = [corpus.labels[row] for row in train_rows]
    if len(set(labels)) < 2:
        raise DataError(
            f"{names}: after the split, every row to train on is {labels[0]!r}; give more rows of the other."
        )

    progress(f"fitting {recipe} on {len(train_rows):,} texts")
    try:
        with threadpool_limits(1):  # sums split over threads differ in their last digits, and so would the model's id
            pipeline.fit([corpus.texts[row] for row in train_rows], labels)
    except ValueError as error:
        raise DataError(f"{names}: there is nothing to learn from the texts ({error}).") from error

    progress("packing the weights")
    packed = packed_from(pipeline)
    digest = hashlib.sha256(packed.document).hexdigest()
    computed_by = ("scikit-learn", "numpy", "scipy", *(("onnxruntime", "tokenizers") if packed.files else ()))
    versions = {name: version(name) for name in computed_by}
    identity = model_id(digest, packed.preprocessing, versions)
    classifier = classifier_from(identity, packed.preprocessing, packed.document, packed.files)

    progress(f"evaluating on {len(test_rows):,} held-out texts")
    held_out = [corpus.texts[row] for row in test_rows]
    scores = classifier.predict_many(held_out)
    figures = evaluate_scores(scores, [corpus.labels[row] for row in test_rows])
    card = Card(
        model_id=identity,
        recipe=recipe,
        preprocessing=packed.preprocessing,
        weights_sha256=digest,
        versions=versions,
        datasets=[DatasetCard(name=one.name, sha256=one.sha256, rows=one.rows) for one in corpus.datasets],
        rows=len(corpus.texts),
        label_counts=corpus.label_counts(),
        text_column=columns[0],
        label_column=columns[1],
        label_map=label_map,
        split=SplitCard(
            test_size=TEST_SIZE,
            random_state=RANDOM_STATE,
            train_rows=len(train_rows),
            test_rows=len(test_rows),
        ),
        figures={"held_out": figures, "python": platform.python_version()},
        trained_at=now().isoformat(timespec="seconds"),
        training_seconds=round(time.perf_counter() - started, 3),
        calibration=packed.calibration,
        policies=packed.policies,
        background=packed.background,
        profile=profile_of(classifier, held_out, scores),
        self_test=scored(classifier),
    )
    return packed.document, Model(classifier, card)
