"""What a text costs by its length: from text to canonical bytes, to a score, and with its reasons.

    python -m bench.lengths [--model DIRECTORY]

Text of our own sample, and the same with every seventh letter a Cyrillic look-alike, which must be folded. Each figure
is the median of several repetitions, in microseconds, on one core; the last line is JSON.
"""

import argparse
import asyncio
import csv
import json
from functools import partial
from pathlib import Path

from bench.machine import SAMPLE
from bench.steps import cost
from fyke.model.directory import SHIPPED, load_model
from fyke.model.hashed import HashedClassifier

LENGTHS = (200, 2_000, 20_000, 200_000)  # characters


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.lengths", description="The cost of a text by its length.")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="model directory (default: the shipped one)")
    classifier = load_model(parser.parse_args().model).classifier
    with SAMPLE.open(newline="") as file:
        ascii_text = " ".join(row["Email Text"] for row in csv.DictReader(file) if row["Email Text"].isascii())
    disguised = "".join("а" if at % 7 == 0 else letter for at, letter in enumerate(ascii_text))  # noqa: RUF001
    rows = []
    for kind, source in (("ASCII", ascii_text), ("look-alikes", disguised)):
        for length in LENGTHS:
            text = (source * (length // len(source) + 1))[:length]
            blob = classifier.canonical(text)
            row: dict[str, str | float] = {
                "text": kind,
                "characters": length,
                "canonical": await cost(partial(classifier.canonical, text)),
                "score": await cost(partial(classifier.predict_canonical, [blob])),
            }
            if isinstance(classifier, HashedClassifier):
                row["reasons"] = await cost(partial(classifier.explain, text))
            rows.append(row)
            print(
                "  ".join(f"{key} {value:,.0f}" if not isinstance(value, str) else value for key, value in row.items())
            )
    print(json.dumps({"model": classifier.id, "microseconds": rows}))


if __name__ == "__main__":
    asyncio.run(main())
