"""The mail of our own that recipes learn from: of both labels, each text another, and none of the evaluation set."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from bench.quality import readers
from bench.quality.near import clusters, shingles
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours
from tests.conftest import ROOT
from tests.data.test_transactional import RESERVED

LINKS = re.compile(r"https?://([\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
ADDRESSES = re.compile(r"[\w.+-]@([\w-]+(?:\.[\w-]+)*\.[a-z][\w-]*)", re.IGNORECASE)


def singly_written() -> list[str]:
    """The texts of ``written.csv``."""
    found = ours()
    return [text for text, table in zip(found.texts, found.tables, strict=True) if table == WRITTEN]


def test_both_labels_are_there() -> None:
    """Thousands of texts, two in five of them phishing; the other two tables are honest."""
    found = ours()
    of_table: dict[Path, Counter[bool]] = {table: Counter() for table in (WRITTEN, BACKGROUND, EVERYDAY)}
    for table, phishing in zip(found.tables, found.phishing.tolist(), strict=True):
        of_table[table][phishing] += 1
    assert of_table[WRITTEN].total() > 5000
    assert 0.35 < of_table[WRITTEN][True] / of_table[WRITTEN].total() < 0.5
    assert of_table[BACKGROUND][True] == of_table[EVERYDAY][True] == 0


def test_no_two_are_near_duplicates() -> None:
    """By the measure that splits and intervals are made with."""
    found = clusters(singly_written())
    assert len(set(found.tolist())) == len(found)


def test_none_repeats_the_transactional_mail() -> None:
    """No text has five runs of three words, and a fifth of its runs, in one message of that set."""
    lines = (ROOT / "data" / "transactional.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert repeats([f"{row['subject']}\n{row['text']}" for row in rows], ours().texts) == []


@pytest.mark.corpus
@pytest.mark.parametrize("read", [readers.phishing_pot, readers.rlists, readers.csdmc])
def test_none_repeats_real_mail_that_only_evaluates(read: Callable[[Path], pl.DataFrame], corpus_dir: Path) -> None:
    """The same for the corpora that never train."""
    assert repeats(read(corpus_dir)["text"].to_list(), ours().texts) == []


def repeats(messages: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The texts that have five runs of three words, and a fifth of their runs, in one of the messages."""
    holders: dict[int, list[int]] = defaultdict(list)
    for number, message in enumerate(messages):
        for shingle in shingles(message).tolist():
            holders[shingle].append(number)
    found = []
    for text in texts:
        runs = shingles(text).tolist()
        shared = Counter(number for shingle in runs for number in holders.get(shingle, ()))
        if max(shared.values(), default=0) >= max(len(runs) / 5, 5):
            found.append(text)
    return found


def test_links_are_under_reserved_names() -> None:
    """No link and no address leads to a host that somebody has or can get."""
    found = {host for text in ours().texts for host in LINKS.findall(text) + ADDRESSES.findall(text)}
    hosts = {host.rstrip(".") for host in found}
    assert {host for host in hosts if not RESERVED.fullmatch(host.lower())} <= {"127.0.0.1"}
