"""The classifier gives scikit-learn's numbers, and its canonical bytes are what it sees."""

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline

from fyke.model.classifier import TfidfClassifier
from fyke.model.corpus import read_corpus
from fyke.model.directory import SHIPPED, load_model
from fyke.model.labels import PHISHING
from fyke.model.recipes import build
from fyke.model.training import split_rows, train
from tests.conftest import SAMPLE

SHIPPED_CLASSIFIER = load_model(SHIPPED).classifier
WORDS = st.sampled_from(
    [
        "urgent",
        "URGENT",
        "account",
        "the",
        "and",
        "meeting",
        "ﬁnd",
        "İstanbul",
        "$80",
        "x",
        "zzqqy",
        "a.b",
        "free\n",
        "é",
        "",
    ]
)
TEXTS = st.one_of(st.lists(WORDS).map(" ".join), st.text())


@pytest.fixture(scope="module")
def pair() -> tuple[Pipeline, TfidfClassifier]:
    """The sample's model, and a scikit-learn pipeline fitted apart from it on the same rows."""
    corpus = read_corpus([SAMPLE])
    rows, _ = split_rows(len(corpus.texts))
    pipeline = build("baseline").fit([corpus.texts[r] for r in rows], [corpus.labels[r] for r in rows])
    _, model = train(corpus, columns=("Email Text", "Email Type"))
    return pipeline, model.classifier


def expected(pipeline: Pipeline, texts: list[str]) -> "np.ndarray":
    return pipeline.predict_proba(texts)[:, list(pipeline.classes_).index(PHISHING)]


def test_scores_equal_scikit_learns(pair: tuple[Pipeline, TfidfClassifier]) -> None:
    """On every text of the sample, the empty one among them, within 1e-9."""
    pipeline, classifier = pair
    texts = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].fill_null("").to_list()
    assert "" in texts
    np.testing.assert_allclose(classifier.predict_many(texts), expected(pipeline, texts), rtol=0, atol=1e-9)


@given(TEXTS)
def test_any_text_scores_as_scikit_learn_does(pair: tuple[Pipeline, TfidfClassifier], text: str) -> None:
    """Whatever the characters, within 1e-9."""
    pipeline, classifier = pair
    assert classifier.predict_many([text])[0] == pytest.approx(expected(pipeline, [text])[0], abs=1e-9)


@given(TEXTS, TEXTS)
def test_bytes_and_scores_agree(left: str, right: str) -> None:
    """Equal canonical bytes give equal scores; different scores come from different bytes."""
    classifier = SHIPPED_CLASSIFIER
    same = classifier.canonical(left) == classifier.canonical(right)
    scores = classifier.predict_many([left, right])
    assert not same or scores[0] == scores[1]


@given(st.permutations(["urgent", "account", "Meeting,", "the", "gift", "gift"]))
def test_what_the_model_cannot_see_does_not_change_the_bytes(words: list[str]) -> None:
    """Order, case, punctuation and stop words share one entry; another count does not."""
    classifier = SHIPPED_CLASSIFIER
    assert classifier.canonical(" ".join(words)) == classifier.canonical("GIFT gift urgent... meeting account")
    assert classifier.canonical(" ".join(words)) != classifier.canonical("gift urgent meeting account")


@given(st.floats(0, 1))
def test_a_score_survives_its_bytes(score: float) -> None:
    """Full precision both ways."""
    assert SHIPPED_CLASSIFIER.decode(SHIPPED_CLASSIFIER.encode(score)) == score
