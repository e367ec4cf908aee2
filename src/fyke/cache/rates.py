"""Rate limits that hold wherever one store is shared: a window that slides, kept by the library ``limits``.

Two counters for each name, the window that is running and the one before, which counts for the share of it that is
still within reach. They are kept under ``fyke:limits:`` by scripts that the server runs whole.

However many requests of a name come at a time, the store is asked one question of it: those that come meanwhile are
summed up for the next. What was refused is remembered until there can be more, and asks nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from fyke.cache.breaker import Breaker
from fyke.cache.reach import LATE_SECONDS
from fyke.cache.store import Store
from fyke.errors import StoreError

log = logging.getLogger(__name__)

PREFIX = "fyke:limits"
_ROUNDS = 4
_SLICES = 50
_MOST_REFUSALS = 4096
_LEAST_SECONDS, _MOST_SECONDS = 0.01, 1.0  # that a refusal is remembered

Reply = TypeVar("Reply")
Of = tuple[str, str]  # a name and its rate
Waiting = tuple[int, "asyncio.Future[Taken]"]


class Taken(NamedTuple):
    """Whether there was room; how many of ``limit`` in ``window`` seconds are left; seconds until there are more."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: float


class _Shared(RedisStorage):
    """Over a client that there is already, of one server or a cluster."""

    STORAGE_SCHEME = None  # type: ignore[assignment]  # not to be had by a URL

    def __init__(self, client: Any):
        self._client = client
        super().__init__("redis://", implementation="redispy", key_prefix=PREFIX)

    def configure_bridge(self) -> None:
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda readonly: self._client


class Rates:
    """Limits by name, in ``store`` or, without one that is shared, in this process.

    ``deadline`` bounds each question in seconds. While the store does not answer it is asked once a second.
    ``failures`` counts what was to be taken and could not be counted there.
    """

    def __init__(self, store: Store | None, deadline: float, monotonic: Callable[[], float] = time.monotonic):
        client = getattr(store, "client", None)
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._limiter = self._alone if client is None else SlidingWindowCounterRateLimiter(_Shared(client))
        self._deadline = deadline
        self._monotonic = monotonic
        self.breaker = Breaker(monotonic)
        self.failures = 0
        self._items: dict[str, RateLimitItem] = {}
        self._waiting: dict[Of, list[Waiting]] = {}
        self._refusals: dict[Of, tuple[float, Taken]] = {}  # and when each was given
        self._tasks: set[asyncio.Task[Any]] = set()

    async def take(self, name: str, rate: str, cost: int = 1) -> Taken:
        """Take ``cost`` from what ``rate`` (like ``100/minute``) lets a name have; all of it, or nothing.

        Raises:
            StoreError: the store does not answer.
        """
        of = (name, rate)
        refused = self._refused(of, cost)
        if refused is not None:
            return refused
        answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        if of in self._waiting:
            self._waiting[of].append((cost, answer))
        else:
            self._waiting[of] = [(cost, answer)]
            task = asyncio.create_task(self._serve(of))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def take_alone(self, name: str, rate: str, cost: int = 1) -> Taken:
        """As `take`, counted in this process alone: for while the store does not answer."""
        item = self._item(rate)
        allowed = await self._alone.hit(item, name, cost=cost)
        return _taken(allowed, item, await self._alone.get_window_stats(item, name))

    async def _serve(self, of: Of) -> None:
        """Ask for all who wait, until nobody does."""
        try:
            while waiting := self._waiting[of]:
                self._waiting[of] = []
                await self._settle(of, waiting)
        finally:
            for _, answer in self._waiting.pop(of):
                answer.cancel()

    async def _settle(self, of: Of, waiting: list[Waiting]) -> None:
        """Answer these: in one question if there is enough for all, else in as many as it takes to part it."""
        asking = []
        for cost, answer in waiting:
            refused = self._refused(of, cost)
            if answer.done():  # its request has gone
                continue
            if refused is None:
                asking.append((cost, answer))
            else:
                answer.set_result(refused)
        if not asking:
            return
        try:
            admitted, left = await self._ask(of, [cost for cost, _ in asking])
        except BaseException as error:
            for _, answer in asking:
                if answer.done():
                    continue
                if isinstance(error, StoreError):
                    self.failures += 1
                    answer.set_exception(error)
                else:
                    answer.cancel()
            if not isinstance(error, StoreError):
                raise
            return
        if len(admitted) < len(asking):
            self._remember(of, left)
        for number, (_, answer) in enumerate(asking):
            if not answer.done():
                answer.set_result(left._replace(allowed=number in admitted))

    async def _ask(self, of: Of, costs: Sequence[int]) -> tuple[set[int], Taken]:
        """Which of these were taken, by their number, and what is left.

        Raises:
            StoreError: the store does not answer.
        """
        if not self.breaker.allow():
            raise StoreError("the store of rate limits does not answer")
        try:
            found = await self._part(of, costs)
        except Exception as error:
            reason = str(error) or type(error).__name__
            if self.breaker.failed():
                log.warning("the store of rate limits does not answer (%s); see FYKE_RATE_LIMIT_FAILS", reason)
            raise StoreError(f"the store of rate limits does not answer ({reason})") from error
        except BaseException:
            self.breaker.failed()
            raise
        if self.breaker.succeeded():
            log.info("the store of rate limits answers again")
        return found

    async def _part(self, of: Of, costs: Sequence[int]) -> tuple[set[int], Taken]:
        name, item = of[0], self._item(of[1])
        wanted = set(range(len(costs)))
        for _ in range(_ROUNDS):  # others take of the same meanwhile
            allowed = await self._in_time(self._limiter.hit(item, name, cost=sum(costs[one] for one in wanted)))
            left = _taken(allowed, item, await self._in_time(self._limiter.get_window_stats(item, name)))
            if allowed:
                return wanted, left
            wanted = _fitting(costs, left.remaining)
            if not wanted:
                break
        return set(), left

    async def _in_time(self, question: Coroutine[Any, Any, Reply]) -> Reply:
        """The reply, if it comes within the deadline.

        Only time that the loop was free to hear it counts: each slice as long as it was to be, however long other
        work has made it. Else many requests at a time would make the store seem late.

        Raises:
            TimeoutError: it did not come.
        """
        task = asyncio.ensure_future(question)
        try:
            for _ in range(_SLICES):
                done, _ = await asyncio.wait({task}, timeout=self._deadline / _SLICES)
                if done:
                    return task.result()
            raise TimeoutError(f"no answer within {self._deadline * 1000:.0f} ms")
        finally:
            if not task.done():  # what comes late is read all the same, so that its connection is there for the next
                self._tasks.add(task)
                giving_up = asyncio.get_running_loop().call_later(LATE_SECONDS, task.cancel)
                task.add_done_callback(lambda late: giving_up.cancel())
                task.add_done_callback(lambda late: late.cancelled() or late.exception())
                task.add_done_callback(self._tasks.discard)

    def _item(self, rate: str) -> RateLimitItem:
        if rate not in self._items:
            self._items[rate] = parse(rate)
        return self._items[rate]

    def _remember(self, of: Of, left: Taken) -> None:
        if len(self._refusals) >= _MOST_REFUSALS:
            self._refusals.clear()
        self._refusals[of] = (self._monotonic(), left._replace(allowed=False))

    def _refused(self, of: Of, cost: int) -> Taken | None:
        """What is known to be refused: no more than was left can be there before the reset.

        For a second at most, so that it is noticed when the store forgets, and a hundredth at least: the reset of a
        window that began in this millisecond is told as now.
        """
        known = self._refusals.get(of)
        if known is None:
            return None
        at, left = known
        passed = self._monotonic() - at
        if passed >= min(max(left.reset, _LEAST_SECONDS), _MOST_SECONDS):
            del self._refusals[of]
            return None
        return left._replace(reset=max(0.0, left.reset - passed)) if cost > left.remaining else None


def _taken(allowed: bool, item: RateLimitItem, stats: tuple[float, int]) -> Taken:
    reset, remaining = stats
    return Taken(bool(allowed), item.amount, item.get_expiry(), max(0, remaining), max(0.0, reset - time.time()))


def _fitting(costs: Sequence[int], remaining: int) -> set[int]:
    """The numbers of those for whom it suffices, first come first served."""
    found = set()
    for number, cost in enumerate(costs):
        if cost <= remaining:
            found.add(number)
            remaining -= cost
    return found
