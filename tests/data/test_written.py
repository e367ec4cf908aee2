"""The mail of our own that recipes learn from: of both labels, each text another, and none of the evaluation set."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

from bench.quality.near import clusters, shingles
from fyke.model.written import BACKGROUND, EVERYDAY, WRITTEN, ours
from tests.conftest import ROOT
from tests.data.test_transactional import RESERVED

LINKS = re.compile(r"https?://([\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
NATIONAL = re.compile(r"(.+\.)?example(\.[a-z]{2,3})?(\.[a-z]{2}|\.edu)", re.IGNORECASE)
NOWHERE = {"127.0.0.1", "www", "www.site.exampleindex.html"}  # the last: a link that runs into a file's name


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


def test_none_repeats_mail_that_evaluates() -> None:
    """No text has five runs of three words, and a quarter of its runs, in one message of the transactional set."""
    holders: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate((ROOT / "data" / "transactional.jsonl").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        for shingle in shingles(f"{row['subject']}\n{row['text']}").tolist():
            holders[shingle].append(number)
    for text in singly_written():
        runs = shingles(text).tolist()
        shared = Counter(number for shingle in runs for number in holders.get(shingle, ()))
        assert max(shared.values(), default=0) < max(len(runs) / 4, 5), text


def test_links_are_under_reserved_names() -> None:
    """No link leads to a host that somebody has or can get."""
    hosts = {host.rstrip(".") for text in singly_written() for host in LINKS.findall(text)}
    known = {host for host in hosts if RESERVED.fullmatch(host.lower()) or NATIONAL.fullmatch(host)}
    assert hosts - known - NOWHERE == set()
