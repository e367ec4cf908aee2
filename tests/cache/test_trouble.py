"""Servers that hang, ways that are slow, connections that die unseen: what the store makes of them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from fyke.cache.redis import PURGES, RedisStore
from fyke.cache.store import Write
from fyke.errors import StoreError
from tests.cache.stores import MINUTE, RIGHTS, Heard, answers, opened
from tests.conftest import RedisServer
from tests.proxy import proxy
from tests.servers import Certificates, Cluster, frozen
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["standalone", "tls", "cluster"])
def url_and_pids(request: pytest.FixtureRequest) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Where replies could be mixed up."""
    if request.param == "cluster":
        nodes: Cluster = request.getfixturevalue("shared_cluster")
        yield nodes.url, tuple(node.pid for node in nodes.nodes)
    elif request.param == "tls":
        server: RedisServer = request.getfixturevalue("tls_server")
        certificates: Certificates = request.getfixturevalue("certificates")
        yield f"rediss://127.0.0.1:{server.tls_port}?ssl_ca_certs={certificates.ca}", (server.pid,)
    else:
        server = request.getfixturevalue("shared_redis")
        yield server.url, (server.pid,)


async def test_a_late_reply_is_nobody_elses(url_and_pids: tuple[str, tuple[int, ...]]) -> None:
    """A lookup that timed out leaves its reply to no other: each key has its own value or none, time and again.

    Lookups, leases and writes race, the server hangs and goes on, and some askers leave on their own.
    """
    url, pids = url_and_pids
    keys = [f"fyke:1:late:{number}" for number in range(24)]
    async with opened(url) as patient:
        await patient.set_many([Write(key, key.encode(), MINUTE) for key in keys])
    wrong: list[tuple[Sequence[str], Any]] = []

    async def look(store: RedisStore, mine: list[str]) -> None:
        try:
            values = await store.get_many(mine)
            found = await store.lease_many(mine[:2], 1)
        except StoreError:
            return
        if values != [key.encode() for key in mine] or [value for value, _ in found] != values[:2]:
            wrong.append((mine, values))

    async with opened(url, deadline=0.03) as store:
        for turn in range(25):
            first, second, third = (keys[(turn * 3 + part) % 22 :][:3] for part in range(3))
            await until(lambda: answers(store))
            with frozen(*pids):
                racing = [asyncio.create_task(look(store, mine)) for mine in (first, second)]
                await asyncio.wait(racing, timeout=0.02 if turn % 2 else 0.1)
                racing[turn % 2].cancel()
            more = [look(store, mine) for mine in (third, second, first)]
            await asyncio.gather(*racing, *more, return_exceptions=True)
            await look(store, first)
    assert wrong == []


async def test_no_connection_is_left_behind(shared_redis: RedisServer) -> None:
    """After a hundred time-outs, four at once, the server has only a few more connections of ours than before."""
    async with opened(shared_redis.url, deadline=0.02) as store:
        await until(lambda: answers(store))
        before = shared_redis.info("clients")["connected_clients"]
        with frozen(shared_redis.pid):
            for _ in range(25):
                lookups = (store.get_many([f"fyke:1:{number}"]) for number in range(4))
                failures = await asyncio.gather(*lookups, return_exceptions=True)
                assert all(isinstance(one, StoreError) for one in failures)
        await until(lambda: answers(store))
        await until(lambda: shared_redis.info("clients")["connected_clients"] <= before + 8)


async def test_a_server_that_hangs_is_asked_few_times(shared_redis: RedisServer) -> None:
    """While it hangs, lookups open a few connections, not one after the other."""
    async with proxy(shared_redis.port) as between, opened(between.url, deadline=0.02) as store:
        await until(lambda: answers(store))
        before = between.accepted
        with frozen(shared_redis.pid):
            for _ in range(40):
                with pytest.raises(StoreError):
                    await store.get_many(["fyke:1:none"])
        assert between.accepted - before <= 8


async def test_a_way_longer_than_the_deadline_is_found(shared_redis: RedisServer) -> None:
    """Connecting takes several exchanges, a lookup one: a deadline that is enough for one is enough."""
    async with proxy(shared_redis.port) as between:
        between.delay = 0.07
        async with opened(between.url, deadline=0.4) as store:
            with pytest.raises(StoreError, match="no answer within 400 ms"):
                await store.get_many(["fyke:1:none"])
            await until(lambda: answers(store), 60)


async def test_a_channel_that_died_in_silence_is_noticed(
    shared_redis: RedisServer, listening: Callable[[RedisStore], Heard]
) -> None:
    """No end of the connection is seen, as behind a NAT that forgot it; the listener asks, and connects again."""
    async with proxy(shared_redis.port) as between, opened(between.url, silence=0.1) as store:
        heard = listening(store)
        assert await heard.next() == ""
        between.mute()
        await heard.until("", 60)
        shared_redis.ask("PUBLISH", PURGES, "after the silence")
        await heard.until("after the silence", 60)


async def test_a_quiet_channel_is_left_alone(
    shared_redis: RedisServer, listening: Callable[[RedisStore], Heard]
) -> None:
    """Where the server answers, nothing is forgotten however long no purge comes."""
    async with proxy(shared_redis.port) as between, opened(between.url, silence=0.02) as store:
        heard = listening(store)
        assert await heard.next() == ""
        before, pings = between.accepted, shared_redis.calls("ping")
        await until(lambda: shared_redis.calls("ping") > pings + 5)
        shared_redis.ask("PUBLISH", PURGES, "now")
        assert await heard.next() == "now"
        assert between.accepted == before


async def test_a_listener_that_may_not_listen_says_so(
    shared_redis: RedisServer, listening: Callable[[RedisStore], Heard], caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and lookups go on."""
    with shared_redis.client() as look:
        look.execute_command("ACL", "SETUSER", "deaf", "reset", "on", "nopass", *RIGHTS, "-subscribe")
    async with opened(f"redis://deaf:any@127.0.0.1:{shared_redis.port}") as store:
        refused = shared_redis.calls("subscribe", "rejected_calls")
        listening(store)
        await until(lambda: "does not let us hear" in caplog.text)
        await until(lambda: shared_redis.calls("subscribe", "rejected_calls") > refused + 1)
        assert caplog.text.count("does not let us hear") == 1
        assert await store.get_many(["fyke:1:none"]) == [None]


async def test_a_small_pool_is_enough_after_a_burst(shared_redis: RedisServer) -> None:
    """More lookups at once than the pool has connections: some fail, and afterwards lookups, purges and news work."""
    async with opened(f"{shared_redis.url}?max_connections=3") as store:
        await store.set_many([Write("fyke:1:small:a", b"1", MINUTE)])
        await asyncio.gather(*(store.get_many(["fyke:1:small:a"]) for _ in range(20)), return_exceptions=True)
        assert await store.get_many(["fyke:1:small:a"]) == [b"1"]
        heard = Heard(store)
        await heard.next()
        assert await store.purge("fyke:1:small:") == 1
        await heard.until("fyke:1:small:")
        await heard.stop()
        assert await store.get_many(["fyke:1:small:a"]) == [None]
