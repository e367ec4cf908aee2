"""The deep model and the cascade: what a text is, what is answered, what is kept."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest

from fyke.errors import ModelError
from fyke.model import encoding
from fyke.model.cascade import CascadeClassifier
from fyke.model.cascade_recipe import LOST, Scored, asks, figures, fitted_band, joined
from fyke.model.corpus import Corpus, Dataset
from fyke.model.deep import DeepClassifier, Head
from fyke.model.directory import Model, load_model, write_model
from fyke.model.encoding import ENCODER, LIMIT, TOKENIZER, Encoder, readable, shipped
from fyke.model.labels import PHISHING
from fyke.model.training import train
from tests.conftest import SAMPLE
from tests.encoders import small_encoder

ROWS = polars.read_csv(SAMPLE, infer_schema=False)
CORPUS = Corpus(
    ROWS["Email Text"].fill_null("").to_list(), ROWS["Email Type"].to_list(), [Dataset("sample", "0", len(ROWS))]
)
TEXTS = ["Your account is suspended, verify your password now", "Lunch on Friday?", "", "x" * 5000, "w " * 5000]


@pytest.fixture(scope="module", autouse=True)
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    """The small encoder, where the one that Fyke ships would lie."""
    folder = tmp_path_factory.mktemp("encoder")
    for name, content in small_encoder().files.items():
        (folder / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "FOLDER", folder)
        shipped.cache_clear()
        yield shipped()
    shipped.cache_clear()


@pytest.fixture(scope="module", params=["deep", "cascade"])
def trained_deep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of either recipe."""
    directory = tmp_path_factory.mktemp("deep") / request.param
    document, model = train(CORPUS, request.param, columns=("Email Text", "Email Type"))
    write_model(directory, document, model.card, files=model.files)
    return directory


@pytest.fixture(scope="module")
def loaded(trained_deep: Path) -> Model:
    return load_model(trained_deep)


def test_it_is_calibrated_on_what_it_was_not_fitted_on(loaded: Model) -> None:
    """The card has the calibration and every policy, and says what else was learnt from."""
    card = loaded.card
    assert card.calibration is not None
    assert card.calibration.rows >= 20
    assert card.background is not None
    points = {point.policy: point.threshold for point in card.policies or ()}
    assert points["max-fpr=0.001"] >= points["max-fpr=0.005"] >= points["max-fpr=0.05"]
    assert points["balanced"] == 0.5


def test_a_loaded_model_answers_alone_as_in_a_batch(loaded: Model) -> None:
    """Neither neighbours nor order move a score, not by a bit; a text given twice is one text."""
    together = loaded.classifier.predict_many([*TEXTS, *TEXTS[::-1]])
    alone = [loaded.classifier.predict_many([text])[0] for text in TEXTS]
    assert together == alone + alone[::-1]
    assert all(0 < score < 1 for score in alone)


def test_canonical_bytes_are_all_that_counts(loaded: Model) -> None:
    """The score follows from them, and what the model cannot see does not change them."""
    classifier = loaded.classifier
    blobs = [classifier.canonical(text) for text in TEXTS]
    assert classifier.predict_canonical(blobs) == classifier.predict_many(TEXTS)
    assert classifier.canonical("Verify  your\naccount") == classifier.canonical("verify your account")
    assert classifier.canonical("verify your p\u200bаssword") == classifier.canonical("verify your password")
    assert len(set(blobs)) == len(blobs)


def test_reasons_sum_to_the_log_odds(loaded: Model) -> None:
    """Base, parts and rest: exactly the score's log-odds, and parts are spans of the text in order."""
    for text in TEXTS[:3]:
        said = loaded.classifier.explain(text)
        total = said.base + sum(part.contribution for part in said.parts) + said.rest
        assert total == pytest.approx(said.log_odds, abs=1e-6)
        assert 1 / (1 + np.exp(-said.log_odds)) == pytest.approx(loaded.classifier.predict_many([text])[0])
        assert all(0 <= part.start < part.end <= len(text) for part in said.parts)


@pytest.mark.parametrize("name", [ENCODER, TOKENIZER])
def test_a_spoilt_file_is_refused_by_name(trained_deep: Path, tmp_path: Path, name: str) -> None:
    """The encoder and the tokenizer are held to the card as the weights are."""
    copy = Path(shutil.copytree(trained_deep, tmp_path / "copy"))
    (copy / name).write_bytes((copy / name).read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match=name):
        load_model(copy)
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(copy)


def test_another_prior_is_another_model() -> None:
    """Fewer phishing mails: lower scores, under another id, by just the difference of the log-odds."""
    model = DeepClassifier("id", shipped(), Head(np.full(384, 0.01), 0.5))
    rarer = model.at_prior(0.01, 0.5)
    blob = model.canonical("hello")
    assert rarer.id != model.id
    assert rarer.log_odds(blob) == pytest.approx(model.log_odds(blob) + np.log(0.01 / 0.99))


def test_tokens_are_few_and_long_words_are_cut() -> None:
    """However long the text, at most 192 tokens are read, and an address of thousands leaves room for the rest."""
    assert len(shipped().canonical("word " * 10_000)) == 2 * LIMIT
    long = readable("http://example.com/" + "a" * 9000 + " the rest")
    assert long.endswith("the rest")
    assert shipped().canonical("\ud800") == shipped().canonical("")


def test_no_encoder_is_said_plainly() -> None:
    """Bytes that are no network are an error of the model, not of a library."""
    with pytest.raises(ModelError, match=ENCODER):
        Encoder(b"nothing", shipped().tokenizer)


def test_without_the_extra_the_remedy_is_named() -> None:
    """What is missing, and what to install."""
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from fyke.errors import ModelError\nfrom fyke.model.encoding import shipped\n"
        "try: shipped()\nexcept ModelError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'fyke[deep]'" in said


def test_the_cascade_asks_only_within_its_band(loaded: Model) -> None:
    """Where the fast part is sure, the deep one's vector makes no difference."""
    classifier = loaded.classifier
    if not isinstance(classifier, CascadeClassifier):
        return
    asked = [classifier.asks(text) for text in CORPUS.texts]
    assert 0 < sum(asked) < len(asked)
    sure = [text for text, ask in zip(CORPUS.texts, asked, strict=True) if text and not ask]
    for text in sure[:3]:
        blob = classifier.canonical(text)
        end = 4 + int.from_bytes(blob[:4], "little")
        assert classifier.log_odds(blob[:end] + classifier.canonical("another")[-8:]) == classifier.log_odds(blob)


def test_the_band_keeps_what_asking_about_all_finds() -> None:
    """A fast part that is right outside the middle is asked there alone."""
    rng = np.random.default_rng(1)
    phishing = np.arange(2000) % 2 == 0
    fast = np.where(phishing, 4.0, -4.0) + rng.normal(size=2000)
    fast[:200] = rng.normal(scale=0.5, size=200)
    deep = np.where(phishing, 4.0, -4.0) + rng.normal(size=2000)
    scored = Scored(fast, deep, phishing)
    band = fitted_band(scored)
    assert 0 < asks(band, scored).mean() < 0.5
    everywhere = replace(band, low=-np.inf, high=np.inf)
    assert asks(everywhere, scored).all()
    best = np.maximum(figures(joined(everywhere, scored), phishing), figures(deep, phishing))
    assert (figures(joined(band, scored), phishing) >= best - LOST).all()
    assert figures(fast, phishing)[0] < best[0] - LOST


def test_where_no_band_keeps_it_all_rows_are_asked_about() -> None:
    """A fast part that is sure and wrong of one text in twenty is never trusted alone."""
    rng = np.random.default_rng(2)
    phishing = np.arange(4000) % 2 == 0
    fast = np.where(phishing, 9.0, -9.0) + rng.normal(size=4000)
    fast[::20] *= -4
    deep = np.where(phishing, 9.0, -9.0) + rng.normal(size=4000)
    assert asks(fitted_band(Scored(fast, deep, phishing)), Scored(fast, deep, phishing)).all()


def test_labels_are_learnt(loaded: Model) -> None:
    """On rows that it was trained on, phishing scores higher than honest mail."""
    scores = np.array(loaded.classifier.predict_many(CORPUS.texts))
    phishing = (ROWS["Email Type"] == PHISHING).to_numpy()
    assert (scores[phishing][:, None] > scores[~phishing]).mean() > 0.7
