"""A fitted recipe as what a model directory keeps of it: packed weights and what the card says of them."""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fyke.model.calibration import Calibrated
from fyke.model.card import Calibration, DatasetCard, HashedPreprocessing, OperatingPoint, Preprocessing
from fyke.model.classifier import Weights
from fyke.model.corpus import file_digest
from fyke.model.directory import pack
from fyke.model.folding import LIMIT
from fyke.model.hashed_recipe import HashedRecipe
from fyke.model.hashing import RUNS
from fyke.model.labels import PHISHING
from fyke.model.packing import pack_hashed


@dataclass(frozen=True)
class Packed:
    """Weights as one document, how texts are read for them, and what only recipe ``default`` has."""

    document: bytes
    preprocessing: Preprocessing | HashedPreprocessing
    calibration: Calibration | None = None
    policies: list[OperatingPoint] | None = None
    background: DatasetCard | None = None


def packed_from(fitted: Any) -> Packed:
    """Pack a fitted recipe: a `HashedRecipe`, or a scikit-learn pipeline of TF-IDF and logistic regression."""
    if isinstance(fitted, HashedRecipe):
        return _packed_hashed(fitted)
    weights = _weights(fitted)
    return Packed(pack(weights), Preprocessing(token_pattern=fitted["features"].token_pattern))


def _packed_hashed(fitted: HashedRecipe) -> Packed:
    preprocessing = HashedPreprocessing(
        runs=list(RUNS), bits=fitted.bits, limit=LIMIT, unicode=unicodedata.unidata_version
    )
    path, background = fitted.background, None
    if path:
        background = DatasetCard(name=path.name, sha256=file_digest(path), rows=pl.read_csv(path).height)
    calibration, policies = _calibration(fitted.calibrated) if fitted.calibrated else (None, None)
    return Packed(pack_hashed(fitted.weights), preprocessing, calibration, policies, background)


def _calibration(found: Calibrated) -> tuple[Calibration, list[OperatingPoint]]:
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
