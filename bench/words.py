"""Words that a model tells apart, for texts that it has never been asked about."""

import csv
import re

from bench.machine import SAMPLE
from fyke.model.classifier import Classifier


def known_words(classifier: Classifier) -> list[str]:
    """Words of our own sample, in lower case, in the order in which they occur, that a model sees each as another."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        words = (word for row in csv.DictReader(file) for word in re.findall(r"\b[a-z]+\b", row["Email Text"].lower()))
        seen = {classifier.canonical(word): word for word in dict.fromkeys(words)}
    return [word for canonical, word in seen.items() if canonical]
