"""Small models to swap, and a service that follows a directory of one."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fyke.model.classifier import Weights
from fyke.model.directory import Model, classifier_from, load_model, model_id, pack, write_model
from fyke.model.selftest import scored
from tests.baseline import baseline
from tests.conftest import FYKE, Service, free_port, wait_until_ready

TERMS = ["won", "prize", "meeting", "thursday", "verify"]


def small(directory: Path, intercept: float) -> Model:
    """Write a model of five words, in place of what is there."""
    like = baseline().card
    document = pack(Weights(TERMS, np.ones(5), np.array([2.0, 3.0, -2.0, -1.0, 1.0]), intercept))
    digest = hashlib.sha256(document).hexdigest()
    identity = model_id(digest, like.preprocessing, like.versions)
    classifier = classifier_from(identity, like.preprocessing, document)
    said = {"weights_sha256": digest, "model_id": identity, "self_test": scored(classifier)}
    card = like.model_copy(update=said)
    write_model(directory, document, card, force=True)
    return Model(classifier, card)


def answers(model: Model, text: str) -> dict[str, object]:
    """What the service says of a text when this model answers."""
    (score,) = model.classifier.predict_many([text])
    if score > 0.5:
        return {"prediction": "Phishing Email", "probability": float(score)}
    return {"prediction": "Safe Email", "probability": 1.0 - float(score)}


def lie(directory: Path) -> None:
    """Have the card say another score of its first text than the model gives, under a digest that is right."""
    card = load_model(directory).card
    texts = card.self_test or []
    wrong = [texts[0].model_copy(update={"score": texts[0].score / 2}), *texts[1:]]
    write_model(
        directory,
        (directory / "model.safetensors").read_bytes(),
        card.model_copy(update={"self_test": wrong}),
        force=True,
    )


@contextmanager
def following(room: Path, model: Path, *flags: str, **environment: str) -> Iterator[Service]:
    """`fyke serve` on a model directory, with a cache in memory."""
    log, port = room / "serve.log", free_port()
    with log.open("w") as file:
        process = subprocess.Popen(
            [*FYKE, "serve", "--port", str(port), "--model", str(model), "--cache-url", "memory://", *flags],
            stdout=file,
            stderr=file,
            text=True,
            env=os.environ | environment,
        )
    service = Service(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until_ready(service)
        yield service
    finally:
        service.stop()


def told(body: bytes) -> dict[str, object]:
    """A response's JSON object."""
    parsed: dict[str, object] = json.loads(body)
    return parsed
