"""A model directory is whole, or it is refused by name."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fyke.errors import DataError, ModelError
from fyke.model.card import Card
from fyke.model.classifier import Weights
from fyke.model.corpus import read_corpus
from fyke.model.directory import CARD, WEIGHTS, load_model, model_id, pack, unpack, write_model
from fyke.model.evaluation import check_datasets
from tests.baseline import baseline
from tests.conftest import SAMPLE, fyke


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """A model directory to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_the_same_training_gives_the_same_id(trained: Path, tmp_path: Path) -> None:
    """Same data, recipe and versions: same model id and same weights."""
    assert fyke("train", SAMPLE, "--output", tmp_path / "again").returncode == 0
    assert load_model(tmp_path / "again").card.model_id == load_model(trained).card.model_id
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b[:100], lambda b: b[:-3] + b"\0\1\2", lambda b: b""])
def test_spoilt_weights_are_refused(copy: Path, spoil: object) -> None:
    """Cut short or altered, the file is named."""
    (copy / WEIGHTS).write_bytes(spoil((copy / WEIGHTS).read_bytes()))
    with pytest.raises(ModelError, match=WEIGHTS):
        load_model(copy)


@pytest.mark.parametrize("field", ["model_id", "versions", "preprocessing"])
def test_an_altered_card_is_refused(copy: Path, field: str) -> None:
    """What the model id covers cannot be changed quietly."""
    card = json.loads((copy / CARD).read_text())
    card[field] = "0" * 32 if field == "model_id" else card[field] | {"numpy": "0", "norm": "l1"}
    (copy / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=CARD):
        load_model(copy)


def test_no_field_of_the_card_can_be_altered(copy: Path) -> None:
    """The split, the datasets, the figures: whatever is changed, the card is refused."""
    card = json.loads((copy / CARD).read_text())
    for field, value in card.items():
        other = {"was": value} if isinstance(value, dict) else [value] if not isinstance(value, str) else value + " "
        (copy / CARD).write_text(json.dumps(card | {field: other}))
        with pytest.raises(ModelError, match=str(copy)):
            load_model(copy)
    for field, value in (("random_state", 7), ("test_size", 0.5)):
        (copy / CARD).write_text(json.dumps(card | {"split": card["split"] | {field: value}}))
        with pytest.raises(ModelError, match=CARD):
            load_model(copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda weights: replace(weights, idf=weights.idf * np.nan),
        lambda weights: replace(weights, idf=-weights.idf),
        lambda weights: replace(weights, intercept=float("inf")),
        lambda weights: replace(weights, coefficients=weights.coefficients[1:]),
        lambda weights: replace(weights, terms=[weights.terms[1], *weights.terms[1:]]),
    ],
)
def test_weights_that_make_no_sense_are_refused(copy: Path, spoil: Callable[[Weights], Weights]) -> None:
    """Even where every digest is right: not finite, of other lengths, a term twice."""
    document = pack(spoil(unpack((copy / WEIGHTS).read_bytes())))
    card = Card.model_validate_json((copy / CARD).read_text())
    digest = hashlib.sha256(document).hexdigest()
    identity = model_id(digest, card.preprocessing, card.versions)
    write_model(copy, document, card.model_copy(update={"weights_sha256": digest, "model_id": identity}), force=True)
    with pytest.raises(ModelError, match=WEIGHTS):
        load_model(copy)


def test_a_model_behind_a_link_is_replaced_and_nothing_is_left_over(copy: Path, tmp_path: Path) -> None:
    """The link stays a link, and no half-written directory lies beside it."""
    (tmp_path / "link").symlink_to(copy)
    card = Card.model_validate_json((copy / CARD).read_text())
    write_model(tmp_path / "link", (copy / WEIGHTS).read_bytes(), card, force=True)
    assert (tmp_path / "link").is_symlink()
    assert load_model(tmp_path / "link").card.model_id == card.model_id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "link"]


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    """A directory without one of the two files is not a model directory."""
    (copy / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(copy)


def test_training_does_not_write_over_what_is_there(trained: Path, tmp_path: Path) -> None:
    """A model is replaced only with --force, anything else never."""
    before = (trained / CARD).read_bytes()
    refused = fyke("train", SAMPLE, "--output", trained)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (trained / CARD).read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert fyke("train", SAMPLE, "--output", tmp_path / "mine", "--force").returncode == 2
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_split_of_chosen_rows_is_not_looked_for_in_whole_files() -> None:
    """A model of some rows of its files has its held-out rows in none of them; what to do is said."""
    chosen = baseline().card.model_copy(update={"rows": 200})
    with pytest.raises(DataError, match="--all"):
        check_datasets(chosen, read_corpus([SAMPLE]), [SAMPLE])
    check_datasets(baseline().card, read_corpus([SAMPLE]), [SAMPLE])
