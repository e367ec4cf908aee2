"""From settings to a cache and a predictor, for any model."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from fyke.cache.lifetimes import Lifetimes
from fyke.cache.opening import LOCAL_REDIS, Opened, new_memory, open_cache
from fyke.cache.spans import Span, untraced
from fyke.model.directory import SHIPPED
from fyke.model.directory import Model as LoadedModel
from fyke.model.selftest import load_tried
from fyke.predictor import Model, Predictor
from fyke.settings import Settings

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prediction = TypeVar("Prediction")


def load_from(settings: Settings) -> LoadedModel:
    """The model that the settings name, after its self-test, at the prior that they name.

    Raises:
        ModelError: it cannot be loaded, or fails its self-test.
        SettingsError: the prior is out of range, or the model was not calibrated.
    """
    return load_tried(settings.model or SHIPPED, settings.prior)


async def open_from(settings: Settings) -> Opened:
    """The cache that the settings name.

    Raises:
        SettingsError: the URL names no known kind of store.
        StoreError: the URL cannot be read, or the embedded server was asked for and cannot start.
    """
    secret = settings.cache_secret.get_secret_value().encode() if settings.cache_secret else None
    return await open_cache(
        settings.cache_url,
        secret=secret or None,
        directory=settings.cache_dir,
        max_bytes=settings.cache_max_bytes,
        deadline=settings.cache_deadline_ms / 1000,
    )


def predictor_from(
    settings: Settings,
    model: Model[Item, Prediction],
    cache: Opened,
    *,
    preview: Callable[[Item], str] = lambda item: "",
    beside: Predictor[Any, Any] | None = None,
    span: Span = untraced,
) -> Predictor[Item, Prediction]:
    """A predictor over the model with everything that the settings say of the cache.

    ``beside`` is another over the same cache: they share its memory, and the other one closes it.

    Raises:
        SettingsError: the namespace cannot be used in a key.
        ModelError: the model's id cannot, or it has ``encode`` without ``decode``.
    """
    memory = None if beside is None else beside.tiers.memory
    if beside is None and (cache.store is not None or cache.only_memory):
        memory = new_memory(max_entries=settings.cache_memory_entries, max_bytes=settings.cache_memory_bytes)
    predictor = Predictor(
        model,
        cache.store,
        memory=memory,
        secret=cache.secret,
        namespace=settings.cache_namespace,
        lifetimes=Lifetimes(
            int(settings.cache_ttl * 1000),
            settings.cache_jitter,
            None if settings.cache_max_age is None else int(settings.cache_max_age * 1000),
        ),
        preview=preview,
        lease_seconds=None if settings.cache_lease_ms is None else settings.cache_lease_ms / 1000,
        admission=settings.cache_admission,
        verify=settings.cache_verify,
        beside=beside,
        span=span,
    )
    if cache.trouble and beside is None:  # said already; the breakers find the way back
        predictor.tiers.reads.trip()
        predictor.tiers.writes.trip()
    return predictor


def settled(settings: Settings, cache: Opened) -> Settings:
    """The settings that lead another process to the cache that ``auto`` has led to here."""
    if settings.cache_url != "auto":
        return settings
    shared = LOCAL_REDIS if cache.where == LOCAL_REDIS else "embedded://"
    return settings.model_copy(update={"cache_url": shared if cache.store is not None else "memory://"})


def first_words(text: str, words: int) -> str:
    """At most the first ``words`` words of a text, looking no further than its first 2,000 characters."""
    return " ".join(text[:2000].split(maxsplit=words)[:words]) if words else ""


def announce(cache: Opened, model_id: str) -> None:
    """Log what the owner of a service should know of its cache, once."""
    for warning in cache.warnings:
        log.warning(warning)
    if cache.trouble:
        log.warning("%s Predictions go on without it, and are kept there once it answers.", cache.trouble)
    else:
        log.info("model %s; predictions are kept in %s", model_id, cache.where)
