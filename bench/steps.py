"""What each step of the hot path costs, in one process and without the HTTP server.

    python -m bench.steps [--model DIRECTORY] [--texts DIRECTORY] [--quick]

Each figure is the median of several repetitions, in microseconds; the last line is JSON.
"""

import argparse
import asyncio
import gc
import hashlib
import inspect
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from pydantic_core import from_json

from bench import limit
from bench.asgi import App, Exchange, started
from bench.connections import Connections
from bench.servers import HOST, RedisServer
from bench.words import known_words
from bench.workloads import Speller
from fyke.cache.entry import Entry, open_sealed, seal
from fyke.cache.keys import Keyring
from fyke.cache.memory import OVERHEAD, Memory
from fyke.cache.redis import RedisStore
from fyke.model.classifier import Classifier
from fyke.model.cores import OnCores
from fyke.model.directory import SHIPPED, Model, load_model
from fyke.service.app import create_app
from fyke.settings import load

REPETITIONS, LEAST_SECONDS = 7, 0.02
HOUR = 3_600_000  # ms
TYPICAL = 900  # characters, about 150 words
TOGETHER = 16
BATCH = 64
MANY = 10_000
LENGTHS = (100, 1_000, 10_000, 100_000, 1_000_000)  # characters
ENTRIES = (1_000, 10_000, 100_000, 1_000_000)
MOST_DRAWN = 400_000  # keys: more than are asked for
FILL = "for i = 0, ARGV[1] - 1 do redis.call('SET', 'key:' .. i, ARGV[2]) end"

Rows = dict[str, float]


async def cost(call: Callable[[], Any], *, each: int = 1) -> float:
    """Microseconds of a call, or of each of the ``each`` things that it does; awaited if need be."""
    waits = inspect.iscoroutinefunction(call)

    async def often(number: int) -> float:
        begun = time.perf_counter()
        if waits:
            for _ in range(number):
                await call()
        else:
            for _ in range(number):
                call()
        return time.perf_counter() - begun

    gc.disable()
    try:
        number = 1
        while await often(number) < LEAST_SECONDS:
            number *= 2
        return statistics.median([await often(number) for _ in range(REPETITIONS)]) / number / each * 1e6
    finally:
        gc.enable()


async def steps(classifier: Classifier, text: str) -> Rows:
    """Every step that a text may take, each by itself."""
    body = json.dumps({"text": text}).encode()
    keyring = Keyring(b"secret", "default", classifier.id)
    canonical = classifier.canonical(text)
    key = keyring.key(canonical)
    entry = _entry(classifier)
    sealed = seal(entry, key, keyring)
    memory = _memory(1_000)
    memory.put(key, entry, entry.expires)
    many = [canonical] * BATCH
    return {
        "digest of the body": await cost(lambda: hashlib.blake2b(body, digest_size=16, key=b"secret").digest()),
        "JSON to text": await cost(lambda: from_json(body)),
        "text to canonical bytes": await cost(lambda: classifier.canonical(text)),
        "canonical bytes to key": await cost(lambda: keyring.key(canonical)),
        "look into memory": await cost(lambda: memory.get(key)),
        "open a sealed entry": await cost(lambda: open_sealed(sealed, key, keyring)),
        "score, alone": await cost(lambda: classifier.predict_canonical([canonical])),
        f"score, one of {BATCH}": await cost(lambda: classifier.predict_canonical(many), each=BATCH),
        "seal an entry": await cost(lambda: seal(entry, key, keyring)),
    }


async def requests(model: Model, port: int, terms: list[str], texts: list[str], directory: Path) -> Rows:
    """Whole requests, from the bytes that arrive to those that are sent; the limit as an HTTP server calls it."""
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    known, all_of_them = itertools.repeat(bodies[0]), itertools.cycle(bodies)
    new = (bodies[0][:-1] + b', "n": %d}' % number for number in itertools.count())  # other bodies, the same text
    speller = Speller(terms)
    never = (json.dumps({"text": speller(n) + text}).encode() for n, text in enumerate(itertools.cycle(texts)))
    url = f"redis://{HOST}:{port}/0"
    rows = {"a constant: the limit": await cost(Exchange(limit.app, known).ask)}
    async with _app(model, directory, cache_url=url) as app:
        rows["hit in memory, body seen before"] = await cost(Connections(app, known).ask)
        rows["the same over ASGI"] = await cost(Exchange(app, known).ask)
        rows["hit in memory, body not seen before"] = await cost(Connections(app, new).ask)
    async with _app(model, directory, cache_url=url, cache_memory_entries=0) as app:
        await Exchange(app, all_of_them).ask_together(len(bodies))
        await asyncio.sleep(0.1)  # until it is written
        rows["hit in Redis, alone"] = await cost(Connections(app, known).ask)
        rows[f"hit in Redis, {TOGETHER} at once, each"] = await _at_once(app, all_of_them)
        rows["miss, alone"] = await cost(Connections(app, never).ask)
        rows[f"miss, {TOGETHER} at once, each"] = await _at_once(app, never)
    async with _app(model, directory, cache_url="none://") as app:
        rows["computed, cache off, alone"] = await cost(Connections(app, known).ask)
        rows[f"computed, cache off, {TOGETHER} at once, each"] = await _at_once(app, all_of_them)
    return rows


async def _at_once(app: App, bodies: Iterator[bytes]) -> float:
    return await cost(Connections(app, bodies, TOGETHER).ask, each=TOGETHER)


async def over_length(classifier: Classifier, text: str, most: int) -> list[dict[str, float]]:
    """How the costs of reading and of scoring grow with the length of a text."""
    rows = []
    for length in (one for one in LENGTHS if one <= most):
        item = (text * (length // len(text) + 1))[:length]
        canonical = classifier.canonical(item)
        reading = await cost(partial(classifier.canonical, item))
        scoring = await cost(partial(classifier.predict_canonical, [canonical]))
        rows.append({"characters": length, "canonical": reading, "score": scoring})
    return rows


async def over_entries(classifier: Classifier, server: RedisServer, most: int) -> list[dict[str, float]]:
    """How the costs of a lookup grow with the number of entries, in memory and in Redis, at keys drawn at random."""
    rows = []
    store = RedisStore(f"redis://{HOST}:{server.port}/0")
    entry = _entry(classifier)
    for count in (one for one in ENTRIES if one <= most):
        memory = _memory(count)
        for number in range(count):
            memory.put(f"key:{number}", entry, entry.expires)
        drawn = random.Random(7).choices(range(count), k=min(count, MOST_DRAWN))  # noqa: S311 - a sample
        keys = itertools.cycle([f"key:{number}" for number in drawn])
        inside = await cost(_look_into(memory, keys))
        await _fill(server.port, count)
        ask = _ask(store, keys)
        await ask()
        rows.append({"entries": count, "memory": inside, "redis": await cost(ask)})
    await store.close()
    return rows


def on_cores(directory: Path, texts: list[str]) -> Rows:
    """What a text costs where ten thousand are scored at once, on one core and on two."""
    many = [f"{text} {number}" for number in range(MANY // len(texts) + 1) for text in texts][:MANY]
    rows = {}
    for cores in (1, 2):
        with OnCores(directory, cores) as model:
            model.predict_many(many)
            seconds = []
            for _ in range(REPETITIONS):
                begun = time.perf_counter()
                model.predict_many(many)
                seconds.append(time.perf_counter() - begun)
        rows[f"predict_many of {MANY:,}, {cores} core{'s' * (cores > 1)}, each"] = (
            statistics.median(seconds) / MANY * 1e6
        )
    return rows


def _look_into(memory: Memory[Entry], keys: Iterator[str]) -> Callable[[], object]:
    return lambda: memory.get(next(keys))


def _ask(store: RedisStore, keys: Iterator[str]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def ask() -> None:
        if (await store.get_many([next(keys)]))[0] is None:
            raise RuntimeError("an entry is not there")

    return ask


async def _fill(port: int, count: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    parts = [b"EVAL", FILL.encode(), b"0", str(count).encode(), b"v" * 80]
    writer.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    await reader.readline()
    writer.close()


def _memory(entries: int) -> Memory[Entry]:
    return Memory(lambda entry: len(entry.payload), max_entries=entries, max_bytes=entries * (OVERHEAD + 100))


def _entry(classifier: Classifier) -> Entry:
    now = time.time_ns() // 1_000_000
    return Entry(classifier.encode(0.5), now, now + HOUR, "at most seven words of it no more")


@asynccontextmanager
async def _app(model: Model, directory: Path, **settings: Any) -> AsyncIterator[App]:
    app: Any = create_app(load(cache_dir=directory, cache_secret="bench", **settings), model)  # noqa: S106
    async with started(app):
        yield app


def _texts(terms: list[str], count: int) -> list[str]:
    """Texts of the typical length, of words that the model knows and, for every third, words that it does not."""
    speller = Speller(terms)
    chance = random.Random(3)  # noqa: S311 - a sample
    texts = []
    for number in range(count):
        words = speller(number).split()
        while sum(map(len, words)) + len(words) < TYPICAL:
            words.append(chance.choice(["the", "of", f"x{chance.randrange(10**4)}", *chance.choices(terms, k=6)]))
        texts.append(" ".join(words))
    return texts


def _lines(file: Path) -> list[str]:
    """Texts as `bench.workloads` writes them."""
    return [json.loads(f'"{line}"') for line in file.read_text().splitlines()]


async def measure(directory: Path, files: Path | None, quick: bool) -> dict[str, Any]:
    """All figures for the model in ``directory``, on the texts in ``files`` if there are any."""
    model = load_model(directory)
    terms = known_words(model.classifier)
    texts = _texts(terms, 4 * TOGETHER) if files is None else _lines(files / "typical" / "texts")[: 4 * TOGETHER]
    real = texts if files is None else _lines(files / "zipf" / "texts")
    with tempfile.TemporaryDirectory(prefix="fyke-steps-") as temporary:
        server = RedisServer(Path(temporary))
        try:
            server.spawn_redis()
            await server.wait_until_ready()
            return {
                "steps": await steps(model.classifier, texts[0]) | on_cores(directory, texts),
                "requests": await requests(model, server.port, terms, texts, Path(temporary)),
                "length": await over_length(model.classifier, " ".join(real) + " ", LENGTHS[-1]),
                "entries": await over_entries(model.classifier, server, ENTRIES[-2] if quick else ENTRIES[-1]),
            }
        finally:
            server.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.steps", description=__doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED, help="model directory; the shipped one")
    parser.add_argument("--texts", type=Path, help="directory of the files of `bench.workloads`; else made-up texts")
    parser.add_argument("--quick", action="store_true", help="up to 100,000 entries, not a million")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(options.model, options.texts, options.quick))
    for name, rows in figures.items():
        for row in rows.items() if isinstance(rows, dict) else rows:
            print(name, row)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
