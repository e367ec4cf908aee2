"""Which rows the encoder is fine-tuned on: a few of each kind, none that any part of the protocol but one tests.

Candidates are the rows that the temporal split fits on, so mail before 2020, but no validation rows of any split and no
row of the published split's test side, nor a near-duplicate of one. The parts that leave out a corpus are the ones that
this does not serve: their corpora are among the candidates.
"""

import numpy as np
import polars as pl

from bench.quality import splits
from bench.quality.corpora import Mail, Rows
from bench.quality.masking import mask
from fyke.model.hashed_recipe import BACKGROUND

SEED = 6
KINDS: dict[str, tuple[tuple[str, ...], int, int, int, float]] = {
    # corpora, label, most rows, most of a cluster, weight
    "phishing": (("nazario", "nazario raw"), 1, 1295, 3, 1.0),
    "spam, later file": (("enron and ling",), 1, 450, 1, 0.4),
    "spam": (("spamassassin", "spamassassin table"), 1, 350, 1, 0.4),
    "honest, later file": (("enron and ling",), 0, 1100, 1, 1.0),
    "honest": (("spamassassin", "spamassassin table"), 0, 1100, 1, 1.0),
}
BACKGROUND_WEIGHT = 2.0


def chosen(mail: Mail) -> tuple[list[str], list[bool], list[float]]:
    """Texts, whether each is phishing, and how much it counts; the honest mail that we wrote is the last of them."""
    rng = np.random.default_rng(SEED)
    rows = candidates(mail)
    texts: list[str] = []
    phishing: list[bool] = []
    weights: list[float] = []
    for corpora, label, most, of_cluster, weight in KINDS.values():
        kind = rng.permutation(rows[np.isin(mail.corpus[rows], corpora) & (mail.label[rows] == label)])
        kept = _few(mail, kind, of_cluster)[:most]
        texts += mail.texts(kept)
        phishing += [label == 1] * len(kept)
        weights += [weight] * len(kept)
    ours = [mask(text) for text in pl.read_csv(BACKGROUND)["Email Text"]]
    return texts + ours, phishing + [False] * len(ours), weights + [BACKGROUND_WEIGHT] * len(ours)


def candidates(mail: Mail) -> Rows:
    """The rows that may be chosen."""
    temporal, published = splits.temporal(mail), splits.published(mail)
    rows = mail.outside(temporal.fit, published.tests["without near-duplicates"])
    out = np.concatenate([published.tests["published"], splits.permitted(mail).validation])
    return rows[~np.isin(rows, out)]


def _few(mail: Mail, rows: Rows, most: int) -> Rows:
    """At most so many rows of each cluster, in order."""
    seen: dict[int, int] = {}
    kept = []
    for row in rows.tolist():
        cluster = int(mail.cluster[row])
        seen[cluster] = seen.get(cluster, 0) + 1
        if seen[cluster] <= most:
            kept.append(row)
    return np.array(kept, np.int64)
