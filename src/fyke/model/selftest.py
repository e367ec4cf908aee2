"""The self-test: scores of a few texts, written into the card in training, that a loaded model must give again."""

import math
from pathlib import Path

from fyke.errors import ModelError
from fyke.model.card import ScoredText
from fyke.model.classifier import Classifier
from fyke.model.directory import Model, at_prior, load_model

TOLERANCE = 1e-6  # sums may differ in their last digits from machine to machine; some classifiers allow more
TEXTS = (
    "",
    "Your account has been suspended. Verify your password within 24 hours: https://example.com/verify",
    "Congratulations, you have won a prize! Send your bank details to claim it.",
    "Hi Ana, the meeting has moved to Thursday at ten. Could you bring the figures for March?",
    "Attached is the invoice for last month's work on the harbour project. Kind regards, Tom",
    "Estimado cliente: su cuenta será cerrada. Confirme sus datos aquí.",
    "<a href='https://example.org'>click here</a> \U0001f381 FREE FREE FREE",
)


def scored(classifier: Classifier) -> list[ScoredText]:
    """The texts with the scores that a classifier gives them, for the card."""
    scores = classifier.predict_many(TEXTS)
    return [ScoredText(text=text, score=float(score)) for text, score in zip(TEXTS, scores, strict=True)]


def load_tried(directory: Path, prior: float | None) -> Model:
    """The model of a directory, after its self-test, at a prior or as it was trained.

    Raises:
        ModelError: it cannot be loaded, or fails its self-test.
        SettingsError: the prior is out of range, or the model was not calibrated.
    """
    model = load_model(directory)
    self_test(model)
    return at_prior(model, prior)


def self_test(model: Model) -> None:
    """Have a model, at the prior that it was trained at, score the texts of its card; without any, score ours.

    Raises:
        ModelError: a score is not what the card says, or no probability at all.
    """
    known = model.card.self_test or []
    try:
        scores = [float(score) for score in model.classifier.predict_many([one.text for one in known] or TEXTS)]
    except Exception as error:
        raise ModelError(f"The model fails its self-test: it raised {error!r}.") from error
    if not all(math.isfinite(score) and 0 <= score <= 1 for score in scores):
        raise ModelError("The model fails its self-test: a score is no probability.")
    allowed = max(TOLERANCE, getattr(model.classifier, "tolerance", 0.0))
    for number, (one, score) in enumerate(zip(known, scores, strict=False), start=1):
        if abs(one.score - score) > allowed:
            raise ModelError(
                f"The model fails its self-test: text {number} scores {score:.6f}, and {one.score:.6f} in training; "
                "train it anew with the libraries that are installed."
            )
