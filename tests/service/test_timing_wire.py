"""Latency over the network tells a tenant nothing of another's mail, with what is kept in a real Redis."""

import http.client
import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import uvicorn
from scipy.stats import mannwhitneyu

from fyke.service.wire import Wire
from tests.conftest import RedisServer
from tests.service.keyed import Keys, keyed_app
from tests.service.threads import Running

ROUNDS = 200
SURE = 1e-5  # how seldom chance alone may say that two kinds of latency differ
_WORDS = [
    "prize",
    "click",
    "money",
    "offer",
    "group",
    "price",
    "house",
    "order",
]  # of one length, as are all texts then


class Tenant:
    """One connection with one key."""

    def __init__(self, connection: http.client.HTTPConnection, headers: dict[str, str]):
        self._connection = connection
        self._headers = {"content-type": "application/json", **headers}

    def ask(self, text: str) -> tuple[float, str]:
        """Seconds until the answer was there, and the tier that gave it."""
        body = json.dumps({"text": text})
        began = time.perf_counter()
        self._connection.request("POST", "/predict", body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        assert answer.status == 200
        return took, answer.headers["cache-status"].rpartition("detail=")[2]


@contextmanager
def tenants(keys: Keys, redis_url: str) -> Iterator[list[Tenant]]:
    """Ann and Bob at a service that keeps everything in Redis and nothing in memory."""
    for who in ("ann", "bob"):
        keys.add(who, "predict", namespace=who)
    app, _ = keyed_app(
        keys, cache_url=redis_url, cache_secret="of this test", cache_memory_entries=0, cache_deadline_ms=10_000
    )
    config = uvicorn.Config(
        app, http=Wire, access_log=False, log_level="critical", server_header=False, timeout_keep_alive=600
    )
    with Running(config) as running, ExitStack() as stack:
        made = []
        for who in ("ann", "bob"):
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
            made.append(Tenant(stack.enter_context(closing(connection)), keys.shows(who)))
        yield made


def chance(first: list[float], second: list[float]) -> float:
    """How probable such an order of latencies is where there is no difference, whatever the machine does meanwhile."""
    return float(mannwhitneyu(first, second, alternative="less").pvalue)


def test_latency_does_not_tell_what_another_tenant_has_in_redis(tmp_path: Path, redis_server: RedisServer) -> None:
    """Bob asks in turn, in random order, what Ann has asked and what nobody has: the first are no quicker.

    That the same test is sure of Ann's own, asked between these, shows that it could tell. Nothing is assumed of how
    long anything takes.
    """
    rng = random.Random(8)
    texts = [" ".join(rng.choices(_WORDS, k=6000)) for _ in range(4 * ROUNDS)]
    known, unknown, own, new = (texts[kind::4] for kind in range(4))
    with tenants(Keys(tmp_path / "keys.json"), redis_server.url) as (ann, bob):
        for one in known + own:
            ann.ask(one)
        took: list[list[float]] = [[], [], [], []]
        tiers: list[set[str]] = [set(), set(), set(), set()]
        for number in range(ROUNDS):
            for kind in rng.sample(range(4), 4):
                who, some = ((bob, known), (bob, unknown), (ann, own), (ann, new))[kind]
                seconds, tier = who.ask(some[number])
                took[kind].append(seconds)
                tiers[kind].add(tier)
    assert tiers == [{"model"}, {"model"}, {"redis"}, {"model"}]
    assert chance(took[2], took[3]) < SURE
    assert chance(took[0], took[1]) > SURE
