"""Weights as integers of 8 bits, chosen so that what each product makes of training texts moves least.

A few columns of the activations are far larger than the others and would take all the room, so that each is divided,
and the weights multiplied, by its greatest value on training texts to the power of `SMOOTHING`. Rows of weights are
then rounded one after the other, and what rounding one costs is made up for by those that follow, as far as their
inputs go together (GPTQ, Frantar et al. 2022). The bias makes up for what is left of the mean. Each product is fitted
on what the rounded ones before it give.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.encoder.network import Network
from fyke.model.encoding import WIDTH

SMOOTHING = 0.7
MOST = 127
DAMPING = 0.01  # of the mean of the squares, against inputs that always go together
PARTS = ("attention", "output", "inner", "outer")  # the products of a layer; attention: query, key, value in one

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Product:
    """x to ``((x / factor) @ integers) * scales + biases``: integers are (inputs, outputs), factor is (inputs,), scales
    and biases (outputs,)."""

    integers: NDArray[np.int8]
    scales: Array
    factor: Array
    biases: Array

    @property
    def weights(self) -> Any:
        """(inputs, outputs) in full, as a tensor."""
        return torch.from_numpy(self.integers * self.scales / self.factor[:, None])


def integers(weights: Array) -> tuple[NDArray[np.int8], Array]:
    """The nearest integers and, for each column, the scale that makes the weights of them."""
    scales = np.maximum(np.abs(weights).max(0) / MOST, 1e-12).astype(np.float32)
    return np.clip(np.rint(weights / scales), -MOST, MOST).astype(np.int8), scales


def rounded(network: Network, texts: Sequence[NDArray[np.int64]]) -> tuple[Network, dict[tuple[int, str], Product]]:
    """The network with rounded weights, and its products by layer and name."""
    ours = copy.deepcopy(network)
    products = {}
    with torch.no_grad():
        states = [network.embed(torch.from_numpy(text)[None]) for text in texts]
        rough = list(states)
        for place, (layer, changed) in enumerate(zip(network.layers, ours.layers, strict=True)):
            for part in PARTS:
                product = _product(*_dense(layer, part), _inputs(layer, part, states), _inputs(changed, part, rough))
                products[place, part] = product
                _put(changed, part, product)
            states = [layer(x, None) for x in states]
            rough = [changed(x, None) for x in rough]
    return ours, products


def _product(weights: Any, biases: Any, full: Any, rough: Any) -> Product:
    """``full`` and ``rough``: (tokens, inputs) as they come to the product in the two networks."""
    reach = full.abs().amax(0).clamp_min(1e-3) ** SMOOTHING
    factor = reach / weights.abs().amax(1).clamp_min(1e-3) ** (1 - SMOOTHING)
    factor /= factor.log().mean().exp()
    smooth = (weights * factor[:, None]).double()
    scales = smooth.abs().amax(0) / MOST
    found = _rounded(smooth, scales, (rough / factor).double())
    product = Product(
        found.numpy().astype(np.int8), scales.float().numpy(), factor.numpy(), np.zeros(len(scales), np.float32)
    )
    lost = (full @ weights).mean(0) - (rough @ product.weights).mean(0)
    return Product(product.integers, product.scales, product.factor, (biases + lost).numpy())


def _rounded(weights: Any, scales: Any, inputs: Any) -> Any:
    """Integers in float64, (inputs, outputs)."""
    squares = inputs.T @ inputs / len(inputs)
    squares += DAMPING * squares.diagonal().mean() * torch.eye(len(squares), dtype=squares.dtype)
    upper = torch.linalg.cholesky(torch.linalg.inv(squares), upper=True)
    left, found = weights.clone(), torch.zeros_like(weights)
    for row in range(len(left)):
        found[row] = torch.clamp(torch.round(left[row] / scales), -MOST, MOST)
        lost = (left[row] - found[row] * scales) / upper[row, row]
        left[row + 1 :] -= upper[row, row + 1 :, None] * lost
    return found


def _modules(layer: Any, part: str) -> tuple[Any, ...]:
    return (layer.query, layer.key, layer.value) if part == "attention" else (getattr(layer, part),)


def _dense(layer: Any, part: str) -> tuple[Any, Any]:
    """Weights (inputs, outputs) and biases (outputs,)."""
    modules = _modules(layer, part)
    return torch.cat([one.weight for one in modules]).T, torch.cat([one.bias for one in modules])


def _put(layer: Any, part: str, product: Product) -> None:
    """Give a layer the weights of a product."""
    for module, (start, end) in zip(_modules(layer, part), _spans(part, len(product.scales)), strict=True):
        module.weight.copy_(product.weights[:, start:end].T)
        module.bias.copy_(torch.from_numpy(product.biases[start:end]))


def _spans(part: str, outputs: int) -> Iterator[tuple[int, int]]:
    size = WIDTH if part == "attention" else outputs
    yield from ((start, start + size) for start in range(0, outputs, size))


def _inputs(layer: Any, part: str, states: Sequence[Any]) -> Any:
    """(tokens, inputs): what comes to a product of a layer from texts' states before it."""
    found: list[Any] = []
    hook = _modules(layer, part)[0].register_forward_pre_hook(lambda module, given: found.append(given[0][0]))
    for x in states:
        layer(x, None)
    hook.remove()
    return torch.cat(found)
