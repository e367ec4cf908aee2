"""Which rows the encoder is fine-tuned on: a few of each kind, none that the protocol tests or sets thresholds on.

Candidates are the rows that the temporal split fits on, so mail before 2020, but no validation row of the temporal
split or of that on all permitted mail, none that the recipes hold back for calibration when they are fitted on either,
no row of the published split's test side, and no near-duplicate of one that is tested without near-duplicates. The
parts that leave out a corpus are not served, whose mail is among the candidates, nor quite the calibration in domain,
whose validation rows may be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.quality import splits
from bench.quality.corpora import Mail, Rows
from bench.quality.masking import mask
from fyke.model.folding import normalise
from fyke.model.hashed_recipe import held_back
from fyke.model.written import BACKGROUND, WRITTEN, ours


@dataclass(frozen=True)
class Kind:
    """How many rows of some corpora with one label an epoch sees, of each cluster and in all, and what each counts."""

    corpora: tuple[str, ...]
    label: int
    of_cluster: int
    most: int
    weight: float


KINDS = (
    Kind(("nazario", "nazario raw"), 1, 3, 2000, 1.0),
    Kind(("enron and ling",), 1, 1, 600, 0.4),
    Kind(("spamassassin", "spamassassin table"), 1, 1, 400, 0.4),
    Kind(("enron and ling",), 0, 1, 900, 1.0),
    Kind(("spamassassin", "spamassassin table"), 0, 1, 900, 1.0),
)


def candidates(mail: Mail) -> Rows:
    """The rows that may be chosen."""
    temporal, published, permitted = splits.temporal(mail), splits.published(mail), splits.permitted(mail)
    rows = mail.outside(temporal.fit, published.tests["without near-duplicates"])
    out = [published.tests["published"], permitted.validation]
    for split in (temporal, permitted):
        out.append(split.fit[held_back([normalise(text) for text in mail.texts(split.fit)])])
    return rows[~np.isin(rows, np.concatenate(out))]


def epoch(mail: Mail, rows: Rows, rng: np.random.Generator) -> tuple[Rows, NDArray[np.float32]]:
    """The candidates that one epoch sees, and how much each counts; another draw each time."""
    chosen, weights = [], []
    for kind in KINDS:
        of_kind = rows[np.isin(mail.corpus[rows], kind.corpora) & (mail.label[rows] == kind.label)]
        few = _few(mail, rng.permutation(of_kind), kind.of_cluster)[: kind.most]
        chosen.append(few)
        weights.append(np.full(len(few), kind.weight, np.float32))
    return np.concatenate(chosen), np.concatenate(weights)


def written() -> tuple[list[str], NDArray[np.bool_]]:
    """The mail that we wrote, masked, and which of it is phishing."""
    found = ours()
    kept = np.flatnonzero(found.counts({WRITTEN: 1.0, BACKGROUND: 1.0}))
    return [mask(found.texts[place]) for place in kept.tolist()], found.phishing[kept]


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
