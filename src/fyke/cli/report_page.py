"""The page of a report: one HTML file that asks for nothing, runs nothing, and shows mail as text only."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from fyke.model.card import Card, OperatingPoint
from fyke.model.explanation import Explanation
from fyke.model.judging import Judged, Mistake, Rates, rates
from fyke.model.labels import PHISHING, SAFE
from fyke.model.reasons import reasons

SHOWN = 1200  # characters of a text
MARKED = 12  # parts of a text
STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem }
h1 { margin: 0 0 .25rem; font-size: 1.7rem } h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem }
p { margin: .4rem 0 } .quiet { color: #52606d }
.warning { border-left: .3rem solid #b3392f; background: #fdf1ef; padding: .6rem 1rem; margin: 1rem 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid #e4e7eb; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem }
figure { margin: 0 } img { width: 100%; height: auto }
article { border: 1px solid #cbd2d9; border-radius: .4rem; padding: .7rem 1rem; margin: .8rem 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 18rem; overflow: auto; margin: .5rem 0 0;
  padding: .6rem; background: #f5f7fa; font-size: .85rem }
.for { background: #f6c7c1 } .against { background: #bfe3cf }
""".strip()
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; img-src data:; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Findings:
    """All that a page tells; ``pictures`` are PNGs by name with what they show, ``why`` is one for each mistake."""

    card: Card
    scope: str
    flattering: bool
    judged: Judged
    pictures: Mapping[str, tuple[str, bytes]]
    corpora: Sequence[tuple[str, Rates]]
    points: Sequence[tuple[OperatingPoint, Rates]]
    mistakes: Sequence[Mistake]
    why: Sequence[Explanation]


def page(found: Findings) -> bytes:
    """The HTML, in UTF-8."""
    told = [
        *_head(found),
        "<h2>Figures by corpus</h2>",
        "<p class='quiet'>At the published threshold, 0.5. A dash: no text of that kind.</p>",
        _corpora(found),
        *_operating(found),
        "<h2>Curves</h2><div class='pictures'>",
        *(_picture(words, png) for words, png in found.pictures.values()),
        "</div>",
        *_mistakes(found),
    ]
    return _document(f"Report on model {found.card.model_id[:12]}", told).encode("utf-8", "replace")


def _document(title: str, told: Iterable[str]) -> str:
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="robots" content="noindex">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{shown(title)}</title>",
        f"<style>{STYLE}</style>",
    ]
    return "\n".join(["<!doctype html>", '<html lang="en"><head>', *head, "</head><body>", *told, "</body></html>\n"])


def _head(found: Findings) -> list[str]:
    card, everything = found.card, rates(found.judged.scores, found.judged.phishing)
    told = [
        "<h1>How well the model does</h1>",
        f"<p>Model <code>{shown(card.model_id)}</code>, recipe {shown(card.recipe)}, trained {shown(card.trained_at)}; "
        f"{everything.rows:,} rows ({shown(found.scope)}), {everything.phishing:,} of them phishing.</p>",
        "<p class='warning'><strong>This page holds text of mail</strong>, in \u201cThe worst mistakes\u201d, and such "
        "text may be private and may hold live links of criminals. It is shown as text alone; copy no address of it "
        "into a browser, and pass the page on only to those who may read the mail.</p>",
    ]
    if found.flattering:
        told.append(
            "<p class='warning'>The model was trained on some of these rows, so that the figures flatter it.</p>"
        )
    return told


def _corpora(found: Findings) -> str:
    judged = found.judged
    rows = [(name, *_cells(one)) for name, one in found.corpora]
    if len(rows) > 1:
        rows.append(("all", *_cells(rates(judged.scores, judged.phishing))))
    return _table(("corpus", "rows", "phishing", "accuracy", "false positives", "recall", "AUC"), rows)


def _cells(one: Rates) -> tuple[str, ...]:
    auc = "\u2013" if one.auc is None else f"{one.auc:.4f}"
    shares = (one.accuracy, one.false_positive_rate, one.recall)
    return (f"{one.rows:,}", f"{one.phishing:,}", *map(_percent, shares), auc)


def _operating(found: Findings) -> list[str]:
    if not found.points:
        return []
    rows = []
    for point, here in found.points:
        validation = _percent(point.false_positive_rate), _percent(point.recall)
        now = _percent(here.false_positive_rate), _percent(here.recall)
        rows.append((point.policy, f"{point.threshold:.4f}", *validation, *now))
    heads = (
        "policy",
        "threshold",
        "false positives, validation",
        "recall, validation",
        "false positives, here",
        "recall, here",
    )
    told = "<p class='quiet'>What the card says of its validation rows, and what came on these.</p>"
    return ["<h2>Operating points</h2>", told, _table(heads, rows)]


def _picture(words: str, png: bytes) -> str:
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    return f'<figure><img src="{source}" alt="{shown(words)}"></figure>'


def _mistakes(found: Findings) -> list[str]:
    told = ["<h2>The worst mistakes</h2>"]
    if not found.mistakes:
        return [*told, "<p>There is none.</p>"]
    told.append(
        "<p class='quiet'>The honest texts with the highest scores and the phishing with the lowest. Words that spoke "
        "most for <span class='for'>phishing</span> and for <span class='against'>safe</span> are marked.</p>"
    )
    return told + [_mistake(found.judged, *pair) for pair in zip(found.mistakes, found.why, strict=True)]


def _mistake(judged: Judged, mistake: Mistake, why: Explanation) -> str:
    text, at = judged.texts[mistake.place], mistake.place
    truth, said = (PHISHING, SAFE) if mistake.phishing else (SAFE, PHISHING)
    where = f"{judged.names[judged.corpora[at]]}, row {judged.rows[at]:,}"
    sentences = " ".join(reasons(text, why, said))
    return (
        f"<article><p><strong>{shown(truth)}</strong>, taken for {shown(said)} with a score of {mistake.score:.4f} "
        f"<span class='quiet'>({shown(where)}; {len(text):,} characters)</span></p>"
        f"<p>{shown(sentences)}</p><pre dir='auto'>{marked(text, why)}</pre></article>"
    )


def marked(text: str, why: Explanation) -> str:
    """The beginning of a text, escaped, with its strongest parts marked."""
    told, at = [], 0
    for part in sorted(why.strongest(MARKED)):
        if part.start < at or part.end > SHOWN:
            continue
        side = "for" if part.contribution > 0 else "against"
        word = shown(text[part.start : part.end])
        told += [shown(text[at : part.start]), f"<mark class='{side}' title='{part.contribution:+.3f}'>{word}</mark>"]
        at = part.end
    told.append(shown(text[at:SHOWN]) + (" \u2026" if len(text) > SHOWN else ""))
    return "".join(told)


def shown(text: str) -> str:
    """A text as HTML: escaped, every blank a space, and what is not printable, as marks of direction are, replaced."""
    return escape("".join(_plain(char) for char in text.replace("\r\n", "\n")))


def _plain(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{shown(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{shown(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _percent(share: float | None) -> str:
    return "\u2013" if share is None else f"{share:.2%}"
