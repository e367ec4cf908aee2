"""``fyke classify``."""

import json
import sys
from pathlib import Path

import typer
from rich.text import Text

from fyke.cli.console import complain, out
from fyke.mail.message import read_message
from fyke.model.classifier import verdict
from fyke.model.directory import SHIPPED, load_model
from fyke.model.labels import PHISHING


def run(files: list[Path], model: Path | None, prior: float | None = None, *, as_json: bool) -> int:
    """A verdict line for each file; 0 when all are safe, 1 when one is phishing, 2 when one cannot be read."""
    loaded = load_model(model or SHIPPED)
    classifier = (loaded.at_prior(prior) if prior is not None else loaded).classifier
    phishing = trouble = False
    for file in files:
        try:
            raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError as error:
            complain(f"{file}: cannot be read ({error.strerror}).")
            trouble = True
            continue
        label, probability = verdict(classifier.predict_many([read_message(raw).text])[0])
        phishing |= label == PHISHING
        if as_json:
            typer.echo(json.dumps({"file": str(file), "prediction": label, "probability": probability}))
        else:
            style = "bold red" if label == PHISHING else "green"
            out.print(Text.assemble((label, style), f"  {probability:.4f}  {file}"))
    return 2 if trouble else int(phishing)
