"""The files in a folder of mail, sorted, however deep; and in a Maildir, the messages."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a folder; ``parts`` are the names that lead to it from there; ``alone`` where it lies in a Maildir."""

    path: Path
    parts: tuple[str, ...]
    alone: bool


def files(folder: Path, trouble: Callable[[str], None]) -> Iterator[Found]:
    """Every file below a folder by name, hidden ones left out; links are followed, but into no folder twice.

    A folder with ``cur`` and ``new`` in it is a Maildir: only what lies in these two is mail, its other folders are
    looked into, hidden or not, and ``tmp`` is not. ``trouble`` is told what cannot be looked into.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [Found(folder, (), alone=False)]
    while waiting:
        found = waiting.pop()
        try:
            state = found.path.stat()
            if stat.S_ISREG(state.st_mode):
                yield found
            elif not stat.S_ISDIR(state.st_mode):
                trouble(f"{found.path}: neither a file nor a folder; not read.")
            elif (state.st_dev, state.st_ino) in seen:
                trouble(f"{found.path}: leads to a folder that was looked into already; not read again.")
            else:
                seen.add((state.st_dev, state.st_ino))
                waiting += reversed(_inside(found))
        except OSError as error:
            trouble(f"{found.path}: cannot be read ({error.strerror}).")


def _inside(found: Found) -> list[Found]:
    """What is to be looked at in a folder, in order."""
    with os.scandir(found.path) as entries:
        inside = {entry.name: entry for entry in entries}
    maildir = {"cur", "new"} <= inside.keys() and inside["cur"].is_dir() and inside["new"].is_dir()
    names = [name for name in sorted(inside) if not name.startswith(".")]
    if maildir:
        names = [name for name in sorted(inside) if name != "tmp" and inside[name].is_dir()]
    elif found.alone:
        names = [name for name in names if not inside[name].is_dir()]
    return [
        Found(found.path / name, (*found.parts, name), alone=found.alone or (maildir and name in ("cur", "new")))
        for name in names
    ]
