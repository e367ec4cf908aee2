"""The examples as their readers run them: in this process over a real store, and as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from fyke.settings import Settings, load
from tests.conftest import ROOT

PATIENT = 5000  # milliseconds: a busy machine shall not turn a hit into a miss


@pytest.fixture(params=["embedded", "redis"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings that name a real store: the embedded server in the test's directory, then Debian's redis-server."""
    url = "embedded://" if request.param == "embedded" else request.getfixturevalue("redis_server").url
    return load(cache_url=url, cache_deadline_ms=PATIENT, cache_secret="a secret of the tests")


@asynccontextmanager
async def talking_to(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that is started before and stopped after."""
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://it") as client:
        yield client


def way(answer: httpx.Response) -> str:
    """Where an answer came from: ``model``, ``memory`` or ``redis``."""
    assert answer.status_code == 200, answer.text
    status = answer.headers["cache-status"]
    assert ("hit" in status) == ("detail=model" not in status)
    assert ("hit" in status) == ("age" in answer.headers)
    return str(status.rpartition("detail=")[2])


Run = Callable[..., str]


@pytest.fixture
def run_example() -> Iterator[Run]:
    """Run a module of examples, give its address once it serves, and stop it after the test."""
    running: list[subprocess.Popen[str]] = []

    def run(module: str, *arguments: str, **environment: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | {"FYKE_PORT": "0", "FYKE_CACHE_DEADLINE_MS": str(PATIENT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"running on (http://\S+)", line):
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return found[1]
        raise AssertionError(f"{module} did not start: {said}")

    yield run
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        if process.stdout:
            process.stdout.close()
