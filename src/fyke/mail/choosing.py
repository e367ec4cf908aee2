"""Which parts of a message a reader sees."""

from collections.abc import Iterator

from fyke.mail.bodies import is_html, is_text, is_tnef
from fyke.mail.parts import Part


def every(root: Part) -> Iterator[Part]:
    """A part and all in it, in the order of the message."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))


def choose(root: Part) -> tuple[list[Part], list[Part]]:
    """The parts that a reader sees, in order, and the texts that stand for the same in another form.

    Of alternatives a reader sees the last HTML, else the last plain text; an invitation beside them is seen as well.
    Of related parts a reader sees the one that is named as the start, else the first that has text; the others are
    pictures and the like. A text that is the message, or an alternative, is seen though it is called a file, where
    nothing else is.
    """
    seen, others = _choose(root)
    if not any(map(is_text, seen)) and not any(map(is_tnef, seen)):
        places = set(map(id, _places(root)))
        for part in seen:
            part.shown = part.kind.name in ("text/html", "text/plain") and id(part) in places
    return seen, others


def _places(root: Part) -> list[Part]:
    """The message, where it is one part, and its alternatives."""
    alternatives = [part for part in every(root) if part.kind.name == "multipart/alternative"]
    return [root, *(child for part in alternatives for child in part.children)]


def _choose(root: Part) -> tuple[list[Part], list[Part]]:
    seen: list[Part] = []
    others: list[Part] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if not part.children:
            seen.append(part)
        elif part.kind.name == "multipart/alternative":
            best = max(reversed(part.children), key=_worth)
            rest = [leaf for child in part.children if child is not best for leaf in every(child) if is_text(leaf)]
            invitations = [leaf for leaf in rest if leaf.kind.name == "text/calendar"]
            others += [leaf for leaf in rest if leaf not in invitations]
            waiting += [*reversed(invitations), best]
        elif part.kind.name == "multipart/related":
            waiting.append(_start(part) or max(part.children, key=lambda child: _worth(child) > 0))
        else:
            if part.kind.name.startswith("message/"):
                seen.append(part)
            waiting.extend(reversed(part.children))
    return seen, others


def _start(related: Part) -> Part | None:
    """The part that a ``multipart/related`` names as its start, if it has text (RFC 2387)."""
    start = related.kind.get("start").strip("<> ").encode("utf-8", errors="replace")
    named = (child for child in related.children if start and child.headers.first("content-id").strip(b"<> ") == start)
    return next((child for child in named if _worth(child) > 0), None)


def _worth(part: Part) -> int:
    """How much of a text an alternative is: HTML before plain text before an invitation."""
    leaves = [leaf for leaf in every(part) if is_text(leaf)]
    if any(map(is_html, leaves)):
        return 3
    if any(leaf.kind.name != "text/calendar" for leaf in leaves):
        return 2
    return int(bool(leaves))
