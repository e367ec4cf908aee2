"""The hashed model's weights as one safetensors document."""

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fyke.errors import ModelError
from fyke.model.card import HashedPreprocessing
from fyke.model.folding import LIMIT
from fyke.model.hashed import HashedWeights
from fyke.model.hashing import RUNS

LEAST_BITS, MOST_BITS = 8, 24


def pack_hashed(weights: HashedWeights) -> bytes:
    """The table and the intercept."""
    return save({"table": np.ascontiguousarray(weights.table), "intercept": np.array([weights.intercept])})


def unpack_hashed(document: bytes, preprocessing: HashedPreprocessing) -> HashedWeights:
    """The inverse of `pack_hashed`.

    Raises:
        ModelError: the document does not hold the two arrays, they are not what the card says, or the card's
            preprocessing is not this version's.
    """
    try:
        arrays = load(document)
        table, intercept = arrays["table"], arrays["intercept"]
    except (SafetensorError, KeyError) as error:
        raise ModelError("The weights cannot be read: not the arrays of a hashed Fyke model.") from error
    if table.dtype != np.float16 or intercept.dtype != np.float64:
        raise ModelError("The weights are not floating-point numbers of 16 bits, or the intercept not of 64.")
    bits = preprocessing.bits
    if not LEAST_BITS <= bits <= MOST_BITS or table.shape != (1 << bits,) or intercept.shape != (1,):
        raise ModelError("The weights do not fit the card: the table is not of the size that it says.")
    if not np.isfinite(table).all() or not np.isfinite(intercept).all():
        raise ModelError("The weights are not finite numbers.")
    if tuple(preprocessing.runs) != RUNS or preprocessing.limit != LIMIT:
        raise ModelError("The model reads texts in another way than this version of Fyke; train it anew.")
    return HashedWeights(table, float(intercept[0]))
