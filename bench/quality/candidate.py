"""Train a recipe on all the mail that may train, masked as in the protocol, and write it as a model directory.

`make model` makes the shipped model so.

    python -m bench.quality.candidate --data DIR [--recipe default] [--output models/default]

80 % of the rows are trained on; the card's held-out figures are of a random split, where near-duplicates lie on both
sides: the protocol's figures are the ones to believe.
"""

import argparse
import sys
from pathlib import Path

from bench.quality import corpora, readers
from fyke.errors import FykeError
from fyke.model.corpus import LABEL_COLUMN, TEXT_COLUMN, Corpus, Dataset, file_digest
from fyke.model.directory import check_output, write_model
from fyke.model.evaluation import report_text
from fyke.model.training import train

READERS = ("kaggle", "spamassassin", "nazario", "nazario raw", "political")


def main() -> int:
    """Train and write; print the held-out figures and the id."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality.candidate", description="Train a candidate.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    parser.add_argument("--recipe", default="default", help="what to train (default: default)")
    parser.add_argument("--output", type=Path, default=Path("models/default"), help="model directory to write")
    options = parser.parse_args()
    try:
        check_output(options.output, force=True)
        corpus = permitted(options.data)
        document, model = train(corpus, options.recipe, columns=(TEXT_COLUMN, LABEL_COLUMN), progress=_log)
        write_model(options.output, document, model.card, files=model.files, force=True)
    except FykeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(report_text(model.card.figures["held_out"]))
    print(f"\nmodel {model.card.model_id} written to {options.output}, {len(document) / 1e6:.1f} MB")
    return 0


def permitted(data: Path) -> Corpus:
    """All mail that may train, masked, with the files that it came from.

    Raises:
        DataError: a corpus is missing.
    """
    mail = corpora.load(data, log=_log)
    rows = mail.rows(*corpora.MAY_TRAIN)
    datasets = []
    for name in READERS:
        for file in readers.files(name, data):
            of_file = corpora.KAGGLE if name == "kaggle" else (name,)
            datasets.append(Dataset(file.name, file_digest(file), len(mail.rows(*of_file))))
    return Corpus(mail.texts(rows), mail.labels(rows), datasets)


def _log(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
