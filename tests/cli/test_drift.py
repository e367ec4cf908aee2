"""`fyke evaluate --drift` says what moved, of mail with labels or without; `fyke model show` and its table."""

import io
import json
from pathlib import Path
from typing import Any

import polars
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from fyke.cli.app import app
from fyke.cli.showing import points_table
from fyke.errors import FykeError
from fyke.model.card import OperatingPoint
from fyke.model.directory import WEIGHTS, load_model, write_model
from tests.conftest import ROOT, SAMPLE

QUANTITIES = ["score", "unknown words", "characters"]


def evaluate(*arguments: str | Path) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)


def drift(*arguments: str | Path) -> dict[str, dict[str, Any]]:
    """What moved, by quantity."""
    done = evaluate(*arguments, "--drift", "--json")
    assert done.exit_code == 0
    return {one["quantity"]: one for one in json.loads(done.stdout)["drift"]}


@pytest.fixture(scope="module")
def without_profile(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with a card of the time before there were profiles."""
    directory = tmp_path_factory.mktemp("models") / "old"
    card = load_model(trained).card.model_copy(update={"profile": None})
    write_model(directory, (trained / WEIGHTS).read_bytes(), card)
    return directory


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A table without labels: our sample, each word doubled in itself and each text ten times as long."""
    texts = polars.read_csv(SAMPLE, infer_schema=False)["Email Text"].fill_null("").to_list()
    table = tmp_path / "strange.parquet"
    polars.DataFrame({"body": [" ".join(2 * word for word in text.split() * 10) for text in texts]}).write_parquet(
        table
    )
    return table


def test_mail_against_itself_has_not_moved(trained: Path) -> None:
    """The index is next to zero for each quantity, and it reads stable: three times the same is spread alike."""
    found = drift(SAMPLE, SAMPLE, *["--against", SAMPLE] * 3, "--model", trained)
    assert list(found) == QUANTITIES
    assert all(one["psi"] < 0.01 and one["reading"] == "stable" for one in found.values())


def test_of_the_tables_trained_on_the_held_out_rows_are_compared(trained: Path) -> None:
    """Rows that a model has learnt from have surer scores than new mail; it is told, and nothing has moved."""
    found = drift(SAMPLE, "--model", trained)
    assert [(one["psi"], one["reading"]) for one in found.values()] == [(0.0, "stable")] * len(QUANTITIES)
    told = evaluate(SAMPLE, "--model", trained, "--drift")
    assert (told.stdout.count("nothing moved"), "held-out rows" in told.stderr) == (len(QUANTITIES), True)


def test_of_other_files_beside_those_trained_on_it_is_told_that_rows_are_known(trained: Path) -> None:
    """A table more, or one twice, is another split, so that nothing can be held out; `evaluate` says it too."""
    assert "surer of them" in evaluate(SAMPLE, SAMPLE, "--model", trained, "--drift").stderr
    assert "flatter" in evaluate(SAMPLE, SAMPLE, "--model", trained, "--any-file").stderr
    assert not evaluate(SAMPLE, "--model", trained).stderr


def test_what_moved_is_told_from_what_did_not(trained: Path, strange: Path) -> None:
    """Words that nobody knows and long texts, without any label; the medians say how far."""
    found = drift(strange, "--text-column", "body", "--model", trained)
    assert found["unknown words"]["reading"] == found["characters"]["reading"] == "changed"
    assert found["unknown words"]["before"] < 0.5 < found["unknown words"]["now"]
    assert found["characters"]["now"] > 10 * found["characters"]["before"]
    told = evaluate(strange, "--text-column", "body", "--model", trained, "--drift")
    assert (told.exit_code, "changed" in told.stdout, "characters" in told.stdout) == (0, True, True)


def test_messages_are_compared_too(trained: Path) -> None:
    """Folders of mail, under no name of a label; two of them are too few to tell more."""
    found = drift(ROOT / "data" / "messages", "--model", trained)
    assert {one["reading"] for one in found.values()} <= {"stable", "too few texts"}


def test_a_card_without_a_profile_names_the_remedy(without_profile: Path) -> None:
    """Train anew, or compare with the files that it was trained on, whose held-out rows give the same profile."""
    with pytest.raises(FykeError, match=r"train it anew.*--against"):
        drift(SAMPLE, "--model", without_profile)


def test_the_files_trained_on_stand_in_for_the_profile(trained: Path, without_profile: Path) -> None:
    """Their held-out rows give the very numbers of the card."""
    assert drift(SAMPLE, "--model", without_profile, "--against", SAMPLE) == drift(SAMPLE, "--model", trained)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--drift", "--report", "there"), "--report needs labelled mail"),
        (("--against", "there"), "add --drift"),
        (("--drift", "--all"), "leave out --all"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags: tuple[str, ...], said: str) -> None:
    """By name, before anything is read."""
    with pytest.raises(FykeError, match=said):
        evaluate(SAMPLE, *flags)


def test_operating_points_are_a_table_for_people_and_json_for_programs(trained: Path) -> None:
    """The table has a row for each policy; a pipe gets the card alone."""
    points = [OperatingPoint(policy="max-fpr=0.005", threshold=0.93125, false_positive_rate=0.0049, recall=0.871)]
    screen = Console(file=io.StringIO(), width=100)
    screen.print(points_table(points, 61))
    assert screen.file.getvalue().splitlines()[-1].split() == ["max-fpr=0.005", "0.9313", "0.49%", "87.10%"]
    done = CliRunner().invoke(app, ["model", "show", str(trained)], standalone_mode=False)
    assert json.loads(done.stdout)["profile"]["rows"] == load_model(trained).card.split.test_rows
