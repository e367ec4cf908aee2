"""The encoder: a text as at most 192 tokens, and tokens as one vector, by ONNX Runtime on one core.

The network is run for one text at a time, without padding. Its products are taken in 8 bits, on a scale that is found
anew for each run from all that is in it: a text read beside others, or beside padding, would get other numbers than
alone, and what is cached under its tokens would depend on who asked at the same time.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fyke.errors import ModelError
from fyke.model.folding import fold

FOLDER = Path(__file__).parent / "encoder"
ENCODER, TOKENIZER = "encoder.onnx", "tokenizer.json"
LIMIT = 192  # tokens, those at either end included
WIDTH = 384  # numbers of a vector
WORD = 40  # characters of a word that are read: an address of hundreds would leave no room for the text
_TAKEN, _CHARACTERS = 16384, 4096  # characters that are looked at, and that are left to make tokens of

Vector = NDArray[np.float32]


class Encoder:
    """Makes tokens of texts and vectors of tokens.

    Raises:
        ModelError: ONNX Runtime and tokenizers are not installed, or the files are not an encoder's.
    """

    def __init__(self, network: bytes, tokenizer: bytes):
        self.network, self.tokenizer = network, tokenizer
        runtime, tokenizers = _extra()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # further ones are slower
        options.log_severity_level = 3
        try:
            self._tokens = _tokenizer(tokenizers, tokenizer)
            self._session = runtime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # both raise errors of their own, and plain ones
            raise ModelError(f"{ENCODER} or {TOKENIZER} cannot be read: {str(error)[:200]}") from error

    @property
    def files(self) -> dict[str, bytes]:
        """Both files by the names that they have in a model directory."""
        return {ENCODER: self.network, TOKENIZER: self.tokenizer}

    def canonical(self, text: str) -> bytes:
        """The numbers of a text's tokens, 2 bytes each, little-endian: all that the network sees."""
        return _canonical(self._tokens, text)

    @staticmethod
    def tokens_only(tokenizer: bytes) -> Callable[[str], bytes]:
        """`canonical` of an encoder whose network is not made yet."""
        tokens = _tokenizer(_extra()[1], tokenizer)
        return lambda text: _canonical(tokens, text)

    def vector(self, canonical: bytes) -> Vector:
        """The mean of the network's last layer over the tokens: (384,)."""
        ids = np.frombuffer(canonical, "<u2").astype(np.int64)
        (found,) = self._session.run(None, {"ids": ids})
        return np.asarray(found, np.float32)


def readable(text: str) -> str:
    """The beginning of a text as a person reads it: look-alike letters, accents and characters that do not show are
    folded as in `fyke.model.folding`, capitals and marks stay; long words are cut."""
    text = " ".join(word[:WORD] for word in text[:_TAKEN].split())[:_CHARACTERS]
    if text.isascii():
        return text
    return text.translate({ord(one): fold(one) for one in set(text) if not one.isascii()})


@cache
def shipped() -> Encoder:
    """The encoder that comes with Fyke, read once.

    Raises:
        ModelError: the extra is not installed, or the files are missing.
    """
    _extra()  # what is missing first is said first
    try:
        return Encoder(*((FOLDER / name).read_bytes() for name in (ENCODER, TOKENIZER)))
    except OSError as error:
        raise ModelError(
            f"{error.filename}: the encoder is missing ({error.strerror}); docs/model.md tells how to make it."
        ) from error


def _tokenizer(tokenizers: Any, document: bytes) -> Any:
    tokens = tokenizers.Tokenizer.from_str(document.decode())
    tokens.no_padding()
    tokens.enable_truncation(LIMIT)
    return tokens


def _canonical(tokens: Any, text: str) -> bytes:
    return np.array(tokens.encode(readable(text)).ids, "<u2").tobytes()


def _extra() -> tuple[Any, Any]:
    try:
        import onnxruntime
        import tokenizers
    except ImportError as error:
        raise ModelError(
            f"Models of the recipes deep and cascade need the package {error.name}: pip install 'fyke[deep]'"
        ) from error
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime, tokenizers
