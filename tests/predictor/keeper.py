"""One process of several: keeps an entry in memory and says when a purge made elsewhere has reached it.

python -m tests.predictor.keeper REDIS_URL
"""

import asyncio
import sys
import time

from fyke.cache.entry import Entry
from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from tests.predictor.models import Shouting, unverified
from tests.waiting import until


async def main(url: str) -> None:
    """Fill the memory, then wait until it is empty and print the time."""
    memory = new_memory(max_entries=100, max_bytes=2**20)
    assert memory is not None
    memory.put("before", Entry(b"", 0, 2**62), 2**62)
    async with unverified(Shouting(), RedisStore(url, deadline=5), memory=memory) as predictor:
        await until(lambda: len(memory) == 0)  # whoever begins to listen has missed what was purged before
        await predictor.predict("text")
        await until(lambda: predictor.ledger.write.calls == 1 or predictor.ledger.redis_hits == 1)
        print("kept", flush=True)
        await until(lambda: len(memory) == 0)
        print(time.time())


asyncio.run(main(sys.argv[1]))
