"""``fyke cache``: look into the store, whichever it is."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer
from rich.table import Table

from fyke.cache.entry import Entry, peek
from fyke.cache.keys import scope
from fyke.cache.store import Store
from fyke.cli.console import out
from fyke.errors import SettingsError
from fyke.model.classifier import decode, verdict
from fyke.settings import Settings, load

Result = TypeVar("Result")


def list_entries(cache_url: str | None, limit: int, *, as_json: bool) -> None:
    """The total, then a table of first words and predictions, newest first."""
    settings = load(cache_url=cache_url)
    entries = _with_store(settings, lambda store: _entries(store, scope(settings.cache_namespace)))
    entries.sort(key=lambda pair: (-pair[1].created, pair[0]))
    shown = entries[:limit] if limit else entries
    now = time.time_ns() // 1_000_000
    if as_json:
        for key, entry in shown:
            typer.echo(json.dumps(_row(key, entry, now)))
        return
    typer.echo(f"Total entries: {len(entries)}")
    if not shown:
        return
    table = Table("first words", "prediction", "probability", "age s", "ttl s", box=None)
    for key, entry in shown:
        row = _row(key, entry, now)
        words = f"{entry.preview}..." if entry.preview else "(not kept)"
        probability = "" if row["probability"] is None else f"{row['probability']:.4f}"
        table.add_row(_plain(words), row["prediction"], probability, str(row["age"]), str(row["ttl"]))
    out.print(table, markup=False)
    if len(shown) < len(entries):
        typer.echo(f"({len(entries) - len(shown)} more; --limit 0 shows all)")


def show_stats(cache_url: str | None) -> None:
    """Entries and bytes for each namespace and model."""
    settings = load(cache_url=cache_url)

    async def count(store: Store) -> tuple[Counter[str], Counter[str]]:
        number: Counter[str] = Counter()
        size: Counter[str] = Counter()
        async for batch in store.scan(scope()):
            for key, value in batch:
                group = key.rpartition(":")[0]
                number[group] += 1
                size[group] += len(key) + len(value)
        return number, size

    number, size = _with_store(settings, count)
    typer.echo(f"Total entries: {number.total()}")
    for group, entries in number.most_common():
        _, _, namespace, model_id = group.split(":", 3)
        typer.echo(f"namespace {namespace}, model {model_id}: {entries} entries, {size[group]} bytes")


def purge(cache_url: str | None, model_id: str | None) -> None:
    """Forget entries and say how many."""
    settings = load(cache_url=cache_url)
    gone = _with_store(settings, lambda store: store.purge(scope(settings.cache_namespace, model_id)))
    typer.echo(f"Forgot {gone} entries.")


def _with_store(settings: Settings, ask: Callable[[Store], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        from fyke.service.app import open_from

        cache = await open_from(settings)
        if cache.store is None:
            raise SettingsError(
                f"{settings.cache_url!r} keeps nothing that outlives the service's process; "
                "name the store to look into with --cache-url or FYKE_CACHE_URL."
            )
        try:
            return await ask(cache.store)
        finally:
            await cache.store.close()

    return asyncio.run(inside())


async def _entries(store: Store, prefix: str) -> list[tuple[str, Entry]]:
    found: dict[str, Entry] = {}
    async for batch in store.scan(prefix):
        for key, value in batch:
            entry = peek(value)
            if entry is not None:
                found[key] = entry
    return list(found.items())


def _row(key: str, entry: Entry, now: int) -> dict[str, Any]:
    probability: float | None
    try:
        label, probability = verdict(decode(entry.payload))
    except ValueError:  # the entry of another kind of model
        label, probability = f"({len(entry.payload)} bytes)", None
    return {
        "preview": entry.preview,
        "prediction": label,
        "probability": probability,
        "model_id": key.split(":")[3],
        "created": datetime.fromtimestamp(entry.created / 1000, UTC).isoformat(timespec="seconds"),
        "age": entry.age(now),
        "ttl": entry.ttl(now),
    }


def _plain(text: str) -> str:
    """The text without control characters, which a hostile mail could send to the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
