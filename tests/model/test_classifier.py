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


@given(st.data())
def test_texts_that_share_an_entry_have_one_score(pair: tuple[Pipeline, TfidfClassifier], data: st.DataObject) -> None:
    """Another order, case or punctuation gives equal bytes, and scikit-learn too scores both the same."""
    pipeline, classifier = pair
    words = data.draw(st.lists(st.sampled_from(["urgent", "account", "meeting", "the", "prize", "zzqqy"]), max_size=8))
    changed = [
        data.draw(st.sampled_from([word, word.upper(), word.title(), f"({word})", f"{word}!"]))
        for word in data.draw(st.permutations(words))
    ]
    texts = [" ".join(words), " ".join(changed)]
    assert classifier.canonical(texts[0]) == classifier.canonical(texts[1])
    scores = classifier.predict_many(texts)
    assert scores[0] == scores[1]
    assert expected(pipeline, texts) == pytest.approx(scores, abs=1e-9)


@given(st.lists(WORDS, max_size=8), st.data())
def test_a_change_that_scikit_learn_sees_changes_the_bytes(
    pair: tuple[Pipeline, TfidfClassifier], words: list[str], data: st.DataObject
) -> None:
    """A word more, less or other: when scikit-learn's score moves, the canonical bytes are others."""
    pipeline, classifier = pair
    at = data.draw(st.integers(0, len(words)))
    gone = data.draw(st.integers(0, 2))
    changed = words[:at] + data.draw(st.lists(WORDS | st.text(max_size=6), max_size=2)) + words[at + gone :]
    texts = [" ".join(words), " ".join(changed)]
    before, after = expected(pipeline, texts)
    if abs(before - after) > 1e-12:
        assert classifier.canonical(texts[0]) != classifier.canonical(texts[1])


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
