"""Cache-Control, Cache-Status and Age, as RFC 9111 and RFC 9211 say."""

import httpx
import pytest

from fyke.predictor import Answer, Wishes
from fyke.service.caching import batch_headers, cache_headers, read_wishes
from tests.conftest import RedisServer, Serve


@pytest.mark.parametrize(
    ("header", "wishes"),
    [
        ("", Wishes()),
        ("no-store", Wishes(no_store=True)),
        ("No-Cache, MAX-AGE=5", Wishes(no_cache=True, max_age=5)),
        ('only-if-cached , max-age="60"', Wishes(only_if_cached=True, max_age=60)),
        ("max-age=soon", Wishes(max_age=0)),
        ("max-age", Wishes(max_age=0)),
        ("max-age=-1", Wishes(max_age=0)),
        ("max-stale=5, no-transform, =, ,", Wishes()),
        ("max-age=99999999999999999999", Wishes(max_age=999999999999)),
    ],
)
def test_request_directives_are_read(header: str, wishes: Wishes) -> None:
    """Those that concern a prediction, in any case and spacing; the rest is ignored, nonsense is taken strictly."""
    assert read_wishes(header) == wishes


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(1, "model", ttl=9), "fyke; fwd=miss; stored; ttl=9; detail=model"),
        (Answer(1, "model"), "fyke; fwd=miss; detail=model"),
        (Answer(1, "model", ttl=9, shared=True), "fyke; fwd=miss; collapsed; ttl=9; detail=model"),
        (Answer(1, "model", ttl=9, refused=True), "fyke; fwd=request; stored; ttl=9; detail=model"),
        (Answer(1, "redis", age=3, ttl=9), "fyke; hit; ttl=9; detail=redis"),
        (Answer(1, "memory", ttl=9), "fyke; hit; ttl=9; detail=memory"),
    ],
)
def test_cache_status_tells_the_way_of_an_answer(answer: Answer[int], status: str) -> None:
    """hit or fwd with its reason, stored or collapsed, the TTL, and the tier as detail."""
    headers = cache_headers(answer)
    assert headers["cache-status"] == status
    assert ("age" in headers) == (answer.tier != "model")


def test_the_headers_of_a_batch_count_the_tiers() -> None:
    """A hit only when nothing was computed; Age is the oldest answer's."""
    hit, old, miss = Answer(1, "memory"), Answer(1, "redis", age=7), Answer(1, "model")
    assert batch_headers([hit, old])["cache-status"] == 'fyke; hit; detail="memory=1 redis=1"'
    assert batch_headers([hit, old])["age"] == "7"
    assert batch_headers([hit, miss])["cache-status"] == 'fyke; fwd=partial; detail="memory=1 model=1"'
    assert batch_headers([miss, miss])["cache-status"] == 'fyke; fwd=miss; detail="model=2"'
    assert "age" not in batch_headers([miss])
    assert batch_headers([])["cache-status"] == "fyke; detail=empty"


def test_directives_work_over_http(serve: Serve, redis_server: RedisServer) -> None:
    """no-store leaves Redis empty, only-if-cached is 504 until there is an answer, no-cache computes anew."""
    url = serve("--cache-url", redis_server.url, FYKE_CACHE_SECRET="s").url + "/predict"

    def ask(directives: str) -> httpx.Response:
        return httpx.post(url, json={"text": "you have won"}, headers={"Cache-Control": directives})

    refused = ask("only-if-cached")
    assert (refused.status_code, refused.headers["cache-status"]) == (504, "fyke; detail=only-if-cached")
    assert "no kept answer" in refused.json()["detail"]
    assert ask("no-store").headers["cache-status"] == "fyke; fwd=miss; detail=model"
    with redis_server.client() as client:
        assert client.dbsize() == 0
    assert ask("").headers["cache-status"].startswith("fyke; fwd=miss; stored; ttl=")
    for directives in ("only-if-cached", "no-store", "max-age=3600"):
        kept = ask(directives)
        assert kept.headers["cache-status"].startswith("fyke; hit; ttl=")
        assert kept.headers["age"].isdigit()
    anew = ask("no-cache")
    assert anew.headers["cache-status"].startswith("fyke; fwd=request; stored; ttl=")
    assert "age" not in anew.headers
    assert anew.json() == kept.json()


def test_a_batch_over_http(serve: Serve) -> None:
    """Answers in order, each as `POST /predict` gives it; wrong batches are told what is wrong."""
    url = serve("--cache-url", "memory://", FYKE_MAX_BATCH="3").url
    texts = ["you have won a prize", "minutes of the meeting", "you have won a prize"]
    answer = httpx.post(url + "/predict/batch", json={"texts": texts})
    assert answer.headers["cache-status"] == 'fyke; fwd=miss; detail="model=3"'
    single = [httpx.post(url + "/predict", json={"text": text}).json() for text in texts]
    assert answer.json() == {"predictions": single}
    again = httpx.post(url + "/predict/batch", json={"texts": [*texts[:2], "new"]})
    assert again.headers["cache-status"] == 'fyke; fwd=partial; detail="memory=2 model=1"'
    assert httpx.post(url + "/predict/batch", json={"texts": []}).json() == {"predictions": []}
    for body, status, said in [
        ({"texts": ["a"] * 4}, 413, "at most 3"),
        ({"texts": ["a", 1]}, 422, "texts.1"),
        ({"texts": "a"}, 422, "texts"),
        ({"text": "a"}, 422, "texts: Field required"),
    ]:
        wrong = httpx.post(url + "/predict/batch", json=body)
        assert (wrong.status_code, said in wrong.json()["detail"]) == (status, True), wrong.text


def test_the_cache_report_over_http(serve: Serve) -> None:
    """GET /cache tells hits by tier, what was computed, and whether the cache pays."""
    url = serve("--cache-url", "memory://").url
    for _ in range(3):
        httpx.post(url + "/predict", json={"text": "you have won a prize"})
    report = httpx.get(url + "/cache").json()
    assert (report["requests"], report["hits"], report["misses"]) == (3, {"memory": 2, "redis": 0}, 1)
    assert report["breakers"] == {"reads": "closed", "writes": "closed"}
    assert isinstance(report["pays"], bool)
