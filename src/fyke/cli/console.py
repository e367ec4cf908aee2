"""Where the command line prints: plain in a pipe, coloured on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import ProgressColumn, Task
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
if not out.is_terminal:
    out = Console(highlight=False, width=10_000)  # a table in a pipe is never folded


def complain(message: str) -> None:
    """One line on stderr."""
    err.print(Text.assemble(("error: ", "bold red"), message))


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
