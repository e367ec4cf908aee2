"""The network in torch: the first four of the six layers of a BERT of 384 numbers, its files, and texts together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from fyke.model.encoding import WIDTH

HEADS, INNER, LAYERS, VOCABULARY, POSITIONS = 12, 1536, 4, 30522, 512
_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "first_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "second_norm": "output.LayerNorm",
}


class Layer(nn.Module):  # type: ignore[misc]
    """Attention and two dense maps, each added to what came in and brought to one scale."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.first_norm, self.second_norm = (nn.LayerNorm(WIDTH, 1e-12) for _ in range(2))

    def forward(self, x: Any, mask: Any, dropout: float = 0.0) -> Any:
        """(batch, tokens, 384) to the same; ``mask`` (batch, 1, 1, tokens) says which tokens are there, or None."""
        parts = [one(x).view(*x.shape[:2], HEADS, -1).transpose(1, 2) for one in (self.query, self.key, self.value)]
        seen = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask).transpose(1, 2).reshape(x.shape)
        drop = nn.Dropout(dropout).train(self.training)
        x = self.first_norm(x + drop(self.output(seen)))
        return self.second_norm(x + drop(self.outer(nn.functional.gelu(self.inner(x)))))


class Network(nn.Module):  # type: ignore[misc]
    """The embeddings and the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.types, self.norm = nn.Embedding(2, WIDTH), nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def embed(self, ids: Any) -> Any:
        """(batch, tokens) to (batch, tokens, 384)."""
        return self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types.weight[0])


def pooled(x: Any, there: Any) -> Any:
    """The mean over the tokens that are there: (batch, 384)."""
    return (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)


def base(folder: Path, layers: Mapping[str, Any] | None = None) -> Network:
    """The published weights of the layers that are kept, or in their place others, by name."""
    kept = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
    state = {
        "words.weight": kept["embeddings.word_embeddings.weight"],
        "positions.weight": kept["embeddings.position_embeddings.weight"],
        "types.weight": kept["embeddings.token_type_embeddings.weight"],
    }
    for part in ("weight", "bias"):
        state[f"norm.{part}"] = kept[f"embeddings.LayerNorm.{part}"]
        for layer in range(LAYERS):
            for ours, theirs in _NAMES.items():
                state[f"layers.{layer}.{ours}.{part}"] = kept[f"encoder.layer.{layer}.{theirs}.{part}"]
    network = Network()
    network.load_state_dict(state | dict(layers or {}))
    network.eval()
    return network


def numbers(canonical: bytes) -> NDArray[np.int64]:
    """The numbers of a text's tokens, out of its canonical bytes."""
    return np.frombuffer(canonical, "<u2").astype(np.int64)


def padded(texts: Sequence[NDArray[np.int64]]) -> tuple[Any, Any, Any]:
    """(batch, tokens) of token numbers, which are there, and the mask for `Layer`."""
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    there = np.zeros(ids.shape, np.bool_)
    for row, one in enumerate(texts):
        ids[row, : len(one)], there[row, : len(one)] = one, True
    known = torch.from_numpy(there)
    return torch.from_numpy(ids), known, None if there.all() else known[:, None, None, :]
