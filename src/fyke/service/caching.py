"""What HTTP says of caches: request directives (RFC 9111) in, ``Cache-Status`` (RFC 9211) and ``Age`` out.

Nothing here knows of e-mail: any FastAPI application over a predictor can use it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from fyke.predictor import Answer, Wishes

_PRIVATE = {"cache-control": "no-store"}


def read_wishes(header: str) -> Wishes:
    """The directives of a request's ``Cache-Control`` that concern a prediction; others are ignored.

    A ``max-age`` that is no number counts as 0, and of several the least counts: the strictest reading.
    """
    if not header:
        return Wishes()
    given: dict[str, str] = {}
    ages = []
    for directive in header.lower().split(","):
        name, _, value = (part.strip() for part in directive.partition("="))
        given[name] = value.strip('"')
        if name == "max-age":
            ages.append(int(given[name][:12]) if given[name].isascii() and given[name].isdigit() else 0)
    return Wishes(
        no_store="no-store" in given,
        no_cache="no-cache" in given,
        only_if_cached="only-if-cached" in given,
        max_age=min(ages, default=None),
    )


def wishes_of(request: Request) -> Wishes:
    """The same of a request, which may have the header more than once."""
    return read_wishes(", ".join(request.headers.getlist("cache-control")))


def cache_headers(answer: Answer[Any]) -> dict[str, str]:
    """What a response says of an answer's way. ``detail`` in ``cache-status`` is the tier.

    ``cache-control: no-store`` is meant for caches between the service and its client: a POST's answer is private.
    """
    if answer.tier == "model":
        return {"cache-status": _status(answer), **_PRIVATE}
    status = f"fyke; hit; ttl={answer.ttl}; detail={answer.tier}"
    return {"cache-status": status, **_PRIVATE, "age": str(answer.age)}


def batch_headers(answers: Sequence[Answer[Any]]) -> dict[str, str]:
    """The same for a batch: a hit when every answer is one; ``detail`` counts the tiers, ``Age`` is the oldest's."""
    if not answers:
        return {"cache-status": "fyke; detail=empty", **_PRIVATE}
    tiers = Counter(answer.tier for answer in answers)
    way = "hit" if not tiers["model"] else "fwd=partial" if len(tiers) > 1 else "fwd=miss"
    detail = " ".join(f"{tier}={count}" for tier, count in sorted(tiers.items()))
    headers = {"cache-status": f'fyke; {way}; detail="{detail}"', **_PRIVATE}
    if tiers["model"] < len(answers):
        headers["age"] = str(max(answer.age for answer in answers))
    return headers


async def not_cached(request: Request, error: Exception) -> JSONResponse:
    """The handler of `fyke.errors.NotCached`: 504, as RFC 9111 says of ``only-if-cached``."""
    return JSONResponse({"detail": str(error)}, 504, headers={"Cache-Status": "fyke; detail=only-if-cached"})


def _status(computed: Answer[Any]) -> str:
    parts = ["fyke", "fwd=request" if computed.refused else "fwd=miss"]
    if computed.shared:
        parts.append("collapsed")
    elif computed.ttl is not None:
        parts.append("stored")
    if computed.ttl is not None:
        parts.append(f"ttl={computed.ttl}")
    return "; ".join([*parts, "detail=model"])
