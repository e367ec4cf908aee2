"""Write the encoder as ONNX with products of 8 bits, and say how far it is from the network in full.

    python -m bench.encoder.export --data DIR --base FOLDER [--tuned FILE] --output src/fyke/model/encoder

Weights are integers with one scale a column (a row, for the words): see `bench.encoder.rounding`. What goes into a
product is brought to integers at run time, with one scale for all of it, or, in the `BY_TOKEN` products, whose inputs
are far larger for some tokens than for others, one for each token.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file

from bench.encoder.network import HEADS, Network, base, numbers
from bench.encoder.rounding import Array, Product, integers, rounded
from bench.encoder.selection import candidates
from bench.machine import SAMPLE
from bench.quality import corpora
from fyke.model.corpus import read_corpus
from fyke.model.deep_recipe import DeepRecipe
from fyke.model.encoding import ENCODER, LIMIT, TOKENIZER, WIDTH, Encoder

COMPARED = 120  # texts that rounding is fitted on, and as many others to compare
BY_TOKEN = ("output", "outer")
EXAMPLES = [
    "Your account has been limited. Verify your details within 24 hours or lose access: http://example.com/verify",
    "Your mailbox is almost full\nClick here to upgrade your storage now, or your messages will be deleted.",
    "You have one new secured document waiting. Sign in with your e-mail password to view the invoice.",
    "Your parcel could not be delivered. Pay the fee of 1.99 at the link below to have it sent again.",
    "Hi all, the meeting moves to Friday at ten, same room. Bring the draft of chapter two please.",
    "Re: patch for the parser\nThe second hunk does not apply to trunk, could you rebase it? Otherwise it looks fine.",
    "Your receipt\nThanks for your order of two notebooks. Total paid: 12.40. We will write again when it leaves us.",
    "Minutes of the allotment committee\nPresent: five of us. The water butt is mended. Next meeting on the 3rd.",
]


def main() -> int:
    """Write both files, and compare the vectors of other texts."""
    parser = argparse.ArgumentParser(prog="python -m bench.encoder.export", description="Write the encoder.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    parser.add_argument("--base", type=Path, required=True, help="the folder of the published weights and tokenizer")
    parser.add_argument("--tuned", type=Path, help="what bench.encoder.tune wrote")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--examples", type=Path, help="a file for texts, their vectors in full, and a head: for a test")
    options = parser.parse_args()
    network = base(options.base, load_file(options.tuned) if options.tuned else None)
    tokenizer = (options.base / TOKENIZER).read_bytes()
    mail = corpora.load(options.data)
    texts = mail.texts(np.random.default_rng(1).permutation(candidates(mail))[: 2 * COMPARED])
    tokens = Encoder.tokens_only(tokenizer)
    ids = [numbers(tokens(text)) for text in texts]
    written = Writer(network, rounded(network, ids[:COMPARED])[1]).model().SerializeToString()
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / ENCODER).write_bytes(written)
    (options.output / TOKENIZER).write_bytes(tokenizer)
    encoder = Encoder(written, tokenizer)
    ours = np.array([encoder.vector(tokens(text)) for text in texts[COMPARED:]])
    theirs = np.array([full(network, one) for one in ids[COMPARED:]])
    off = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs - theirs.mean(0), axis=1)
    if options.examples:
        write_examples(options.examples, network, encoder)
    print(f"{len(written) / 1e6:.1f} MB; vectors off by {off.mean():.3f} in the mean and {off.max():.3f} at most")
    return 0


def full(network: Network, ids: NDArray[np.int64]) -> Array:
    """The vector of tokens by the network in full precision."""
    with torch.no_grad():
        x = network.embed(torch.from_numpy(ids)[None])
        for layer in network.layers:
            x = layer(x, None)
    vector: Array = x.mean(1)[0].numpy()
    return vector


def write_examples(path: Path, network: Network, encoder: Encoder) -> None:
    """Write `EXAMPLES`, their vectors by the network in full (n, 384), and a head fitted on the sample e-mails."""
    rows = read_corpus([SAMPLE])
    head = DeepRecipe(encoder).fit(rows.texts, rows.labels).head
    vectors = np.array([full(network, numbers(encoder.canonical(text))) for text in EXAMPLES])
    np.savez(path, texts=EXAMPLES, vectors=vectors, coefficients=head.coefficients, intercept=head.intercept)


class Writer:
    """Writes the graph node by node."""

    def __init__(self, network: Network, products: Mapping[tuple[int, str], Product]):
        self._network, self._products = network, products
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []

    def model(self) -> Any:
        """``ids`` (n,) int64 to ``embedding`` (384,) float32."""
        x = self._embedded()
        for place, layer in enumerate(self._network.layers):
            x = self._layer(x, place, layer)
        x = self._node("ReduceMean", [x, "one"], "mean", keepdims=0)
        self._node("Reshape", [x, self._array("flat", np.array([WIDTH]))], "embedding")
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [WIDTH])
        graph = helper.make_graph(self._nodes, "encoder", [ids], [embedding], self._arrays)
        versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=8)

    def _embedded(self) -> str:
        words, scales = integers(_numbers(self._network.words.weight).T)
        self._array("words", words.T)
        self._array("word_scales", scales[:, None])
        positions = _numbers(self._network.positions.weight)[:LIMIT] + _numbers(self._network.types.weight)[0]
        self._array("positions", positions)
        self._array("zero", np.array([0]))
        self._array("one", np.array([1]))
        self._array("last", np.array([-1]))
        self._array("three", np.array([WIDTH] * 3))
        x = self._node(
            "Cast", [self._node("Gather", ["words", "ids"], "of_words")], "words_float", to=TensorProto.FLOAT
        )
        x = self._node("Mul", [x, self._node("Gather", ["word_scales", "ids"], "of_scales")], "scaled")
        length = self._node("Shape", ["ids"], "length")
        x = self._node("Add", [x, self._node("Slice", ["positions", "zero", length, "zero"], "places")], "placed")
        return self._node("Unsqueeze", [self._norm(x, self._network.norm, "embedded"), "zero"], "embedded_batch")

    def _layer(self, x: str, place: int, layer: Any) -> str:
        name = f"layer{place}"
        y = self._product(x, (place, "attention"), f"{name}_three")
        parts = [f"{name}_{part}" for part in ("query", "key", "value")]
        self._nodes.append(helper.make_node("Split", [y, "three"], parts, name=f"{name}_split", axis=2))
        y = self._own("MultiHeadAttention", parts, f"{name}_seen", num_heads=HEADS)
        y = self._product(y, (place, "output"), f"{name}_output")
        x = self._norm(self._node("Add", [y, x], f"{name}_first_sum"), layer.first_norm, f"{name}_first")
        y = self._own("Gelu", [self._product(x, (place, "inner"), f"{name}_inner")], f"{name}_gelu")
        y = self._product(y, (place, "outer"), f"{name}_outer")
        return self._norm(self._node("Add", [y, x], f"{name}_second_sum"), layer.second_norm, f"{name}_second")

    def _product(self, x: str, key: tuple[int, str], name: str) -> str:
        product = self._products[key]
        x = self._node("Mul", [x, self._array(f"{name}_factor", 1 / product.factor)], f"{name}_smooth")
        zeros = np.zeros(len(product.scales), np.int8)
        arrays: dict[str, NDArray[Any]] = {"w": product.integers, "s": product.scales, "z": zeros}
        given = [self._array(f"{name}_{part}", values) for part, values in arrays.items()]
        biases = self._array(f"{name}_b", product.biases)
        if key[1] not in BY_TOKEN:
            return self._own("DynamicQuantizeMatMul", [x, *given, biases], name)
        reach = self._node("ReduceMax", [self._node("Abs", [x], f"{name}_abs"), "last"], f"{name}_reach", keepdims=1)
        y = self._own("DynamicQuantizeMatMul", [self._node("Div", [x, reach], f"{name}_even"), *given], f"{name}_raw")
        return self._node("Add", [self._node("Mul", [y, reach], f"{name}_grown"), biases], name)

    def _norm(self, x: str, norm: Any, name: str) -> str:
        given = [x, self._array(f"{name}_g", _numbers(norm.weight)), self._array(f"{name}_b", _numbers(norm.bias))]
        return self._node("LayerNormalization", given, name, axis=-1, epsilon=1e-12)

    def _array(self, name: str, values: NDArray[Any]) -> str:
        self._arrays.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, kind: str, given: list[str], name: str, domain: str = "", **said: Any) -> str:
        self._nodes.append(helper.make_node(kind, given, [name], name=name, domain=domain, **said))
        return name

    def _own(self, kind: str, given: list[str], name: str, **said: Any) -> str:
        """A node that ONNX Runtime has beyond the standard."""
        return self._node(kind, given, name, "com.microsoft", **said)


def _numbers(values: Any) -> Array:
    array: Array = values.detach().float().numpy()
    return array


if __name__ == "__main__":
    sys.exit(main())
