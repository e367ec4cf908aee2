"""The fast lane: `POST /predict` answered without the framework, where nothing about a request is unusual.

Everything unusual (another content type, a `Cache-Control`, a body that is not plainly ``{"text": "..."}``, a model
that fails) goes on to the FastAPI application with its body intact, which has the same route, and alone decides what
is an error. So both lanes validate alike by construction, and answer alike by test.

A body that was seen before, byte for byte, is found by its digest and not decoded again. Only keyed digests and
cache keys are remembered, no bodies.
"""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fyke.model.classifier import verdict
from fyke.predictor import Predictor
from fyke.service.caching import cache_headers
from fyke.service.routes import FAILED

PATH = "/predict"
_UNKNOWN = ("", "")
_IS_JSON = (b"content-type", b"application/json")
_PLAIN = {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type"}


class _NotPlain(Exception):
    """The body is for the framework to look at."""


class FastLane:
    """An ASGI application before another. ``predictor`` is asked for at each request: it may change.

    ``limit`` is the largest body in bytes that it reads, ``remember`` the number of bodies whose keys it knows; each
    takes about 400 bytes.
    """

    def __init__(
        self, app: ASGIApp, predictor: Callable[[], Predictor[str, float]], limit: int, remember: int = 20_000
    ):
        self._app = app
        self._predictor = predictor
        self._limit = limit
        self._keys: dict[bytes, tuple[str, str]] = {}
        self._most = remember
        self._secret = os.urandom(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once or pass on."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or not self._is_plain(scope):
            return await self._app(scope, receive, send)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] != "http.request":
            body = await _rest(body, message, receive)
        predictor = self._predictor()
        digest = hashlib.blake2b(body, digest_size=16, key=self._secret).digest()
        model_id, key = self._keys.get(digest, _UNKNOWN)
        try:
            answer = None
            if model_id == predictor.model.id:
                read = partial(_text, body)
                answer = predictor.recall(key, read) or await predictor.recall_from_store(key, read)
            if answer is None:
                text = _text(body)
                answer = await predictor.predict(text)
                self._remember(digest, predictor.model.id, answer.key)
        except _NotPlain:
            return await self._app(scope, _again(body, receive), send)
        except Exception as error:
            return await self._app({**scope, FAILED: error}, _again(body, receive), send)
        label, probability = verdict(answer.prediction)
        answered = b'{"prediction":"%b","probability":%b}' % (label.encode(), repr(probability).encode())
        headers = [(b"content-length", b"%d" % len(answered)), _IS_JSON]
        headers += [(name.encode(), value.encode()) for name, value in cache_headers(answer).items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answered})
        return None

    def _remember(self, digest: bytes, model_id: str, key: str) -> None:
        """First in, first out: a body that comes often is soon in again."""
        self._keys[digest] = (model_id, key)
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]

    def _is_plain(self, scope: Scope) -> bool:
        length = kind = b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                kind = value if not kind else b"said twice"
            elif name not in _PLAIN:
                return False
        return kind == b"application/json" and length.isdigit() and int(length) <= self._limit


async def _rest(body: bytes, message: Message, receive: Receive) -> bytes:
    """The whole of a body that comes in parts; what is left of one whose client has gone decodes to an error."""
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _text(body: bytes) -> str:
    """The text in a plain body.

    Raises:
        _NotPlain: it is not; it may yet be right.
    """
    try:
        parsed: Any = from_json(body)
    except ValueError as error:
        raise _NotPlain from error
    text = parsed.get("text") if type(parsed) is dict else None
    if type(text) is not str:
        raise _NotPlain
    return text


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body that was read, then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
