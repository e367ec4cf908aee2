"""One model on several cores."""

import os
import signal
from pathlib import Path

import pytest

from fyke.errors import ModelError
from fyke.model.cores import LEAST, OnCores
from fyke.model.corpus import read_corpus
from fyke.model.directory import SHIPPED, load_model, write_model
from fyke.model.training import train
from tests.conftest import SAMPLE

TEXTS = [f"{text} {number}" for number in range(40) for text in read_corpus([SAMPLE]).texts][:10_000]


def test_the_scores_are_those_of_one_core() -> None:
    """Ten thousand texts over two processes: to the bit what one process gives, in the same order."""
    assert len(TEXTS) == 10_000
    with OnCores(SHIPPED, 2) as both:
        assert both.predict_many(TEXTS) == load_model(SHIPPED).classifier.predict_many(TEXTS)
        assert both._pool is not None
        assert len(both._pool._processes) == 2


def test_few_texts_start_no_process() -> None:
    """What takes less than the start of a process is scored here."""
    with OnCores(SHIPPED, 2) as both:
        assert both.predict_many(TEXTS[: LEAST - 1]) == load_model(SHIPPED).classifier.predict_many(TEXTS[: LEAST - 1])
        assert both._pool is None


def test_a_process_that_ends_is_an_error_and_not_the_end() -> None:
    """After kill -9 of one the call fails in words, and the next one works."""
    with OnCores(SHIPPED, 2) as both:
        both.predict_many(TEXTS[:LEAST])
        assert both._pool is not None
        for pid in list(both._pool._processes):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="try again"):
            both.predict_many(TEXTS)
        assert len(both.predict_many(TEXTS[:LEAST])) == LEAST


def test_a_model_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    """Scores of two models are never mixed."""
    corpus = read_corpus([SAMPLE])
    for rows in (len(corpus.texts), 200):
        some = type(corpus)(corpus.texts[:rows], corpus.labels[:rows], corpus.datasets)
        document, model = train(some, "baseline", columns=("Email Text", "Email Type"))
        write_model(tmp_path / "model", document, model.card, force=True)
        if rows == len(corpus.texts):
            both = OnCores(tmp_path / "model", 2)
    with both, pytest.raises(ModelError, match="replaced"):
        both.predict_many(TEXTS[:LEAST])
