"""Near-duplicates and their clusters."""

import random

import numpy as np

from bench.quality.near import ALIKE, clusters, jaccard, shingles

WORDS = [f"word{chr(97 + one // 26)}{chr(97 + one % 26)}" for one in range(600)]


def written(seed: int, length: int = 100) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def changed(words: list[str], every: int) -> str:
    """The same with every so manieth word another."""
    return " ".join("other" + word if at % every == 0 else word for at, word in enumerate(words))


def test_jaccard_is_that_of_sets() -> None:
    """Held against Python's own sets."""
    one, other = shingles("a b c d e f"), shingles("b c d e f g h")
    mine, theirs = set(one.tolist()), set(other.tolist())
    assert jaccard(one, other) == len(mine & theirs) / len(mine | theirs) == 3 / 6


def test_marks_capitals_and_numbers_do_not_tell_texts_apart() -> None:
    """As tokenising, shouting and counting copies do."""
    assert np.array_equal(shingles("Don't pay $ 25 today!"), shingles("don ' t PAY 37, today"))


def test_copies_with_few_changes_are_one_cluster() -> None:
    """One word in thirty changed leaves more than half of the shingles in common, and one in three leaves none."""
    first, second = written(1), written(2)
    texts = [" ".join(first), changed(second, 30), changed(first, 30), " ".join(second), changed(first, 3)]
    assert jaccard(shingles(texts[0]), shingles(texts[2])) > ALIKE
    assert clusters(texts).tolist() == [0, 1, 0, 1, 4]


def test_clusters_are_what_pairs_connect() -> None:
    """The first and the last have too little in common, but there is one between them."""
    first, second = written(1), written(2)
    texts = [" ".join(first + second[:20]), " ".join(first + second[:70]), " ".join(first[40:] + second)]
    assert jaccard(shingles(texts[0]), shingles(texts[2])) < ALIKE
    assert clusters(texts).tolist() == [0, 0, 0]


def test_hardly_any_near_duplicate_is_missed() -> None:
    """Of two hundred pairs just above the threshold at least 98 in 100 are found."""
    pairs = [(" ".join(words), changed(words, 14)) for words in (written(seed, 120) for seed in range(200))]
    above = [pair for pair in pairs if jaccard(*map(shingles, pair)) >= ALIKE]
    assert len(above) > 100
    found = clusters([text for pair in above for text in pair])
    assert np.mean(found[::2] == found[1::2]) >= 0.98


def test_texts_without_words_are_alike() -> None:
    """And no text at all has none."""
    assert clusters(["", "...", "one two"]).tolist() == [0, 0, 2]
    assert clusters([]).tolist() == []
