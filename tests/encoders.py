"""A small encoder for tests: ``tests/data/encoder.onnx`` is the mean over tokens of sines of their numbers, so that
texts of like words get like vectors; its tokenizer knows words by their letters."""

from pathlib import Path

import tokenizers

from fyke.model.encoding import Encoder

NETWORK = Path(__file__).parent / "data" / "encoder.onnx"


def small_encoder() -> Encoder:
    """The encoder, made anew."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + letter for letter in letters)]
    tokens = tokenizers.BertWordPieceTokenizer({piece: place for place, piece in enumerate(pieces)})
    return Encoder(NETWORK.read_bytes(), tokens.to_str().encode())
