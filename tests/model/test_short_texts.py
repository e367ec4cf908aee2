"""What people write in a line is honest, and a line that wants an account verified is not."""

import pytest

from fyke.model.directory import SHIPPED, Model, load_model
from fyke.model.policies import THRESHOLD

EVERYDAY = (
    "Hello, how are you?", "ok", "Thanks, see you tomorrow!", "Meeting at 3pm?", "Lunch?", "hi", "Happy to help.",
    "Can you send me the file please?", "I'll be ten minutes late, sorry", "What time does the film start?",
    "Let's postpone until next Thursday.", "Where should we park?", "Could you pick up some milk on your way home?",
)  # fmt: skip
PHISHING = (
    "Verify your account now: http://secure-login.example.com/verify or it will be closed",
    "Your account has been suspended. Click here to verify your identity: http://example.com/login",
    "Your mailbox is full. Click here to upgrade your quota or your account will be deactivated",
    "You have won $1,000,000 in the lottery! Send your bank details to claim your prize",
    "Unusual sign-in activity detected. Verify your account within 24 hours or it will be suspended.",
)


@pytest.fixture(scope="module")
def model() -> Model:
    """The shipped model, where it is of recipe `default`."""
    shipped = load_model(SHIPPED)
    if shipped.card.recipe != "default":
        pytest.skip("the shipped model is not of recipe default")
    return shipped


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_lines_are_safe(model: Model, text: str) -> None:
    """Without a word of phishing in it, a short text is not flagged."""
    assert model.classifier.predict_many([text])[0] < THRESHOLD


@pytest.mark.parametrize("text", PHISHING)
def test_short_phishing_is_found(model: Model, text: str) -> None:
    """Shortness alone makes nothing honest."""
    assert model.classifier.predict_many([text])[0] > THRESHOLD
