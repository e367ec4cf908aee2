"""The learning curve: what more mail of the kinds at hand would do for mail of another corpus, and of later years.

    python -m bench.quality.curve --data DIR [--recipe NAME] [--shares 0.125 0.25 0.5 1 | --ours 0 0.25 0.5]

For each share, that share of the clusters of the training rows is fitted on (the smaller ones lie within the larger),
for every split that leaves a corpus out, for the temporal one and for the published one (without near-duplicates of
any of its training rows). With ``--ours``, recipe ``default`` has that share of the mail of our own instead, and all
rows. Prints one Markdown table.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from bench.quality import corpora, fitting, splits
from bench.quality.calibration import expected_error
from bench.quality.corpora import Mail
from bench.quality.fitted import Fitted
from bench.quality.fitting import Fit
from bench.quality.metrics import BALANCED, counts, recall_at
from bench.quality.parts import ENGLISH, HONEST
from bench.quality.protocol import Models
from bench.quality.report import table
from fyke.errors import FykeError
from fyke.model.hashed_recipe import HashedRecipe

SHARES = (0.125, 0.25, 0.5, 1.0)
RATE = 0.005


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality.curve", description="The learning curve.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    parser.add_argument("--recipe", default="default", help="a recipe (default: default)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shares", type=float, nargs="+", default=SHARES, help="shares of the training rows")
    which.add_argument("--ours", type=float, nargs="+", help="shares of the mail of our own, with all training rows")
    parser.add_argument("--cache", type=Path, help="where prepared corpora are kept (default: the user's cache)")
    options = parser.parse_args()
    if options.ours and options.recipe != "default":
        parser.error("--ours goes with the recipe default alone")
    try:
        fit = fitting.recipe(options.recipe)
        mail = corpora.load(options.data, options.cache)
    except FykeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if options.ours:
        rows = [_row(mail, with_ours(share), 1.0, f"all, and {share:.1%} of ours") for share in options.ours]
    else:
        rows = [_row(mail, fit, share, f"{share:.1%}") for share in options.shares]
    heads = ["trained on", "published", "without near-duplicates", "temporal, recall at 0.5 %"]
    print("\n".join(table([*heads, *splits.LEFT_OUT, "mean F1", "mean ECE"], rows)))
    return 0


def with_ours(share: float) -> Fit:
    """The fit of recipe ``default`` with a share of the mail of our own."""
    return lambda texts, labels: HashedRecipe(share_of_ours=share).fit(texts, labels)


def _row(mail: Mail, fit: Fit, share: float, name: str) -> list[str]:
    """The figures at one share of the training rows."""
    models = Models(mail, fit, log=_log, share=share)
    published, temporal = models.published(), models.temporal()
    left_out = {name: models.left_out(name) for name in splits.LEFT_OUT}
    scores = [_f1(one, name) for name, one in left_out.items()]
    errors = [expected_error(mail.label[one.split.tests[name]], one.scores(name)) for name, one in left_out.items()]
    _log(f"{name} measured")
    return [
        name,
        *(f"{_accuracy(published, test):.4f}" for test in published.split.tests),
        f"{_recall(temporal):.3f}",
        *(f"{score:.3f}" for score in (*scores, np.mean(scores), np.mean(errors))),
    ]


def _log(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def _f1(fitted: Fitted, test: str) -> float:
    return counts(fitted.mail.label[fitted.split.tests[test]], fitted.scores(test), BALANCED).f1


def _accuracy(fitted: Fitted, test: str) -> float:
    return counts(fitted.mail.label[fitted.split.tests[test]], fitted.scores(test), BALANCED).accuracy


def _recall(fitted: Fitted) -> float:
    rows, scores = fitted.joined(ENGLISH, *HONEST)
    return recall_at(fitted.mail.label[rows], scores, RATE)


if __name__ == "__main__":
    sys.exit(main())
