"""A model directory: ``model.safetensors`` (plain arrays, nothing that runs) and ``model.json``, the card.

The card names the digest of the weights, and the model id is a digest of weights, preprocessing and
versions, so a file that was cut short or altered is found when it is loaded.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fyke.errors import ModelError, SettingsError
from fyke.model.card import (
    AnyPreprocessing,
    Card,
    CascadePreprocessing,
    DeepPreprocessing,
    HashedPreprocessing,
)
from fyke.model.cascade import CascadeClassifier
from fyke.model.classifier import Classifier, TfidfClassifier, Weights, expit, logit
from fyke.model.deep import DeepClassifier
from fyke.model.encoding import ENCODER, TOKENIZER, Encoder
from fyke.model.hashed import HashedClassifier
from fyke.model.packing import unpack_cascade, unpack_deep, unpack_hashed
from fyke.model.whole import write_whole

CARD = "model.json"
WEIGHTS = "model.safetensors"
NOTHING: Mapping[str, bytes] = MappingProxyType({})
SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Model:
    """A loaded model: the classifier that answers, and its card."""

    classifier: Classifier
    card: Card

    @property
    def files(self) -> dict[str, bytes]:
        """What the directory holds beside weights and card: a deep model's encoder and tokenizer."""
        found: dict[str, bytes] = getattr(self.classifier, "files", {})
        return found

    def at_prior(self, prior: float) -> "Model":
        """The same model where this share of the mail, within (0, 1), is phishing; its classifier has another id.

        The thresholds of ``max-fpr`` move with the scores, so that they flag the same texts as before; of the other
        policies, which stay what they are, the card no longer says what they find and flag.

        Raises:
            SettingsError: the prior is out of range, or the model was not calibrated.
        """
        if not 0 < prior < 1:
            raise SettingsError(f"--prior {prior:g}: the share of phishing lies between 0 and 1, for example 0.01.")
        if self.card.calibration is None or not isinstance(
            self.classifier, HashedClassifier | DeepClassifier | CascadeClassifier
        ):
            raise SettingsError(
                "--prior: this model is not calibrated; train one with --recipe default on 200 e-mails of either label."
            )
        trained_at = self.card.calibration.prior
        shift = logit(prior) - logit(trained_at)
        points = [
            one.model_copy(update={"threshold": moved(one.threshold, shift)})
            for one in self.card.policies or ()
            if one.policy.startswith("max-fpr=")
        ]
        return replace(
            self,
            classifier=self.classifier.at_prior(prior, trained_at),
            card=self.card.model_copy(update={"policies": points or None}),
        )


def moved(threshold: float, shift: float) -> float:
    """A threshold that flags what it flagged where all log-odds are greater by ``shift``."""
    return expit(logit(threshold) + shift) if 0 < threshold < 1 else threshold


def at_prior(model: Model, prior: float | None) -> Model:
    """The model at a prior, or as it is.

    Raises:
        SettingsError: as `Model.at_prior` does.
    """
    return model if prior is None else model.at_prior(prior)


def pack(weights: Weights) -> bytes:
    """The weights as one safetensors document; the vocabulary is its UTF-8 bytes, a newline after each term."""
    vocabulary = "".join(term + "\n" for term in weights.terms).encode()
    return save(
        {
            "vocabulary": np.frombuffer(vocabulary, dtype=np.uint8),
            "idf": np.ascontiguousarray(weights.idf),
            "coefficients": np.ascontiguousarray(weights.coefficients),
            "intercept": np.array([weights.intercept]),
        }
    )


def unpack(document: bytes) -> Weights:
    """The inverse of `pack`.

    Raises:
        ModelError: the document does not hold the four arrays with matching shapes.
    """
    try:
        arrays = load(document)
        terms = arrays["vocabulary"].tobytes().decode().split("\n")[:-1]
        idf, coefficients, intercept = arrays["idf"], arrays["coefficients"], arrays["intercept"]
    except (SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise ModelError("The weights cannot be read: not the arrays of a Fyke model.") from error
    shape = (len(terms),)
    if idf.shape != shape or coefficients.shape != shape or intercept.shape != (1,):
        raise ModelError("The weights do not fit together: their shapes differ.")
    if any(array.dtype != np.float64 for array in (idf, coefficients, intercept)):
        raise ModelError("The weights are not 64-bit floating-point numbers.")
    if not all(np.isfinite(array).all() for array in (idf, coefficients, intercept)) or (idf <= 0).any():
        raise ModelError("The weights are not finite numbers, or a term's idf is not positive.")
    if len(set(terms)) != len(terms):
        raise ModelError("The weights name a term twice.")
    return Weights(terms, idf, coefficients, float(intercept[0]))


def model_id(weights_sha256: str, preprocessing: AnyPreprocessing, versions: Mapping[str, str]) -> str:
    """128 bits, in hexadecimal, over everything that a prediction depends on."""
    described = json.dumps([weights_sha256, preprocessing.model_dump(), dict(versions)], sort_keys=True)
    return hashlib.blake2b(described.encode(), digest_size=16, person=b"fyke model id").hexdigest()


def write_model(
    directory: Path, document: bytes, card: Card, *, files: Mapping[str, bytes] = NOTHING, force: bool = False
) -> None:
    """Write a model directory whole or not at all; ``directory`` may be a link to one, ``files`` lie beside the card.

    Raises:
        ModelError: the directory holds something already and ``force`` is off, or cannot be written.
    """
    check_output(directory, force=force)
    signed = card.model_copy(update={"digest": card.true_digest()})
    said = signed.model_dump_json(indent=2) + "\n"
    try:
        write_whole(directory, {WEIGHTS: document, **dict(files), CARD: said.encode()})
    except OSError as error:
        raise ModelError(f"{directory}: the model cannot be written ({error.strerror}).") from error


def check_output(directory: Path, *, force: bool) -> None:
    """Refuse to write over anything but a model, and over a model only when told.

    Raises:
        ModelError: as said.
    """
    if directory.exists() and not directory.is_dir():
        raise ModelError(f"{directory}: there is a file of that name; name another with --output.")
    if not directory.is_dir() or not any(directory.iterdir()):
        return
    if not (directory / CARD).is_file():
        raise ModelError(f"{directory}: not empty and not a model directory; name another with --output.")
    if not force:
        raise ModelError(f"{directory}: holds a model already; replace it with --force, or name another.")


def load_model(directory: Path) -> Model:
    """Load a model directory and check that it is whole.

    Raises:
        ModelError: it is missing, unreadable, cut short or altered; the text names the file.
    """
    if not directory.is_dir():
        raise ModelError(f"{directory}: there is no such model directory; `fyke train` makes one.")
    try:
        card = Card.model_validate_json((directory / CARD).read_bytes())
        document = (directory / WEIGHTS).read_bytes()
        files = {name: (directory / name).read_bytes() for name in card.files if name in (ENCODER, TOKENIZER)}
    except FileNotFoundError as error:
        raise ModelError(f"{directory}: not a model directory, {Path(error.filename).name} is missing.") from error
    except OSError as error:
        raise ModelError(f"{directory}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ModelError(f"{directory / CARD}: not a card of this version of Fyke; train the model anew.") from error
    digest = hashlib.sha256(document).hexdigest()
    if digest != card.weights_sha256:
        raise ModelError(f"{directory / WEIGHTS}: cut short or altered, its digest is not the card's.")
    if card.digest != card.true_digest() or model_id(digest, card.preprocessing, card.versions) != card.model_id:
        raise ModelError(f"{directory / CARD}: altered, its digest or the model id does not follow from what it says.")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != card.files[name]:
            raise ModelError(f"{directory / name}: cut short or altered, its digest is not the card's.")
    try:
        return Model(classifier_from(card.model_id, card.preprocessing, document, files), card)
    except ModelError as error:
        raise ModelError(f"{directory / WEIGHTS}: {error}") from error


def classifier_from(
    identity: str, preprocessing: AnyPreprocessing, document: bytes, files: Mapping[str, bytes] = NOTHING
) -> Classifier:
    """The classifier that packed weights make, with the ``files`` that its preprocessing names.

    Raises:
        ModelError: the weights are not those of such a model.
    """
    if isinstance(preprocessing, HashedPreprocessing):
        return HashedClassifier(identity, unpack_hashed(document, preprocessing))
    if isinstance(preprocessing, DeepPreprocessing):
        return DeepClassifier(identity, _encoder(files), unpack_deep(document, preprocessing))
    if isinstance(preprocessing, CascadePreprocessing):
        return CascadeClassifier(identity, _encoder(files), unpack_cascade(document, preprocessing))
    return TfidfClassifier(identity, unpack(document), preprocessing.token_pattern)


def _encoder(files: Mapping[str, bytes]) -> Encoder:
    if set(files) != {ENCODER, TOKENIZER}:
        raise ModelError(f"The card does not name {ENCODER} and {TOKENIZER}; train the model anew.")
    return Encoder(files[ENCODER], files[TOKENIZER])
