"""What is asked: texts from a corpus, written as files for the load generator, and the answers that are right.

The right answers come from a scikit-learn pipeline that is fitted here, on the rows that ``fyke train`` trains on.
"""

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fyke.model.corpus import Corpus
from fyke.model.recipes import build
from fyke.model.training import split_rows

BATCH = 64
ZIPF_TEXTS, ZIPF_EXPONENT = 5_000, 1.1
ZIPF_DRAWS = 100_000
POOL = 128  # texts that are asked for again and again: more than there are connections
LONG_CHARACTERS = 100_000
TYPICAL_WORDS = range(130, 171)
FIRST_CHECK, FIRST_RUN, RUN_STRIDE = 0, 10_000_000, 1_000_000  # numbers of texts that are never repeated
MOST_CHARACTERS = 200_000  # of a real text; the service's own limit is on the body

Truth = tuple[str, float]


@dataclass(frozen=True)
class Workload:
    """Requests of one kind. ``kind`` is what wrk.lua calls it; ``kept`` whether every answer is a kept one."""

    name: str
    said: str
    kind: str
    directory: str
    kept: bool | None
    path: str = "/predict"
    texts: int = 1


WORKLOADS = {
    one.name: one
    for one in (
        Workload("hits", f"repeated: {POOL} texts of 130 to 170 words in turn, all kept", "pool", "typical", True),
        Workload("misses", "unique: the same, each with words before it that make it new", "unique", "typical", False),
        Workload(
            "zipf", f"Zipf: {ZIPF_TEXTS:,} real texts, s = {ZIPF_EXPONENT}, from an empty cache", "zipf", "zipf", None
        ),
        Workload("batches", f"unique, {BATCH} in a request", "batch", "typical", False, "/predict/batch", BATCH),
        Workload("long hits", "8 texts of 100 kB in turn, all kept", "pool", "long", True),
        Workload("long misses", "unique texts of 100 kB", "unique", "long", False),
    )
}


class Oracle:
    """The published pipeline, fitted as ``fyke train`` fits it: 80 % of the rows."""

    def __init__(self, corpus: Corpus):
        rows, _ = split_rows(len(corpus.texts))
        self.pipeline: Any = build("baseline")
        self.pipeline.fit([corpus.texts[row] for row in rows], [corpus.labels[row] for row in rows])
        self.terms: list[str] = self.pipeline[0].get_feature_names_out().tolist()

    def answers(self, texts: Sequence[str]) -> list[Truth]:
        """What ``predict`` and ``predict_proba`` say of each text."""
        labels, chances = self.pipeline.predict(texts), self.pipeline.predict_proba(texts)
        return [(str(label), float(max(chance))) for label, chance in zip(labels, chances, strict=True)]


class Speller:
    """Numbers in words that a model knows, so that it sees a new text for each; as wrk.lua spells them."""

    def __init__(self, terms: Iterable[str]):
        plain = [term for term in terms if term.isascii() and term.isalpha() and 4 <= len(term) <= 9]
        random.Random(1).shuffle(plain)  # noqa: S311 - a sample
        self.words = plain[:500]
        if len(self.words) < 500:
            raise ValueError("the model knows too few words to spell with; train it on more texts")

    def __call__(self, number: int) -> str:
        return " ".join(self.words[place * 100 + number // 100**place % 100] for place in range(5)) + " "


@dataclass(frozen=True)
class Texts:
    """The texts of each directory of workload files, and the speller of those that are never repeated."""

    typical: list[str]
    zipf: list[str]
    long: list[str]
    speller: Speller

    def of(self, workload: Workload) -> list[str]:
        """The texts that a workload takes its own from."""
        return {"typical": self.typical, "zipf": self.zipf, "long": self.long}[workload.directory]

    def examples(self, workload: Workload, first: int, count: int) -> list[str]:
        """What is sent: every text of a pool, and ``count`` of a workload's that begins at number ``first``."""
        texts = self.of(workload)
        if workload.kind == "pool":
            return texts
        if workload.kind == "zipf":
            return [self.speller(first) + text for text in texts[:count]]
        return [self.speller(first + n) + text for n, text in zip(range(count), itertools.cycle(texts), strict=False)]


def choose(corpus: Corpus, terms: Iterable[str]) -> Texts:
    """Real texts of each length that is asked for; where a corpus has too few of them, they are lengthened."""
    chance = random.Random(4)  # noqa: S311 - a sample
    real = [text for text in dict.fromkeys(corpus.texts) if text.strip() and len(text) < MOST_CHARACTERS]
    chance.shuffle(real)
    speller = Speller(terms)
    typical = [text for text in real if len(text.split()) in TYPICAL_WORDS][:POOL]
    for number, text in enumerate(itertools.cycle(real)):
        if len(typical) == POOL:
            break
        words = (speller(number) + f"{text} " * 150).split()
        typical.append(" ".join(words[:150]))
    zipf = real[:ZIPF_TEXTS]
    zipf += [speller(number) + real[number % len(real)] for number in range(ZIPF_TEXTS - len(zipf))]
    return Texts(typical, zipf, list(_long(real)), speller)


def _long(real: Sequence[str]) -> Iterator[str]:
    following = itertools.cycle(real)
    for _ in range(8):
        text = ""
        while len(text) < LONG_CHARACTERS:
            text += next(following) + "\n"
        yield text[:LONG_CHARACTERS]


def write_files(root: Path, texts: Texts) -> None:
    """The files that wrk.lua reads: a text on each line, escaped for JSON, and the order of the Zipf draws."""
    for name, some in (("typical", texts.typical), ("zipf", texts.zipf), ("long", texts.long)):
        directory = root / name
        directory.mkdir(parents=True)
        (directory / "texts").write_text("".join(json.dumps(text)[1:-1] + "\n" for text in some))
        (directory / "words").write_text("".join(word + "\n" for word in texts.speller.words))
    weights = [1 / rank**ZIPF_EXPONENT for rank in range(1, ZIPF_TEXTS + 1)]
    draws = random.Random(5).choices(range(1, ZIPF_TEXTS + 1), weights, k=ZIPF_DRAWS)  # noqa: S311 - a sample
    (root / "zipf" / "draws").write_text("".join(f"{draw}\n" for draw in draws))
