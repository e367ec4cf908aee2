"""What the fast lane answers, as headers and body; hits that were given a moment ago, as bytes."""

from fyke.errors import Overloaded
from fyke.model.policies import Policy
from fyke.predictor import Answer
from fyke.service.caching import cache_headers
from fyke.service.holding import TooMuchHeld

JSON = "application/json"

_TOLD = {None: b"", False: b',"uncertain":false', True: b',"uncertain":true'}
_MOST_KEPT = 1024


class Replies:
    """Replies to hits. One changes with the second only, in its age and TTL, and campaign mail comes more often."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Answer[float], Policy, bytes, bytes]] = {}

    def of(self, answer: Answer[float], policy: Policy) -> tuple[bytes, bytes]:
        """Header lines and body of a prediction."""
        known = self._kept.get(answer.key)
        if known is not None and known[0] == answer and known[1] is policy:
            return known[2:]
        headers, body = response(answer, policy)
        lines = header_lines(headers)
        if answer.tier != "model":
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[answer.key] = (answer, policy, lines, body)
        return lines, body


def response(answer: Answer[float], policy: Policy) -> tuple[dict[str, str], bytes]:
    """Headers and body of a prediction."""
    body = verdict(answer.prediction, policy)
    headers = cache_headers(answer)
    headers["content-length"] = str(len(body))
    headers["content-type"] = JSON
    return headers, body


def verdict(score: float, policy: Policy) -> bytes:
    """What `PredictResponse` says of a score, as JSON."""
    label, probability, uncertain = policy.read(score)
    return b'{"prediction":"%b","probability":%b%b}' % (label.encode(), repr(probability).encode(), _TOLD[uncertain])


def overloaded(error: Overloaded) -> tuple[dict[str, str], bytes]:
    """Headers and body of the answer to who would have to wait too long, with status 503."""
    body = b'{"detail":"%b"}' % str(error).encode()
    headers = {"content-length": str(len(body)), "content-type": JSON, "retry-after": str(error.seconds)}
    return headers | ({"connection": "close"} if isinstance(error, TooMuchHeld) else {}), body


def header_lines(headers: dict[str, str]) -> bytes:
    """Headers as they stand in a response."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")
