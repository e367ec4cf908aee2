"""Who may see words of mail, or purge: an admin key, or, where no keys are asked for, people at this very machine."""

from urllib.parse import urlsplit

from fastapi import Request

from fyke.service.access import identity
from fyke.service.hosts import is_local

_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def may_see_words(request: Request) -> bool:
    """Whether the first words of kept texts may be shown."""
    key = identity(request)
    return is_nearby(request) if key is None else "admin" in key.scopes


def may_purge(request: Request, *, allowed: bool) -> bool:
    """Whether predictions may be forgotten; without keys only where that is ``allowed``."""
    key = identity(request)
    return allowed and is_nearby(request) if key is None else "admin" in key.scopes


def is_nearby(request: Request) -> bool:
    """Whether a request comes from this machine, by its name, and through no proxy.

    The name counts because a page elsewhere can make its own name lead here (DNS rebinding).
    """
    if request.client is None or not is_local(request.client.host):
        return False
    host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
    return is_local(host) and not any(name in request.headers for name in _FORWARDED)


def is_from_here(request: Request) -> bool:
    """Whether what sent a request is no browser, or a page of this very service."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return site == "same-origin" and (origin is None or origin == own)
