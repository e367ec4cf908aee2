"""Bytes that Redis takes for each entry: a hundred thousand in a real server. python -m bench.sizing [--entries N]"""

import argparse
import asyncio
import sys

from bench.servers import redis_server
from fyke.cache.redis import RedisStore
from fyke.predictor import Predictor


class Scores:
    """As the classifier's: a floating-point number for a text."""

    id = "0" * 32

    def canonical(self, item: str) -> bytes:
        """The text itself."""
        return item.encode()

    def predict_many(self, items: list[str]) -> list[float]:
        """Numbers with as many digits as a score has."""
        return [1 / (3 + len(item) + hash(item) % 1000 / 7) for item in items]


async def fill(url: str, entries: int, preview: str) -> None:
    """Have Redis keep so many predictions."""
    store = RedisStore(url, deadline=30)
    async with Predictor[str, float](Scores(), store, preview=lambda item: preview, verify=0) as predictor:
        for start in range(0, entries, 1000):
            await predictor.predict_many([f"text {number}" for number in range(start, start + 1000)])
