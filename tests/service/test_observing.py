"""Request ids, logs and spans; and that no text of a mail is ever in any of them."""

import asyncio
import io
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx
import pytest
import uvicorn
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console

from fyke.cli import logs
from fyke.cli.serving import _config
from fyke.errors import SettingsError
from fyke.service.app import Service, create_app
from fyke.service.tracing import Tracing, tracing_from
from fyke.settings import load, load_traces
from tests.servers import running, until
from tests.service.test_metrics import figures

CANARY = "yellowfeatheredcanary"
Use = Callable[[Service, httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What `fyke serve` would log, in JSON, or as on a terminal."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    if getattr(request, "param", "json") == "terminal":
        monkeypatch.setattr(logs, "err", Console(file=said, force_terminal=True, no_color=True))
    root.handlers[:] = []
    logs.configure()
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the client's own
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # which other tests may have configured
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    yield said
    root.handlers[:] = before
    root.setLevel(level)


def traced() -> tuple[Tracing, InMemorySpanExporter]:
    """Spans that are kept in memory."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Tracing(provider.get_tracer("test")), kept


def use(app: Service, ask: Use) -> None:
    """Let something ask the application, as it would over HTTP."""

    async def inside() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://it") as client,
        ):
            await ask(app, client)

    asyncio.run(inside())


def service(url: str = "memory://", tracing: Tracing | None = None, **flags: Any) -> Service:
    app = create_app(load(cache_url=url, cache_verify=0, **flags), tracing=tracing)
    assert isinstance(app, Service)
    return app


def test_every_answer_has_an_id_of_its_own() -> None:
    """Hits, misses, refusals and pages; a good one that came is taken over, a bad one is not."""

    async def ask(_: Service, client: httpx.AsyncClient) -> None:
        answers = [await client.post("/predict", json={"text": "you have won"}) for _ in range(2)]
        answers += [await client.post("/predict", json={}), await client.get("/livez"), await client.get("/nothing")]
        assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
        for given, taken in (("Order-66.a_b", True), ("a b", False), ("x" * 65, False), ("", False)):
            for answer in (
                await client.get("/livez", headers={"x-request-id": given}),
                await client.post("/predict", json={"text": "you have won"}, headers={"x-request-id": given}),
            ):
                assert (answer.headers["x-request-id"] == given) is taken

    use(service(), ask)


def test_the_access_log_has_the_request_id(log: io.StringIO) -> None:
    """A line of JSON for each request, hits too: the route, the status, the tier, the time."""

    async def ask(_: Service, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            await client.post("/predict", json={"text": "you have won"}, headers={"x-request-id": "mine"})
        await client.get("/made/up")

    use(service(access_log=True), ask)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [(one["route"], one["status"], one["tier"]) for one in lines if one["logger"] == "fyke.access"]
    assert told == [("/predict", 200, "model"), ("/predict", 200, "memory"), ("other", 404, "none")]
    assert [one["request_id"] == "mine" for one in lines if one["logger"] == "fyke.access"] == [True, True, False]


def test_requests_are_not_logged_unasked(log: io.StringIO) -> None:
    """The access log is off by default."""

    async def ask(_: Service, client: httpx.AsyncClient) -> None:
        await client.get("/livez")

    use(service(), ask)
    assert "fyke.access" not in log.getvalue()


def test_spans_of_a_request() -> None:
    """Under the client's own span a request, under it lookup, predict and store; a hit in memory is a request alone."""
    tracing, kept = traced()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def ask(_: Service, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            await client.post("/predict", json={"text": "you have won"}, headers={"traceparent": parent})

    with running() as redis:
        use(service(redis.url, tracing), ask)
    spans = kept.get_finished_spans()
    requests = [span for span in spans if span.name == "POST /predict"]
    assert sorted(span.name for span in spans) == ["POST /predict"] * 2 + ["lookup", "predict", "store"]
    assert [attributes(span)["fyke.tier"] for span in requests] == ["model", "memory"]
    for span in spans:
        assert span.context is not None
        assert span.parent is not None
        assert f"{span.context.trace_id:032x}" == parent.split("-")[1]
        own = requests[0].context
        assert own is not None
        assert f"{span.parent.span_id:016x}" == (parent.split("-")[2] if span in requests else f"{own.span_id:016x}")


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_traces_are_asked_for_by_the_standard_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """None without them, nor where they are switched off; an exporter that is not known is named."""
    assert tracing_from(load_traces()) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert load_traces().exporter == "otlp"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    made = tracing_from(load_traces())
    assert made is not None
    made.close()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing_from(load_traces()) is None
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "jaeger")
    with pytest.raises(SettingsError, match=r"OTEL_TRACES_EXPORTER: 'jaeger' is none of otlp, console and none\."):
        load_traces()


def _fails(texts: Sequence[str]) -> NoReturn:
    raise ValueError(f"cannot compute {texts[0]}") from KeyError(texts[0])


@contextmanager
def listening(app: Service) -> Iterator[httpx.Client]:
    """The application served as `fyke serve` does, in a thread; a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(_config(load(), app))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            anew = httpx.Limits(max_keepalive_connections=0)  # uvicorn hangs up after an error
            with httpx.Client(base_url=url, timeout=60, limits=anew) as client:
                until(lambda: server.started)
                yield client
        finally:
            server.should_exit = True
            thread.join()


def with_canaries(client: httpx.Client) -> None:
    """A canary in every place of a request, good and bad."""
    mail = f"From: {CANARY}@example.org\r\nSubject: {CANARY}\r\nX-{CANARY}: 1\r\n\r\n{CANARY} won a prize".encode()
    texts = {"text": f"{CANARY} you have won"}
    client.post("/predict", json=texts)
    client.post("/predict", json=texts, headers={"x-request-id": f"{CANARY} a", "user-agent": CANARY})
    client.post("/predict", json={CANARY: CANARY})
    client.post("/predict", content=f'{{"text": "{CANARY}', headers={"content-type": "application/json"})
    client.post("/predict", content=CANARY, headers={"content-type": CANARY})
    client.post("/predict/batch", json={"texts": [CANARY, f"a prize {CANARY}", {CANARY: 1}]})
    client.post("/predict/batch", json={"texts": [f"the meeting {CANARY}", f"a prize {CANARY}"]})
    client.post("/predict/message", content=mail, headers={"content-type": "message/rfc822"})
    client.post("/predict/message", files={"file": (CANARY, mail)})
    client.post("/predict/message", files={CANARY: (CANARY, mail)})
    client.post("/explain", json=texts)
    client.post("/explain/message", content=mail, headers={"content-type": "message/rfc822"})
    client.get(f"/{CANARY}?{CANARY}={CANARY}")
    for query, headers in (
        (f"?{CANARY}={CANARY}", {"content-type": f"application/json; charset={CANARY}"}),
        ("", {"referer": CANARY, "cookie": f"{CANARY}=1", "forwarded": f"for={CANARY}", "x-forwarded-for": CANARY}),
        ("", {"traceparent": CANARY, "tracestate": f"{CANARY}=1", "baggage": f"{CANARY}=1"}),
        ("", {"cache-control": CANARY, "authorization": f"Bearer {CANARY}", "x-api-key": CANARY, "origin": CANARY}),
        ("", {"content-encoding": CANARY}),
    ):
        client.post(
            f"/predict{query}", content=json.dumps(texts), headers={"content-type": "application/json"} | headers
        )
    client.post("/predict", json={"text": CANARY * 60_000})
    client.post("/predict/batch", json={"texts": [CANARY] * 1100})
    client.post("/cache/purge", json={"scope": CANARY})
    client.get(f"/ui/{CANARY}")


@pytest.mark.parametrize(
    ("log", "every_request"), [("json", False), ("json", True), ("terminal", True)], indirect=["log"]
)
def test_no_text_of_a_mail_is_logged_traced_or_counted(log: io.StringIO, every_request: bool) -> None:
    """Over a Redis that refuses to write, and with a model that fails; in the fast lane, and with logs and spans."""
    tracing, kept = traced()
    with running("--rename-command", "SET", "") as redis:
        app = service(redis.url, tracing if every_request else None, access_log=every_request)
        with listening(app) as client:
            for _ in range(6):
                with_canaries(client)
                client.post("/predict", json={"text": "to be written"}, headers={"cache-control": "no-cache"})
            for broken in (app.state.predictor, app.state.explainer):
                broken.tiers.forget("")
                broken._engine._shortcut = _fails
            with_canaries(client)
            metrics = client.get("/metrics").text
            report = client.get("/cache").text
    said = log.getvalue()
    assert "builtins.ValueError" in said
    assert "the store fails (write: unknown command" in said
    spans = kept.get_finished_spans()
    assert (
        {"lookup", "predict", "store", "POST /predict", "GET other"} <= {span.name for span in spans}
    ) is every_request
    assert any(status in said for status in ('"status": 500', "status=500")) is every_request
    assert figures(metrics, "fyke_errors_total", kind="model", of="verdict") > 0
    for told in (said, metrics, report, *(span.to_json() for span in spans)):
        assert CANARY not in told.lower()
