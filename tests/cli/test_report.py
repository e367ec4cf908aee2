"""`fyke evaluate --report` writes a page that shows mail and does nothing, or nothing at all."""

import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars
import pytest
from click.testing import Result
from typer.testing import CliRunner

from fyke.cli.app import app
from fyke.cli.report_page import marked, shown
from fyke.cli.reporting import NAMES, PAGE, check_report
from fyke.errors import SettingsError
from fyke.model.directory import SHIPPED, load_model
from fyke.model.explanation import Explanation, Part
from fyke.model.judging import Judged, by_corpus, worst_mistakes
from fyke.model.labels import PHISHING
from tests.conftest import SAMPLE

HOSTILE = (
    "<script>alert(1)</script><img src=//tracker.example.com/a.png onerror=alert(2)> verify your account password "
    "immediately, your bank account is suspended, click http://lure.example.com/?a=1&b='2' \u202egpj.exe </pre>"
)
TAGS = "html head meta title style body h1 h2 p strong code span div table thead tbody tr th td figure img article"
MAIL_TAGS = "pre mark"
ATTRIBUTES = "lang charset content http-equiv name class scope src alt dir title"


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def evaluate(*arguments: str | Path) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)


@pytest.fixture(scope="module")
def report(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on our own sample and on a table of hostile mail with a hostile name, which the model gets wrong."""
    root = tmp_path_factory.mktemp("report")
    other = root / "<b>&'other'.csv"
    polars.DataFrame({"Email Text": [HOSTILE] * 3, "Email Type": ["Safe Email"] * 3}).write_csv(other)
    done = evaluate(SAMPLE, other, "--model", trained, "--all", "--report", root / "made")
    assert done.exit_code == 0
    return root / "made"


def test_the_page_asks_for_nothing_and_runs_nothing(report: Path) -> None:
    """Known tags alone, pictures within the page, and a policy that allows its own style and nothing else."""
    html = (report / PAGE).read_text()
    tags = Tags(html).found
    assert {tag for tag, _ in tags} <= set(f"{TAGS} {MAIL_TAGS}".split())
    assert {name for _, attributes in tags for name in attributes} <= set(ATTRIBUTES.split())
    assert all(attributes["src"].startswith("data:image/png;base64,") for tag, attributes in tags if tag == "img")
    (policy,) = (one["content"] for _, one in tags if one.get("http-equiv") == "Content-Security-Policy")
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_the_page_tells_what_it_holds_and_shows_mail_as_text(report: Path) -> None:
    """The warning, every corpus by name, and the hostile mail to the letter, but for its mark of direction."""
    html = (report / PAGE).read_text()
    assert "This page holds text of mail" in html
    assert "the figures flatter it" in html
    assert "sample_emails.csv" in html
    assert "&lt;b&gt;&amp;&#x27;other&#x27;.csv" in html
    text = re.sub("</?mark[^>]*>", "", html)
    assert shown(HOSTILE) in text
    assert "\u202e" not in html


def test_a_calibrated_model_has_its_operating_points_in_the_page(tmp_path: Path) -> None:
    """Each policy of the shipped model's card, its threshold, and what it does to these texts, counted anew."""
    assert evaluate(SAMPLE, "--all", "--any-file", "--report", tmp_path / "made").exit_code == 0
    html = (tmp_path / "made" / PAGE).read_text()
    model, table = load_model(SHIPPED), polars.read_csv(SAMPLE)
    scores = np.array(model.classifier.predict_many(table["Email Text"].fill_null("").to_list()))
    phishing = (table["Email Type"] == PHISHING).to_numpy()
    for point in model.card.policies or ():
        flagged = scores > point.threshold
        (row,) = re.findall(f"<t[hd][^>]*>{re.escape(point.policy)}</t[hd]>(.*?)</tr>", html, re.DOTALL)
        cells = re.findall("<td[^>]*>(.*?)</td>", row)
        assert cells[0] == f"{point.threshold:.4f}"
        assert cells[-2:] == [f"{flagged[kind].mean():.2%}" for kind in (~phishing, phishing)]


def test_mistakes_are_the_worst_of_either_kind() -> None:
    """Honest texts with the highest scores, phishing with the lowest, of those on the wrong side; rows by corpus."""
    scores = np.array([0.9, 0.6, 0.1, 0.2, 0.4, 0.8])
    phishing = np.array([False, False, False, True, True, True])
    judged = Judged(
        ["a", "b"], [str(at) for at in range(6)], np.arange(6), np.array([0, 0, 1, 1, 1, 1]), scores, phishing
    )
    assert [one.place for one in worst_mistakes(judged, 1)] == [0, 3]
    assert [one.place for one in worst_mistakes(judged, 9)] == [0, 1, 3, 4]
    (_, first), (_, second) = by_corpus(judged)
    assert (first.rows, first.false_positive_rate, first.recall, first.auc) == (2, 1.0, None, None)
    assert (second.rows, second.false_positive_rate, second.recall, second.auc) == (4, 0.0, 1 / 3, 1.0)


def test_every_picture_is_there_and_in_the_page(report: Path) -> None:
    """Five PNGs, each also in the page; the directory is its owner's alone."""
    assert {path.name for path in report.iterdir()} == NAMES
    html = (report / PAGE).read_text()
    for name in NAMES - {PAGE}:
        png = (report / name).read_bytes()
        assert png.startswith(b"\x89PNG")
        assert base64.b64encode(png).decode() in html
    assert report.stat().st_mode & 0o077 == 0


def test_a_report_may_take_the_place_of_a_report_alone(trained: Path, tmp_path: Path) -> None:
    """Whatever else is there stays as it is, and is refused by name before anything is read."""
    made = tmp_path / "made"
    for _ in range(2):
        assert evaluate(SAMPLE, "--model", trained, "--report", made).exit_code == 0
    (made / "notes.txt").write_text("mine")
    for place in (made, trained, SAMPLE):
        with pytest.raises(SettingsError, match=str(place)):
            evaluate(tmp_path / "not there.csv", "--report", place)
    assert (made / "notes.txt").read_text() == "mine"
    assert (made / PAGE).is_file()
    check_report(tmp_path / "new")


def test_texts_of_one_label_have_a_report_without_curves(trained: Path, tmp_path: Path) -> None:
    """There is no curve to draw; an earlier report's curves are gone."""
    table = tmp_path / "honest.csv"
    polars.DataFrame({"Email Text": ["see you at lunch", ""], "Email Type": ["Safe Email"] * 2}).write_csv(table)
    assert evaluate(table, "--model", trained, "--all", "--report", tmp_path / "made").exit_code == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == NAMES - {"roc.png", "precision-recall.png"}


def test_without_matplotlib_the_extra_is_named(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written, and the other figures come without it."""
    for name in ("fyke.cli.plots", "fyke.cli.reporting"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    with pytest.raises(SettingsError, match=re.escape("pip install 'fyke[report]'")):
        evaluate(SAMPLE, "--model", trained, "--report", tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert evaluate(SAMPLE, "--model", trained).exit_code == 0


def test_marks_lie_on_the_words_that_they_are_of() -> None:
    """A part within the beginning is marked by its side; one beyond it is not shown."""
    text = "<pay> now & later" + " " * 2000 + "beyond"
    why = Explanation(0.0, 0.0, [Part(1, 4, 1.5), Part(12, 17, -0.25), Part(2017, 2023, 9.0)])
    html = marked(text, why)
    assert html.startswith(
        "&lt;<mark class='for' title='+1.500'>pay</mark>&gt; now &amp; "
        "<mark class='against' title='-0.250'>later</mark>"
    )
    assert "beyond" not in html
