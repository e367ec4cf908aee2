"""Where wrk cannot be had: the same requests and the same figures from Python, at a fraction of its speed.

python -m bench.closed_loop URL CONNECTIONS SECONDS DIRECTORY KIND FIRST COUNT
"""

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.workloads import BATCH

_TIMEOUT = 30.0


def requests(url: str, directory: Path, kind: str, first: int, count: int) -> Iterator[bytes]:
    """The requests of a run, as wrk.lua makes them."""
    texts = (directory / "texts").read_text().splitlines()
    words = (directory / "words").read_text().splitlines()
    parts = urlsplit(url)

    def request(body: str) -> bytes:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    def spell(number: int) -> str:
        return " ".join(words[place * 100 + number // 100**place % 100] for place in range(5)) + " "

    fresh = (f'"{spell(n)}{text}"' for n, text in zip(itertools.count(first), itertools.cycle(texts), strict=False))
    if kind == "pool":
        yield from itertools.cycle([request(f'{{"text":"{text}"}}') for text in texts])
    elif kind == "unique":
        yield from (request(f'{{"text":{text}}}') for text in fresh)
    elif kind == "batch":
        while True:
            yield request(f'{{"texts":[{",".join(itertools.islice(fresh, BATCH))}]}}')
    else:
        own = [request(f'{{"text":"{spell(first)}{text}"}}') for text in texts]
        draws = itertools.cycle((directory / "draws").read_text().split())
        yield from (own[int(draw) - 1] for draw in itertools.islice(draws, count))


async def load(url: str, asked: Iterator[bytes], connections: int, seconds: float | None) -> dict[str, float]:
    """Ask over so many connections until the time is over or there is nothing more to ask."""
    latencies: list[float] = []
    errors = 0
    started = time.perf_counter()

    async def one() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        with contextlib.closing(writer):
            for request in asked:
                left = time.perf_counter()
                if seconds is not None and left - started > seconds:
                    return
                writer.write(request)
                try:
                    async with asyncio.timeout(_TIMEOUT):
                        head = await reader.readuntil(b"\r\n\r\n")
                        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                        await reader.readexactly(int(length))
                except (OSError, EOFError, ValueError, TimeoutError):
                    errors += 1
                    return
                errors += not head.startswith(b"HTTP/1.1 2")
                latencies.append(time.perf_counter() - left)

    await asyncio.gather(*(one() for _ in range(connections)))
    took = time.perf_counter() - started
    latencies.sort()
    at = {"p50_ms": 0.5, "p99_ms": 0.99, "worst_ms": 1.0}
    count = len(latencies)
    late = {name: latencies[min(count - 1, int(count * share))] * 1e3 if count else 0.0 for name, share in at.items()}
    return {"requests": count, "seconds": took, "errors": errors} | late


def main(url: str, connections: str, seconds: str, directory: str, kind: str, first: str, count: str) -> None:
    """Run, and print one line of JSON."""
    asked = requests(url, Path(directory), kind, int(first), int(count))
    limit = None if kind == "zipf" else float(seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load(url, asked, int(connections), limit))))


if __name__ == "__main__":
    main(*sys.argv[1:])
