"""Explanations: exact shares, places in the text as it is, and bytes that hold no letter of it."""

import json
from email.header import decode_header, make_header

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.model.classifier import TfidfClassifier, Weights, expit
from fyke.model.explaining import MOST_PARTS, Explainer
from fyke.model.explanation import Explanation, Part
from fyke.model.labels import PHISHING, SAFE
from fyke.model.reasons import explained, header_line, reasons
from fyke.model.tokens import DEFAULT_PATTERN
from tests.baseline import baseline

CLASSIFIER = baseline().classifier
EXPLAINER = Explainer(CLASSIFIER)
WORDS = st.sampled_from(["account", "meeting", "İstanbul", "ǅ", "ﬁrst", "CLICK", "Thanks", "\ud800", "of", "9"])
TEXTS = st.lists(WORDS | st.text(max_size=5), max_size=30).map(" ".join)


@given(TEXTS)
def test_the_shares_sum_to_the_score(text: str) -> None:
    """Base, contributions and rest are the log-odds, and those are the score's."""
    found = CLASSIFIER.explain(text)
    total = found.base + sum(part.contribution for part in found.parts) + found.rest
    assert total == pytest.approx(found.log_odds, abs=1e-9)
    assert expit(found.log_odds) == CLASSIFIER.predict_many([text])[0]


@given(TEXTS)
def test_each_part_is_a_word_where_it_stands(text: str) -> None:
    """Also where lower case is longer than capitals; without that word the text scores as the model sees it."""
    for part in CLASSIFIER.explain(text).parts:
        word = text[part.start : part.end]
        assert CLASSIFIER.canonical(word) != b""
        assert CLASSIFIER.canonical(word) in {CLASSIFIER.canonical(word.lower()), CLASSIFIER.canonical(word.upper())}


def test_offsets_count_the_original() -> None:
    """The dotted capital I is two characters in lower case, and one here."""
    text = "İ İİ account"
    (part,) = CLASSIFIER.explain(text).parts
    assert text[part.start : part.end] == "account"


@given(TEXTS)
def test_bytes_give_the_explanation_back(text: str) -> None:
    """Every number to the last bit."""
    (found,) = EXPLAINER.predict_many([text])
    assert EXPLAINER.decode(EXPLAINER.encode(found)) == found
    assert EXPLAINER.agrees(found, found)


def test_an_explanation_of_other_words_does_not_agree() -> None:
    """Same sums, same number of parts, other places or shares: what is kept is not what the model says."""
    parts = [Part(0, 3, 1.0), Part(4, 9, 0.5)]
    found = Explanation(2.0, 0.5, parts, 0.0)
    assert EXPLAINER.agrees(found, Explanation(2.0, 0.5, list(parts), 0.0))
    assert not EXPLAINER.agrees(found, Explanation(2.0, 0.5, [parts[0], Part(5, 9, 0.5)], 0.0))
    assert not EXPLAINER.agrees(found, Explanation(2.0, 0.5, [Part(0, 3, 0.5), Part(4, 9, 1.0)], 0.0))
    assert not EXPLAINER.agrees(found, Explanation(2.0, 0.5, parts[:1], 0.5))


def test_the_least_of_five_hundred_parts_may_be_another() -> None:
    """Shares that are alike but for last digits decide which is left out; a greater one that is missing is wrong."""
    parts = [Part(at, at + 1, 1.0) for at in range(MOST_PARTS)]
    kept = Explanation(2.0, 0.5, parts, 0.0)
    assert EXPLAINER.agrees(kept, Explanation(2.0, 0.5, [*parts[1:], Part(900, 901, 1.0)], 0.0))
    assert not EXPLAINER.agrees(kept, Explanation(2.0, 0.5, [*parts[1:], Part(900, 901, 1.1)], 0.0))


@given(st.binary(max_size=100))
def test_other_bytes_are_refused(payload: bytes) -> None:
    """As a value error, whatever they are."""
    try:
        EXPLAINER.decode(payload)
    except ValueError:
        return
    assert len(payload) >= 24
    assert (len(payload) - 24) % 16 == 0


def test_what_cannot_be_written_is_no_trouble() -> None:
    """A lone surrogate within a word is a question mark in what is told of it."""
    text = "verify a\ud800b"
    told = explained(text, Explanation(1.0, 0.5, [Part(7, 10, 0.5)]), PHISHING)
    assert told["parts"][0]["word"] == "a?b"
    assert json.dumps(told, ensure_ascii=False).encode()


def test_a_long_text_keeps_its_strongest_parts() -> None:
    """What is left out is in `rest`, and the sum stays exact."""
    terms = [f"w{n:04}" for n in range(2000)]
    weights = Weights(terms, np.ones(2000), np.linspace(-1, 2, 2000), 0.5)
    model = TfidfClassifier("made", weights, DEFAULT_PATTERN)
    text = " ".join(terms)
    whole, (short,) = model.explain(text), Explainer(model).predict_many([text])
    assert len(short.parts) == MOST_PARTS
    least = min(abs(part.contribution) for part in short.parts)
    left = set(whole.parts) - set(short.parts)
    assert all(abs(part.contribution) <= least for part in left)
    assert short.rest == pytest.approx(sum(part.contribution for part in left))
    assert len(EXPLAINER.encode(short)) < 9000


def test_the_bytes_hold_no_letter_of_the_text() -> None:
    """What is kept tells places, not words."""
    text = "your account secretword click"
    payload = EXPLAINER.encode(EXPLAINER.predict_many([text])[0])
    assert all(word.encode() not in payload for word in text.split())


def test_reasons_name_the_words_of_both_sides() -> None:
    """What speaks for the verdict comes first; a header has them in a line of ASCII."""
    text = "Click, click to verify your account. Thanks for the meeting"
    terms, coefficients = ["account", "click", "meeting", "thanks", "verify"], np.array([1.0, 2.0, -1.5, -1.6, 1.2])
    model = TfidfClassifier("made", Weights(terms, np.ones(5), coefficients, 0.0), DEFAULT_PATTERN)
    found = model.explain(text)
    first, second = reasons(text, found, PHISHING)
    assert first.startswith("“click”")
    assert first.endswith("speak for phishing.")
    assert "“thanks” and “meeting”" in second or "“meeting” and “thanks”" in second
    assert reasons(text, found, SAFE) == [second, first]
    line = header_line(text, found)
    assert line.startswith("phishing: click")
    assert line.isascii()
    assert "\n" not in line
    assert header_line("", model.explain("")) == "no known word"
    other = TfidfClassifier("made", Weights(["größe"], np.ones(1), np.array([1.0]), 0.0), DEFAULT_PATTERN)
    coded = header_line("Größe", other.explain("Größe"))
    assert coded.isascii()
    assert str(make_header(decode_header(coded))) == "phishing: größe"
    assert len(reasons("", model.explain(""), SAFE)) == 1
    assert explained(text, found, PHISHING)["parts"][0]["word"] == "Click"
