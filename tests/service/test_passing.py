"""What the machine lacks for a moment is asked for again, though no file has changed since."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fyke.errors import ModelError, SettingsError
from fyke.service.app import create_app
from fyke.service.keys import KeySet
from fyke.service.passing import may_pass
from fyke.service.rollout import look
from fyke.settings import load
from tests.service.keyed import Keys
from tests.service.rolling import small
from tests.waiting import until


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened meanwhile: EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_keys_that_could_not_be_read_are_read_at_the_next_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that was revoked while no file could be opened is out a second later; the log says it once."""
    keys = Keys(tmp_path / "keys.json")
    keys.add("mail")
    now = [0.0]
    kept = KeySet(keys.path, lambda: now[0])
    keys.revoke("mail")
    for _ in range(3):
        now[0] += 2
        with no_descriptors():
            assert kept.find(keys.tokens["mail"].encode()) is not None
    assert len([line for line in caplog.messages if "cannot be read (Too many open files)" in line]) == 1
    now[0] += 2
    assert kept.find(keys.tokens["mail"].encode()) is None


def test_a_model_that_could_not_be_read_is_read_at_the_next_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the old one's place without another change to its files; the log says once why it did not before."""
    place = tmp_path / "model"
    small(place, 0.0)

    async def inside() -> None:
        app = create_app(load(cache_url="memory://", model=place, model_follow=0.05))
        async with app.router.lifespan_context(app):
            new = small(tmp_path / "other", 1.0)
            with no_descriptors():
                (tmp_path / "other").rename(tmp_path / "gone")
                place.rename(tmp_path / "other")
                (tmp_path / "gone").rename(place)
                outcomes = [await app.state.rollout.check() for _ in range(2)]
            assert all("Too many open files" in (outcome.refused or "") for outcome in outcomes)
            await until(lambda: app.state.predictor.model.id == new.classifier.id)

    asyncio.run(inside())
    assert len([line for line in caplog.messages if "a new model is refused" in line]) == 1


def test_what_a_person_must_mend_does_not_pass() -> None:
    """Files that are broken or missing are tried again when they have changed, and no sooner."""
    assert may_pass(MemoryError())
    assert may_pass(OSError(5, "EIO"))
    broken = ModelError("broken")
    broken.__cause__ = FileNotFoundError()
    assert not any(may_pass(error) for error in (broken, SettingsError("x"), ValueError()))


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "encoder.onnx", "tokenizer.json"])
def test_each_file_of_a_model_is_looked_at(tmp_path: Path, name: str) -> None:
    """A deep model's encoder too: whatever is written last is what makes it whole."""
    before = look(tmp_path)
    (tmp_path / name).write_bytes(b"x")
    assert look(tmp_path) != before
