"""The splits keep their promises, on the real mail and on a small table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bench.quality import protocol, readers, splits
from bench.quality.corpora import CORPORA, MAY_TRAIN, PUBLISHED, Mail
from bench.quality.fitted import Fitted
from bench.quality.leaks import meter
from bench.quality.readers import kaggle_source
from fyke.model.labels import PHISHING, SAFE

EVALUATION_ONLY = ("rlists", "csdmc", "phishing_pot", "transactional", "kaggle empty")


@pytest.fixture(scope="module")
def small() -> Mail:
    """Forty rows of each corpus and label, clusters of two, about as many words as a line."""
    random = np.random.default_rng(5)
    labels = {"political": (0,), "rlists": (0,), "nazario": (1,), "nazario raw": (1,), "phishing_pot": (1,)}
    rows = []
    for corpus in (*MAY_TRAIN, *EVALUATION_ONLY):
        for label in labels.get(corpus, (0, 1)):
            for at in range(40):
                words = random.choice(["verify", "account", "win"] if label else ["meeting", "patch", "budget"], 6)
                text = f"{' '.join(words)} {corpus} {random.integers(9)}"
                year = 2023 if corpus == "phishing_pot" else 2016 + at // 5
                rows.append((f"{corpus}/{label}/{at}", corpus, label, year, ["en", "de"][at % 4 == 3], text))
    frame = pl.DataFrame(rows, orient="row", schema=["id", "corpus", "label", "year", "lang", "text"])
    places = np.arange(frame.height)
    published = frame["corpus"].is_in([*PUBLISHED, "kaggle empty"]).to_numpy()
    return Mail(
        frame.with_columns(
            pl.col("text").alias("masked"),
            pl.Series("cluster", places // 2),
            pl.Series("kaggle_row", np.where(published, places, -1)),
        )
    )


class Words:
    """A scorer that knows what the small table's phishing says."""

    def predict_many(self, items: Sequence[str], /) -> list[float]:
        return [0.9 if any(word in item for word in ("verify", "account", "win")) else 0.1 for item in items]


def every(mail: Mail) -> list[splits.Split]:
    found = [splits.in_domain(mail), splits.temporal(mail), splits.permitted(mail)]
    return found + [splits.left_out(mail, name) for name in splits.LEFT_OUT]


def check(mail: Mail) -> None:
    for split in every(mail):
        trained = np.append(split.fit, split.validation)
        assert not np.isin(mail.cluster[split.fit], mail.cluster[split.validation]).any()
        assert not np.isin(mail.corpus[trained], EVALUATION_ONLY).any()
        assert {0, 1} == set(mail.label[split.fit].tolist()) == set(mail.label[split.validation].tolist())
        for rows in split.tests.values():
            assert not np.isin(mail.cluster[rows], mail.cluster[trained]).any()


def test_no_test_row_has_a_near_duplicate_in_training(small: Mail) -> None:
    """Nor do validation rows; corpora that may not train do not; each side has both labels."""
    check(small)


def test_nothing_after_2019_trains_the_temporal_model(small: Mail) -> None:
    """And phishing_pot is tested in English apart from the rest."""
    split = splits.temporal(small)
    assert small.year[np.append(split.fit, split.validation)].max() < 2020
    assert set(small.lang[split.tests["phishing_pot, English"]]) == {"en"}
    assert set(small.lang[split.tests["phishing_pot, other languages"]]) == {"de"}


def test_a_left_out_corpus_is_out_in_every_form(small: Mail) -> None:
    """SpamAssassin's mail is both in the published file and raw, Nazario's both a table and raw."""
    for name, also in (("spamassassin", "spamassassin table"), ("nazario and political", "nazario raw")):
        split = splits.left_out(small, name)
        trained = small.corpus[np.append(split.fit, split.validation)]
        assert not np.isin(trained, [*splits.LEFT_OUT[name], also]).any()


def test_thresholds_come_from_validation_rows(small: Mail) -> None:
    """Other scores of test rows do not move them."""
    split = splits.permitted(small)
    fitted = Fitted(small, split, Words())
    assert fitted.threshold(0.01) == 0.1
    assert np.isin(split.validation, small.rows(*MAY_TRAIN)).all()


def test_every_part_has_its_figures(small: Mail) -> None:
    """A model that knows the answers is given full marks, and each split is fitted once."""
    fitted: list[int] = []

    def fit(texts: Sequence[str], labels: Sequence[str]) -> Words:
        assert set(labels) == {PHISHING, SAFE}
        fitted.append(len(texts))
        return Words()

    found = protocol.run(small, fit, only=[part for part in protocol.PARTS if part != "leaks"])
    assert found["published"]["published"]["accuracy"] == 1.0
    assert found["left out"]["mean"]["f1"] == 1.0
    assert found["temporal"]["against"]["phishing_pot, English"]["recall at 0.1%"] == 1.0
    assert found["honest"]["political"]["max-fpr=0.005"]["flagged"] == 0
    assert found["calibration"]["in domain"]["as given"]["ece"] == pytest.approx(0.1)
    assert found["calibration"]["in domain"]["scaled"]["ece"] < 0.01
    assert len(fitted) <= 8


def test_the_leak_meter_finds_a_leak(small: Mail) -> None:
    """The small table's texts name their corpus, and the meter guesses it from them."""
    found = meter(small)
    assert found["honest"]["before masking"]["balanced accuracy"] > 0.9
    assert found["honest"]["chance"] == 1 / len(found["honest"]["corpora"])


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("re : gas , vince", "enron and ling"),
        ("Re: the list", "spamassassin table"),
        ("two\nlines", "spamassassin table"),
        (" empty\n", "kaggle empty"),
        ("", "kaggle empty"),
    ],
)
def test_the_source_shows_in_the_letters(text: str, source: str) -> None:
    """As far as it shows."""
    assert kaggle_source(text) == source


@pytest.mark.corpus
def test_the_real_mail_is_read_as_described(corpus_dir: Path) -> None:
    """The published split to the row; of every corpus each row once."""
    table = readers.kaggle(corpus_dir)
    clusters = pl.Series("cluster", np.arange(table.height))
    mail = Mail(table.with_columns(clusters, pl.col("text").alias("masked")))
    split = splits.published(mail)
    assert (len(split.fit), len(split.tests["published"])) == (14_920, 3_730)
    assert mail.label[split.tests["published"]].sum() == 1536
    for name, rows in {"rlists": 3000, "csdmc": 4327, "phishing_pot": 2379, "political": 490, "nazario": 1563}.items():
        read = CORPORA[name](corpus_dir)
        assert read.height == read["id"].n_unique() == rows
