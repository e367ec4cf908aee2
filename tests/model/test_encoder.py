"""The encoder that is shipped: small, and in 8 bits near to the network in full precision."""

from pathlib import Path

import numpy as np

from fyke.model.classifier import expit
from fyke.model.deep import Head
from fyke.model.encoding import ENCODER, FOLDER, TOKENIZER, WIDTH, Encoder

IN_FULL = Path(__file__).parents[1] / "data" / "encoder_in_full.npz"
TEXTS = [
    "Your account has been limited. Verify your details within 24 hours or lose access: http://example.com/verify",
    "Your mailbox is almost full\nClick here to upgrade your storage now, or your messages will be deleted.",
    "You have one new secured document waiting. Sign in with your e-mail password to view the invoice.",
    "Your parcel could not be delivered. Pay the fee of 1.99 at the link below to have it sent again.",
    "Hi all, the meeting moves to Friday at ten, same room. Bring the draft of chapter two please.",
    "Re: patch for the parser\nThe second hunk does not apply to trunk, could you rebase it? Otherwise it looks fine.",
    "Your receipt\nThanks for your order of two notebooks. Total paid: 12.40. We will write again when it leaves us.",
    "Minutes of the allotment committee\nPresent: five of us. The water butt is mended. Next meeting on the 3rd.",
]


def shipped() -> Encoder:
    """As it lies in the package: other tests put another in its place."""
    return Encoder(*((FOLDER / name).read_bytes() for name in (ENCODER, TOKENIZER)))


def test_eight_bits_are_near_full_precision() -> None:
    """Probabilities are within a hundredth of full precision in the mean, and each within 0.06.

    Made of stored vectors of the same texts in full precision, by the head of a model; docs/model.md has real mail.
    """
    stored, encoder = np.load(IN_FULL), shipped()
    head = Head(stored["coefficients"], float(stored["intercept"]))
    found = [encoder.vector(encoder.canonical(text)) for text in TEXTS]
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
