"""What two answers to one request have in common."""

import httpx


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers, but for the request's id."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}
