"""Stores for tests: open one, listen with it, ask whether it answers; and the rights that its user needs."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fyke.cache.redis import RedisStore
from fyke.errors import StoreError

# All that Fyke's user needs on one server: ACL SETUSER fyke on >PASSWORD resetchannels -@all ... as here.
# A database other than 0 takes +select, a cluster the two of `CLUSTER_COMMANDS`.
COMMANDS = ("get", "mget", "set", "unlink", "scan", "ping", "publish", "subscribe", "client|setname")
RIGHTS = ("-@all", *(f"+{command}" for command in COMMANDS), "~fyke:*", "&fyke:*")
PASSWORD = "a pass/word:@"  # every character that a URL must quote
QUOTED = "a%20pass%2Fword%3A%40"

MINUTE = 60_000
VALUE = bytes(range(256))


@asynccontextmanager
async def opened(url: str, **options: float) -> AsyncIterator[RedisStore]:
    """A store, closed afterwards; a connection that it left open would be seen."""
    store = RedisStore(url, **{"deadline": 5.0} | options)
    try:
        yield store
    finally:
        await store.close()
        gc.collect()


class Heard:
    """What a listener is told, one prefix after the other."""

    def __init__(self, store: RedisStore):
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._task = asyncio.create_task(store.listen(self._told.put_nowait))

    async def next(self, seconds: float = 5.0) -> str:
        return await asyncio.wait_for(self._told.get(), seconds)

    async def until(self, prefix: str, seconds: float = 5.0) -> None:
        """Wait for one prefix; other tests' purges are none of our business."""
        async with asyncio.timeout(seconds):
            while await self._told.get() != prefix:
                pass

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def answers(store: RedisStore) -> bool:
    """Whether a lookup works."""
    try:
        return await store.get_many(["fyke:1:none"]) == [None]
    except StoreError:
        return False
