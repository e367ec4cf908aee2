"""The weights of the hashed, deep and cascade models as one safetensors document each."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fyke.errors import ModelError
from fyke.model.card import CascadePreprocessing, DeepPreprocessing, HashedPreprocessing
from fyke.model.cascade import Band, CascadeWeights
from fyke.model.deep import Head
from fyke.model.encoding import LIMIT as TOKENS
from fyke.model.encoding import WIDTH
from fyke.model.folding import LIMIT
from fyke.model.hashed import NOVELTY, HashedWeights
from fyke.model.hashing import FEW, READINGS, RUNS

Arrays = Mapping[str, NDArray[Any]]

LEAST_BITS, MOST_BITS = 8, 24


def pack_hashed(weights: HashedWeights) -> bytes:
    """The tables; intercepts, weights of shortness, and what readings are measured by."""
    return save(_hashed_arrays(weights))


def unpack_hashed(document: bytes, preprocessing: HashedPreprocessing) -> HashedWeights:
    """The inverse of `pack_hashed`.

    Raises:
        ModelError: the document does not hold the two arrays, they are not what the card says, or the card's
            preprocessing is not this version's.
    """
    return _hashed(_arrays(document), preprocessing)


def _hashed_arrays(weights: HashedWeights) -> dict[str, NDArray[Any]]:
    numbers = np.concatenate([weights.intercepts, weights.brevities, [FEW, NOVELTY]])
    return {"tables": np.ascontiguousarray(weights.tables), "constants": numbers}


def _hashed(arrays: Arrays, preprocessing: HashedPreprocessing) -> HashedWeights:
    tables, constants = _named(arrays, "tables", "constants")
    if tables.dtype != np.float16 or constants.dtype != np.float64:
        raise ModelError("The weights are not floating-point numbers of 16 bits, or the constants not of 64.")
    bits = preprocessing.bits
    if not LEAST_BITS <= bits <= MOST_BITS or tables.shape != (3, 1 << bits) or constants.shape != (8,):
        raise ModelError("The weights do not fit the card: the tables are not of the size that it says.")
    if not np.isfinite(tables).all() or not np.isfinite(constants).all():
        raise ModelError("The weights are not finite numbers.")
    read = (tuple(preprocessing.runs), tuple(preprocessing.readings), preprocessing.limit, *constants[6:])
    if read != (RUNS, READINGS, LIMIT, FEW, NOVELTY):
        raise ModelError("The model reads texts in another way than this version of Fyke; train it anew.")
    return HashedWeights(tables, constants[:3], constants[3:6])


def pack_deep(head: Head) -> bytes:
    """The head's coefficients and intercept."""
    return save(_head_arrays(head))


def unpack_deep(document: bytes, preprocessing: DeepPreprocessing) -> Head:
    """The inverse of `pack_deep`.

    Raises:
        ModelError: the document does not hold a head, or the card's preprocessing is not this version's.
    """
    return _head(_arrays(document), preprocessing)


def pack_cascade(weights: CascadeWeights) -> bytes:
    """The arrays of both parts, and the band."""
    return save(
        {
            **_hashed_arrays(weights.fast),
            **_head_arrays(weights.deep),
            "band": np.array([*astuple(weights.band), weights.scale, weights.shift]),
        }
    )


def unpack_cascade(document: bytes, preprocessing: CascadePreprocessing) -> CascadeWeights:
    """The inverse of `pack_cascade`.

    Raises:
        ModelError: as for either part; the band is not one.
    """
    arrays = _arrays(document)
    (band,) = _named(arrays, "band")
    if band.dtype != np.float64 or band.shape != (7,) or np.isnan(band).any():
        raise ModelError("The band of the cascade and its calibration are not seven numbers.")
    fast, deep = _hashed(arrays, preprocessing.fast), _head(arrays, preprocessing.deep)
    *edges, scale, shift = band.tolist()
    return CascadeWeights(fast, deep, Band(*edges), scale, shift)


def _head_arrays(head: Head) -> dict[str, NDArray[np.float64]]:
    return {"head": np.ascontiguousarray(head.coefficients), "head_intercept": np.array([head.intercept])}


def _head(arrays: Arrays, preprocessing: DeepPreprocessing) -> Head:
    head, intercept = _named(arrays, "head", "head_intercept")
    if head.dtype != np.float64 or head.shape != (WIDTH,) or intercept.shape != (1,):
        raise ModelError(f"The head is not {WIDTH} floating-point numbers of 64 bits and an intercept.")
    if not np.isfinite(head).all() or not np.isfinite(intercept).all():
        raise ModelError("The head's weights are not finite numbers.")
    if preprocessing.limit != TOKENS:
        raise ModelError("The model reads texts in another way than this version of Fyke; train it anew.")
    return Head(head, float(intercept[0]))


def _arrays(document: bytes) -> Arrays:
    try:
        found: Arrays = load(document)
    except SafetensorError as error:
        raise ModelError("The weights cannot be read: not the arrays of a Fyke model.") from error
    return found


def _named(arrays: Arrays, *names: str) -> list[NDArray[Any]]:
    try:
        return [arrays[name] for name in names]
    except KeyError as error:
        raise ModelError("The weights cannot be read: not the arrays of such a Fyke model.") from error
