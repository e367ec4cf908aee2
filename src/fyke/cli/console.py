"""Where the command line prints: plain in a pipe, coloured on a terminal."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import ProgressColumn, Task
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
if not out.is_terminal:
    out = Console(highlight=False, width=10_000)  # a table in a pipe is never folded
LEAST_WIDTH = 60  # of a terminal for help in frames, which would cut the names of options on a narrower one
FRAMES: Literal["rich"] | None = "rich" if out.is_terminal and err.is_terminal and out.width >= LEAST_WIDTH else None


def complain(message: str) -> None:
    """One line on stderr."""
    err.print(Text.assemble(("error: ", "bold red"), message))


def grid(*heads: str, right: Collection[str] = (), title: str | None = None) -> Table:
    """A table without lines, ``right`` of its columns numbers; what is too wide for a terminal is folded, not cut."""
    table = Table(box=None, title=title, title_justify="left")
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    return table


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function that shows the step under way on a terminal, and is silent in a pipe."""
    if not err.is_terminal:
        yield lambda step: None
        return
    with err.status("reading") as status:
        yield lambda step: status.update(step)


def printable(text: str) -> str:
    """The text without control characters and lone surrogates, which a hostile mail could send to the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


class Rate(ProgressColumn):
    """How many of them in a second."""

    def __init__(self, things: str):
        super().__init__()
        self._things = things

    def render(self, task: Task) -> Text:
        """Empty until there is a rate."""
        return Text(f"{task.speed:,.0f} {self._things}/s" if task.speed else "")
