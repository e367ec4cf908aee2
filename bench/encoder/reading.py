"""The layers' weights out of a file that `bench.encoder.export` wrote, as near as its 8 bits keep them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from bench.encoder.network import LAYERS

Array = NDArray[np.float32]


def layers(path: Path) -> dict[str, Any]:
    """The state of `bench.encoder.network.Network` that fine-tuning changes, by name, to begin another run with."""
    arrays = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
    found: dict[str, Array] = {}
    for place in range(LAYERS):
        theirs, ours = f"layer{place}", f"layers.{place}"
        three, biases = _product(arrays, f"{theirs}_three")
        for name, weight, bias in zip(("query", "key", "value"), np.split(three, 3), np.split(biases, 3), strict=True):
            found[f"{ours}.{name}.weight"], found[f"{ours}.{name}.bias"] = weight, bias
        for name in ("output", "inner", "outer"):
            found[f"{ours}.{name}.weight"], found[f"{ours}.{name}.bias"] = _product(arrays, f"{theirs}_{name}")
        for name in ("first", "second"):
            found[f"{ours}.{name}_norm.weight"] = arrays[f"{theirs}_{name}_g"]
            found[f"{ours}.{name}_norm.bias"] = arrays[f"{theirs}_{name}_b"]
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def _product(arrays: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    """A product's weights (outputs, inputs) and biases (outputs,); the factor in the file is already its inverse."""
    integers, scales, inverse = (arrays[f"{name}_{part}"] for part in ("w", "s", "factor"))
    return (integers * scales * inverse[:, None]).T.astype(np.float32), arrays[f"{name}_b"]
