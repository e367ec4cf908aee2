"""Which rows are trained on, which choose thresholds and calibration, and which are tested: one `Split` for each fit.

No near-duplicate of a training row is ever tested, but for the published split, which stays as published. Validation
rows are whole clusters of the training rows, held back from the fit. Corpora that may not train never do.
"""

from dataclasses import dataclass, field

import numpy as np

from bench.quality.corpora import EMPTY, KAGGLE, MAY_TRAIN, Mail, Rows
from fyke.model.training import split_rows

VALIDATION = 0.15  # of the clusters of the training rows
SEED = 6
MODERN = 2020  # the first year that the temporal split does not train on

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "enron and ling": ("enron and ling",),
    "spamassassin": ("spamassassin",),
    "nazario and political": ("nazario", "political"),
    "csdmc": ("csdmc",),
    "phishing_pot and rlists": ("phishing_pot", "rlists"),
}
SAME_MAIL = {"spamassassin": "spamassassin table", "nazario": "nazario raw"}  # in another form: out with the first


@dataclass(frozen=True)
class Split:
    """Rows for a fit, for validation, and for each named test; ``masked`` tells which texts all of them are."""

    fit: Rows
    validation: Rows
    tests: dict[str, Rows]
    masked: bool = True
    dropped: dict[str, int] = field(default_factory=dict)  # test rows with a near-duplicate among the training rows


def published(mail: Mail) -> Split:
    """The published split of the Kaggle file, nothing held back: what the published accuracy is of."""
    train, test = _published_rows(mail)
    return Split(train, train[:0], {"published": test, "without near-duplicates": mail.outside(test, train)}, False)


def in_domain(mail: Mail) -> Split:
    """The published split with validation rows held back and masked, tested without near-duplicates."""
    train, test = (rows[mail.corpus[rows] != EMPTY] for rows in _published_rows(mail))
    return _split(mail, train, {"in domain": test})


def left_out(mail: Mail, name: str, corpora: tuple[str, ...] = MAY_TRAIN) -> Split:
    """Train on all permitted mail but that of `LEFT_OUT` ``name``, and test on that; phishing in English only."""
    out = LEFT_OUT[name]
    also = [SAME_MAIL[one] for one in out if one in SAME_MAIL]
    train = mail.rows(*(one for one in corpora if one not in (*out, *also)))
    return _split(mail, train, {name: english(mail, mail.rows(*out))})


def temporal(mail: Mail, corpora: tuple[str, ...] = MAY_TRAIN) -> Split:
    """Train on mail before 2020, test on later mail."""
    train = mail.rows(*corpora)
    train = train[mail.year[train] < MODERN]
    tests = _modern(mail)
    later = mail.rows("nazario")
    tests["nazario 2020-2022"] = later[mail.year[later] >= MODERN]
    tests["political"] = mail.rows("political")
    return _split(mail, train, tests)


def permitted(mail: Mail, corpora: tuple[str, ...] = MAY_TRAIN) -> Split:
    """Train as the shipped model is, on all that may train, but for half of the clusters of the political mail."""
    political = mail.rows("political")
    half = some_clusters(mail, political, 0.5)
    train = mail.rows(*corpora)
    tests = _modern(mail)
    tests["political"] = half
    tests["csdmc"] = mail.rows("csdmc")
    return _split(mail, train[~np.isin(train, half)], tests)


def english(mail: Mail, rows: Rows) -> Rows:
    """Without the rows of phishing_pot that are not known to be English."""
    kept: Rows = rows[(mail.corpus[rows] != "phishing_pot") | (mail.lang[rows] == "en")]
    return kept


def _modern(mail: Mail) -> dict[str, Rows]:
    """The mail of after 2020 that never trains."""
    pot = mail.rows("phishing_pot")
    pot = pot[mail.year[pot] >= 2022]
    languages = mail.lang[pot]
    known = ~np.isin(languages, ["en", "", "?"])
    return {
        "phishing_pot, English": pot[languages == "en"],
        "phishing_pot, other languages": pot[known],
        "phishing_pot, unknown language": pot[(languages != "en") & ~known],
        "rlists": mail.rows("rlists"),
        "transactional": mail.rows("transactional"),
    }


def _published_rows(mail: Mail) -> tuple[Rows, Rows]:
    rows = mail.rows(*KAGGLE)
    rows = rows[np.argsort(mail.kaggle_row[rows])]
    train, test = split_rows(len(rows))
    return rows[train], rows[test]


def _split(mail: Mail, train: Rows, tests: dict[str, Rows]) -> Split:
    outside = {name: mail.outside(rows, train) for name, rows in tests.items() if len(rows)}
    dropped = {name: len(tests[name]) - len(rows) for name, rows in outside.items()}
    validation = some_clusters(mail, train, VALIDATION)
    return Split(train[~np.isin(train, validation)], validation, outside, dropped=dropped)


def some_clusters(mail: Mail, rows: Rows, share: float) -> Rows:
    """The rows of a random share of their clusters; those of a smaller share lie within."""
    known = np.unique(mail.cluster[rows])
    chosen = np.random.default_rng(SEED).permutation(known)[: round(len(known) * share)]
    return rows[np.isin(mail.cluster[rows], chosen)]
