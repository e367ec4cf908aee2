"""uvicorn's HTTP protocol with a shorter way for plain requests to `POST /predict`.

uvicorn parses a head, then makes a scope, a cycle and a task for each request. The heads that one client sends are
equal, byte for byte, but for their content length. So a head that httptools has parsed, and that the fast lane finds
plain, is remembered with the length that it states; when the same bytes come again on a connection that is between
two requests, what follows is a body of that length for the fast lane, and nothing needs to be parsed.

Whatever is not exactly that is left to uvicorn: heads not seen before, requests that come several at a time, clients
that are slow to read. And whatever the lane does not answer is given to uvicorn as it came.
"""

from time import perf_counter
from typing import Any, cast

from starlette.types import Scope

from fyke.errors import Overloaded
from fyke.predictor import Answer
from fyke.service.doors import Door, beginning
from fyke.service.holding import Budget, Share, TooMuchHeld
from fyke.service.lane import PATH, FastLane, Known, NotPlain
from fyke.service.observing import REQUEST_ID
from fyke.service.replies import header_lines
from fyke.service.routes import FAILED
from fyke.service.views import LIVE

MOST_HEADS, LONGEST_HEAD = 4096, 1024
_REQUEST = f"POST {PATH} HTTP/1.1\r\n".encode()
_BLANK = b"\r\n\r\n"
_WITH_ID = b"%b" + REQUEST_ID.encode() + b": %b\r\n"
FIRST_SECONDS = 1.0  # for the first request of a connection that the service's end has met
_MOST_HELD = 64 * 1024  # bytes of later requests that are read while one is being answered


class Wire(Door):
    """One connection. The application has its `FastLane` as ``lane``; without one this is uvicorn's own protocol."""

    def __init__(self, *arguments: Any, **keywords: Any):
        super().__init__(*arguments, **keywords)
        lane: FastLane | None = getattr(self.app, "lane", None)
        self._lane = lane if self.limit_concurrency is None and not self.config.access_log else None
        self._heads: dict[bytes, Known] = {} if lane is None else lane.heads
        self._access = None if lane is None else lane.access
        self._between = True  # two requests
        self._begun = bytearray()  # a request with a known head, until its body is complete
        self._length = 0  # of that request
        self._share = Share(Budget() if lane is None else lane.bodies)  # which it takes, until it is answered
        self._asked: bytes | None = None  # the request that the lane is answering
        self._ending = False
        self._started = 0.0  # that request, in the seconds of `perf_counter`
        self._heard = 0.0  # when the last answer was given, likewise
        self._failed: Exception | None = None

    def data_received(self, data: bytes) -> None:
        """Take the short way where the bytes are those of a known request, else uvicorn's."""
        if self._asked is not None:
            self._held += data
            if len(self._held) > _MOST_HELD:
                self.flow.pause_reading()
            return
        if self._begun:
            self._go_on(data)
            return
        if self._lane is None or not (self._between and data.startswith(_REQUEST) and self._is_idle()):
            self.parse(data)
            return
        end = data.find(_BLANK, 0, LONGEST_HEAD)
        if end < 0:
            self.parse(data)
            return
        if self._access is not None:
            self._access.keys.refresh()  # which forgets heads when there are other keys
        known = self._heads.get(data[:end])
        if known is None:
            self._learn(self._lane, data[:end], data)
            return
        lane, length = known
        self._length = end + len(_BLANK) + length
        if len(data) < self._length:
            self._go_on(data, end + len(_BLANK))
            self.come("body")
            return
        if self._timer is not None:
            self.come("")
        if len(data) > self._length:
            self.parse(data)
        else:
            self._ask(lane, data, data[end + len(_BLANK) :])

    def _go_on(self, data: bytes, head: int = 0) -> None:
        """More of a request with a known head: a body that comes in pieces counts among those that are held."""
        try:
            self._share.check(self._length - len(self._begun) - head)
            self._share.take(len(data) - head)
        except TooMuchHeld as error:
            self._begun.clear()
            self._share.give_back()
            cast(FastLane, self._lane).refused(error)  # which counts it
            self._refuse(503, str(error), {"retry-after": str(error.seconds)})
            return
        self._begun += data
        if len(self._begun) < self._length:
            return
        whole = bytes(self._begun)
        self._begun.clear()
        self.data_received(whole)
        if self._asked is None:
            self._share.give_back()

    def _is_idle(self) -> bool:
        """Whether every request has been answered, and the client reads the answers."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self.flow.write_paused and not self.transport.is_closing()

    def _learn(self, lane: FastLane, head: bytes, data: bytes) -> None:
        """Let uvicorn have the request; remember its head, if that is how it parsed it and the lane would take it."""
        before = self._messages
        self.parse(data)
        if self._messages != before + 1 or self.cycle is None or self.cycle.scope is not self.scope:
            return
        scope = cast(Scope, self.scope)
        known = lane.known(scope)
        if (
            known is not None
            and self.cycle.keep_alive
            and head.count(b"\n") == len(scope["headers"])  # the parser saw the same lines
            and len(data) <= len(head) + len(_BLANK) + known.length
        ):
            self.know(head, known)

    def know(self, head: bytes, known: Known) -> None:
        """Remember a head, without its blank line, and what is known of it."""
        self._heads[head] = known
        if len(self._heads) > MOST_HEADS:
            del self._heads[next(iter(self._heads))]

    def _ask(self, lane: FastLane, request: bytes, body: bytes) -> None:
        self._started = perf_counter()
        try:
            answer = lane.ask(body, self._answered)
        except Overloaded as error:
            assert self._lane is not None
            headers, told = self._lane.refused(error)
            self._write(503, header_lines(headers), told)
            return
        except Exception as error:
            self._pass_on(request, error)
            return
        if answer is None:
            self._asked = request
        else:
            self._reply(answer)

    def _answered(self, outcome: Answer[float] | Exception) -> None:
        request, self._asked = self._asked, None
        later, self._held = bytes(self._held), bytearray()  # which comes after this request, whoever answers it
        if self._share.bytes:
            self._share.give_back()
        if request is None or self.transport.is_closing():
            return
        if isinstance(outcome, Exception):
            self._pass_on(request, outcome)
        else:
            self._reply(outcome)
        if later and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(later)

    def _reply(self, answer: Answer[float]) -> None:
        assert self._lane is not None
        self._ending = self._ending or self._lane.leaving
        lines, body = self._lane.replies.of(answer, self._lane.policy.of(answer.key))
        self._write(200, _WITH_ID % (lines, self._lane.new_id().encode()), body)
        self._lane.figures.fast[answer.tier].add(self._heard - self._started)

    def _write(self, status: int, lines: bytes, body: bytes) -> None:
        begin = beginning(status, self.server_state.default_headers)
        if self._ending:
            lines += b"connection: close\r\n"
        self.transport.write(b"%b%b\r\n%b" % (begin, lines, body))
        self.server_state.total_requests += 1
        self._heard = perf_counter()
        if self._ending:
            self._hang_up()
            return
        if self.timeout_keep_alive_task is None:
            self._rest(self.timeout_keep_alive)

    def _pass_on(self, request: bytes, error: Exception) -> None:
        """Let uvicorn have a request after all; the application is told of an error, which it need not make again."""
        self._failed = None if isinstance(error, NotPlain) else error
        self.parse(request)
        if self._ending:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn's; what the lane is answering it still holds."""
        if self._asked is None:
            self._share.give_back()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """uvicorn's; a request has begun."""
        self._between = False
        super().on_message_begin()
        if self._failed is not None:
            cast(Scope, self.scope)[FAILED], self._failed = self._failed, None

    def on_headers_complete(self) -> None:
        """uvicorn's; the last request of a connection when the service ends."""
        super().on_headers_complete()
        if self._ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """uvicorn's; another request may begin."""
        self._between = True
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing came since the last answer; the timer is not set anew for each."""
        if self.transport.is_closing():
            return
        left = self._heard + self.timeout_keep_alive - perf_counter()
        if self._asked is not None or self._begun:
            left = self.timeout_keep_alive
        if left > 0:
            self._rest(left)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Answer what was asked, or has begun to arrive, then close."""
        self._ending = True
        if self._begun:
            begun = bytes(self._begun)
            self._begun.clear()
            self._share.give_back()
            self.parse(begun)
        if self._is_new():
            self.loop.call_later(FIRST_SECONDS, self._give_up)
        elif self._asked is None:
            super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.scope["path"] == LIVE:
            self._hang_up()  # what has no end would be waited for

    def _is_new(self) -> bool:
        """Whether no request has begun: one may be on its way."""
        return not self._messages and not self._heard and self._asked is None

    def _give_up(self) -> None:
        if self._is_new():
            self._hang_up()

    def _rest(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
