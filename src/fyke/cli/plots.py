"""The pictures of a report, as PNG. The only module that imports matplotlib, which is the extra ``report``."""

import io
import math
from collections.abc import Sequence

import numpy as np

from fyke.errors import SettingsError
from fyke.model.card import OperatingPoint
from fyke.model.classifier import THRESHOLD
from fyke.model.curves import reliability
from fyke.model.judging import Judged, precision_recall, rates, roc

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise SettingsError(
        "--report draws with matplotlib, which is not installed here: pip install 'fyke[report]'."
    ) from error

INK, QUIET, HONEST, WANTED, ACCENT = "#1f2933", "#9aa5b1", "#2f7d5b", "#b3392f", "#2b5c9e"
LEAST_RATE = 1e-4  # the false-positive rate at which the logarithmic axis begins
_MIDDLE = 0.03  # a false-positive rate in the middle of it
_DPI = 144
_LABEL = 0.14  # inches that the label of a point takes
_EDGE = 0.9  # of the width; what lies beyond has its label on the left


def pictures(judged: Judged, points: Sequence[OperatingPoint]) -> dict[str, tuple[str, bytes]]:
    """Every picture by the name of its file, with what it shows in words."""
    found = {}
    if judged.has_both():
        found["roc.png"] = _roc(judged, points)
        found["precision-recall.png"] = _precision_recall(judged, points)
    found["calibration.png"] = _calibration(judged)
    found["confusion.png"] = _confusion(judged)
    found["scores.png"] = _histogram(judged)
    return found


def _roc(judged: Judged, points: Sequence[OperatingPoint]) -> tuple[str, bytes]:
    honest, recall, area = roc(judged)
    figure, axes = _axes(f"ROC curve, area {area:.4f}", "false-positive rate (logarithmic)", "recall")
    axes.plot(np.maximum(honest, LEAST_RATE), recall, color=ACCENT, lw=1.8, drawstyle="steps-post")
    axes.set_xscale("log")
    axes.set_xlim(LEAST_RATE, 1)
    axes.set_ylim(0, 1.02)
    corner = (0.98, 0.03) if recall[honest <= _MIDDLE][-1] > 0.5 else (0.02, 0.97)  # where the curve is not
    at = [(point, rates(judged.scores, judged.phishing, point.threshold)) for point in points]
    marks = [(point.policy, max(one.false_positive_rate or 0, LEAST_RATE), one.recall or 0) for point, one in at]
    _mark(axes, marks, corner)
    return f"ROC curve with the card's operating points; area {area:.4f}.", _png(figure)


def _precision_recall(judged: Judged, points: Sequence[OperatingPoint]) -> tuple[str, bytes]:
    recall, precision, mean = precision_recall(judged)
    figure, axes = _axes(f"Precision and recall, average {mean:.4f}", "recall", "precision")
    axes.plot(recall, precision, color=ACCENT, lw=1.8, drawstyle="steps-post")  # recalls descend
    axes.axhline(judged.phishing.mean(), color=QUIET, lw=1, ls=":")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    marks = [(point.policy, *_found(judged, point.threshold)) for point in points]
    _mark(axes, marks, (0.02, 0.03))
    return f"Precision over recall; average precision {mean:.4f}; dotted: share of phishing.", _png(figure)


def _found(judged: Judged, threshold: float) -> tuple[float, float]:
    """Recall and precision; without precision where nothing is flagged."""
    flagged = judged.scores > threshold
    right = int(judged.phishing[flagged].sum())
    return right / int(judged.phishing.sum()), right / int(flagged.sum()) if flagged.any() else math.nan


def _calibration(judged: Judged) -> tuple[str, bytes]:
    figure, axes = _axes("Calibration", "probability that the model says", "share of phishing")
    bins = reliability(judged.scores, judged.phishing)
    said, share, counts = (np.array([one[key] for one in bins]) for key in ("mean", "share", "rows"))
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1, ls=":")
    axes.plot(said, share, color=ACCENT, lw=1.2, zorder=2)
    axes.scatter(said, share, 14 + 180 * counts / counts.max(), color=ACCENT, zorder=3, alpha=0.85, lw=0)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    return "Calibration: dots on the diagonal are probabilities that are true; size is the number of texts.", _png(
        figure
    )


def _confusion(judged: Judged) -> tuple[str, bytes]:
    figure, axes = _axes(f"Confusion matrix at {THRESHOLD:g}", "the model says", "it is")
    flagged = judged.scores > THRESHOLD
    table = np.array([[np.sum((judged.phishing == so) & (flagged == said)) for said in (0, 1)] for so in (0, 1)])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    for row in (0, 1):
        for column in (0, 1):
            colour = "white" if shares[row, column] > 0.6 else INK
            text = f"{table[row, column]:,}\n{shares[row, column]:.2%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
    axes.set_xticks([0, 1], ["safe", "phishing"])
    axes.set_yticks([0, 1], ["safe", "phishing"], rotation=90, va="center")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return f"Confusion matrix at {THRESHOLD:g}: safe {table[0].tolist()}, phishing {table[1].tolist()}.", _png(figure)


def _histogram(judged: Judged) -> tuple[str, bytes]:
    figure, axes = _axes("Scores", "probability of phishing", "texts (logarithmic)")
    kinds = [judged.scores[~judged.phishing], judged.scores[judged.phishing]]
    axes.hist(
        kinds, 40, range=(0, 1), color=[HONEST, WANTED], label=["safe", "phishing"], histtype="stepfilled", alpha=0.55
    )
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.8)
    axes.set_xlim(0, 1)
    axes.legend(frameon=False, loc="upper center", ncols=2)
    return "How the scores of safe and of phishing texts are spread.", _png(figure)


def _axes(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 4.2), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold")
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.grid(visible=True, color="#e4e7eb", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    return figure, axes


def _mark(axes: Axes, marks: Sequence[tuple[str, float, float]], corner: tuple[float, float]) -> None:
    """Operating points with their numbers, those too near to each other to be read apart with one label, and the
    numbers' names in a corner.

    One that flags nothing has no precision, and no mark.
    """
    shown = [(number, x, y) for number, (_, x, y) in enumerate(marks, 1) if not math.isnan(y)]
    axes.scatter([x for _, x, _ in shown], [y for _, _, y in shown], 26, color=WANTED, zorder=4, clip_on=False)
    for together in _near(axes, shown):
        numbers, (_, x, y) = sorted(number for number, _, _ in together), together[-1]
        far = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0]
        side, away = ("right", -5) if far > _EDGE else ("left", 5)
        label = axes.annotate(
            ",".join(map(str, numbers)),
            (x, y),
            (away, -10),
            textcoords="offset points",
            ha=side,
            fontsize=7,
            color=INK,
        )
        label.set_in_layout(False)
    named = "\n".join(f"{number} {policy}" for number, (policy, _, _) in enumerate(marks, 1))
    across, up = ("right" if corner[0] > 0.5 else "left"), ("top" if corner[1] > 0.5 else "bottom")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
    axes.text(*corner, named, transform=axes.transAxes, ha=across, va=up, fontsize=7, color=INK, bbox=box)


def _near(axes: Axes, points: Sequence[tuple[int, float, float]]) -> list[list[tuple[int, float, float]]]:
    """Numbered points from left to right, those together that lie within a label's width of the first of them."""
    groups: list[list[tuple[int, float, float]]] = []
    first = np.array([-math.inf, 0.0])
    for point in sorted(points, key=lambda one: one[1:]):
        place = axes.transData.transform(point[1:])
        if np.hypot(*(place - first)) <= _LABEL * _DPI:
            groups[-1].append(point)
        else:
            groups.append([point])
            first = place
    return groups


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
