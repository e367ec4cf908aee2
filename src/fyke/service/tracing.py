"""Spans by OpenTelemetry, where the extra `otel` is installed and its variables ask for them.

Exceptions are never recorded with their words, which may quote a text: a span says their type.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from fyke import __version__
from fyke.settings import Traces

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)


class Tracing:
    """Makes spans with a tracer, and lets go of it with ``close``, which may take seconds: it sends what is left."""

    def __init__(self, tracer: "Tracer", close: Callable[[], None] = lambda: None):
        self._tracer = tracer
        self.close = close

    @contextmanager
    def request(
        self, scope: Scope, route: str, request_id: str, outcome: Callable[[], tuple[int, str]]
    ) -> Iterator[None]:
        """The span of a request, under that of its client. ``outcome`` gives status and tier once it is answered."""
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, Status, StatusCode

        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        about = {"http.request.method": scope["method"], "http.route": route, "fyke.request_id": request_id}
        with self._tracer.start_as_current_span(
            f"{scope['method']} {route}",
            context=extract(carrier),
            kind=SpanKind.SERVER,
            attributes=about,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                status, tier = outcome()
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("fyke.tier", tier)
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))

    def step(self, name: str, items: int) -> AbstractContextManager[object]:
        """The span of a lookup, a pass of the model or a write: a `fyke.cache.spans.Span`.

        It lies under the request that began the batch, which may be one of several in it.
        """
        return self._step(name, items)

    @contextmanager
    def _step(self, name: str, items: int) -> Iterator[None]:
        from opentelemetry.trace import Status, StatusCode

        with self._tracer.start_as_current_span(
            name, attributes={"fyke.items": items}, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def tracing_from(traces: Traces) -> Tracing | None:
    """Spans to where the variables say; None where they do not ask for any, or the extra is not installed."""
    if traces.exporter == "none":
        return None
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _exporter(traces.exporter)
    except ImportError:
        log.warning("OTEL_* variables ask for traces, which need the extra: pip install 'fyke[otel]'")
        return None
    resource = Resource.create()
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "fyke"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("fyke", __version__), provider.shutdown)


def _exporter(kind: str) -> Any:
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
