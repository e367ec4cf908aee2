"""The hashed classifier gives the numbers of a straightforward reading, and its reasons add up."""

import math
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fyke.errors import ModelError
from fyke.model.card import HashedPreprocessing
from fyke.model.directory import load_model
from fyke.model.folding import LIMIT, fold, normalise, normalise_with_offsets
from fyke.model.hashed import BROAD, FAMILIAR, GATE, NOVELTY, HashedClassifier, HashedWeights
from fyke.model.hashed_fitting import Fit, occurrences
from fyke.model.hashed_recipe import LEANING, STEEPNESS, Mixture
from fyke.model.hashing import FEW, READINGS, RUNS, features, features_read, readings
from fyke.model.packing import pack_hashed, unpack_hashed
from tests.conftest import SAMPLE, fyke

BITS = 16
SAMPLE_TEXTS = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].fill_null("").to_list()
WORDS = st.sampled_from(
    ["urgent", "URGENT", "$80", "x", "a.b", "free\n", "é", "ﬁnd", "İx", "\u200b", "Аccоunt", "👍", ""]
)
TEXTS = st.lists(WORDS).map(" ".join) | st.text()


@pytest.fixture(scope="module")
def weights() -> HashedWeights:
    """Tables of noise: nearly every row counts, and the gate has not met a tenth of them."""
    noise = np.random.default_rng(3)
    tables = noise.normal(size=(3, 1 << BITS)).astype(np.float16)
    tables[GATE, noise.random(1 << BITS) < 0.1] = 0
    return HashedWeights(tables, np.array([-0.25, 0.5, -1.5]), np.array([0.75, -0.5, 0.25]))


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
    familiar, broad, gate = (linear(weights, which, blob) for which in (FAMILIAR, BROAD, GATE))
    new = 0.0
    for rows, _, share in read(blob):
        new += share * sum(weights.tables[GATE, row] == 0 for row in rows) / len(rows)
    asked = 1 / (1 + math.exp(-gate - NOVELTY * new))
    return (1 - asked) * familiar + asked * broad


def read(blob: bytes) -> list[tuple[set[int], float, float]]:
    """The rows of each reading, and its shares in the score and in the gate."""
    found = []
    for length, in_score, in_gate in READINGS if blob else ():
        words = blob[: length + 1].rpartition(b" ")[0] if len(blob) > length else blob
        found.append((rows_of(words or blob[:length]), in_score, in_gate))
    return found


def linear(weights: HashedWeights, which: int, blob: bytes) -> float:
    """One expert, or the gate."""
    total = weights.intercepts[which] + weights.brevities[which] * FEW / (FEW + (len(rows_of(blob)) if blob else 0))
    for rows, in_score, in_gate in read(blob):
        share = in_gate if which == GATE else in_score
        total += share * math.fsum(float(weights.tables[which, row]) for row in rows) / math.sqrt(len(rows))
    return float(total)


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
    assert math.fsum(share for _, share, _ in found) == pytest.approx(1)
    assert math.fsum(share for _, _, share in found) == pytest.approx(1)
    for (part, _, _), (length, _, _) in zip(found, READINGS, strict=False):
        assert blob.startswith(part)
        assert len(part) <= length
        assert blob == part or blob[len(part) :].startswith(b" ")


@given(st.lists(WORDS | st.text("ab", min_size=290, max_size=720), min_size=1, max_size=200).map(" ".join))
def test_a_beginning_has_the_features_that_it_has_alone(text: str) -> None:
    """Its rows are taken from those of the whole, and are the same as if nothing followed, within a long word too."""
    blob = normalise(text)
    for (part, *shares), (rows, *same) in zip(readings(blob), features_read(blob, BITS), strict=True):
        assert sorted(rows.tolist()) == sorted(features(part, BITS).tolist())
        assert same == shares


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
@example("abc " * LIMIT)
@example("Add ½ cup, GlÃ¼ckwunsch, ﷺ!")
def test_reasons_add_up(classifier: HashedClassifier, text: str) -> None:
    """The base and the words' shares sum to the log-odds, each span is a word's, and none has letters of another's.

    What is several words but one character is one span.
    """
    explained = classifier.explain(text)
    assert explained.log_odds == classifier.log_odds(classifier.canonical(text))
    total = explained.base + math.fsum(part.contribution for part in explained.parts)
    assert total == pytest.approx(explained.log_odds, abs=1e-6)
    words = [word for part in explained.parts for word in normalise(text[part.start : part.end]).split()]
    assert len(words) == len(classifier.canonical(text).split())
    edges = [edge for part in explained.parts for edge in (part.start, part.end)]
    assert edges == sorted(edges)
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
    assert normalise("abc " * LIMIT)[-4:] == b" abc"  # where a space would be the last byte there is none
    assert normalise(" " * 10**6 + "late") == b""
    assert fold("\u200b") == ""


@pytest.mark.parametrize(("toward", "expected"), [(-50.0, -3.0), (50.0, 3.0)])
def test_the_gate_tells_which_expert_answers(toward: float, expected: float) -> None:
    """With the gate shut the expert of familiar mail answers, with the gate open the broad one's."""
    tables = np.stack([np.full(1 << BITS, value, np.float16) for value in (0, 0, 1e-3)])
    weights = HashedWeights(tables, np.array([-3.0, 3.0, toward]), np.zeros(3))
    assert HashedClassifier("still", weights).log_odds(b"some words") == pytest.approx(expected)


def test_what_the_gate_has_not_met_is_asked_of_the_broad_expert() -> None:
    """The more of a text is new, the more that one's answer counts."""
    tables = np.full((3, 1 << BITS), 1e-3, np.float16)
    tables[:2] = 0
    for row in rows_of(b"unheard"):
        tables[GATE, row] = 0
    classifier = HashedClassifier("new", HashedWeights(tables, np.array([-3.0, 3.0, -8.0]), np.zeros(3)))
    found = [classifier.log_odds(blob) for blob in (b"known words", b"known unheard words", b"unheard")]
    assert found[0] < found[1] - 0.1 < found[2] - 0.2


def test_what_follows_leaves_the_expert_that_is_asked(classifier: HashedClassifier) -> None:
    """However much is appended to a text of 700 bytes, next to nothing changes in who answers."""
    text = "verify your account today " * 40
    asked = [classifier._read(normalise(one))[2] for one in (text, text + " minutes of the budget meeting" * 100)]
    assert asked[0] == pytest.approx(asked[1], abs=0.01)


def test_what_is_fitted_is_what_is_served() -> None:
    """The matrices that experts and gate are fitted on, and the classifier, read every text alike."""
    blobs = [normalise(text) for text in ("", "a line", *SAMPLE_TEXTS[:40], " ".join(SAMPLE_TEXTS[:9]))]
    noise, rows = np.random.default_rng(5), 1 << BITS
    made = [Fit(noise.normal(size=rows + 1).astype(np.float16).astype(np.float64), one) for one in (-0.5, 0.25, -1.0)]
    met = noise.random(rows) < 0.9
    for one in made:
        one.coefficients[:-1][~met] = 0
    made[GATE].coefficients[:100] = 0  # met, and of no weight
    classifier = HashedClassifier("noise", Mixture((made[FAMILIAR], made[BROAD]), made[GATE], met).weights)
    matrix, beginnings = occurrences(blobs, BITS)
    for at, blob in enumerate(blobs):
        new = sum(share * np.mean([not met[row] for row in found]) for found, _, share in read(blob))
        asked = 1 / (1 + math.exp(-STEEPNESS * made[GATE](beginnings)[at] - LEANING - NOVELTY * new))
        expected = (1 - asked) * made[FAMILIAR](matrix)[at] + asked * made[BROAD](matrix)[at]
        assert classifier.log_odds(blob) == pytest.approx(expected, abs=1e-3)


Arrays = dict[str, np.ndarray[Any, Any]]


def numbered(which: int, value: float) -> Callable[[Arrays], Arrays]:
    """One of the constants changed."""

    def change(arrays: Arrays) -> Arrays:
        arrays["constants"][which] = value
        return arrays

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda arrays: {"tables": arrays["tables"]}, "not the arrays of such a Fyke model"),
        (lambda arrays: arrays | {"tables": arrays["tables"].astype(np.float32)}, "16 bits"),
        (lambda arrays: arrays | {"tables": arrays["tables"][:2].copy()}, "not of the size"),
        (lambda arrays: arrays | {"constants": arrays["constants"][1:].copy()}, "not of the size"),
        (numbered(0, math.nan), "not finite"),
        (numbered(7, NOVELTY + 1), "another way"),
    ],
)
def test_weights_of_another_form_are_refused(
    weights: HashedWeights, spoil: Callable[[Arrays], Arrays], said: str
) -> None:
    """What is packed is unpacked; what is not such a model, or one of another version, is refused by name."""
    preprocessing = HashedPreprocessing(
        runs=list(RUNS), readings=list(READINGS), bits=BITS, limit=LIMIT, unicode=unicodedata.unidata_version
    )
    document = pack_hashed(weights)
    again = unpack_hashed(document, preprocessing)
    assert (again.tables == weights.tables).all()
    assert (again.intercepts == weights.intercepts).all()
    assert (again.brevities == weights.brevities).all()
    with pytest.raises(ModelError, match=said):
        unpack_hashed(save({name: one.copy() for name, one in spoil(load(document)).items()}), preprocessing)


def test_another_prior_moves_the_odds_and_the_id(classifier: HashedClassifier) -> None:
    """From half to one in ten, odds are a ninth of what they were, whoever answers; caches keep the two apart."""
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
