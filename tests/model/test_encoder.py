"""The encoder that is shipped: small, and in 8 bits near to the network in full precision."""

from pathlib import Path

import numpy as np

from fyke.model.classifier import expit
from fyke.model.deep import Head
from fyke.model.encoding import ENCODER, FOLDER, TOKENIZER, WIDTH, Encoder

IN_FULL = Path(__file__).parents[1] / "data" / "encoder_in_full.npz"


def shipped() -> Encoder:
    """As it lies in the package: other tests put another in its place."""
    return Encoder(*((FOLDER / name).read_bytes() for name in (ENCODER, TOKENIZER)))


def test_eight_bits_are_near_full_precision() -> None:
    """Probabilities are within a hundredth of full precision in the mean, and each within 0.06.

    Of texts, their vectors in full precision and a head that ``bench.encoder.export --examples`` wrote; docs/model.md
    has real mail.
    """
    stored, encoder = np.load(IN_FULL), shipped()
    head = Head(stored["coefficients"], float(stored["intercept"]))
    found = [encoder.vector(encoder.canonical(str(text))) for text in stored["texts"]]
    assert all(vector.shape == (WIDTH,) for vector in found)
    off = [
        abs(expit(head.log_odds(one)) - expit(head.log_odds(full)))
        for one, full in zip(found, stored["vectors"], strict=True)
    ]
    assert np.mean(off) < 0.01
    assert max(off) < 0.06


def test_it_is_small() -> None:
    """What a model directory has beside its head: less than 30 MB."""
    assert sum(len(content) for content in shipped().files.values()) < 30_000_000
