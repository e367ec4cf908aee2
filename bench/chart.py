"""Bar charts as SVG, for light and dark pages."""

from collections.abc import Sequence
from html import escape

_BAR, _GAP, _LABELS, _BARS, _FIGURES, _TOP = 20, 10, 230, 400, 90, 44
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.note{fill:#59636e}"
    ".bar{fill:#8c959f}.ours{fill:#0969da}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}.bar{fill:#656c76}.ours{fill:#4493f8}}"
)


def bars(title: str, unit: str, rows: Sequence[tuple[str, float]], *, digits: int = 0) -> str:
    """A horizontal bar for each row, from zero; those whose name begins with "fyke" stand out."""
    height = _TOP + len(rows) * (_BAR + _GAP) + 6
    width = _LABELS + _BARS + _FIGURES
    most = max((value for _, value in rows), default=0.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="16">{escape(title)}</text>',
        f'<text class="note" x="0" y="34">{escape(unit)}</text>',
    ]
    for number, (name, value) in enumerate(rows):
        top = _TOP + number * (_BAR + _GAP)
        length = max(1.0, value / most * _BARS)
        base = top + _BAR - 5
        kind = "ours" if name.startswith("fyke") else "bar"
        parts += [
            f'<text x="{_LABELS - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_LABELS + length + 6:.1f}" y="{base}">{value:,.{digits}f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
