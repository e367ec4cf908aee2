"""The classifier gives scikit-learn's numbers, and its canonical bytes are what it sees."""

import json
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from fyke.model.classifier import TfidfClassifier, verdict
from fyke.model.corpus import read_corpus
from fyke.model.directory import load_model
from fyke.model.labels import PHISHING
from fyke.model.tokens import DEFAULT_PATTERN, tokenizer
from tests.baseline import baseline
from tests.conftest import SAMPLE, fyke
from tests.service.test_predict import THREE

CLASSIFIER = baseline().classifier
SAMPLE_TEXTS = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].fill_null("").to_list()
ANALYSER = TfidfVectorizer().build_analyzer()
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


def published(texts: list[str], labels: list[str]) -> tuple[Pipeline, list[str], list[str]]:
    """The tutorial's training, written out: the fitted pipeline, and the texts and labels that it held out."""
    fit_texts, held_texts, fit_labels, held_labels = train_test_split(texts, labels, test_size=0.2, random_state=42)
    pipeline = Pipeline(
        [("tfidf", TfidfVectorizer(stop_words="english")), ("logistic", LogisticRegression(solver="liblinear"))]
    )
    return pipeline.fit(fit_texts, fit_labels), held_texts, held_labels


@pytest.fixture(scope="module")
def pair() -> tuple[Pipeline, TfidfClassifier]:
    """The sample's model, and a scikit-learn pipeline fitted apart from it on the same rows."""
    corpus = read_corpus([SAMPLE])
    pipeline, _, _ = published(corpus.texts, corpus.labels)
    return pipeline, CLASSIFIER


def expected(pipeline: Pipeline, texts: list[str]) -> "np.ndarray":
    return pipeline.predict_proba(texts)[:, list(pipeline.classes_).index(PHISHING)]


def test_scores_equal_scikit_learns(pair: tuple[Pipeline, TfidfClassifier]) -> None:
    """On every text of the sample, the empty one among them, within 1e-9."""
    pipeline, classifier = pair
    assert "" in SAMPLE_TEXTS
    scores = classifier.predict_many(SAMPLE_TEXTS)
    np.testing.assert_allclose(scores, expected(pipeline, SAMPLE_TEXTS), rtol=0, atol=1e-9)


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
    assert CLASSIFIER.canonical(" ".join(words)) == CLASSIFIER.canonical("GIFT gift urgent... meeting account")
    assert CLASSIFIER.canonical(" ".join(words)) != CLASSIFIER.canonical("gift urgent meeting account")


@given(st.lists(st.integers(0, 301), min_size=1, max_size=20))
def test_the_batch_makes_no_difference(rows: list[int]) -> None:
    """A text scores the same to the last bit alone and in any batch."""
    texts = [SAMPLE_TEXTS[row] for row in rows]
    alone = [CLASSIFIER.predict_many([text])[0] for text in texts]
    assert CLASSIFIER.predict_many(texts) == alone


@given(TEXTS | st.text(st.characters(max_codepoint=0x2FF)))
def test_the_fast_tokenizer_finds_scikit_learns_words(text: str) -> None:
    """Apart from single characters, the very words of TfidfVectorizer's analyser, in order."""
    words = [word for word in tokenizer(DEFAULT_PATTERN)(text) if len(word) > 1]
    assert words == ANALYSER(text)


@given(st.floats(0, 1))
def test_a_score_survives_its_bytes(score: float) -> None:
    """Full precision both ways."""
    assert CLASSIFIER.decode(CLASSIFIER.encode(score)) == score


@pytest.mark.corpus
def test_training_on_the_rebuilt_file_gives_the_published_figures(corpus_dir: Path, tmp_path: Path) -> None:
    """`fyke train` as it comes: accuracy 0.97587, support 1536 and 2194, the published labels of the three texts.

    Its scores are those of a pipeline that is fitted apart from it.
    """
    table, directory = corpus_dir / "kaggle_phishing_email_rebuilt.csv.gz", tmp_path / "published"
    assert fyke("train", table, "--output", directory).returncode == 0
    figures = json.loads(fyke("evaluate", table, "--model", directory, "--json").stdout)
    assert figures["accuracy"] == pytest.approx(0.97587, abs=5e-5)
    assert figures["report"]["Phishing Email"]["support"] == 1536
    assert figures["report"]["Safe Email"]["support"] == 2194
    corpus = read_corpus([table])
    pipeline, texts, labels = published(corpus.texts, corpus.labels)
    assert accuracy_score(labels, pipeline.predict(texts)) == pytest.approx(0.97587, abs=5e-5)
    scores = load_model(directory).classifier.predict_many([*THREE, *texts])
    np.testing.assert_allclose(scores, expected(pipeline, [*THREE, *texts]), rtol=0, atol=1e-9)
    assert [verdict(score)[0] for score in scores[: len(THREE)]] == list(THREE.values())


@given(st.lists(TEXTS))
def test_texts_are_read_together_as_alone(texts: list[str]) -> None:
    """Canonical bytes do not depend on the batch."""
    assert CLASSIFIER.canonical_many(texts) == [CLASSIFIER.canonical(text) for text in texts]
