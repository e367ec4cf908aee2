"""Measured figures in a page that people write: each kind has its place between two marks."""

from pathlib import Path

END = "<!-- to here -->"


def put(page: Path, command: str, text: str) -> None:
    """Put what a command measured between its marks.

    Raises:
        ValueError: the page has no place for it.
    """
    begin = f"<!-- measured: {command} writes from here -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{page}: has no {begin} with {END} after it.")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
