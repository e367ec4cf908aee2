"""What every store promises, over every kind of server that a cache URL can name."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from fyke.cache.embedded import EmbeddedServer
from fyke.cache.keys import LEASES
from fyke.cache.redis import PURGES, RedisStore
from fyke.cache.store import Write
from fyke.errors import StoreError
from tests.cache.stores import MINUTE, PASSWORD, QUOTED, RIGHTS, VALUE, Heard, answers
from tests.conftest import RedisServer
from tests.servers import Certificates, Cluster, SentinelGroup, frozen
from tests.waiting import until

pytestmark = pytest.mark.anyio


@dataclass
class Backend:
    """A store's URL, and a way past the store to what the server keeps."""

    url: str
    look: Any
    pids: tuple[int, ...]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    server = EmbeddedServer.attach(tmp_path_factory.mktemp("embedded"))
    with server, redis.Redis(unix_socket_path=str(server.socket_path)) as look:
        yield Backend(f"unix://{server.socket_path}", look, (look.info("server")["process_id"],))


@pytest.fixture
def standalone(shared_redis: RedisServer) -> Iterator[Backend]:
    with shared_redis.client() as look:
        yield Backend(shared_redis.url, look, (shared_redis.pid,))


@pytest.fixture
def user(shared_redis: RedisServer) -> Iterator[Backend]:
    with shared_redis.client() as look:
        look.execute_command("ACL", "SETUSER", "mail", "reset", "on", f">{PASSWORD}", *RIGHTS)
        yield Backend(f"redis://mail:{QUOTED}@127.0.0.1:{shared_redis.port}", look, (shared_redis.pid,))
        look.execute_command("ACL", "DELUSER", "mail")


@pytest.fixture
def tls(tls_server: RedisServer, certificates: Certificates) -> Iterator[Backend]:
    with tls_server.client() as look:
        url = f"rediss://127.0.0.1:{tls_server.tls_port}/0?ssl_ca_certs={certificates.ca}"
        yield Backend(url, look, (tls_server.pid,))


@pytest.fixture
def sentinel(shared_sentinels: SentinelGroup) -> Iterator[Backend]:
    with shared_sentinels.master.client() as look:
        yield Backend(shared_sentinels.url, look, (shared_sentinels.master.pid,))


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Backend]:
    with redis.RedisCluster(host="127.0.0.1", port=shared_cluster.primaries[0].port) as look:
        yield Backend(shared_cluster.url, look, tuple(node.pid for node in shared_cluster.nodes))


@pytest.fixture(params=["embedded", "standalone", "user", "tls", "sentinel", "cluster"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every kind of server in turn."""
    found: Backend = request.getfixturevalue(request.param)
    return found


Open = Callable[..., RedisStore]


@pytest.fixture
async def opened(backend: Backend) -> AsyncIterator[Open]:
    """Open stores on the server; patient ones, unless they are asked for a deadline."""
    stores: list[RedisStore] = []

    def open_store(**options: float) -> RedisStore:
        stores.append(RedisStore(backend.url, **{"deadline": 5.0} | options))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()
    gc.collect()  # a connection that was left open would be seen here


@pytest.fixture
def store(opened: Open) -> RedisStore:
    return opened()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Keys of this test only."""
    return f"fyke:1:{abs(hash(request.node.name)):x}:"


async def test_values_come_in_the_order_of_the_keys(store: RedisStore, prefix: str) -> None:
    """None stands where there is nothing, a key asked twice answers twice, and every byte survives."""
    keys = [f"{prefix}{number}" for number in range(50)]
    values = {key: VALUE + key.encode() for key in keys[::2]} | {keys[1]: b""}
    await store.set_many([Write(key, value, MINUTE) for key, value in values.items()])
    asked = [*reversed(keys), keys[0], keys[0]]
    assert await store.get_many(asked) == [values.get(key) for key in asked]


async def test_a_large_value_comes_back_whole(store: RedisStore, prefix: str) -> None:
    """Several megabytes do not fit into one read, and come back all the same."""
    value = VALUE * 20_000
    assert await store.set_many([Write(prefix + "large", value, MINUTE)]) == [True]
    assert await store.get_many([prefix + "large"]) == [value]


async def test_every_write_has_its_own_ttl(store: RedisStore, backend: Backend, prefix: str) -> None:
    """The server itself forgets each entry, to the millisecond, and a second write sets the TTL anew."""
    ttls = {f"{prefix}{ttl}": ttl for ttl in (1_000, MINUTE, 60 * MINUTE)}
    await store.set_many([Write(key, VALUE, ttl) for key, ttl in ttls.items()])
    for key, ttl in ttls.items():
        assert ttl - 1_000 <= backend.look.pttl(key) <= ttl
    (short, *_) = ttls
    await store.set_many([Write(short, VALUE, MINUTE)])
    assert backend.look.pttl(short) > 1_000


async def test_an_entry_is_gone_when_its_ttl_is_over(store: RedisStore, backend: Backend, prefix: str) -> None:
    """A millisecond later nobody finds it."""
    await store.set_many([Write(prefix + "short", VALUE, 1)])
    await until(lambda: not backend.look.exists(prefix + "short"))
    assert await store.get_many([prefix + "short"]) == [None]


async def test_a_renewal_replaces_only_what_is_there(store: RedisStore, backend: Backend, prefix: str) -> None:
    """It says so, and an entry that was purged or has expired does not come back."""
    kept, lost = prefix + "kept", prefix + "lost"
    await store.set_many([Write(kept, b"old", 5_000)])
    renewals = [Write(lost, b"new", MINUTE, renewal=True), Write(kept, b"new", MINUTE, renewal=True)]
    assert await store.set_many([Write(prefix + "fresh", VALUE, MINUTE), *renewals]) == [True, False, True]
    assert await store.get_many([kept, lost]) == [b"new", None]
    assert backend.look.pttl(kept) > 5_000


async def test_one_of_many_gets_the_lease(opened: Open, prefix: str) -> None:
    """However many ask at once, from however many processes, one computes."""
    stores = [opened() for _ in range(4)]
    keys = [f"{prefix}{number}" for number in range(10)]
    answers = await asyncio.gather(*(store.lease_many(keys, MINUTE) for store in stores for _ in range(5)))
    for about_one_key in zip(*answers, strict=True):
        assert {value for value, _ in about_one_key} == {None}
        assert sum(leased for _, leased in about_one_key) == 1


async def test_a_lease_is_given_back_with_the_entry(store: RedisStore, prefix: str) -> None:
    """Who asks next sees the value, and the lease is free again; other leases stay."""
    mine, other = prefix + "mine", prefix + "other"
    assert await store.lease_many([mine, other], MINUTE) == [(None, True), (None, True)]
    assert await store.lease_many([mine, other], MINUTE) == [(None, False), (None, False)]
    assert await store.set_many([Write(mine, VALUE, MINUTE)], [mine]) == [True]
    assert await store.lease_many([other, mine], MINUTE) == [(None, False), (VALUE, True)]
    assert await store.set_many([], [mine]) == []
    assert await store.lease_many([mine], MINUTE) == [(VALUE, True)]


async def test_a_lease_runs_out(store: RedisStore, backend: Backend, prefix: str) -> None:
    """Who took it and died does not keep the others from the key, and asking again does not prolong it."""
    await store.lease_many([prefix + "key"], 30_000)
    await store.lease_many([prefix + "key"], 90_000)
    assert 20_000 < backend.look.pttl(LEASES + prefix + "key") <= 30_000


async def test_whoever_gets_a_lease_sees_what_was_written_before(opened: Open, prefix: str) -> None:
    """Of two that want one key in turn, the second never gets the lease without the value, on a cluster neither."""
    first, second = opened(), opened()
    for turn in range(40):
        key = f"{prefix}{turn}"
        assert await first.lease_many([key], MINUTE) == [(None, True)]
        writing = asyncio.create_task(first.set_many([Write(key, VALUE, MINUTE)], [key]))
        while True:
            ((value, leased),) = await second.lease_many([key], MINUTE)
            assert value == VALUE or not leased
            if leased:
                break
        await writing


async def test_dropped_keys_are_gone(store: RedisStore, prefix: str) -> None:
    """Those and no others, whether they were there or not."""
    keys = [f"{prefix}{number}" for number in range(20)]
    await store.set_many([Write(key, VALUE, MINUTE) for key in keys])
    await store.drop_many([*keys[:10], prefix + "never there"])
    assert await store.get_many(keys) == [None] * 10 + [VALUE] * 10


async def test_nothing_asked_is_nothing_done(store: RedisStore) -> None:
    """Empty lists are no errors."""
    assert await store.get_many([]) == []
    assert await store.set_many([]) == []
    assert await store.lease_many([], MINUTE) == []
    await store.drop_many([])


async def test_a_listing_takes_its_prefix_literally(store: RedisStore, prefix: str) -> None:
    """What SCAN takes for a pattern is a character like any other."""
    begin = prefix + "a*b?[c-d]\\^e:"
    there = {f"{begin}{number}": VALUE for number in range(3)}
    others = [f"{prefix}aXbY{middle}\\^e:0" for middle in ("c", "d", "[c-d]")]
    await store.set_many([Write(key, VALUE, MINUTE) for key in [*there, *others]])
    assert dict([pair async for batch in store.scan(begin) for pair in batch]) == there
    assert await store.purge(begin) == 3
    assert await store.get_many(others) == [VALUE] * 3


async def test_a_listing_misses_nothing(store: RedisStore, prefix: str) -> None:
    """More keys than one batch takes come in several, each with its value."""
    there = {f"{prefix}{number}": str(number).encode() for number in range(1_500)}
    await store.set_many([Write(key, value, MINUTE) for key, value in there.items()])
    batches = [batch async for batch in store.scan(prefix)]
    assert dict(pair for batch in batches for pair in batch) == there
    assert len(batches) > 1
    assert not any([batch async for batch in store.scan(prefix + "none")])


async def test_a_purge_counts_what_it_forgets(store: RedisStore, prefix: str) -> None:
    """Everything under the prefix and nothing else; a second purge finds nothing."""
    await store.set_many([Write(f"{prefix}{one}:{number}", VALUE, MINUTE) for one in "ab" for number in range(600)])
    assert await store.purge(prefix + "a:") == 600
    assert await store.purge(prefix + "a:") == 0
    assert await store.get_many([prefix + "a:1", prefix + "b:1"]) == [None, VALUE]
    assert await store.purge(prefix) == 600


async def test_a_foreign_key_disturbs_nobody(store: RedisStore, backend: Backend, prefix: str) -> None:
    """Bytes that are no text, or another type than ours, are listed or left out, and purged like the rest."""
    await store.set_many([Write(prefix + "ours", VALUE, MINUTE)])
    backend.look.set(prefix.encode() + b"\xff\xfe", b"?")
    backend.look.rpush(prefix + "list", b"?")
    found = dict([pair async for batch in store.scan(prefix) for pair in batch])
    assert found == {prefix + "ours": VALUE, prefix + "\ufffd\ufffd": b"?"}
    assert await store.purge(prefix) == 3


async def test_a_purge_is_heard_within_a_second(
    opened: Open, listening: Callable[[RedisStore], Heard], prefix: str
) -> None:
    """Every listener is told the prefix, its own process's listener too; at first each is told to forget all."""
    stores = [opened() for _ in range(3)]
    heard = [listening(store) for store in stores]
    assert [await one.next() for one in heard] == ["", "", ""]
    await stores[0].purge(prefix + "ä")
    await asyncio.gather(*(one.until(prefix + "ä", 60) for one in heard))


async def test_a_listener_that_was_cut_off_forgets_all(
    opened: Open, listening: Callable[[RedisStore], Heard], backend: Backend, prefix: str
) -> None:
    """After it is connected again it is told so, because it may have missed a purge, and then hears again."""
    store = opened()
    heard = listening(store)
    assert await heard.next() == ""
    everywhere = {"target_nodes": "all"} if isinstance(backend.look, redis.RedisCluster) else {}
    backend.look.execute_command("CLIENT KILL", "TYPE", "pubsub", **everywhere)
    await heard.until("")
    await store.purge(prefix)
    await heard.until(prefix, 60)


async def test_whoever_waits_can_be_stopped_at_any_moment(opened: Open, prefix: str) -> None:
    """A cancelled listener, lookup or write ends at once, wherever it was, and leaves the store usable."""
    store = opened()
    waiting: list[Callable[[], Coroutine[Any, Any, Any]]] = [
        lambda: store.listen(str),
        lambda: store.get_many([prefix + "key"]),
        lambda: store.set_many([Write(prefix + "key", VALUE, MINUTE)], [prefix + "key"]),
    ]
    for turns in range(40):
        for wait in waiting:
            task = asyncio.create_task(wait())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=2)
            assert done
    assert await store.set_many([Write(prefix + "key", VALUE, MINUTE)]) == [True]
    assert await store.get_many([prefix + "none", prefix + "key"]) == [None, VALUE]


async def test_nonsense_on_the_channel_is_survived(
    opened: Open, listening: Callable[[RedisStore], Heard], backend: Backend, prefix: str
) -> None:
    """Whoever may publish cannot end the listening."""
    store = opened()
    heard = listening(store)
    assert await heard.next() == ""
    backend.look.publish(PURGES, b"\xff\x00")
    await heard.until("\ufffd\x00")
    await store.purge(prefix)
    await heard.until(prefix)


async def test_ping_returns_where_a_server_answers(store: RedisStore) -> None:
    """It raises nothing, before and after other questions."""
    await store.ping()
    assert await store.get_many(["fyke:1:none"]) == [None]
    await store.ping()


async def test_a_closed_store_says_so(opened: Open, backend: Backend) -> None:
    """Who listens comes to an end; who still waits for an answer gets a StoreError, and nobody waits for ever."""
    store = opened()
    listener = asyncio.create_task(store.listen(str))
    await store.ping()
    await store.close()
    await asyncio.wait_for(listener, 2)
    with frozen(*backend.pids):
        hanging = opened()
        waiting = asyncio.create_task(hanging.get_many(["fyke:1:none"]))
        await asyncio.wait([waiting], timeout=0.05)
        await hanging.close()
        with pytest.raises(StoreError):
            await asyncio.wait_for(waiting, 2)


async def test_closing_twice_does_nothing(backend: Backend) -> None:
    """Nor does closing what was never used."""
    unused, used = RedisStore(backend.url), RedisStore(backend.url)
    await used.ping()
    for store in (unused, used, used, unused):
        await store.close()


async def test_a_server_that_hangs_costs_the_deadline(opened: Open, backend: Backend, prefix: str) -> None:
    """Every lookup and write ends as a StoreError at its deadline; when the server goes on, so does the store."""
    store = opened(deadline=0.1)
    await until(partial(answers, store))
    asking: list[Callable[[], Any]] = [
        lambda: store.get_many([prefix + "key"]),
        lambda: store.set_many([Write(prefix + "key", VALUE, MINUTE)]),
        lambda: store.lease_many([prefix + "key"], 1),
        lambda: store.drop_many([prefix + "key"]),
    ]
    with frozen(*backend.pids):
        for ask in asking:
            started = time.perf_counter()
            with pytest.raises(StoreError, match=r"no answer within (100|50) ms"):
                await ask()
            assert time.perf_counter() - started < 0.5
    await until(partial(answers, store))


async def test_an_error_of_the_server_is_a_store_error(store: RedisStore, backend: Backend, prefix: str) -> None:
    """Its text is the server's and quotes no value; the connection goes on."""
    backend.look.rpush(prefix + "list", b"?")
    with pytest.raises(StoreError, match=r"^WRONGTYPE [^#]*$"):
        await store.lease_many([prefix + "list"], MINUTE)
    with pytest.raises(StoreError, match=r"^invalid expire time [^#]*$"):
        await store.set_many([Write(prefix + "key", b"private words", -1)])
    assert await store.get_many([prefix + "key"]) == [None]


async def test_a_missing_socket_is_a_store_error(tmp_path: Path) -> None:
    """Whatever it is asked, and no stray exception."""
    store = RedisStore(f"unix://{tmp_path}/none.sock")
    with pytest.raises(StoreError, match=r"none\.sock"):
        await store.ping()
    with pytest.raises(StoreError):
        await store.get_many(["fyke:1:none"])
    await store.close()
