"""Processes that help, seen from the parent: each has its own classifier, predictor and connection to the store.

    parent -> helper    the model's directory, prior and id; the settings; then lists of texts; at the end None
    helper -> parent    "ready" or the error that kept it from it; then a `Scored` for each list, in order

A helper whose parent is gone, however it went, finds its pipe closed and ends. What a helper needs it imports itself,
at once, so that this module is light.
"""

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from fyke.bulk.work import start
from fyke.errors import FykeError

AHEAD = 3  # lists of texts under way, so that a helper need not wait for its parent to have time
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of a batch as an array of 64-bit floating-point numbers, and how many were known already."""

    scores: bytes
    known: int


class Helper:
    """A process. ``change`` guards it, and is notified when it may have room or has failed."""

    def __init__(self, change: threading.Condition):
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=start, args=(theirs,), daemon=True)
        with _interrupts_ignored():
            self._process.start()
        theirs.close()
        self._change = change
        self._waiting: deque[Future[Scored]] = deque()
        self._ready = False
        self._listener = threading.Thread(target=self._listen, name="fyke-helper", daemon=True)
        self.error: FykeError | None = None
        self._listener.start()

    @property
    def room(self) -> int:
        """How many batches it can take now."""
        return AHEAD - len(self._waiting) if self._ready and self.error is None else 0

    def tell(self, message: object) -> None:
        """Send it something."""
        with suppress(OSError):  # it has ended; the listener finds out
            self._pipe.send(message)

    def submit(self, texts: list[str]) -> "Future[Scored]":
        """Have a batch scored."""
        future: Future[Scored] = Future()
        self._waiting.append(future)
        self.tell(texts)
        return future

    def close(self, *, kill: bool) -> None:
        """Wait until it has left, or make it."""
        if kill or not self._ready:
            self._process.kill()
        self._process.join(_PATIENCE)
        self._process.kill()
        self._listener.join(_PATIENCE)
        self._pipe.close()

    def _listen(self) -> None:
        message: object = None
        while not isinstance(message, FykeError):
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                message = FykeError("A process that helped has ended, for lack of memory perhaps; run this again.")
            with self._change:
                if isinstance(message, FykeError):
                    self.error = message
                    while self._waiting:
                        self._waiting.popleft().set_exception(message)
                elif isinstance(message, Scored):
                    self._waiting.popleft().set_result(message)
                else:
                    self._ready = True
                self._change.notify()


class Helpers:
    """So many of them, started at once."""

    def __init__(self, count: int):
        self.change = threading.Condition()
        self._count = count
        self._all: list[Helper] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._all.append(Helper(self.change))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for helper in self._all:
            helper.close(kill=kind is not None)

    def __len__(self) -> int:
        return self._count

    def tell(self, message: object) -> None:
        """Send something to all of them."""
        for helper in self._all:
            helper.tell(message)

    def roomiest(self) -> Helper | None:
        """Who can take a batch now, and of those who has least to do.

        Raises:
            FykeError: one of them has failed.
        """
        for helper in self._all:
            if helper.error:
                raise helper.error
        roomiest = max(self._all, key=lambda helper: helper.room, default=None)
        return roomiest if roomiest and roomiest.room else None


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process started inside ignores Ctrl-C from its first instruction: it is the parent's to end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
