"""``fyke evaluate``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from fyke.cli.console import err, out, progress
from fyke.errors import SettingsError
from fyke.model.directory import SHIPPED, load_model
from fyke.service.reading import limits_from
from fyke.settings import load

_LEARNT = {
    "all": "The model was trained on these tables: only their held-out rows are compared.",
    "some": "The model was trained on some of these rows, and is surer of them than of new mail.",
}


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    paths: Sequence[Path]
    model: Path | None
    text_column: str | None
    label_column: str | None
    label_map: Mapping[str, str] | None
    every_row: bool
    any_file: bool
    as_json: bool


def run(asked: Asked, report: Path | None) -> None:
    """Print how well a model does on labelled mail, and write a report where one is wanted.

    Raises:
        FykeError: the model or the mail cannot be read, the split is not of these files, or the report cannot be
            written.
    """
    with progress() as step:
        from fyke.cli.labelled import read_labelled
        from fyke.model.evaluation import check_datasets, evaluate_texts, flatters, report_text
        from fyke.model.training import split_rows

        if report is not None:
            from fyke.cli.reporting import check_report, write_report

            check_report(report)
        loaded = load_model(asked.model or SHIPPED)
        card = loaded.card
        step("reading the mail")
        corpus = read_labelled(
            asked.paths,
            text_column=asked.text_column or card.text_column,
            label_column=asked.label_column or card.label_column,
            label_map=asked.label_map or card.label_map,
            limits=limits_from(load()),
            progress=step,
        )
        rows = range(len(corpus.texts))
        if not asked.every_row:
            if not asked.any_file:
                check_datasets(card, corpus, asked.paths)
            split = card.split
            rows = split_rows(len(corpus.texts), test_size=split.test_size, random_state=split.random_state)[1]
        step(f"evaluating {len(rows):,} texts")
        figures = evaluate_texts(
            loaded.classifier, [corpus.texts[row] for row in rows], [corpus.labels[row] for row in rows]
        )
        which = "all" if asked.every_row else "held-out"
        if report is not None:
            step("drawing the report")
            written = write_report(report, loaded, corpus, rows, scope=which)
    if asked.as_json:
        typer.echo(json.dumps({"model_id": card.model_id, "held_out": not asked.every_row} | figures))
    else:
        out.print(f"model {card.model_id}, {figures['rows']:,} {which} rows", markup=False)
        out.print(report_text(figures), markup=False)
        if flatters(card, corpus, which):
            err.print("The model was trained on some of these rows: the figures flatter it.", markup=False)
    if report is not None:
        err.print(f"report written to {written}; it holds text of mail", markup=False)


def run_drift(asked: Asked, against: Sequence[Path]) -> None:
    """Print what moved between the mail that a model was measured on and new mail, labelled or not.

    Raises:
        FykeError: the model or the mail cannot be read, or there is nothing to compare with.
    """
    with progress() as step:
        from fyke.cli.drifting import Watched, compare, print_drift

        model = load_model(asked.model or SHIPPED)
        watched = Watched(asked.paths, against, asked.text_column or model.card.text_column, limits_from(load()))
        compared = compare(model, watched, step)
    print_drift(model.card.model_id, compared, as_json=asked.as_json)
    if compared.learnt in _LEARNT:
        err.print(_LEARNT[compared.learnt], markup=False)


def check_flags(*, drift: bool, report: Path | None, against: Sequence[Path], choosing: bool) -> None:
    """Refuse flags that do not go together.

    Raises:
        SettingsError: they do not.
    """
    if drift and choosing:
        raise SettingsError("--drift chooses its rows itself; leave out --all and --any-file.")
    if drift and report is not None:
        raise SettingsError("--report needs labelled mail and --drift does not read labels; run one after the other.")
    if against and not drift:
        raise SettingsError("--against says what --drift compares with; add --drift.")
