"""Memory that a model has left goes back to the system: the C library would keep much of it."""

import ctypes
import gc
from functools import cache
from typing import Any


def settle_garbage() -> None:
    """What lives now lives long: the collector need not walk it, which would stop the world."""
    gc.unfreeze()  # the model that has left
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> None:
    """Return what is free to the system, where the C library can be told to (glibc); it takes milliseconds."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # Windows has no such library
        return None
