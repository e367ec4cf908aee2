"""Asking a server within a deadline, and finding out whether it is there: by one task for all who ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as Disconnected

from fyke.errors import StoreError

LATE_SECONDS = 1.0
REACH_SECONDS = 1.5  # time for two sentinels that hang
_FEW_LATE, _MOST_LATE = 4, 32

_Answer = TypeVar("_Answer")


class Reach:
    """What is asked of one server, ``deadline`` seconds at a time. ``probe`` reaches it, or raises.

    A reply that comes after the deadline is read all the same, for `LATE_SECONDS`, so that a connection outlives it:
    with a server farther away than a third of the deadline no connection would ever be made otherwise. After a
    failure, and at first, one task reaches the server for all who ask, within ``patience`` seconds.
    """

    def __init__(self, probe: Callable[[], Awaitable[None]], deadline: float, patience: float):
        self.sure = False  # whether the server is known to answer
        self._probe = probe
        self._deadline = deadline
        self._patience = patience
        self._late: set[asyncio.Task[Any]] = set()
        self._reaching: asyncio.Task[None] | None = None

    async def in_time(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """What ``ask`` gives within the deadline; after trouble it is asked once the server is reached again.

        Raises:
            StoreError: there is no answer by then, or it is an error.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._asked(ask))
        woken = loop.create_future()  # as `asyncio.wait` has it, without its sets

        def wake(_: object) -> None:
            if not woken.done():
                woken.set_result(None)

        task.add_done_callback(wake)
        deadline = loop.call_later(self._deadline, wake, None)
        try:
            await woken
        finally:
            deadline.cancel()
            if not task.done():
                self._let_be_late(task)
        if not task.done():
            raise StoreError(f"no answer within {self._deadline * 1000:.0f} ms")
        if task.cancelled():
            raise StoreError("the store is closed")
        return task.result()

    async def reached(self) -> None:
        """Wait for the one task that reaches the server; it goes on when its caller has no more time.

        Raises:
            StoreError: it was not reached.
            redis.exceptions.ConnectionError: the store was closed meanwhile.
        """
        reaching = self._reaching
        if reaching is None or reaching.done():
            reaching = self._reaching = asyncio.create_task(self._reach())
            reaching.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait([reaching])
        if reaching.cancelled():
            raise Disconnected("the store is closed")
        reaching.result()

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [*self._late, *([self._reaching] if self._reaching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _let_be_late(self, task: asyncio.Task[Any]) -> None:
        """Several that are late at once are one server that hangs: from then on one task asks whether it lives."""
        self._late.add(task)
        giving_up = asyncio.get_running_loop().call_later(LATE_SECONDS, task.cancel)
        task.add_done_callback(lambda task: giving_up.cancel())
        task.add_done_callback(self._late.discard)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody is waiting
        if len(self._late) > _FEW_LATE:
            self.sure = False
        if len(self._late) > _MOST_LATE:
            task.cancel()

    async def _asked(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        try:
            if not self.sure:
                await self.reached()
                if asyncio.current_task() in self._late:
                    raise Disconnected("reached too late")
            return await ask()
        except BaseException as error:
            self.sure = False
            if isinstance(error, Exception) and not isinstance(error, StoreError):
                raise _said(error) from error
            raise

    async def _reach(self) -> None:
        # Whoever asks waits for this: one connection, or one node of a cluster, that hangs must not take long.
        async with within(min(REACH_SECONDS, self._patience)):
            await self._probe()
        self.sure = True


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Bound what happens inside, and turn every failure of the client into a `StoreError`.

    Raises:
        StoreError: it took longer, or failed.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise StoreError(f"no answer within {seconds * 1000:.0f} ms") from error
    except Exception as error:
        raise _said(error) from error


def _said(error: Exception) -> StoreError:
    """Whatever the client raised, its own errors or, where it is told nonsense, anything.

    A server that does not know a command quotes what it was given, which may begin with the words of a mail.
    """
    return StoreError(str(error).partition(", with args")[0] or type(error).__name__)
