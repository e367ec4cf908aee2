"""The fast lane: `POST /predict` answered without the framework, where nothing about a request is unusual.

Everything unusual (another content type, a `Cache-Control`, a body that is not plainly ``{"text": "..."}``, a model
that fails) goes on to the FastAPI application with its body intact, which has the same route, and alone decides what
is an error. So both lanes validate alike by construction, and answer alike by test.

A body that was seen before, byte for byte, is found by its digest and not decoded again. Only keyed digests and
cache keys are remembered, no bodies.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from pydantic_core import from_json
from starlette.types import ASGIApp, Receive, Scope, Send

from fyke.errors import Overloaded
from fyke.model.policies import BALANCED, Policy
from fyke.predictor import Answer, Boarding, Predictor
from fyke.service.access import Access
from fyke.service.figures import NO_TIER, Figures
from fyke.service.headers import SECURITY
from fyke.service.holding import Budget, Share, TooMuchHeld, again
from fyke.service.hosts import Hosts
from fyke.service.load import Load
from fyke.service.observing import REQUEST_ID, request_ids
from fyke.service.policing import Policies
from fyke.service.replies import JSON, Replies, overloaded, response
from fyke.service.routes import FAILED
from fyke.service.tenants import Tenants

log = logging.getLogger(__name__)

PATH = "/predict"
Outcome = Answer[float] | Exception
Done = Callable[[Outcome], None]

_UNKNOWN = ("", "")
_PLAIN = {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type"}
# What proxies add is about the client's address, which no prediction depends on.
_PLAIN |= {b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"}


class Known(NamedTuple):
    """What is known of a plain request by its head: the lane of its namespace, and the length of its body in bytes."""

    lane: "FastLane"
    length: int


class NotPlain(Exception):
    """The request is for the framework to look at."""


class _Unread(NamedTuple):
    """A text that came in this turn of the event loop, and where its answer goes."""

    text: str
    digest: bytes
    done: Done


class _Aboard(NamedTuple):
    """A body whose key is being looked up, and where its answer goes."""

    read: Callable[[], str]
    digest: bytes
    done: Done


class FastLane:
    """What answers plain requests, from ASGI or from `fyke.service.wire`.

    ``app`` is what unusual requests go on to. ``predictor`` is asked for at each request: it may change. ``limit`` is
    the largest body in bytes that it reads, ``policy`` how it reads a label from a score. ``remember`` is the number
    of bodies whose keys it knows; each takes about 400 bytes.

    ``load`` is asked before anything has to wait for the model; ``most_chars`` is the longest text that it takes.

    `admit` has it ask for keys: then each namespace has a lane of its own, with its own predictor and its own digests
    of bodies, so that what one tenant has sent is new when another sends it.
    """

    def __init__(
        self,
        app: ASGIApp,
        predictor: Callable[[], Predictor[str, float]],
        limit: int,
        load: Load,
        most_chars: int,
        policy: Policy | Policies = BALANCED,
        remember: int = 20_000,
    ):
        self._app = app
        self._predictor = predictor
        self._limit = limit
        self._load = load
        self._most_chars = most_chars
        self.policy = policy
        self.leaving = False  # whether each answer is the last of its connection
        self._keys: OrderedDict[bytes, tuple[str, str]] = OrderedDict()
        self._most = remember
        self._secret = os.urandom(32)
        self._names = _PLAIN
        self._tenants: Tenants | None = None
        self._lanes: dict[str, FastLane] = {}
        self.access: Access | None = None
        self.closed = False  # everything goes on to ``app``, which sees more of it
        self.figures = Figures()
        self.bodies = Budget()
        self.hosts: Hosts | None = None  # that plain requests may be for; None is all
        self.new_id = request_ids()
        self.heads: dict[bytes, Known] = {}  # that `Wire` knows
        self.replies = Replies()
        self._unread: list[_Unread] = []
        self._aboard: dict[str, list[_Aboard]] = {}
        self._reading: set[asyncio.Task[Answer[float]]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once or pass on."""
        known = None if FAILED in scope else self.known(scope)
        if known is None:
            return await self._app(scope, receive, send)
        message = await receive()
        body: bytes = message.get("body", b"")
        share = Share(self.bodies)
        answer: Outcome
        try:
            if message.get("more_body") or message["type"] != "http.request":
                body = await share.whole(message, receive)
            started = time.perf_counter()
            answer = await known.lane._answer(body)
        except TooMuchHeld as error:
            answer = error
        finally:
            share.give_back()
        if isinstance(answer, Overloaded):
            return await _send(send, 503, *self.refused(answer))
        if isinstance(answer, Exception):
            unusual = scope if isinstance(answer, NotPlain) else {**scope, FAILED: answer}
            return await self._app(unusual, again(body, receive), send)
        headers, body = response(answer, self.policy.of(answer.key))
        await _send(send, 200, headers | {REQUEST_ID: self.new_id()}, body)
        self.figures.fast[answer.tier].add(time.perf_counter() - started)
        return None

    def refused(self, error: Overloaded) -> tuple[dict[str, str], bytes]:
        """Headers and body for whom would have to wait too long, counted."""
        self.figures.add(PATH, 503, NO_TIER, None)
        headers, body = overloaded(error)
        return headers | {REQUEST_ID: self.new_id()}, body

    def watch(self, figures: Figures, ids: Callable[[], str], *, closed: bool) -> None:
        """Count in ``figures``, take ids from ``ids``; ``closed``: pass everything on, to be seen there."""
        self.figures, self.new_id, self.closed = figures, ids, closed

    def admit(self, access: Access, tenants: Tenants) -> None:
        """From now on, take requests with a key that may predict, each into the lane of its namespace."""
        self.access, self._tenants = access, tenants
        self._names = _PLAIN | {b"authorization", b"x-api-key"}
        access.keys.on_change(self._forget_keys)

    def _forget_keys(self) -> None:
        """Heads hold keys, which may be in force no longer."""
        assert self.access is not None
        self.heads.clear()
        namespaces = self.access.keys.namespaces
        self._lanes = {name: lane for name, lane in self._lanes.items() if name in namespaces}

    def known(self, scope: Scope) -> Known | None:
        """What is known of a request by its head, if it is one for the fast lane, from who may."""
        length = None if self.closed else self._plain_length(scope)
        if length is None:
            return None
        if self.access is None:
            return Known(self, length)
        key = self.access.identify(scope["headers"])
        if key is None or self.access.refusal(PATH, key) is not None or self.access.is_limited(key):
            return None
        return Known(self._lane_of(key.namespace), length)

    def _lane_of(self, namespace: str) -> "FastLane":
        found = self._lanes.get(namespace)
        if found is None:
            assert self._tenants is not None
            predictor = partial(self._tenants.predictor, namespace)
            found = FastLane(self._app, predictor, self._limit, self._load, self._most_chars, self.policy, self._most)
            found._keys = self._keys  # one bound for all; digests are keyed with each lane's own secret
            self._lanes[namespace] = found
        return found

    def _plain_length(self, scope: Scope) -> int | None:
        """The length in bytes of a request's body, if the request is plain by its head."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            return None
        length = kind = b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                kind = value if not kind else b"said twice"
            elif name not in self._names or (name == b"host" and self.hosts is not None and value not in self.hosts):
                return None
        if kind != JSON.encode() or not length.isdigit() or int(length) > self._limit:
            return None
        return int(length)

    def ask(self, body: bytes, done: Done) -> Answer[float] | None:
        """The answer where this process has it; else None, and ``done`` is called with it, or with what went wrong.

        Raises:
            NotPlain: the body is for the framework.
            Overloaded: the answer would take too long.
        """
        predictor = self._predictor()
        digest = hashlib.blake2b(body, digest_size=16, key=self._secret).digest()
        model_id, key = self._keys.get(digest, _UNKNOWN)
        if model_id != predictor.model.id:
            self._load.check()  # before the body is read
            self._predict(predictor, digest, _text(body, self._most_chars), self._counted(done))
            return None
        read = partial(_text, body, self._most_chars)
        answer = predictor.recall(key, read)
        if answer is not None:
            return answer
        aboard = self._aboard.get(key)
        if aboard is not None:
            self._load.begin()
            aboard.append(_Aboard(read, digest, done))
            return None
        boarding = predictor.look_up(key, read)
        if boarding is None:
            self._predict(predictor, digest, read(), self._counted(done))
            return None
        self._load.begin()
        self._aboard[key] = [_Aboard(read, digest, done)]
        boarding.flight.future.add_done_callback(partial(self._looked_up, predictor, key, boarding))
        return None

    def _looked_up(self, predictor: Predictor[str, float], key: str, boarding: Boarding[str, float], _: object) -> None:
        """Answer all who asked for a key while it was looked up, or have what the store does not know predicted."""
        aboard = self._aboard.pop(key)
        outcomes = predictor.outcomes(boarding, len(aboard))
        if isinstance(outcomes[0], Answer):
            self._load.end(len(aboard))
        for one, outcome in zip(aboard, outcomes, strict=True):
            try:
                if isinstance(outcome, Answer):
                    one.done(outcome)
                else:
                    self._predict(predictor, one.digest, one.read(), self._ending(one.done))
            except Exception:  # of one connection, which is none of the others'
                log.exception("an answer could not be given")

    def _counted(self, done: Done) -> Done:
        """``done``, with what is asked counted among what waits until then."""
        self._load.begin()
        return self._ending(done)

    def _ending(self, done: Done) -> Done:
        """``done`` of what is counted among what waits."""

        def ended(outcome: Outcome) -> None:
            self._load.end()
            done(outcome)

        return ended

    def _predict(self, predictor: Predictor[str, float], digest: bytes, text: str, done: Done) -> None:
        """As `ask`, for a body whose key is not known; the texts of a turn of the event loop are read together."""
        self._unread.append(_Unread(text, digest, done))
        if len(self._unread) == 1:
            asyncio.get_running_loop().call_soon(self._begin, predictor)

    def _begin(self, predictor: Predictor[str, float]) -> None:
        unread, self._unread = self._unread, []
        for one, begun in zip(unread, predictor.begin_many([one.text for one in unread]), strict=True):
            landed = partial(self._landed, predictor, one)
            if isinstance(begun, Boarding):
                begun.flight.future.add_done_callback(partial(_flown, predictor, begun, landed))
            elif begun is None:
                reading = asyncio.get_running_loop().create_task(predictor.predict(one.text))
                self._reading.add(reading)
                reading.add_done_callback(self._reading.discard)
                reading.add_done_callback(partial(_read, landed))
            else:
                landed(begun)

    def _landed(self, predictor: Predictor[str, float], one: "_Unread", outcome: Answer[float] | Exception) -> None:
        if isinstance(outcome, Answer):
            self._remember(one.digest, predictor.model.id, outcome.key)
        one.done(outcome)

    async def _answer(self, body: bytes) -> Answer[float] | Exception:
        later: asyncio.Future[Answer[float] | Exception] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not later.done():  # the client may have gone
                later.set_result(outcome)

        try:
            return self.ask(body, done) or await later
        except Exception as error:
            return error

    def _remember(self, digest: bytes, model_id: str, key: str) -> None:
        """First in, first out: a body that comes often is soon in again."""
        self._keys[digest] = (model_id, key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in (SECURITY | headers).items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _flown(predictor: Predictor[str, float], boarding: Boarding[str, float], landed: Done, _: object) -> None:
    landed(predictor.outcome(boarding))


def _read(landed: Done, task: asyncio.Task[Answer[float]]) -> None:
    error = RuntimeError("the event loop is being closed") if task.cancelled() else task.exception()
    landed(error if isinstance(error, Exception) else task.result())


def _text(body: bytes, most_chars: int) -> str:
    """The text in a plain body.

    Raises:
        NotPlain: it is not; it may yet be right.
    """
    try:
        parsed: Any = from_json(body)
    except ValueError as error:
        raise NotPlain from error
    text = parsed.get("text") if type(parsed) is dict else None
    if type(text) is not str or len(text) > most_chars:
        raise NotPlain
    return text
