"""A fitted recipe as what a model directory keeps of it: packed weights and what the card says of them."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fyke.model.calibration import Calibrated
from fyke.model.card import (
    AnyPreprocessing,
    Calibration,
    CascadePreprocessing,
    DatasetCard,
    DeepPreprocessing,
    HashedPreprocessing,
    OperatingPoint,
    Preprocessing,
)
from fyke.model.cascade_recipe import CascadeRecipe
from fyke.model.classifier import Weights
from fyke.model.corpus import file_digest
from fyke.model.deep_recipe import DeepRecipe
from fyke.model.directory import pack
from fyke.model.encoding import LIMIT as TOKENS
from fyke.model.encoding import Encoder
from fyke.model.folding import LIMIT
from fyke.model.hashed_recipe import HashedRecipe
from fyke.model.hashing import READINGS, RUNS
from fyke.model.labels import PHISHING
from fyke.model.packing import pack_cascade, pack_deep, pack_hashed
from fyke.model.written import TABLES, ours


@dataclass(frozen=True)
class Packed:
    """Weights as one document, how texts are read for them, what only calibrated recipes have, and further files."""

    document: bytes
    preprocessing: AnyPreprocessing
    calibration: Calibration | None = None
    policies: list[OperatingPoint] | None = None
    background: DatasetCard | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


def packed_from(fitted: Any) -> Packed:
    """Pack a fitted recipe: one of our own, or a scikit-learn pipeline of TF-IDF and logistic regression."""
    if isinstance(fitted, HashedRecipe):
        read = _hashed(fitted.bits)
        return Packed(pack_hashed(fitted.weights), read, *_calibration(fitted.calibrated), _ours())
    if isinstance(fitted, DeepRecipe):
        made, document = _deep(fitted.encoder), pack_deep(fitted.head)
        known = _calibration(fitted.calibrated)
        return Packed(document, made, *known, _ours(), fitted.encoder.files)
    if isinstance(fitted, CascadeRecipe):
        both = CascadePreprocessing(fast=_hashed(fitted.weights.fast.bits), deep=_deep(fitted.encoder))
        known = _calibration(fitted.calibrated)
        document = pack_cascade(fitted.weights)
        return Packed(document, both, *known, _ours(), fitted.encoder.files)
    weights = _weights(fitted)
    return Packed(pack(weights), Preprocessing(token_pattern=fitted["features"].token_pattern))


def _hashed(bits: int) -> HashedPreprocessing:
    return HashedPreprocessing(
        runs=list(RUNS), readings=list(READINGS), bits=bits, limit=LIMIT, unicode=unicodedata.unidata_version
    )


def _deep(encoder: Encoder) -> DeepPreprocessing:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in encoder.files.items()}
    return DeepPreprocessing(limit=TOKENS, unicode=unicodedata.unidata_version, files=digests)


def _ours() -> DatasetCard:
    """One entry for the mail of our own that every recipe of ours learns from; its digest is that of the digests."""
    digests = "".join(file_digest(path) for path in TABLES)
    names = ", ".join(path.name for path in TABLES)
    return DatasetCard(name=names, sha256=hashlib.sha256(digests.encode()).hexdigest(), rows=len(ours().texts))


def _calibration(found: Calibrated | None) -> tuple[Calibration | None, list[OperatingPoint] | None]:
    if found is None:
        return None, None
    calibration = Calibration(
        scale=found.scale, shift=found.shift, rows=found.rows, prior=found.prior, figures=found.figures
    )
    return calibration, [OperatingPoint(**point._asdict()) for point in found.points]


def _weights(pipeline: Any) -> Weights:
    """The arrays of a fitted pipeline, turned toward `PHISHING` (scikit-learn's are toward its last class)."""
    features, regression = pipeline["features"], pipeline["classifier"]
    sign = 1.0 if regression.classes_[1] == PHISHING else -1.0
    return Weights(
        terms=features.get_feature_names_out().tolist(),
        idf=np.asarray(features.idf_, dtype=np.float64),
        coefficients=sign * np.asarray(regression.coef_[0], dtype=np.float64),
        intercept=sign * float(regression.intercept_[0]),
    )
