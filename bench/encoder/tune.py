"""Fine-tune the layers that are kept on mail of before 2020.

    python -m bench.encoder.tune --data DIR --base FOLDER --output tuned.safetensors

The embeddings stay as they are. Half of the longer texts are cut to a run of their tokens, and a tenth of the tokens of
half of all texts are left out, other ones in each epoch. What is written is the running mean of the weights.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from bench.encoder import reading
from bench.encoder.network import Network, base, numbers, padded, pooled
from bench.encoder.selection import candidates, epoch, written
from bench.quality import corpora
from fyke.model.encoding import WIDTH, Encoder

EPOCHS = 3
TOKENS = 2048  # of padded text in a step
RATE, LOWER = 8e-5, 0.85  # the last layer's learning rate, and what each layer below has of that above
HEAD_RATE = 2e-3
RISE = 0.08  # of the steps, over which the rates rise; then they fall, to `LEAST` of their peak
LEAST = 0.02
SMOOTHING = 0.02  # of the labels
KEEPING = 0.998  # of the mean, each step
DROPOUT, DECAY, SEED = 0.1, 0.01, 6

Texts = list[NDArray[np.int64]]
Batch = tuple[Texts, NDArray[np.float32], NDArray[np.float32]]


def main() -> int:
    """Choose, train, write the layers."""
    parser = argparse.ArgumentParser(prog="python -m bench.encoder.tune", description="Fine-tune the encoder.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    parser.add_argument("--base", type=Path, required=True, help="the folder of the published weights and tokenizer")
    parser.add_argument("--start", type=Path, help="an encoder.onnx whose layers to begin with")
    parser.add_argument("--output", type=Path, default=Path("tuned.safetensors"), help="the file to write")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    network = base(options.base, reading.layers(options.start) if options.start else None)
    for state in _trained(network, _epochs(corpora.load(options.data), options.base)):
        save_file(state, options.output)
    return 0


def _epochs(mail: corpora.Mail, folder: Path) -> list[list[Batch]]:
    """The batches of each epoch: texts of like length together, in any order."""
    rng = np.random.default_rng(SEED)
    tokens = Encoder.tokens_only((folder / "tokenizer.json").read_bytes())
    rows = candidates(mail)
    ids = {row: numbers(tokens(text)) for row, text in zip(rows.tolist(), mail.texts(rows), strict=True)}
    ours, wrong = written()
    more = [numbers(tokens(text)) for text in ours]
    found = []
    for _ in range(EPOCHS):
        chosen, weights = epoch(mail, rows, rng)
        texts = [_changed(text, rng) for text in (*(ids[row] for row in chosen.tolist()), *more)]
        phishing = np.concatenate([mail.label[chosen] == 1, wrong]).astype(np.float32)
        weights = np.concatenate([weights, np.ones(len(more), np.float32)])
        batches = [([texts[at] for at in places], phishing[places], weights[places]) for places in _alike(texts, rng)]
        found.append([batches[at] for at in rng.permutation(len(batches))])
    return found


def _changed(text: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The text, or a run of it, or with tokens left out, between the tokens at either end."""
    body = text[1:-1]
    if len(body) > 50 and rng.random() < 0.5:
        size = int(rng.integers(40, len(body) + 1))
        start = 0 if rng.random() < 0.6 else int(rng.integers(0, len(body) - size + 1))
        body = body[start : start + size]
    if len(body) > 8 and rng.random() < 0.5:
        body = body[rng.random(len(body)) > 0.1]
    return np.concatenate([text[:1], body, text[-1:]])


def _alike(texts: Texts, rng: np.random.Generator) -> Iterator[list[int]]:
    """Places of texts of nearly the same length, about `TOKENS` tokens of padded text together."""
    lengths = np.array([len(text) for text in texts])
    batch: list[int] = []
    for place in np.argsort(lengths + rng.uniform(-8, 8, len(texts))).tolist():
        if batch and (len(batch) + 1) * max(lengths[place], lengths[batch].max()) > TOKENS:
            yield batch
            batch = []
        batch.append(place)
    yield batch


def _trained(network: Network, epochs: list[list[Batch]]) -> Iterator[dict[str, Any]]:
    """The running mean of the layers' weights, after each epoch."""
    network.requires_grad_(False)
    layers, head = network.layers.requires_grad_(True).train(), nn.Linear(WIDTH, 1)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    peaks = [RATE * LOWER ** (len(layers) - 1 - place) for place in range(len(layers))] + [HEAD_RATE]
    optimizer = torch.optim.AdamW([{"params": one.parameters()} for one in (*layers, head)], weight_decay=DECAY)
    live = {f"layers.{name}": value for name, value in layers.state_dict().items()}
    mean = {name: value.clone() for name, value in live.items()}
    ends = np.cumsum([len(one) for one in epochs])
    every = int(ends[-1])
    batches = [batch for one in epochs for batch in one]
    for step, batch in enumerate(batches, 1):
        height = min(1.0, step / (RISE * every)) * max(LEAST, 1 - (step - 1) / every)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * height
        loss = _loss(network, head, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
        optimizer.step()
        for name, value in mean.items():
            value.lerp_(live[name], 1 - min(KEEPING, (1 + step) / (10 + step)))
        if step % 50 == 0:
            print(f"step {step} of {every}, loss {float(loss.detach()):.3f}", file=sys.stderr, flush=True)
        if step in ends:
            yield mean


def _loss(network: Network, head: Any, batch: Batch) -> Any:
    texts, phishing, weights = batch
    ids, there, mask = padded(texts)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = network.embed(ids)
        for layer in network.layers:
            x = layer(x, mask, DROPOUT)
    said = head(nn.functional.dropout(pooled(x.float(), there), DROPOUT))[:, 0]
    wanted = torch.from_numpy(phishing) * (1 - 2 * SMOOTHING) + SMOOTHING
    return nn.functional.binary_cross_entropy_with_logits(said, wanted, weight=torch.from_numpy(weights))


if __name__ == "__main__":
    sys.exit(main())
