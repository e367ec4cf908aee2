"""One process of several: at a word on stdin, asks for one key many times at once and says what came of it.

python -m tests.predictor.worker REDIS_URL REQUESTS
"""

import asyncio
import sys
import threading
from collections.abc import Sequence

import redis

from fyke.cache.redis import RedisStore
from tests.predictor.models import Shouting, unverified


class Counted(Shouting):
    """Counts in Redis, for all processes, and takes its time."""

    def __init__(self, url: str):
        super().__init__("counted")
        self._url = url

    def predict_many(self, items: Sequence[str]) -> list[str]:
        """One answer for each."""
        with redis.Redis.from_url(self._url) as client:
            client.incrby("computed", len(items))
        threading.Event().wait(0.5)  # it is a dear model
        return super().predict_many(items)


async def main(url: str, requests: int) -> None:
    """Ready, wait for the word, ask, tell."""
    model = Counted(url)
    async with unverified(model, RedisStore(url, deadline=5)) as predictor:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answers = await predictor.predict_many(["same"] * requests)
        print("right", sum(answer.prediction == model.answer("same") for answer in answers))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
