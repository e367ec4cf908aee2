"""What may be said of the model that comes with Fyke, whatever it was trained on last."""

import math
from pathlib import Path

import pytest

from bench.quality.candidate import READERS
from bench.quality.readers import files
from fyke.model.classifier import expit, verdict
from fyke.model.directory import SHIPPED, Model, load_model
from fyke.model.hashed_recipe import BACKGROUND
from fyke.model.labels import PHISHING, SAFE
from fyke.model.policies import THRESHOLD
from fyke.model.selftest import TEXTS, self_test
from tests.service.test_predict import THREE

LURES = [
    "Dear customer, we have noticed unusual activity in your online banking. Click the link below to confirm your "
    "identity and restore access to your account.",
    "Your mailbox is almost full. Click here to upgrade your quota now, or your incoming messages will be rejected.",
    "You have won 1,000,000 dollars in our lottery! Send your bank details and a copy of your passport to claim it.",
    "Your account has been suspended. Verify your password within 24 hours at http://example.com/verify or it will be "
    "closed for good.",
    "Verify your account now: http://secure-login.example.com/verify or it will be closed",
    "Your account has been suspended. Click here to verify your identity: http://example.com/login",
    "Your mailbox is full. Click here to upgrade your quota or your account will be deactivated",
    "You have won $1,000,000 in the lottery! Send your bank details to claim your prize",
    "Unusual sign-in activity detected. Verify your account within 24 hours or it will be suspended.",
]
EVERYDAY = [
    "Hi Ana, are we still on for lunch on Thursday? Tom",
    "Thanks, see you tomorrow.",
    "The meeting has moved to three o'clock, same room.",
    "Could you send me the minutes of Monday's meeting when you have a moment? Thanks, Maria",
    "Please find attached the report for March. Let me know if anything is missing. Best regards, Jonas",
    "I have read your draft and left a few comments. Shall we talk about it on Wednesday afternoon?",
    "Dear Professor Lind, I would like to ask for an extension of the deadline for my essay. Kind regards, Eva",
]
SHORT = [
    "Running ten minutes late, please start without me.",
    "Happy birthday! Hope you have a lovely day. Love, Mum",
    "Here are the photos from Sunday. The children loved it!",
    "Can you pick up some milk on your way home?",
    "Your order has shipped and will arrive on Friday.",
    "Thank you!",
    "Hello, how are you?",
    "ok",
    "Thanks, see you tomorrow!",
    "Meeting at 3pm?",
    "Lunch?",
    "hi",
    "Happy to help.",
    "Can you send me the file please?",
    "I'll be ten minutes late, sorry",
    "What time does the film start?",
    "Let's postpone until next Thursday.",
    "Where should we park?",
    "Could you pick up some milk on your way home?",
]


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SHIPPED)


def label(model: Model, text: str) -> str:
    """The verdict under the policy that is in force where none is named."""
    return verdict(model.classifier.predict_many([text])[0])[0]


@pytest.mark.parametrize("text", THREE)
def test_the_published_texts_have_the_published_labels(model: Model, text: str) -> None:
    """As in the tutorial."""
    assert label(model, text) == THREE[text]


@pytest.mark.parametrize("text", LURES)
def test_a_plain_lure_is_phishing(model: Model, text: str) -> None:
    """Nobody has to tune anything for that, and shortness alone makes nothing honest."""
    assert label(model, text) == PHISHING
    assert model.classifier.predict_many([text])[0] > THRESHOLD


@pytest.mark.parametrize("text", EVERYDAY + SHORT)
def test_everyday_mail_is_safe(model: Model, text: str) -> None:
    """However short it is: without a word of phishing in it, a text is not flagged."""
    assert label(model, text) == SAFE
    assert model.classifier.predict_many([text])[0] < THRESHOLD


def test_it_scores_the_same_every_time(model: Model) -> None:
    """Alone, among others, loaded anew, from canonical bytes, and as it did in training."""
    self_test(model)
    classifier = load_model(SHIPPED).classifier
    scores = classifier.predict_many(TEXTS)
    assert [model.classifier.predict_many([text])[0] for text in TEXTS] == scores
    assert classifier.predict_canonical([classifier.canonical(text) for text in TEXTS]) == scores


@pytest.mark.parametrize("text", [*THREE, *EVERYDAY, " ".join(LURES) * 20, ""])
def test_reasons_sum_to_the_score(model: Model, text: str) -> None:
    """What the words add, and the base, are the log-odds."""
    found = model.classifier.explain(text)
    total = found.base + math.fsum(part.contribution for part in found.parts) + found.rest
    assert total == pytest.approx(found.log_odds, abs=1e-6)
    assert expit(found.log_odds) == pytest.approx(model.classifier.predict_many([text])[0], abs=1e-9)


def test_its_card_is_complete(model: Model) -> None:
    """Which recipe, how well it did, which operating points there are, and what mail looked like."""
    card = model.card
    assert card.recipe == "default"
    assert card.self_test
    assert card.profile
    assert card.figures["held_out"].keys() >= {"accuracy", "report", "reliability", "thresholds"}
    assert card.calibration
    points = {point.policy: point for point in card.policies or ()}
    assert points["balanced"].threshold == 0.5
    assert all(points[f"max-fpr={rate}"].false_positive_rate <= rate for rate in (0.001, 0.005, 0.01))


def test_it_was_trained_on_mail_that_may_train(model: Model) -> None:
    """Every corpus in its card is one whose terms allow that; the rest is mail of our own."""
    permitted = {file.name for name in READERS for file in files(name, Path())}
    assert {one.name for one in model.card.datasets} == permitted
    assert model.card.background
    assert BACKGROUND.name in model.card.background.name
