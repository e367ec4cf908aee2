"""The hashed classifier gives the numbers of a straightforward reading, and its reasons add up."""

import math
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.model.directory import load_model
from fyke.model.folding import LIMIT, fold, normalise, normalise_with_offsets
from fyke.model.hashed import HashedClassifier, HashedWeights
from fyke.model.hashing import FEW, READINGS, RUNS, readings
from tests.conftest import SAMPLE, fyke

BITS = 16
SAMPLE_TEXTS = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].fill_null("").to_list()
WORDS = st.sampled_from(
    ["urgent", "URGENT", "$80", "x", "a.b", "free\n", "é", "ﬁnd", "İx", "\u200b", "Аccоunt", "👍", ""]
)
TEXTS = st.lists(WORDS).map(" ".join) | st.text()


@pytest.fixture(scope="module")
def weights() -> HashedWeights:
    """A table of noise: every row counts."""
    return HashedWeights(np.random.default_rng(3).normal(size=1 << BITS).astype(np.float16), -0.25, 0.75)


@pytest.fixture(scope="module")
def classifier(weights: HashedWeights) -> HashedClassifier:
    return HashedClassifier("noise", weights)


def row_of(number: int) -> int:
    """The row of a feature's number, in plain integers."""
    number = number * 0x9E3779B97F4A7C15 % 2**64
    number ^= number >> 29
    return (number * 0x9E3779B97F4A7C15 % 2**64) >> (64 - BITS)


def rows_of(blob: bytes) -> set[int]:
    """The rows of a normalised text, one feature after the other."""
    numbers = []
    edged = b" " + blob + b" "
    for size in RUNS:
        starts = range(len(edged) - size + 1)
        numbers += [int.from_bytes(edged[at : at + size], "little") ^ (size << 56) for at in starts]
    words = blob.split()
    for many in (1, 2):
        for at in range(len(words) - many + 1):
            said = b" ".join(words[at : at + many])
            total = sum(byte * 0x100000001B3**place for place, byte in enumerate(said)) % 2**64
            numbers.append(total ^ (many << 56 | 255))
    return {row_of(number) for number in numbers}


def log_odds(weights: HashedWeights, blob: bytes) -> float:
    """What the docstring of `fyke.model.hashed` says, spelt out."""
    total = weights.intercept + weights.brevity * FEW / (FEW + (len(rows_of(blob)) if blob else 0))
    if not blob:
        return total
    for length, share in READINGS:
        words = blob[: length + 1].rpartition(b" ")[0] if len(blob) > length else blob
        rows = rows_of(words or blob[:length])
        total += share * math.fsum(float(weights.table[row]) for row in rows) / math.sqrt(len(rows))
    return total


@given(TEXTS)
def test_any_text_scores_as_spelt_out(weights: HashedWeights, classifier: HashedClassifier, text: str) -> None:
    """Whatever the characters, the log-odds are those of a straightforward reading within 1e-6."""
    blob = classifier.canonical(text)
    assert classifier.log_odds(blob) == pytest.approx(log_odds(weights, blob), abs=1e-6)


@given(st.lists(WORDS, min_size=60, max_size=400).map(" ".join))
def test_a_text_is_read_whole_and_from_its_beginning(text: str) -> None:
    """Readings begin the text, end with a word of it, and share out the score between them."""
    blob = normalise(text)
    found = readings(blob)
    assert math.fsum(share for _, share in found) == pytest.approx(1)
    for (part, _), (length, _) in zip(found, READINGS, strict=False):
        assert blob.startswith(part)
        assert len(part) <= length
        assert blob == part or blob[len(part) :].startswith(b" ")


def test_what_is_added_at_the_end_leaves_the_beginning_its_share() -> None:
    """However much is appended, the beginnings of a long text say what they said."""
    text = normalise("verify your account today " * 40)
    padded = text + b" minutes of the budget meeting" * 100
    assert readings(padded)[1:] == readings(text)[1:]


def test_mail_scores_as_spelt_out(weights: HashedWeights, classifier: HashedClassifier) -> None:
    """The same on every text of the sample, and on one that is longer than what is read."""
    for text in (*SAMPLE_TEXTS, " ".join(SAMPLE_TEXTS)):
        blob = normalise(text)
        assert classifier.log_odds(blob) == pytest.approx(log_odds(weights, blob), abs=1e-6)


@given(st.lists(st.integers(0, 301), min_size=1, max_size=20))
def test_the_batch_makes_no_difference(classifier: HashedClassifier, numbers: list[int]) -> None:
    """A text scores the same to the last bit alone, in any batch, and from its canonical bytes."""
    texts = [SAMPLE_TEXTS[number] for number in numbers]
    alone = [classifier.predict_many([text])[0] for text in texts]
    assert classifier.predict_many(texts) == alone
    assert classifier.predict_canonical([classifier.canonical(text) for text in texts]) == alone


@given(TEXTS)
def test_reasons_add_up(classifier: HashedClassifier, text: str) -> None:
    """The base and the words' shares sum to the log-odds, and each span is that of a word."""
    explained = classifier.explain(text)
    assert explained.log_odds == classifier.log_odds(classifier.canonical(text))
    total = explained.base + math.fsum(part.contribution for part in explained.parts)
    assert total == pytest.approx(explained.log_odds, abs=1e-6)
    words = [normalise(text[part.start : part.end]) for part in explained.parts]
    assert len(words) == len(classifier.canonical(text).split())
    assert all(0 <= part.start < part.end <= len(text) for part in explained.parts)


def test_reasons_point_at_the_words(classifier: HashedClassifier) -> None:
    """Spans are of the original text, whatever folding did to it."""
    text = "Dear\u200b  ﬁsher, your Аccоunt: 4711!"
    spans = [text[part.start : part.end] for part in classifier.explain(text).parts]
    assert spans == ["Dear", "ﬁsher", "your", "Аccоunt", "4711"]


@given(TEXTS)
def test_offsets_are_of_the_same_bytes(text: str) -> None:
    """The slow reading for reasons and the fast one for scores give the same bytes."""
    blob, origin = normalise_with_offsets(text)
    assert blob == normalise(text)
    assert len(origin) == len(blob)
    assert origin == sorted(origin)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    """The canonical bytes, read as a text, have themselves as canonical bytes."""
    once = normalise(text)
    assert normalise(once.decode("utf-8", "surrogatepass")) == once or len(once) == LIMIT


@pytest.mark.parametrize(
    "disguised",
    ["Verify your account", "VERIFY, your... account!", "Vеrify yоur аccоunt", "Ver\u200bify your\u00ad acc\u2060ount",
     "Ｖｅｒｉｆｙ your account", "vérify your accöunt"],
)  # fmt: skip
def test_disguises_are_taken_off(disguised: str) -> None:
    """Look-alikes, invisible characters, full-width letters, accents, capitals and marks make no difference."""
    assert normalise(disguised) == b"verify your account"


def test_a_long_text_is_read_up_to_the_limit() -> None:
    """Bounded work: neither a long text nor a long run of nothing is read on for ever."""
    assert len(normalise("word " * 10**6)) == LIMIT
    assert normalise(" " * 10**6 + "late") == b""
    assert fold("\u200b") == ""


def test_another_prior_moves_the_odds_and_the_id(classifier: HashedClassifier) -> None:
    """From half to one in ten, odds are a ninth of what they were; caches keep the two apart."""
    other = classifier.at_prior(0.1, 0.5)
    blob = classifier.canonical(SAMPLE_TEXTS[0])
    assert classifier.log_odds(blob) - other.log_odds(blob) == pytest.approx(math.log(9))
    assert other.id != classifier.id


@pytest.mark.parametrize("recipe", ["default"])
def test_the_same_training_gives_the_same_model(recipe: str, tmp_path: Path) -> None:
    """Trained twice: one id; and the card holds calibration, policies and what else was learnt from."""
    for name in ("one", "two"):
        assert fyke("train", SAMPLE, "--recipe", recipe, "--output", tmp_path / name).returncode == 0
    one, two = load_model(tmp_path / "one"), load_model(tmp_path / "two")
    assert one.card.model_id == two.card.model_id
    assert one.card.calibration is not None
    assert one.card.background is not None
    assert one.card.policies is not None
    policies = {point.policy: point.threshold for point in one.card.policies}
    assert policies["balanced"] == 0.5
    assert policies["max-fpr=0.001"] >= policies["max-fpr=0.05"]
    assert policies["cost=10:1"] == pytest.approx(10 / 11)
    assert unicodedata.unidata_version == one.card.preprocessing.unicode


def test_folding_a_folded_character_changes_nothing() -> None:
    """Of all characters: so it does not matter in which order those of a text are folded."""
    for code in (*range(128, 0x3000), *range(0xA700, 0xAC00), *range(0xF900, 0x10000), *range(0x1D400, 0x1F200)):
        once = fold(chr(code))
        assert "".join(one if one.isascii() else fold(one) for one in once) == once, hex(code)


def test_many_different_characters_are_folded_like_few() -> None:
    """A text of many alphabets is folded by a table, one of few strange letters by searches; both the same."""
    strange = "".join(map(chr, range(0x386, 0x500)))
    assert normalise(strange).replace(b" ", b"") == b"".join(map(normalise, strange))


def test_threads_share_a_classifier(classifier: HashedClassifier) -> None:
    """Threads that score with one classifier at the same time get the numbers that one thread gets."""
    texts = SAMPLE_TEXTS[:40] * 5
    with ThreadPoolExecutor(4) as pool:
        scores = list(pool.map(lambda text: classifier.predict_many([text])[0], texts))
    assert scores == classifier.predict_many(texts)
