"""``fyke model show``."""

from pathlib import Path

import typer
from rich.table import Table

from fyke.cli.console import grid, out
from fyke.model.card import OperatingPoint
from fyke.model.directory import SHIPPED, load_model


def show(directory: Path | None) -> None:
    """Print a model's card as JSON; on a terminal, its operating points after it.

    Raises:
        ModelError: the model cannot be loaded.
    """
    card = load_model(directory or SHIPPED).card
    said = card.model_dump_json(indent=2)
    if not out.is_terminal:
        typer.echo(said)
        return
    out.print_json(said, indent=2)
    if card.policies and card.calibration:
        out.print("")
        out.print(points_table(card.policies, card.calibration.rows))


def points_table(points: list[OperatingPoint], rows: int) -> Table:
    """Policies with their thresholds and what these do to so many validation rows."""
    figures = ("threshold", "false positives", "recall")
    table = grid("policy", *figures, right=figures, title=f"Operating points, on {rows:,} validation rows")
    for one in points:
        table.add_row(one.policy, f"{one.threshold:.4f}", f"{one.false_positive_rate:.2%}", f"{one.recall:.2%}")
    return table
