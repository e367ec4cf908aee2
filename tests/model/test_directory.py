"""A model directory is whole, or it is refused by name."""

import json
import shutil
from pathlib import Path

import pytest

from fyke.errors import ModelError
from fyke.model.directory import CARD, WEIGHTS, load_model
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
