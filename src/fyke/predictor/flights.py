"""Flights: keys on their way to an answer. Those of one turn of the event loop depart together."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from fyke.predictor.words import Answer, Wishes

GATHER_SECONDS = 0.005

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")


@dataclass(eq=False, slots=True)
class Flight(Generic[Item, Prediction]):
    """One key on its way, whoever waits for it. ``read`` gives the item.

    ``store``: one of them at least lets the answer be kept. ``refused``: there was a kept answer, or may have been,
    but not one that they wanted.
    """

    name: str
    key: str
    read: Callable[[], Item]
    canonical: bytes
    wishes: Wishes
    store: bool
    future: "asyncio.Future[Answer[Prediction]]"
    refused: bool = False


class Boarding(NamedTuple, Generic[Item, Prediction]):
    """One request's place on a flight that it began or ``joined``; leaving it does not stop the flight."""

    flight: Flight[Item, Prediction]
    joined: bool

    async def landed(self) -> Answer[Prediction]:
        """The answer, or the error, once there is one."""
        answer = await asyncio.shield(self.flight.future)
        return answer._replace(shared=True) if self.joined else answer

    def outcome(self) -> Answer[Prediction] | Exception:
        """The same of a flight that has landed, the error as a value."""
        if self.flight.future.cancelled():
            return RuntimeError("the event loop is being closed")
        error = self.flight.future.exception()
        if isinstance(error, Exception):
            return error
        answer = self.flight.future.result()
        return answer._replace(shared=True) if self.joined else answer


class Flights(Generic[Item, Prediction]):
    """Boards flights and has ``answer`` take each batch to its end.

    While ``at_once`` batches are in their lookup, requests that arrive gather for the next one, for no longer than
    `GATHER_SECONDS`: lookups that take longer wait rather than work, and holding others back would spare nothing.
    ``answer`` calls `looked_up` when its lookup is over. Whatever it raises lands with its flights.
    """

    def __init__(self, answer: Callable[[list[Flight[Item, Prediction]]], Coroutine[Any, Any, None]], *, at_once: int):
        self._answer = answer
        self._at_once = at_once
        self._under_way: dict[str, Flight[Item, Prediction]] = {}
        self._queue: list[Flight[Item, Prediction]] = []
        self._departing = False
        self._overdue: asyncio.TimerHandle | None = None
        self._looking = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, key: str, wishes: Wishes) -> Flight[Item, Prediction] | None:
        """The flight under way for the key and the same wishes, if there is one."""
        flight = self._under_way.get(key + wishes.lookup)
        if flight is not None:
            flight.store |= not wishes.no_store
        return flight

    def board(self, key: str, read: Callable[[], Item], canonical: bytes, wishes: Wishes) -> Flight[Item, Prediction]:
        """A new flight, which departs in the next turn of the loop or when a lookup is free."""
        if self._loop is None or not self._under_way:  # asked for once: each time is a system call (getpid)
            self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer[Prediction]] = self._loop.create_future()
        flight = Flight(key + wishes.lookup, key, read, canonical, wishes, not wishes.no_store, future)
        self._under_way[flight.name] = flight
        self._queue.append(flight)
        self._call_for_departure()
        return flight

    def looked_up(self) -> None:
        """A batch has its lookup behind it: another may depart."""
        self._looking -= 1
        self._call_for_departure()

    def land(self, flight: Flight[Item, Prediction], result: Answer[Prediction] | Exception) -> None:
        """The flight's answer, or the error that everyone who waits for it shares."""
        self._leave(flight)
        if flight.future.done():
            return
        if isinstance(result, Exception):
            flight.future.set_exception(result)
            flight.future.exception()  # it is known, though nobody may be waiting
        else:
            flight.future.set_result(result)

    def land_with(self, flight: Flight[Item, Prediction], done: "asyncio.Future[Answer[Prediction]]") -> None:
        """Land as another flight has."""
        if done.cancelled():
            self._gone(flight)
            return
        error = done.exception()
        if isinstance(error, Exception):
            self.land(flight, error)
        elif error is None:
            self.land(flight, done.result()._replace(shared=True, refused=flight.refused))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that nobody waits for, but `drain` does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def take(self, flights: Sequence[Flight[Item, Prediction]], work: Coroutine[Any, Any, None]) -> None:
        """Spawn work that lands these flights, if only with its error."""
        self.spawn(self._guarded(flights, work))

    async def drain(self) -> None:
        """Return when nothing is under way."""
        while self._tasks or self._queue:
            await asyncio.gather(*self._tasks, asyncio.sleep(0), return_exceptions=True)

    def _call_for_departure(self) -> None:
        if not self._queue or self._departing:
            return
        if self._looking < self._at_once:
            self._departing = True
            asyncio.get_running_loop().call_soon(self._depart)
        elif self._overdue is None:
            self._overdue = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._depart)

    def _depart(self) -> None:
        self._departing = False
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        if not self._queue:
            return
        batch, self._queue = self._queue, []
        self._looking += 1
        self.take(batch, self._answer(batch))

    async def _guarded(self, flights: Sequence[Flight[Item, Prediction]], work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if all(flight.future.done() for flight in flights):
                log.exception("after its answers were given, a batch failed")
            for flight in flights:
                self.land(flight, error)
        except BaseException:  # the loop is being torn down
            for flight in flights:
                self._gone(flight)
            raise

    def _gone(self, flight: Flight[Item, Prediction]) -> None:
        self._leave(flight)
        flight.future.cancel()

    def _leave(self, flight: Flight[Item, Prediction]) -> None:
        if self._under_way.get(flight.name) is flight:
            del self._under_way[flight.name]
