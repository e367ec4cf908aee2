"""Measure a recipe, or a model directory, by the quality protocol.

    python -m bench.quality --data DIR [--recipe NAME | --model DIR] [--train kaggle] [--unmasked]
                           [--only PART]... [--page | --no-page]

Prints tables for people, then one line of JSON; a whole run is also written to docs/quality.md. Prepared corpora are
kept in a cache outside the repository (--cache).
"""

import argparse
import json
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.quality import corpora, fitting, protocol, report
from fyke.errors import FykeError


def main() -> int:
    """Measure, print, and write the page."""
    options = _parse()
    try:
        fit = fitting.fixed(options.model) if options.model else fitting.recipe(options.recipe)
        started = time.perf_counter()
        mail = corpora.load(options.data, options.cache, _log)
        trains = corpora.PUBLISHED if options.train == "kaggle" else corpora.MAY_TRAIN
        parts = protocol.run(mail, fit, only=options.only, corpora=trains, masked=options.masked, log=_log)
    except FykeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    title = options.model.name if options.model else options.recipe
    title += ", trained on the published file alone" if options.train == "kaggle" else ""
    title += "" if options.masked else ", unmasked"
    figures = {
        "title": title,
        "command": _command(options),
        "seconds": round(time.perf_counter() - started, 1),
        "rows": {name: len(mail.rows(name)) for name in sorted(set(mail.corpus))},
        "machine": machine(),
        "parts": parts,
    }
    print(report.text(title, figures))
    if not options.only if options.page is None else options.page:
        report.write(title, figures)
    print(json.dumps(_finite(figures)))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description="The quality protocol.")
    parser.add_argument("--data", type=Path, required=True, help="the directory of the corpora")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--recipe", default="baseline", help="a recipe to fit on every split (default: baseline)")
    what.add_argument("--model", type=Path, help="a fitted model; its figures leak wherever it was trained on the mail")
    parser.add_argument("--train", choices=["permitted", "kaggle"], default="permitted", help="what mail may train")
    parser.add_argument(
        "--unmasked", dest="masked", action="store_false", help="texts as a service would be asked them"
    )
    parser.add_argument("--only", action="append", default=[], choices=list(protocol.PARTS), help="a part; repeatable")
    parser.add_argument("--cache", type=Path, help="where prepared corpora are kept (default: the user's cache)")
    parser.add_argument(
        "--page", action=argparse.BooleanOptionalAction, help="write docs/quality.md (default: unless --only is given)"
    )
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    which = f"--model {options.model.name}" if options.model else f"--recipe {options.recipe}"
    train = " --train kaggle" if options.train == "kaggle" else ""
    only = "".join(f" --only {shlex.quote(part)}" for part in options.only)
    return f"python -m bench.quality {which}{train}{'' if options.masked else ' --unmasked'}{only}"


def _log(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def _finite(value: Any) -> Any:
    """JSON knows no NaN: what has no figure is null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(main())
