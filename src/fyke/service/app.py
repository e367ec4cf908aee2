"""The application: built from plain values, served by uvicorn."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fyke import __version__
from fyke.cache.opening import Opened
from fyke.errors import NotCached, Overloaded, SettingsError
from fyke.model.directory import Model
from fyke.model.policies import policy_from
from fyke.service.access import Access, Gate
from fyke.service.administration import router as administration
from fyke.service.assembly import load_from, open_from
from fyke.service.batches import router as batches
from fyke.service.caching import not_cached
from fyke.service.contract import completed
from fyke.service.draining import Draining, last
from fyke.service.explaining import EXPLAIN_MESSAGE
from fyke.service.explaining import router as explaining
from fyke.service.freeing import settle_garbage
from fyke.service.headers import ALLOWED, EXPOSED, SameSite, SecurityHeaders
from fyke.service.holding import Budget, HeldBodies
from fyke.service.hosts import OwnHost, hosts_from
from fyke.service.instruments import Instruments
from fyke.service.keys import KeySet
from fyke.service.lane import FastLane
from fyke.service.limits import BodyLimit, Shedding, too_much
from fyke.service.live import Sampler
from fyke.service.load import Load
from fyke.service.messages import MessageReader
from fyke.service.metrics import router as metrics
from fyke.service.pages import router as pages
from fyke.service.policing import Policies
from fyke.service.rates import RateLimit
from fyke.service.reading import limits_from, trusted_from
from fyke.service.rollout import Rollout, install, look
from fyke.service.routes import MESSAGE, router
from fyke.service.tenants import Tenants
from fyke.service.tracing import Tracing, tracing_from
from fyke.service.views import router as views
from fyke.settings import Settings, load, load_traces

ROUTERS = (router, batches, explaining, views, pages, metrics, administration)


class Service(FastAPI):
    """FastAPI with a fast lane before it."""

    lane: FastLane
    proxies: frozenset[str] = frozenset()  # whose word on a client's address is believed
    max_connections: int | None = None
    head_seconds: float | None = None
    body_seconds: float | None = None

    @property
    def new_id(self) -> Callable[[], str]:
        """The source of the ids of requests."""
        return self.lane.new_id

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document, with who may and what is refused."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(
                super().openapi(), self.lane.access is not None, self.lane.hosts is not None
            )
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's, within what holds for every response, errors included."""
        stack: ASGIApp = SecurityHeaders(super().build_middleware_stack())
        # Not around the application, as uvicorn would have it: `fyke.service.wire` must find the lane.
        return cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, stack), [*self.proxies])) if self.proxies else stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the fast lane, which passes on what it does not answer."""
        await self.lane(scope, receive, last(send) if self.lane.leaving else send)


def create_app(
    settings: Settings | None = None,
    model: Model | None = None,
    opened: Opened | None = None,
    *,
    tracing: Tracing | None = None,
    figures: Path | None = None,
) -> FastAPI:
    """The service. Without arguments everything comes from the environment, as uvicorn's factory needs it.

    A cache that is ``opened`` already is closed with the application, as is ``tracing``, which else OpenTelemetry's
    variables ask for. ``figures`` is a directory where the processes of one service leave theirs.

    Raises:
        SettingsError: a setting cannot be.
        ModelError: the model directory cannot be loaded.
    """
    settings = settings or load()
    looked = () if settings.model is None or model is not None else look(settings.model)
    model = model or load_from(settings)
    tracing = tracing or tracing_from(load_traces())
    seen = Instruments(access_log=settings.access_log, tracing=tracing, directory=figures)
    policy = Policies(policy_from(settings.policy, model.card.policies, settings.abstain))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        cache = opened or await open_from(settings)
        install(app, settings, cache, app.state.model, seen.span)
        app.state.rollout = Rollout(app, settings, cache, seen.span, looked)
        if settings.model is not None:  # else there is nothing for them to look at
            app.state.rollout.others = app.state.others
        app.state.where = cache.where
        if settings.keys_file is not None:
            from fyke.cache.rates import Rates  # its library takes a while to import

            app.state.rates = Rates(cache.store, settings.cache_deadline_ms / 1000)
        app.state.max_batch = settings.max_batch
        app.state.workers = settings.workers
        app.state.allow_purge = settings.allow_purge
        app.state.reader = MessageReader(limits_from(settings), trusted_from(settings))
        await app.state.predictor.start()
        app.state.sampler = Sampler(app.state.predictor, policy)
        app.state.sampler.start()
        seen.start(app)
        settle_garbage()
        gc.set_threshold(50_000, 20, 100)  # nor what is kept in memory, which has no cycles, time and again
        app.state.rollout.start()
        app.state.draining.start()
        try:
            yield
        finally:
            await app.state.rollout.stop()
            await app.state.sampler.close()
            app.state.reader.close()
            await app.state.explainer.close()
            await app.state.predictor.close()
            await seen.close()

    app = Service(
        title="Fyke",
        version=__version__,
        description="Classifies e-mail as phishing or safe, and never computes the same verdict twice.",
        lifespan=lifespan,
    )
    load_now = Load(settings.max_waiting, settings.max_wait_ms / 1000)
    app.state.load = load_now
    app.state.max_text_chars = settings.max_text_chars
    app.state.policy = policy
    app.state.model = model  # and nowhere else, or a model that was swapped out would stay in memory
    app.state.draining = Draining(settings.drain_seconds, lambda: setattr(app.lane, "leaving", True))
    app.state.others = lambda: None
    messages = dict.fromkeys((MESSAGE, EXPLAIN_MESSAGE), settings.max_message_bytes)
    bodies = Budget(max(settings.max_held_bytes, settings.max_message_bytes, settings.max_body_bytes))
    app.add_middleware(HeldBodies, budget=bodies)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, others=messages)
    if settings.keys_file is not None:
        app.add_middleware(RateLimit, default=settings.rate_limit, fails=settings.rate_limit_fails)
    app.add_middleware(Shedding, load=load_now, roots=("/predict", "/explain"))  # which takes nothing of a rate
    app.lane = FastLane(
        seen.around(partial(FastAPI.__call__, app), ROUTERS),
        predictor=lambda: app.state.predictor,
        limit=settings.max_body_bytes,
        load=load_now,
        most_chars=settings.max_text_chars,
        policy=policy,
    )
    app.lane.bodies, app.lane.hosts = bodies, hosts_from(settings)
    app.lane.watch(seen.figures, seen.new_id, closed=seen.every_request)
    if settings.keys_file is not None:
        _ask_for_keys(app, Access(KeySet(settings.keys_file), settings.cache_namespace, settings.rate_limit))
    elif settings.rate_limit is not None:
        raise SettingsError("FYKE_RATE_LIMIT is for each API key: name their file with FYKE_KEYS_FILE.")
    app.add_middleware(SameSite, origins=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[*settings.cors_origins],
            allow_methods=["GET", "POST"],
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
        )
    if app.lane.hosts is not None:
        app.add_middleware(OwnHost, hosts=app.lane.hosts)
    app.proxies = settings.trusted_proxies
    app.max_connections = settings.max_connections
    app.head_seconds, app.body_seconds = settings.head_seconds, settings.body_seconds
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(NotCached, not_cached)
    app.add_exception_handler(Overloaded, _overloaded)
    app.add_exception_handler(Exception, _failed)
    for routes in ROUTERS:
        app.include_router(routes)
    return app


def _ask_for_keys(app: Service, access: Access) -> None:
    """Nobody without a key from now on; each namespace has its predictor."""
    app.state.tenants = Tenants(lambda: app.state.predictor)
    app.state.explainer_tenants = Tenants(lambda: app.state.explainer)
    access.keys.on_change(lambda: app.state.tenants.keep(access.keys.namespaces))
    access.keys.on_change(lambda: app.state.explainer_tenants.keep(access.keys.namespaces))
    app.lane.admit(access, app.state.tenants)
    app.add_middleware(Gate, access=access)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Bad requests in one line that names the field: 400 for what is no JSON, 415 unsaid, 422 for a wrong field."""
    assert isinstance(error, RequestValidationError)
    problems: list[dict[str, Any]] = list(error.errors())
    if any(problem["type"] == "json_invalid" for problem in problems):
        return _not_json(request)
    if "json" not in request.headers.get("content-type", "json"):
        return JSONResponse({"detail": f"content-type: send application/json, like {_example(request)}."}, 415)
    said = []
    for problem in problems:
        field = ".".join(str(part) for part in problem["loc"] if part != "body") or "body"
        said.append(f"{field}: {problem['msg']}")
    return JSONResponse({"detail": "; ".join(said) + f". Send {_example(request)} as application/json."}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    """Other refusals as FastAPI words them, but a body that is no JSON at all where JSON is wanted."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and request.method == "POST" and request.url.path not in (MESSAGE, EXPLAIN_MESSAGE):
        return _not_json(request)
    return await http_exception_handler(request, error)


def _not_json(request: Request) -> JSONResponse:
    return JSONResponse({"detail": f"The body is not valid JSON in UTF-8; send {_example(request)}."}, 400)


def _example(request: Request) -> str:
    return '{"texts": ["...", "..."]}' if request.url.path.endswith("/batch") else '{"text": "..."}'


async def _overloaded(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Overloaded)
    return too_much(error)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """What should not happen, in one line; the log has the rest."""
    return JSONResponse({"detail": "The prediction failed; the service's log says why."}, 500)
