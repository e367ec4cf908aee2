"""Train, evaluate, serve, repeat, look into the cache: the way of a newcomer, against real servers."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import polars
import pytest

from tests.conftest import SAMPLE, RedisServer, Serve, fyke
from tests.waiting import until


@pytest.fixture(params=["embedded", "redis"])
def cache_url(request: pytest.FixtureRequest) -> str:
    """Both kinds of store that outlive the service."""
    if request.param == "embedded":
        return "embedded://"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


def test_smoke_passes_and_everything_is_a_hit_after_a_restart(serve: Serve, cache_url: str) -> None:
    """The five requests give two hits; after a restart that keeps the cache, all five are hits."""
    service = serve("--cache-url", cache_url)
    first = fyke("smoke", service.url)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("memory, hit") == 2
    assert first.stdout.count("model, miss") == 3
    service.stop()
    assert "Traceback" not in service.said()
    again = fyke("smoke", serve("--cache-url", cache_url).url)
    assert again.returncode == 0
    assert (again.stdout.count("redis, hit"), again.stdout.count("memory, hit")) == (3, 2)


def test_the_cache_lists_first_words_and_predictions_newest_first(serve: Serve, cache_url: str) -> None:
    """`fyke cache ls` prints the total and a row for each text, beside the service that fills the cache."""
    service = serve("--cache-url", cache_url)
    fyke("smoke", service.url)
    listing = fyke("cache", "ls", "--cache-url", cache_url)
    assert listing.returncode == 0, listing.stderr
    lines = listing.stdout.splitlines()
    assert lines[0] == "Total entries: 3"
    assert [line.split("...")[0].strip() for line in lines[2:]] == [
        "congratulations you have won a free iphone,",
        "urgent action required: your account has been",
        "todays floor meeting you may get a",
    ]
    assert ["Phishing Email" in line for line in lines[2:]] == [True, True, False]
    assert "3 entries" in fyke("cache", "stats", "--cache-url", cache_url).stdout
    assert fyke("cache", "purge", "--cache-url", cache_url).stdout == "Forgot 3 entries.\n"
    assert fyke("cache", "ls", "--cache-url", cache_url).stdout == "Total entries: 0\n"


def test_a_new_model_never_answers_with_the_old_ones_predictions(
    serve: Serve, cache_url: str, trained: Path, tmp_path: Path
) -> None:
    """After retraining on other data, the same text is computed anew, at once."""
    text = {"text": "Please confirm your password at the link below to keep your mailbox"}
    old = serve("--cache-url", cache_url, "--model", str(trained))
    before = httpx.post(old.url + "/predict", json=text)
    assert httpx.post(old.url + "/predict", json=text).headers["cache-status"].startswith("fyke; hit")
    other = tmp_path / "other"
    table = tmp_path / "other.csv"
    polars.read_csv(SAMPLE, infer_schema=False).head(150).write_csv(table)
    assert fyke("train", table, "--output", other).returncode == 0
    new = serve("--cache-url", cache_url, "--model", str(other))
    after = httpx.post(new.url + "/predict", json=text)
    assert after.headers["cache-status"].startswith("fyke; fwd=miss")
    assert after.json()["probability"] != before.json()["probability"]


def processes_about(directory: str) -> list[str]:
    """The command lines, of all processes on this machine, that name a directory (proc(5))."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if directory in line]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_killing_the_service_leaves_no_server(serve: Serve, tmp_path: Path) -> None:
    """After kill -9, the embedded server goes away by itself and its data is kept."""
    service = serve("--cache-url", "embedded://")
    assert fyke("smoke", service.url).returncode == 0
    running = processes_about(os.environ["FYKE_CACHE_DIR"])
    assert len(running) >= 2  # the server and its keeper
    service.stop(signal.SIGKILL)
    asyncio.run(until(lambda: not processes_about(os.environ["FYKE_CACHE_DIR"])))
    listing = fyke("cache", "ls", "--cache-url", "embedded://")
    assert listing.stdout.startswith("Total entries: 3"), listing.stderr


def test_an_absent_redis_is_said_once_and_predictions_go_on(serve: Serve) -> None:
    """With `redis://` and no server there, the service starts, says so in one line, and answers."""
    service = serve("--cache-url", "redis://127.0.0.1:1/0", FYKE_CACHE_SECRET="s")
    for number in range(10):
        answer = httpx.post(service.url + "/predict", json={"text": "invoice " * (number + 1)})
        assert answer.status_code == 200
        assert answer.headers["cache-status"].startswith("fyke; fwd=miss")
    assert service.said().count("cannot be reached") == 1
    assert service.said().count('"level": "warning"') == 1


def test_predictions_go_on_when_redis_dies_and_hits_return_with_it(serve: Serve, redis_server: RedisServer) -> None:
    """Killing Redis under the service costs hits, not predictions."""
    service = serve("--cache-url", redis_server.url)
    assert fyke("smoke", service.url).returncode == 0
    redis_server.process.kill()
    redis_server.process.wait()
    for number in range(20):
        assert httpx.post(service.url + "/predict", json={"text": "invoice " * (number + 1)}).status_code == 200
    assert httpx.get(service.url + "/readyz").json()["cache_breaker"] == "open"


def test_the_text_is_in_no_key_and_no_value(serve: Serve, redis_server: RedisServer) -> None:
    """Redis sees at most the first seven words, and none with previews off."""
    service = serve("--cache-url", redis_server.url, FYKE_CACHE_PREVIEW_WORDS="0", FYKE_CACHE_SECRET="s")
    httpx.post(service.url + "/predict", json={"text": "canary alpha bravo charlie delta echo foxtrot golf hotel"})
    client = redis_server.client()
    (key,) = client.keys()
    stored = key + client.get(key)
    client.close()
    assert b"canary" not in stored
    assert b"hotel" not in stored


def test_a_preview_has_seven_words_at_most(serve: Serve, redis_server: RedisServer) -> None:
    """By default the first seven words are kept, and the eighth is not."""
    service = serve("--cache-url", redis_server.url, FYKE_CACHE_SECRET="s")
    httpx.post(service.url + "/predict", json={"text": "alpha bravo charlie delta echo foxtrot golf hotel"})
    with redis_server.client() as client:
        (key,) = client.keys()
        stored = client.get(key)
    assert b"alpha bravo charlie delta echo foxtrot golf" in stored
    assert b"hotel" not in key + stored


def test_a_text_that_has_no_utf8_spoils_nothing(serve: Serve, redis_server: RedisServer) -> None:
    """A lone surrogate in one text of a batch: all are answered, and all are kept."""
    service = serve("--cache-url", redis_server.url, FYKE_CACHE_SECRET="s")
    body = b'{"texts": ["bravo meeting", "charlie prize", "\\ud800 delta urgent", "echo lunch"]}'
    answer = httpx.post(service.url + "/predict/batch", content=body, headers={"content-type": "application/json"})
    assert len(answer.json()["predictions"]) == 4
    with redis_server.client() as client:
        asyncio.run(until(lambda: client.dbsize() == 4))


def test_evaluate_repeats_the_figures_of_training(trained: Path) -> None:
    """`fyke evaluate` on the training file gives the accuracy that the card holds."""
    done = fyke("evaluate", SAMPLE, "--model", trained, "--json")
    card = json.loads((trained / "model.json").read_text())
    assert json.loads(done.stdout)["accuracy"] == card["figures"]["held_out"]["accuracy"]


def test_classify_tells_by_its_exit_status(tmp_path: Path) -> None:
    """0 for a safe message, 1 for phishing, 2 for a file that cannot be read; stdin works."""
    lure = b"congratulations you have won a free iphone, click here to claim your prize now before it expires"
    meeting = tmp_path / "meeting.eml"
    meeting.write_bytes(
        b"From: a@example.com\r\nSubject: todays floor meeting\r\nMIME-Version: 1.0\r\n\r\n"
        b"questions about today article about lays potential severance\r\n"
    )
    assert fyke("classify", "-", stdin=lure).returncode == 1
    assert fyke("classify", meeting).returncode == 0
    assert fyke("classify", meeting, "--json").stdout.startswith('{"file":')
    missing = fyke("classify", tmp_path / "none.eml")
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr


def test_the_state_of_a_test_is_its_own() -> None:
    """No test touches the user's own cache."""
    assert "pytest" in os.environ["FYKE_CACHE_DIR"]
