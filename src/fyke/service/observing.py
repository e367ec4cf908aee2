"""What is seen of the requests that take the framework's way: a request id, figures, a span, a line in the access log.

None of these ever has a text in it, nor a path or a header that a client made up: routes are those that there are.
"""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fastapi import APIRouter
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from fyke.service.figures import NO_TIER, Figures
from fyke.service.tracing import Tracing

REQUEST_ID = "x-request-id"
_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TIER = re.compile(rb"detail=(memory|redis|model)$")

log = logging.getLogger("fyke.access")


def request_ids() -> Callable[[], str]:
    """A source of ids, each its own: a prefix of this process's, drawn at random, and a count."""
    prefix = secrets.token_hex(6)
    count = itertools.count(1).__next__
    return lambda: f"{prefix}-{count():x}"


def paths_of(routers: Iterable[APIRouter]) -> frozenset[str]:
    """The paths of the routers' routes."""
    return frozenset(str(getattr(route, "path", "")) for router in routers for route in router.routes)


class Observing:
    """ASGI middleware around everything but the fast lane.

    ``routes`` are the paths that are told apart, all others are ``other``. ``access_log``: a line for each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        figures: Figures,
        ids: Callable[[], str],
        routes: Collection[str],
        *,
        tracing: Tracing | None = None,
        access_log: bool = False,
    ):
        self._app = app
        self._figures = figures
        self._ids = ids
        self._routes = routes
        self._tracing = tracing
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and see what comes of it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        seen = _Seen(_given_id(scope) or self._ids(), send)
        route = scope["path"] if scope["path"] in self._routes else "other"
        with bound_contextvars(request_id=seen.id), self._span(scope, route, seen):
            try:
                await self._app(scope, receive, seen.send)
            finally:
                seconds = time.perf_counter() - seen.started
                self._figures.add(route, seen.status, seen.tier, None if seen.endless else seconds)
                if self._access_log:
                    self._tell(scope, route, seen, seconds)
        return None

    def _span(self, scope: Scope, route: str, seen: "_Seen") -> AbstractContextManager[Any]:
        if self._tracing is None:
            return nullcontext()
        return self._tracing.request(scope, route, seen.id, lambda: (seen.status, seen.tier))

    def _tell(self, scope: Scope, route: str, seen: "_Seen", seconds: float) -> None:
        fields = {"method": scope["method"], "route": route, "status": seen.status, "tier": seen.tier}
        log.info("request", extra={**fields, "ms": round(seconds * 1000, 3)})


class _Seen:
    """One request: its ``id``, and from its answer the status, 500 until there is one, and the tier."""

    def __init__(self, id_: str, send: Send):
        self.id = id_
        self.status = 500
        self.tier = NO_TIER
        self.endless = False  # a stream lasts as long as somebody listens
        self.started = time.perf_counter()
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass on, the head with the request id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            for name, value in headers:
                self.endless |= value.startswith(b"text/event-stream")
                found = _TIER.search(value) if name.lower() == b"cache-status" else None
                if found:
                    self.tier = found[1].decode()
            message = {**message, "headers": [*headers, (REQUEST_ID.encode(), self.id.encode())]}
        await self._send(message)


def _given_id(scope: Scope) -> str | None:
    """The id that the request came with, where it has one, and a good one."""
    given = [value for name, value in scope["headers"] if name == REQUEST_ID.encode()]
    return given[0].decode() if len(given) == 1 and _GOOD_ID.fullmatch(given[0]) else None
