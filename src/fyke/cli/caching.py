"""``fyke cache``: look into the store, whichever it is."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import typer

from fyke.cache.entry import Entry, open_sealed
from fyke.cache.keys import Keyring, parts, scope
from fyke.cache.opening import Opened
from fyke.cache.store import Store
from fyke.cli.console import complain, err, grid, out, printable
from fyke.errors import SettingsError, StoreError
from fyke.model.classifier import decode, verdict
from fyke.model.explaining import SUFFIX
from fyke.settings import Settings, key_headers, load

Result = TypeVar("Result")


def list_entries(cache_url: str | None, namespace: str | None, limit: int, *, as_json: bool) -> None:
    """The total, then a table of first words and predictions, newest first; explanations are left out."""
    settings = load(cache_url=cache_url, cache_namespace=namespace)
    entries, foreign = _with_store(settings, lambda cache: _entries(cache, scope(settings.cache_namespace)))
    entries = [(key, entry) for key, entry in entries if not (parts(key) or ("", ""))[1].endswith(SUFFIX)]
    entries.sort(key=lambda pair: (-pair[1].created, pair[0]))
    shown = entries[:limit] if limit else entries
    now = time.time_ns() // 1_000_000
    if as_json:
        for key, entry in shown:
            typer.echo(json.dumps(_row(key, entry, now)))
        return
    typer.echo(f"Total entries: {len(entries)}")
    if foreign:
        complain(
            f"{foreign} more do not open: altered, or written with another FYKE_CACHE_SECRET. No service uses them."
        )
    if not shown:
        return
    table = grid("first words", "prediction", "probability", "age s", "ttl s")
    for key, entry in shown:
        row = _row(key, entry, now)
        words = f"{entry.preview}..." if entry.preview else "(not kept)"
        probability = "" if row["probability"] is None else f"{row['probability']:.4f}"
        table.add_row(printable(words), row["prediction"], probability, str(row["age"]), str(row["ttl"]))
    out.print(table, markup=False)
    if len(shown) < len(entries):
        typer.echo(f"({len(entries) - len(shown)} more; --limit 0 shows all)")


def show_stats(cache_url: str | None, service: str, *, as_json: bool) -> None:
    """Entries and bytes in the store by namespace and model, then what the service at ``service`` reports."""
    groups = _with_store(load(cache_url=cache_url), _count)
    report = _ask_service(service)
    if as_json:
        typer.echo(json.dumps({"store": groups, "service": report}))
        return
    typer.echo(f"Total entries: {sum(group['entries'] for group in groups)}")
    for group in groups:
        typer.echo("namespace {namespace}, model {model_id}: {entries} entries, {bytes} bytes".format(**group))
    if report is None:
        typer.echo(f"No service answers at {service}; name one with --service to see whether its cache pays.")
    else:
        _show_report(service, report)


async def _count(cache: Opened) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    async for batch in _store(cache).scan(scope()):
        for key, value in batch:
            found = parts(key)
            if found is None:
                continue
            group = groups.setdefault(
                found[:2], {"namespace": found[0], "model_id": found[1], "entries": 0, "bytes": 0}
            )
            group["entries"] += 1
            group["bytes"] += len(key) + len(value)
    return sorted(groups.values(), key=lambda group: -int(group["entries"]))


def _ask_service(url: str) -> dict[str, Any] | None:
    try:
        report = httpx.get(f"{url}/cache", timeout=5, headers=key_headers()).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return report if isinstance(report, dict) and "saved_seconds" in report else None


def _show_report(url: str, report: dict[str, Any]) -> None:
    """The service's own figures, since it started."""
    rates, hits, each = report["hit_rate"], report["hits"], report["microseconds_each"]
    memory = report.get("memory") or {"entries": 0, "bytes": 0}  # not told to every tenant, as these:
    breakers = report.get("breakers") or {"reads": "unsaid", "writes": "unsaid"}
    table = grid("service", url)
    for name, value in [
        ("namespace, model", f"{report['namespace']}, {report['model_id']}"),
        ("requests", f"{report['requests']:,}"),
        ("hits in memory", f"{hits['memory']:,} ({rates['memory']:.1%})"),
        ("hits in the store", f"{hits['redis']:,} ({rates['redis']:.1%})"),
        ("computed", f"{report['misses']:,}; shared with another request {report['shared']:,}"),
        ("memory", f"{memory['entries']:,} entries, {memory['bytes']:,} bytes"),
        ("bytes to and from the store", f"{report['bytes']['written']:,} and {report['bytes']['read']:,}"),
        ("microseconds an item", f"lookup {each['lookup']}, predict {each['predict']}, write {each['write']}"),
        ("time saved, net", f"{report['saved_seconds']:.3f} s: the cache {'pays' if report['pays'] else 'costs'}"),
        ("admission", f"{report['admission']['in_force']}; auto would {report['admission']['auto_would']}"),
        ("breakers", f"reads {breakers['reads']}, writes {breakers['writes']}"),
        ("verified hits", f"{report['verified_hits']:,}; mismatches {report['mismatches']:,}"),
        ("rejected entries", f"{report['rejected_entries']:,}"),
        ("errors", f"lookups {report['errors']['lookup']:,}, writes {report['errors']['write']:,}"),
    ]:
        table.add_row(name, value)
    out.print(table, markup=False)


def purge(cache_url: str | None, namespace: str | None, model_id: str | None, *, everything: bool) -> None:
    """Forget entries and say how many.

    Raises:
        SettingsError: everything, and only a part.
    """
    if everything and (namespace or model_id):
        raise SettingsError("--all forgets every namespace and model; leave out --namespace and --model.")
    settings = load(cache_url=cache_url, cache_namespace=namespace)
    prefixes = [scope() if everything else scope(settings.cache_namespace, model_id)]
    if model_id:
        prefixes.append(scope(settings.cache_namespace, model_id + SUFFIX))

    async def forget(cache: Opened) -> int:
        return sum([await _store(cache).purge(prefix) for prefix in prefixes])

    gone = _with_store(settings, forget)
    typer.echo(f"Forgot {gone} entries.")


def _with_store(settings: Settings, ask: Callable[[Opened], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        from fyke.service.assembly import open_from

        cache = await open_from(settings)
        if cache.store is None:
            raise SettingsError(
                f"{settings.cache_url!r} keeps nothing that outlives the service's process; "
                "name the store to look into with --cache-url or FYKE_CACHE_URL."
            )
        try:
            if cache.trouble:
                raise StoreError(f"{cache.trouble} Start it, or name another with --cache-url or FYKE_CACHE_URL.")
            err.print(f"looking into {cache.where}", style="dim", markup=False)
            return await ask(cache)
        finally:
            await cache.store.close()

    return asyncio.run(inside())


def _store(cache: Opened) -> Store:
    assert cache.store is not None
    return cache.store


async def _entries(cache: Opened, prefix: str) -> tuple[list[tuple[str, Entry]], int]:
    """The entries that open with the secret, and how many do not."""
    found: dict[str, Entry] = {}
    foreign = set()
    async for batch in _store(cache).scan(prefix):
        for key, value in batch:
            said = parts(key)
            entry = None if said is None else open_sealed(value, key, Keyring(cache.secret, said[0], said[1]))
            if entry is None:
                foreign.add(key)
            else:
                found[key] = entry
    return list(found.items()), len(foreign)


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
        "model_id": (parts(key) or ("", ""))[1],
        "created": datetime.fromtimestamp(entry.created / 1000, UTC).isoformat(timespec="seconds"),
        "age": entry.age(now),
        "ttl": entry.ttl(now),
    }
