"""Fine-tune the upper layers of the encoder on mail of before 2020; what the lower layers make of it is computed once.

python -m bench.encoder.tune --data DIR --base FOLDER --output tuned.safetensors [--frozen 4] [--steps N]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from bench.encoder.network import Network, base, batches, padded, pooled
from bench.encoder.selection import chosen
from bench.quality import corpora
from fyke.model.encoding import WIDTH, Encoder

TOKENS = 2048  # of padded text in a step
RATE, HEAD_RATE = 1e-4, 2e-3  # learning rates: they rise over a tenth of the steps, then fall to nothing
DROPOUT, DECAY, SEED = 0.1, 0.01, 6


def main() -> int:
    """Choose, compute, train, write the layers that have changed."""
    options = _parse()
    torch.manual_seed(SEED)
    mail = corpora.load(options.data)
    texts, phishing, weights = chosen(mail)
    tokens = Encoder.tokens_only((options.base / "tokenizer.json").read_bytes())
    ids = [np.frombuffer(tokens(text), "<u2").astype(np.int64) for text in texts]
    network = base(options.base)
    lower = _lower(network, ids, options.frozen)
    _train(network, options, lower, np.array(phishing, np.float32), np.array(weights, np.float32))
    changed = {name: value for name, value in network.state_dict().items() if name.startswith("layers.")}
    save_file({k: v for k, v in changed.items() if int(k.split(".")[1]) >= options.frozen}, options.output)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.encoder.tune", description="Fine-tune the encoder.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    parser.add_argument("--base", type=Path, required=True, help="the folder of the published weights and tokenizer")
    parser.add_argument("--output", type=Path, default=Path("tuned.safetensors"), help="the file to write")
    parser.add_argument("--frozen", type=int, default=4, help="layers that stay as they are")
    parser.add_argument("--epochs", type=int, default=2, help="how often each text is seen, if --steps does not end it")
    parser.add_argument("--steps", type=int, help="stop after so many steps; the learning rates fall as if for all")
    return parser.parse_args()


def _lower(network: Network, ids: list[NDArray[np.int64]], frozen: int) -> list[NDArray[np.float16]]:
    """What the frozen layers make of each text: (tokens, 384)."""
    found: list[NDArray[np.float16]] = [np.empty(0, np.float16)] * len(ids)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for batch in batches(np.array([len(one) for one in ids]), TOKENS):
            numbers, _, mask = padded([ids[place] for place in batch])
            x = network.embed(numbers)
            for layer in network.layers[:frozen]:
                x = layer(x, mask)
            for place, one in zip(batch, x.float().numpy().astype(np.float16), strict=True):
                found[place] = one[: len(ids[place])]
    return found


def _train(network: Network, options: argparse.Namespace, lower: list[Any], labels: Any, weights: Any) -> None:
    upper, head = network.layers[options.frozen :].train(), nn.Linear(WIDTH, 1)
    groups = [{"params": upper.parameters(), "lr": RATE}, {"params": head.parameters(), "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
    rng, lengths = np.random.default_rng(SEED), np.array([len(one) for one in lower])
    epochs = [[*batches(lengths + rng.integers(0, 16, len(lengths)), TOKENS)] for _ in range(options.epochs)]
    order = [epoch[place] for epoch in epochs for place in rng.permutation(len(epoch))]
    for step, batch in enumerate(order[: options.steps]):
        for group, rate in zip(optimizer.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * min(1.0, 10 * (step + 1) / len(order)) * (1 - step / len(order))
        x, there, mask = _together([lower[place] for place in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for layer in upper:
                x = layer(x, mask, DROPOUT)
        said = head(nn.functional.dropout(pooled(x.float(), there), DROPOUT))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(
            said, torch.from_numpy(labels[batch]), weight=torch.from_numpy(weights[batch])
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(upper.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step} of {len(order)}, loss {float(loss.detach()):.3f}", file=sys.stderr, flush=True)
    network.eval()


def _together(texts: list[NDArray[np.float16]]) -> tuple[Any, Any, Any]:
    """What the lower layers made of some texts, padded: see `bench.encoder.network.padded`."""
    _, there, mask = padded([np.zeros(len(one), np.int64) for one in texts])
    x = np.zeros((*there.shape, WIDTH), np.float32)
    for row, one in enumerate(texts):
        x[row, : len(one)] = one
    return torch.from_numpy(x), there, mask


if __name__ == "__main__":
    sys.exit(main())
