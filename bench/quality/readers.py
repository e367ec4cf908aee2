"""One function for each corpus: its files into the columns that all corpora share."""

import email.errors
import email.header
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from bench.machine import ROOT
from bench.quality.raw import members, read_raw, year_in
from fyke.model.corpus import read_corpus
from fyke.model.labels import PHISHING

TRANSACTIONAL = ROOT / "data" / "transactional.jsonl"
_FILES = {
    "kaggle": "kaggle_phishing_email_rebuilt.csv.gz",
    "spamassassin": "spamassassin_raw.tar.xz",
    "nazario": "nazario_2015_2022.csv.gz",
    "nazario raw": "nazario_2015_2020_raw_eml.tar.xz",
    "political": "political_2024_A.csv.gz",
    "rlists": "rlists_2020_2021_sample.csv.gz",
    "csdmc": "csdmc2010_labelled.csv.gz",
    "phishing_pot": "phishing_pot_to2023.csv.gz",
}
# What the exporter of CSDMC2010 left in its texts: a missing subject as a word, the head of a MIME part.
_ENCODED = re.compile(r"=\?[\w-]+\?[bq]\?[^?\s]*\?=(?:\s+(?==\?))?", re.IGNORECASE)
_EXPORTED = re.compile(r"\ANone|From nobody [^\n]*\n(?:[A-Z][\w-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+")


def files(corpus: str, data: Path) -> list[Path]:
    """The files that a corpus is read from; none for the transactional mail while the repository has none."""
    if corpus == "transactional":
        return [TRANSACTIONAL] if TRANSACTIONAL.is_file() else []
    return [data / _FILES[corpus]]


def kaggle(data: Path) -> pl.DataFrame:
    """The published file, row by row; which source a row is from shows in its letters, as far as it shows at all."""
    corpus = read_corpus([data / _FILES["kaggle"]])
    rows = len(corpus.texts)
    return _table(
        ids=[f"kaggle/{row}" for row in range(rows)],
        corpora=[kaggle_source(text) for text in corpus.texts],
        labels=[int(label == PHISHING) for label in corpus.labels],
        years=[2005] * rows,
        texts=corpus.texts,
        kaggle_rows=range(rows),
    )


def kaggle_source(text: str) -> str:
    """SpamAssassin's rows kept their capitals and lines, Enron's and Ling-Spam's were lowered; some rows are empty."""
    if text.strip() in ("", "empty"):
        return "kaggle empty"
    return "spamassassin table" if "\n" in text or text != text.lower() else "enron and ling"


def spamassassin(data: Path) -> pl.DataFrame:
    """Raw messages of 2001 and 2002; the folder tells the label."""
    names, texts = _raw(data / _FILES["spamassassin"])
    spam = [int("/spam-" in name) for name in names]
    return _table(
        [f"spamassassin/{name}" for name in names], ["spamassassin"] * len(names), spam, [2002] * len(names), texts
    )


def nazario(data: Path) -> pl.DataFrame:
    """Phishing of 2015 to 2022; a row without a year counts as of the latest."""
    table = _csv(data / _FILES["nazario"])
    years = [int(date) if date else 2022 for date in table["date"].fill_null("")]
    return _messages(table, "nazario", label=1, years=years)


def nazario_raw(data: Path) -> pl.DataFrame:
    """The same collection as raw messages, 2015 to 2020."""
    names, texts = _raw(data / _FILES["nazario raw"])
    years = [year_in(name) or 2020 for name in names]
    return _table(
        [f"nazario raw/{name}" for name in names], ["nazario raw"] * len(names), [1] * len(names), years, texts
    )


def political(data: Path) -> pl.DataFrame:
    """Solicited political bulk mail of November 2024."""
    return _messages(_csv(data / _FILES["political"]), "political", label=0, years=2024)


def rlists(data: Path) -> pl.DataFrame:
    """Mailing lists about R of 2020 and 2021."""
    table = _csv(data / _FILES["rlists"])
    return _messages(table, "rlists", label=0, years=[int(date[:4]) for date in table["date"]])


def csdmc(data: Path) -> pl.DataFrame:
    """Honest mail and spam to 2010."""
    table = _csv(data / _FILES["csdmc"])
    labels = [int(label == "spam") for label in table["label"]]
    texts = [_decoded(_EXPORTED.sub("", text)).strip() for text in table["text"].fill_null("")]
    return _table(table["id"].to_list(), ["csdmc"] * table.height, labels, [2010] * table.height, texts)


def phishing_pot(data: Path) -> pl.DataFrame:
    """Phishing of 2022 and 2023 in many languages."""
    table = _csv(data / _FILES["phishing_pot"])
    years = [int(date[:4]) for date in table["date"]]
    return _messages(table, "phishing_pot", label=1, years=years, langs=table["lang"].fill_null("").to_list())


def transactional(data: Path) -> pl.DataFrame:
    """Honest receipts, notices and invitations that were written for this project."""
    table = pl.read_ndjson(TRANSACTIONAL)
    return _messages(table, "transactional", label=0, years=2024)


def _raw(archive: Path) -> tuple[list[str], list[str]]:
    read = [(name, read_raw(raw)) for name, raw in members(archive)]
    return [name for name, _ in read], [text for _, text in read]


def _csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def _messages(
    table: pl.DataFrame, corpus: str, *, label: int, years: int | Sequence[int], langs: Sequence[str] | None = None
) -> pl.DataFrame:
    """Subject and text as the message reader joins them."""
    subjects, bodies = table["subject"].fill_null(""), table["text"].fill_null("")
    texts = [f"{_decoded(subject)}\n{body}".strip() for subject, body in zip(subjects, bodies, strict=True)]
    ids = [f"{corpus}/{one}" for one in table["id"]]
    dated = [years] * table.height if isinstance(years, int) else years
    return _table(ids, [corpus] * table.height, [label] * table.height, dated, texts, langs=langs)


def _decoded(text: str) -> str:
    """Encoded words (RFC 2047) that an exporter left, decoded as the message reader does."""
    return _ENCODED.sub(_word, text) if "=?" in text else text


def _word(found: re.Match[str]) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(found[0])))
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return found[0]


def _table(
    ids: Sequence[str],
    corpora: Sequence[str],
    labels: Sequence[int],
    years: Sequence[int],
    texts: Sequence[str],
    *,
    langs: Sequence[str] | None = None,
    kaggle_rows: Sequence[int] | None = None,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": ids,
            "corpus": corpora,
            "label": pl.Series(labels, dtype=pl.Int8),
            "year": pl.Series(years, dtype=pl.Int16),
            "lang": langs or [""] * len(ids),
            "text": texts,
            "kaggle_row": pl.Series(kaggle_rows or [-1] * len(ids), dtype=pl.Int64),
        }
    )
