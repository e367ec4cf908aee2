"""Invitations (RFC 5545): the lines that a reader sees."""

from fyke.mail.notes import Notes

_SHOWN = ("summary", "location", "description", "comment")
LINES = 5000
"""of all invitations of a message that are looked at, and of the text of one"""


def calendar_text(source: str, notes: Notes) -> str:
    """Summary, place and description of the events, a line each, in the order in which they stand."""
    unfolded = source.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    found = []
    left = notes.left("calendar lines", LINES)
    lines = unfolded.split("\n", left)[:left]
    notes.spend("calendar lines", len(lines))
    for line in lines:
        head, colon, value = line.partition(":")
        if colon and head.partition(";")[0].strip().lower() in _SHOWN and value.strip():
            found.append(_unescaped(value.strip()[: notes.text_left]))
    lines = "\n".join(found).split("\n", LINES)[:LINES]
    return "\n".join(dict.fromkeys(lines))


def _unescaped(value: str) -> str:
    pieces = value.split("\\\\")  # what stands for a backslash itself
    return "\\".join(piece.replace("\\n", "\n").replace("\\N", "\n").replace("\\", "") for piece in pieces)
