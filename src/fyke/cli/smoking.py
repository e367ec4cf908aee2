"""``fyke smoke``: the tutorial's five requests."""

import time

import httpx

from fyke.cli.console import complain, grid, out, printable
from fyke.errors import ServiceError
from fyke.settings import key_headers

MEETING = (
    "todays floor meeting you may get a few pointed questions about today article about lays potential "
    "severance of $ 80 mm"
)
URGENT = "urgent action required: your account has been compromised, click here to reset your password immediately"
PRIZE = "congratulations you have won a free iphone, click here to claim your prize now before it expires"
REQUESTS = (MEETING, URGENT, MEETING, PRIZE, URGENT)


def run(url: str) -> int:
    """Send the five requests and print the answers; 0 when both repeats are hits with the first answer, else 1.

    Raises:
        ServiceError: nothing answers there, or what answers is not Fyke.
    """
    first: dict[str, object] = {}
    failures = []
    table = grid("", "text", "prediction", "probability", "from", "ms")
    try:
        client = httpx.Client(base_url=url, timeout=10, headers=key_headers())
    except httpx.InvalidURL as error:
        raise ServiceError(f"{url!r} is not an address ({error}); give one like http://localhost:8000.") from error
    with client:
        for number, text in enumerate(REQUESTS, 1):
            body, status, seconds = ask(client, text)
            hit = "hit" in [part.strip() for part in status.split(";")]
            came_from = status.rpartition("detail=")[2]
            table.add_row(
                str(number),
                " ".join(text.split()[:7]) + "...",
                printable(str(body["prediction"])),
                f"{body['probability']:.6f}",
                f"{came_from}, {'hit' if hit else 'miss'}",
                f"{seconds * 1000:.1f}",
            )
            if text in first and not hit:
                failures.append(f"request {number} repeats an earlier one but was not a hit")
            if text in first and body != first[text]:
                failures.append(f"request {number} was answered otherwise than the first time")
            first.setdefault(text, body)
    out.print(table, markup=False)
    for failure in failures:
        complain(failure)
    return 1 if failures else 0


def ask(client: httpx.Client, text: str) -> tuple[dict[str, float | str], str, float]:
    """One request: the answer's body, its ``Cache-Status``, and the seconds it took."""
    started = time.perf_counter()
    try:
        response = client.post("/predict", json={"text": text})
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ServiceError(f"{client.base_url} is not an address; give one like http://localhost:8000.") from error
    except httpx.HTTPError as error:
        raise ServiceError(f"{client.base_url}: nothing answers ({error}); start it with `make serve`.") from error
    seconds = time.perf_counter() - started
    if response.status_code in (401, 403):
        raise ServiceError(f"{client.base_url}: wants a key; set FYKE_API_KEY to one with the scope predict.")
    try:
        body = response.raise_for_status().json()
        if body.keys() != {"prediction", "probability"}:
            raise ValueError
    except (httpx.HTTPStatusError, ValueError, AttributeError) as error:
        raise ServiceError(f"{client.base_url}: answered {response.status_code}, not a prediction.") from error
    return body, response.headers.get("cache-status", ""), seconds
