"""What Prometheus reads: it is what the table says, and the sum over all processes."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.observe import check_free
from fyke.service.app import create_app
from fyke.service.figures import METRICS, Sample, total
from fyke.service.pooling import Pool
from fyke.settings import load
from tests.conftest import ROOT, Serve
from tests.servers import free_port, require, until

DASHBOARD = ROOT / "deploy" / "grafana" / "fyke.json"


def figures(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture(scope="module")
def scraped() -> str:
    """The metrics of a service that was asked a few things."""

    async def run() -> str:
        app = create_app(load(cache_url="memory://", cache_verify=0))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://it") as client,
        ):
            for _ in range(3):
                await client.post("/predict", json={"text": "you have won"})
            await client.post("/predict", json={"text": "you have won"}, headers={"x-more": "1"})
            await client.post("/predict", json={"texts": []})
            await client.post("/predict/batch", json={"texts": ["the meeting", "a prize", "you have won"]})
            await client.get("/made/up")
            return (await client.get("/metrics")).text

    return asyncio.run(run())


def test_the_table_is_what_is_exposed(scraped: str) -> None:
    """docs/metrics.md has a row for each metric with its kind, labels and meaning; all are exposed, and no others."""
    rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for one in METRICS:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    assert "\n".join(rows) in (ROOT / "docs" / "metrics.md").read_text()
    exposed = {}
    for family in text_string_to_metric_families(scraped):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[name] = (family.type, family.documentation, labels)
    kinds = {"info": "gauge"}
    assert exposed == {one.name: (kinds.get(one.kind, one.kind), one.help, set(one.labels)) for one in METRICS}


def test_requests_are_counted_whichever_way_they_take(scraped: str) -> None:
    """By route and status, hits by tier, with as many latencies; a path that was made up is not told."""
    assert figures(scraped, "fyke_requests_total", route="/predict", status="200") == 4
    assert figures(scraped, "fyke_requests_total", route="/predict", status="422") == 1
    assert figures(scraped, "fyke_requests_total", route="/predict/batch", status="200") == 1
    assert figures(scraped, "fyke_requests_total", route="other", status="404") == 1
    assert "made/up" not in scraped
    assert figures(scraped, "fyke_hits_total", of="verdict", tier="memory") == 4
    assert figures(scraped, "fyke_misses_total", of="verdict") == 3
    assert figures(scraped, "fyke_request_seconds_count", route="/predict", tier="memory") == 3
    assert figures(scraped, "fyke_request_seconds_count", route="/predict", tier="model") == 1
    assert figures(scraped, "fyke_request_seconds_bucket", route="/predict", le="+Inf") == 5
    assert figures(scraped, "fyke_batch_items_sum", of="verdict", step="predict") == 3
    assert figures(scraped, "fyke_memory_entries") == 3
    assert figures(scraped, "fyke_breakers", state="closed") == 2


def test_the_dashboard_shows_what_there_is() -> None:
    """Every metric that it names exists, and every metric is shown."""
    named = set(re.findall(r"\bfyke_\w+", json.dumps(json.loads(DASHBOARD.read_text())["panels"])))
    exposed = {one.name for one in METRICS if one.kind != "histogram"}
    for one in METRICS:
        if one.kind == "histogram":
            exposed |= {one.name + suffix for suffix in ("_bucket", "_sum", "_count")}
    assert named <= exposed
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
    assert {one.name for one in METRICS} <= shown


def test_a_sum_keeps_what_an_ended_process_has_counted(tmp_path: Path) -> None:
    """Counters of an ended process stay, its gauges go; a process's own figures are new at each answer."""
    count = [1.0]

    def mine() -> list[Sample]:
        return [("fyke_misses_total", ("verdict",), [count[0]]), ("fyke_processes", (), [1])]

    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"{ended.pid}-0.json").write_text(
        json.dumps([["fyke_misses_total", ["verdict"], [7]], ["fyke_processes", [], [1]]])
    )
    pool = Pool(mine, tmp_path)
    for misses in (8, 9):
        assert {name: numbers for name, _, numbers in pool.total()} == {
            "fyke_misses_total": [misses],
            "fyke_processes": [1],
        }
        count[0] += 1
    assert total([]) == []


def test_workers_answer_for_all(serve: Serve) -> None:
    """Two workers: whichever is asked knows, within the second that the others take to say, of every request."""
    service = serve("--cache-url", "none://", "--workers", "2")
    for number in range(20):
        httpx.post(service.url + "/predict", json={"text": f"you have won {number}"}).raise_for_status()

    def told() -> list[float]:
        text = httpx.get(service.url + "/metrics").text
        return [figures(text, "fyke_requests_total", route="/predict"), figures(text, "fyke_processes")]

    until(lambda: told() == [20, 2])
    assert all(told() == [20, 2] for _ in range(10))


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """What `make observe` starts, with more frequent scrapes: the service's address, and a function that asks.

    It ends both when it is told to.
    """
    require("prometheus", "prometheus", "FYKE_REQUIRE_PROMETHEUS")
    port, other = free_port(), free_port()
    command = [sys.executable, "-m", "bench.observe", "--port", str(port), "--prometheus-port", str(other)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--every", "200ms"], cwd=ROOT, stderr=log, stdout=log)

    def ask(query: str) -> list[Any]:
        address = f"http://127.0.0.1:{other}/api/v1/query"
        return list(httpx.get(address, params={"query": query}).raise_for_status().json()["data"]["result"])

    try:
        until(lambda: "Prometheus scrapes it" in (tmp_path / "log").read_text() or process.poll() is not None)
        yield f"http://127.0.0.1:{port}", ask
    finally:
        process.terminate()
        process.wait(60)
    for one in (port, other):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", one)) != 0


def test_a_prometheus_scrapes_it(observed: tuple[str, Any]) -> None:
    """Debian's, with the configuration that is shipped: it takes every metric, and `promtool` has no complaint."""
    url, ask = observed
    httpx.post(url + "/predict", json={"text": "you have won"}).raise_for_status()
    text = httpx.get(url + "/metrics").content
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    until(lambda: bool(ask('fyke_requests_total{job="fyke",route="/predict"} >= 1')))
    names = {one["metric"]["__name__"] for one in ask('{job="fyke",__name__=~"fyke_.*"}')}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} == {one.name for one in METRICS}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            ask(target["expr"].replace("$job", "fyke").replace("$__rate_interval", "1m"))


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    """`make observe` starts nothing then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"make observe PROMETHEUS_PORT={port + 1}"):
            check_free(port, "PROMETHEUS_PORT")
