"""What HTTP says of caches: request directives (RFC 9111) in, ``Cache-Status`` (RFC 9211) out."""

from fyke.predictor import ANY, Answer, Wishes


def read_wishes(header: str) -> Wishes:
    """The directives of a request's ``Cache-Control`` that concern a prediction; others are ignored.

    A ``max-age`` that is no number counts as 0, the strictest reading.
    """
    if not header:
        return ANY
    given = {}
    for directive in header.lower().split(","):
        name, _, value = directive.strip().partition("=")
        given[name.strip()] = value.strip().strip('"')
    age = given.get("max-age")
    return Wishes(
        no_store="no-store" in given,
        no_cache="no-cache" in given,
        only_if_cached="only-if-cached" in given,
        max_age=None if age is None else int(age[:12]) if age.isascii() and age.isdigit() else 0,
    )


def cache_status(answer: Answer[float]) -> str:
    """The answer's way as a ``Cache-Status`` member; ``detail`` is the tier."""
    parts = ["fyke"]
    if answer.tier != "model":
        parts.append("hit")
    else:
        parts.append("fwd=request" if answer.asked_anew else "fwd=miss")
        if answer.ttl is not None and not answer.shared:
            parts.append("stored")
    if answer.shared:
        parts.append("collapsed")
    if answer.ttl is not None:
        parts.append(f"ttl={answer.ttl}")
    return "; ".join([*parts, f"detail={answer.tier}"])
