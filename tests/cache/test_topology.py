"""Clusters and Sentinel groups: who is asked for what, and who is asked when a server dies."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from fyke.cache.redis import PURGES, RedisStore
from fyke.cache.store import Write
from fyke.errors import StoreError
from tests.cache.stores import MINUTE, VALUE, Heard, answers, opened
from tests.servers import Cluster, SentinelGroup, cluster, frozen, sentinel_group
from tests.waiting import until

pytestmark = pytest.mark.anyio


def keys_of(nodes: Cluster, prefix: str, count: int) -> dict[int, list[str]]:
    """For each node's port as many keys of its own."""
    found: dict[int, list[str]] = {node.port: [] for node in nodes.primaries}
    number = 0
    while any(len(keys) < count for keys in found.values()):
        key = f"{prefix}{number}"
        number += 1
        mine = found[nodes.owner(key).port]
        if len(mine) < count:
            mine.append(key)
    return found


async def test_a_lookup_is_split_by_slot(shared_cluster: Cluster) -> None:
    """One MGET for each slot, at the node that has it; keys of one slot share one; nothing is asked twice."""
    keys = [key for mine in keys_of(shared_cluster, "fyke:1:split:", 40).values() for key in mine]
    together = [f"fyke:1:{{split}}:{number}" for number in range(20)]
    async with opened(shared_cluster.url) as store:
        await store.set_many([Write(key, key.encode(), MINUTE) for key in [*keys, *together]])
        before = {node.port: node.calls("mget") for node in shared_cluster.nodes}
        asked = [*keys, *together]
        assert await store.get_many(asked) == [key.encode() for key in asked]
    for node in shared_cluster.nodes:
        slots = {redis.crc.key_slot(key.encode()) for key in asked if shared_cluster.owner(key) is node}
        assert node.calls("mget") - before[node.port] == len(slots)


async def test_no_node_waits_for_another(shared_cluster: Cluster) -> None:
    """Whichever node hangs, the others have long had their part of the lookup: they are asked at the same time."""
    by_node = keys_of(shared_cluster, "fyke:1:parallel:", 3)
    keys = [key for mine in by_node.values() for key in mine]
    for hanging in shared_cluster.nodes:
        others = [node for node in shared_cluster.nodes if node is not hanging]
        async with opened(shared_cluster.url, deadline=0.3) as store:
            await until(lambda store=store: answers(store))
            await store.get_many(keys)
            before = [node.calls("mget") for node in others]
            with frozen(hanging.pid), pytest.raises(StoreError, match="no answer within 300 ms"):
                await store.get_many(keys)
            assert [node.calls("mget") - old for node, old in zip(others, before, strict=True)] == [3, 3]


async def test_a_purge_at_any_node_reaches_all(
    shared_cluster: Cluster, listening: Callable[[RedisStore], Heard]
) -> None:
    """The cluster carries what is published at one node to the subscribers of every other."""
    async with opened(shared_cluster.url) as first, opened(shared_cluster.url) as second:
        heard = [listening(store) for store in (first, second, first, second)]
        assert {await one.next() for one in heard} == {""}
        for node in shared_cluster.nodes:
            node.ask("PUBLISH", PURGES, f"from {node.port}")
            await asyncio.gather(*(one.until(f"from {node.port}", 60) for one in heard))


class Pulse:
    """The longest time for which the event loop did nothing else."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.perf_counter() - started)

    def stop(self) -> None:
        self._task.cancel()


async def test_a_dead_primary_costs_only_its_own_keys(tmp_path: Path) -> None:
    """Its keys are StoreErrors within the deadline, others answer; once its replica has taken over, so do they.

    Meanwhile the event loop goes on: finding out who took over happens beside it.
    """
    options = ("--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
    with cluster(tmp_path, *options, replica=True) as nodes:
        dead, *living = nodes.primaries
        by_node = keys_of(nodes, "fyke:1:dead:", 2)
        theirs = [key for node in living for key in by_node[node.port]]
        async with opened(nodes.url, deadline=0.25) as store:
            await until(lambda: answers(store))
            await store.set_many([Write(key, VALUE, MINUTE) for keys in by_node.values() for key in keys])
            assert dead.ask("WAIT", 1, 5000) == 1
            dead.stop()
            pulse = Pulse()
            started = time.perf_counter()
            with pytest.raises(StoreError):
                await store.get_many(by_node[dead.port])
            assert time.perf_counter() - started < 0.5
            assert await store.get_many(theirs) == [VALUE] * 4

            async def recovered() -> bool:
                begun = time.perf_counter()
                try:
                    return await store.get_many(by_node[dead.port]) == [VALUE] * 2
                except StoreError:
                    return False
                finally:
                    assert time.perf_counter() - begun < 0.5

            await until(recovered, 60)
            assert await store.set_many([Write(by_node[dead.port][0], b"new", MINUTE)]) == [True]
            pulse.stop()
            assert pulse.longest < 0.3


async def test_a_promoted_replica_is_found(tmp_path: Path, listening: Callable[[RedisStore], Heard]) -> None:
    """After the master's death the sentinels name another; then lookups, writes and purges work again."""
    with sentinel_group(tmp_path, down_after_ms=500) as group:
        async with opened(group.url, deadline=0.25) as store:
            await until(lambda: answers(store))
            heard = listening(store)
            assert await heard.next() == ""
            await store.set_many([Write("fyke:1:kept", VALUE, MINUTE)])
            assert group.master.ask("WAIT", 1, 5000) == 1
            group.master.stop()
            with pytest.raises(StoreError):
                await store.get_many(["fyke:1:kept"])

            async def writes() -> bool:
                begun = time.perf_counter()
                try:
                    return await store.set_many([Write("fyke:1:new", VALUE, MINUTE)]) == [True]
                except StoreError:
                    return False
                finally:
                    assert time.perf_counter() - begun < 0.5

            await until(writes, 60)
            assert await store.get_many(["fyke:1:kept", "fyke:1:new"]) == [VALUE, VALUE]
            await heard.until("", 60)
            await store.purge("fyke:1:")
            await heard.until("fyke:1:", 60)


async def test_a_silent_sentinel_is_passed_over(shared_sentinels: SentinelGroup) -> None:
    """The first sentinel hangs, and the store is reached through the second, although that takes many deadlines."""
    with frozen(shared_sentinels.sentinels[0].pid):
        async with opened(shared_sentinels.url, deadline=0.1) as store:
            with pytest.raises(StoreError, match="no answer within 100 ms"):
                await store.get_many(["fyke:1:none"])
            await until(lambda: answers(store), 60)
