"""Bytes that Redis takes for each entry: a hundred thousand in a real server. python -m bench.sizing [--entries N]"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.servers import RedisServer
from fyke.cache.redis import RedisStore
from fyke.predictor import Predictor


class Scores:
    """As the classifier's: a floating-point number for a text."""

    id = "0" * 32

    def canonical(self, item: str) -> bytes:
        """The text itself."""
        return item.encode()

    def predict_many(self, items: Sequence[str]) -> list[float]:
        """Numbers with as many digits as a score has."""
        return [1 / (3 + len(item) + hash(item) % 1000 / 7) for item in items]


async def fill(url: str, entries: int, preview: str) -> None:
    """Have Redis keep so many predictions."""
    store = RedisStore(url, deadline=30)
    async with Predictor[str, float](Scores(), store, preview=lambda item: preview, verify=0) as predictor:
        for start in range(0, entries, 1000):
            await predictor.predict_many([f"text {number}" for number in range(start, start + 1000)])


async def measure(entries: int) -> None:
    """Print the bytes for each entry, without and with seven first words."""
    for preview in ("", "your account has been suspended please verify"):
        with tempfile.TemporaryDirectory() as directory:
            server = RedisServer(Path(directory))
            server.spawn_redis()
            try:
                await server.wait_until_ready()
                before = await _used(server.port)
                await fill(f"redis://127.0.0.1:{server.port}/0", entries, preview)
                used = await _used(server.port) - before
            finally:
                server.kill()
        print(f"{entries:,} entries, {len(preview.split())} first words: {used / entries:.0f} bytes for each")


async def _used(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"INFO memory\r\nQUIT\r\n")
    said = await reader.read()
    writer.close()
    return int(said.partition(b"used_memory:")[2].split(b"\r\n")[0])


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description="Bytes of Redis for each entry.")
    parser.add_argument("--entries", type=int, default=100_000, help="predictions to keep")
    asyncio.run(measure(parser.parse_args().entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
