"""``fyke evaluate --drift``: what moved between a model's profile and new mail."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import typer

from fyke.cli.console import grid, out
from fyke.cli.labelled import TABLES
from fyke.cli.unlabelled import read_unlabelled
from fyke.errors import SettingsError
from fyke.mail.limits import Limits
from fyke.model.card import Card, Profile
from fyke.model.corpus import file_digest
from fyke.model.directory import Model
from fyke.model.drift import Drift, drifts
from fyke.model.evaluation import Learnt, learnt_from
from fyke.model.profile import profile_of
from fyke.model.training import split_rows

_STYLES = {"stable": "green", "moved": "yellow", "changed": "bold red"}


@dataclass(frozen=True)
class Watched:
    """What to compare: new mail, and mail to compare with where it is not the card's profile."""

    paths: Sequence[Path]
    against: Sequence[Path]
    text_column: str
    limits: Limits


class Compared(NamedTuple):
    """The profiles before and now, what moved, and whether the model was trained on the new mail."""

    before: Profile
    now: Profile
    found: list[Drift]
    learnt: Learnt


def compare(model: Model, watched: Watched, progress: Callable[[str], None]) -> Compared:
    """What moved between the card's profile, or mail that is named, and new mail.

    Raises:
        SettingsError: the card has no profile, and there is nothing to compare with.
        DataError: mail cannot be read.
    """
    before = model.card.profile
    if before is None and not watched.against:
        raise SettingsError(
            "The model's card has no profile to compare with: train it anew, or name mail that the model knew, such as "
            "the files that it was trained on, with --against."
        )
    if watched.against or before is None:
        progress("reading the mail to compare with")
        before = profile_of(model.classifier, _unseen(model, watched, watched.against, progress)[0])
    progress("reading the mail")
    texts, learnt = _unseen(model, watched, watched.paths, progress)
    progress(f"looking at {len(texts):,} texts")
    now = profile_of(model.classifier, texts)
    return Compared(before, now, list(drifts(before, now)), learnt)


def _unseen(
    model: Model, watched: Watched, paths: Sequence[Path], progress: Callable[[str], None]
) -> tuple[list[str], Learnt]:
    """The texts of the paths, and which it was trained on: of these very tables, those alone that it has not seen."""
    texts = read_unlabelled(paths, text_column=watched.text_column, limits=watched.limits, progress=progress)
    learnt = _known_tables(model.card, paths)
    if learnt != "all":
        return texts, learnt
    split = model.card.split
    rows = split_rows(len(texts), test_size=split.test_size, random_state=split.random_state)[1]
    return [texts[row] for row in rows], learnt


def _known_tables(card: Card, paths: Sequence[Path]) -> Learnt:
    """Whether the paths are all that a model was trained on, in that order and whole, or some of its tables."""
    tables = [path for path in paths if path.name.lower().endswith(TABLES)]
    learnt = learnt_from(card, [*map(file_digest, tables)])
    whole = len(tables) == len(paths) and card.rows == sum(one.rows for one in card.datasets)
    return "some" if learnt == "all" and not whole else learnt


def print_drift(model_id: str, compared: Compared, *, as_json: bool) -> None:
    """A line of JSON, or a short table."""
    before, now, found, _ = compared
    if as_json:
        told = {"model_id": model_id, "rows_before": before.rows, "rows_now": now.rows}
        typer.echo(json.dumps(told | {"drift": [one.fields() for one in found]}))
        return
    out.print(f"model {model_id}, {now.rows:,} texts against {before.rows:,}", markup=False)
    table = grid("", "median before", "now", "PSI", "by chance", "reading", "most of it")
    for one in found:
        numbers = (_number(one.before), _number(one.now), f"{one.psi:.3f}", f"{one.by_chance:.3f}")
        style = _STYLES.get(one.reading, "")
        reading = f"[{style}]{one.reading}[/]" if style else one.reading
        table.add_row(one.quantity, *numbers, reading, most(one))
    out.print(table)


def most(one: Drift) -> str:
    """The bin that moved most, in words."""
    if one.psi == 0:
        return "nothing moved"
    low, high = (None if edge is None else f"{edge:,g}" for edge in (one.low, one.high))
    where = f"under {high}" if low is None else f"{low} and more" if high is None else f"{low} to {high}"
    return f"{where}: {one.share_before:.1%} -> {one.share_now:.1%}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3f}"
