"""The leak meter: how well the corpus of a text can be guessed among texts of one label, before and after masking.

Whoever can tell the corpora apart can also tell their labels apart without knowing anything of phishing. Chance is one
over the number of corpora; different matters keep the figure high, masked or not, and what masking takes away was
given away for nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from bench.quality.corpora import Mail, Rows
from bench.quality.splits import english

MOST = 400  # texts of a corpus, each of a cluster that no other corpus has
FOLDS = 4
SEED = 6
GROUPS = {
    "honest": (0, ("enron and ling", "spamassassin", "political", "rlists", "csdmc", "transactional")),
    "phishing": (1, ("enron and ling", "spamassassin", "nazario", "phishing_pot", "csdmc")),
}


def meter(mail: Mail) -> dict[str, Any]:
    """For each label: balanced accuracy and mean one-against-rest AUC of guessing the corpus."""
    found: dict[str, Any] = {}
    for group, (label, corpora) in GROUPS.items():
        rows = _rows(mail, label, corpora)
        names = mail.corpus[np.concatenate(list(rows.values()))]
        found[group] = {"corpora": {name: len(one) for name, one in rows.items()}, "chance": 1 / len(rows)}
        for how, masked in (("before masking", False), ("after masking", True)):
            texts = mail.texts(np.concatenate(list(rows.values())), masked=masked)
            found[group][how] = _guessed(texts, names)
    return found


def _guessed(texts: list[str], names: Any) -> dict[str, float]:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    chances = np.zeros((len(texts), len(np.unique(names))))
    for train, test in folds.split(texts, names):
        features = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=30_000, dtype=np.float32)
        regression = LogisticRegression(C=10, max_iter=200)
        regression.fit(features.fit_transform([texts[row] for row in train]), names[train])
        chances[test] = regression.predict_proba(features.transform([texts[row] for row in test]))
    guesses = np.unique(names)[chances.argmax(axis=1)]
    return {
        "balanced accuracy": float(balanced_accuracy_score(names, guesses)),
        "auc": float(roc_auc_score(names, chances, multi_class="ovr", average="macro")),
    }


def _rows(mail: Mail, label: int, corpora: tuple[str, ...]) -> Mapping[str, Rows]:
    """One row for each cluster that is in a single one of the corpora, at most `MOST` a corpus."""
    rows = english(mail, mail.rows(*corpora))
    rows = rows[mail.label[rows] == label]
    clusters, first, codes = np.unique(mail.cluster[rows], return_index=True, return_inverse=True)
    _, named = np.unique(mail.corpus[rows], return_inverse=True)
    least = np.full(len(clusters), len(rows))
    most = np.full(len(clusters), -1)
    np.minimum.at(least, codes, named)
    np.maximum.at(most, codes, named)
    alone = rows[first[least == most]]
    random = np.random.default_rng(SEED)
    found = {name: random.permutation(alone[mail.corpus[alone] == name])[:MOST] for name in corpora}
    return {name: one for name, one in found.items() if len(one) >= FOLDS}
