"""``fyke evaluate --drift``: what moved between a model's profile and new mail."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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


def compare(model: Model, watched: Watched, progress: Callable[[str], None]) -> tuple[Profile, Profile, list[Drift]]:
    """The profiles before and now, and what moved.

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
        before = profile_of(model.classifier, _unseen(model, watched, watched.against, progress))
    progress("reading the mail")
    texts = _unseen(model, watched, watched.paths, progress)
    progress(f"looking at {len(texts):,} texts")
    now = profile_of(model.classifier, texts)
    return before, now, list(drifts(before, now))


def _unseen(model: Model, watched: Watched, paths: Sequence[Path], progress: Callable[[str], None]) -> list[str]:
    """The texts of the paths: of the very tables that the model was trained on, those alone that it has not seen."""
    texts = read_unlabelled(paths, text_column=watched.text_column, limits=watched.limits, progress=progress)
    if known_tables(model.card, paths) != "all":
        return texts
    split = model.card.split
    rows = split_rows(len(texts), test_size=split.test_size, random_state=split.random_state)[1]
    return [texts[row] for row in rows]


def known_tables(card: Card, paths: Sequence[Path]) -> Literal["all", "some", "none"]:
    """Whether the paths are all that a model was trained on, in that order and whole, or some of its tables."""
    given = [file_digest(path) for path in paths if path.name.lower().endswith(TABLES)]
    known = [one.sha256 for one in card.datasets]
    if len(given) == len(paths) and given == known and card.rows == sum(one.rows for one in card.datasets):
        return "all"
    return "none" if set(given).isdisjoint(known) else "some"


def print_drift(model_id: str, before: Profile, now: Profile, found: Sequence[Drift], *, as_json: bool) -> None:
    """A line of JSON, or a short table."""
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
