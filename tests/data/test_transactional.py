"""The transactional evaluation set keeps its shape, repeats nothing and points nowhere real."""

import json
import re
from collections import Counter, defaultdict
from itertools import combinations

import polars
import pytest

from tests.conftest import ROOT, SAMPLE

PATH = ROOT / "data" / "transactional.jsonl"
ROWS: list[dict[str, str]] = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
SAMPLES: list[str] = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].drop_nulls().to_list()
MAIN_KINDS = ["receipt", "password-reset", "security-notice", "invitation", "invoice", "delivery", "newsletter"]
RESERVED = re.compile(r"(.+\.)?(example|test|invalid|example\.(com|org|net))")
HOSTS = re.compile(r"(?:https?://|s3://|@|\bwww\.)([\w-]+(?:\.[\w-]+)*)", re.IGNORECASE)
TOP_LEVELS = "com|org|net|edu|gov|io|co|app|dev|ai|info|biz|eu|uk|de|fr|es|it|nl|pt|br|in|au|ca|us|ch|at|me|ly"
BARE_HOSTS = re.compile(rf"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{TOP_LEVELS})\b")


def shingles(text: str) -> set[tuple[str, ...]]:
    """The runs of three words in a text, letter case and punctuation aside."""
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def near_duplicates(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    """Pairs of texts whose word 3-grams overlap by more than `threshold` (Jaccard), from an inverted index."""
    sets = [shingles(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, found in enumerate(sets):
        for shingle in found:
            holders[shingle].append(number)
    shared = Counter(pair for numbers in holders.values() for pair in combinations(numbers, 2))
    return [(a, b) for (a, b), common in shared.items() if common > threshold * (len(sets[a]) + len(sets[b]) - common)]


def test_there_are_enough_of_every_kind() -> None:
    """At least 300 messages, and at least 30 of each of the seven kinds that filters flag most."""
    kinds = Counter(row["kind"] for row in ROWS)
    assert len(ROWS) >= 300
    assert min(kinds[kind] for kind in MAIN_KINDS) >= 30


def test_every_row_has_the_fields_and_its_own_id() -> None:
    """Every row has id, kind, lang, subject and text, none empty; the id begins with the kind and is unique."""
    for row in ROWS:
        assert list(row) == ["id", "kind", "lang", "subject", "text"]
        assert all(value.strip() for value in row.values())
        assert re.fullmatch(re.escape(row["kind"]) + r"-\d{3}", row["id"])
    assert len({row["id"] for row in ROWS}) == len(ROWS)


def test_texts_are_neither_scraps_nor_books() -> None:
    """Every body has 30 to 400 words."""
    assert [row["id"] for row in ROWS if not 30 <= len(row["text"].split()) <= 400] == []


def test_no_two_are_near_duplicates() -> None:
    """No pair shares more than a tenth of its word 3-grams, nor does any with the sample e-mails, which may train."""
    ours = [f"{row['subject']}\n{row['text']}" for row in ROWS]
    assert [pair for pair in near_duplicates(ours + SAMPLES, 0.1) if min(pair) < len(ours)] == []


@pytest.mark.parametrize("pattern", [HOSTS, BARE_HOSTS], ids=["linked", "bare"])
def test_links_and_addresses_are_under_reserved_names(pattern: re.Pattern[str]) -> None:
    """Every host in a link or an address is under a name that nobody can register."""
    hosts = {host.lower() for row in ROWS for host in pattern.findall(f"{row['subject']}\n{row['text']}")}
    assert [host for host in sorted(hosts) if "." in host and not RESERVED.fullmatch(host)] == []
