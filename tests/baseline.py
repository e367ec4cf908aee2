"""A baseline of our own sample: small, quick to train, and the same in every run."""

from functools import cache

from fyke.model.corpus import read_corpus
from fyke.model.directory import Model
from fyke.model.training import train
from tests.conftest import SAMPLE


@cache
def baseline() -> Model:
    """The model and its card, trained once for all who ask."""
    _, model = train(read_corpus([SAMPLE]), "baseline", columns=("Email Text", "Email Type"))
    return model
