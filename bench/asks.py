"""What mixed traffic asks, endlessly, and which answers are right: those that a model gives here, to the last bit."""

import csv
import json
import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from bench.machine import SAMPLE
from bench.mixed import HOST, Ask, Right, post, post_json
from fyke.mail.reading import read_message
from fyke.model.classifier import Classifier, verdict

POOL, ZIPF_TEXTS, ZIPF_EXPONENT = 128, 5_000, 1.1
BATCH = 16
MESSAGES = 2_000
SHARES = {"repeated": 30, "zipf": 30, "unique": 20, "batch": 5, "message": 5, "explain": 5, "garbage": 5}

Verdict = tuple[str, float]


class Oracle:
    """What is right: what one of some models says."""

    def __init__(self, models: Sequence[Classifier]):
        self._models = models
        self.of = lru_cache(2 * ZIPF_TEXTS)(self._of)

    def _of(self, text: str) -> frozenset[Verdict]:
        return frozenset(verdict(model.predict_many([text])[0]) for model in self._models)

    def one(self, text: str) -> Right:
        """For an answer about a text."""
        return lambda status, body: status == 200 and _said(json.loads(body)) in self.of(text)

    def all(self, texts: Sequence[str]) -> Right:
        """For an answer about several."""

        def right(status: int, body: bytes) -> bool:
            said = json.loads(body).get("predictions", ())
            return status == 200 and [_said(one) in self.of(text) for one, text in zip(said, texts, strict=True)] == [
                True
            ] * len(texts)

        return right


def _said(answer: dict[str, object]) -> Verdict:
    return str(answer["prediction"]), float(str(answer["probability"]))


class Texts:
    """Texts that a model tells apart, as many as are wanted: sample e-mails with eight more of its terms."""

    def __init__(self, terms: Sequence[str]):
        with SAMPLE.open(encoding="utf-8", newline="") as file:
            self._emails = [row["Email Text"] for row in csv.DictReader(file)]
        self._terms = terms

    def __getitem__(self, number: int) -> str:
        rng = random.Random(number)  # noqa: S311 - a sample
        return " ".join([rng.choice(self._emails), *rng.choices(self._terms, k=8)])


def zipf(texts: Texts, oracle: Oracle, rng: random.Random) -> Iterator[Ask]:
    """Texts of which the one of rank n comes 1/n^s as often as the first."""
    weights = [1 / rank**ZIPF_EXPONENT for rank in range(1, ZIPF_TEXTS + 1)]
    while True:
        for number in rng.choices(range(ZIPF_TEXTS), weights, k=1000):
            text = texts[POOL + number]
            yield Ask("zipf", post_json("/predict", {"text": text}), oracle.one(text))


def mixed(texts: Texts, oracle: Oracle, rng: random.Random) -> Iterator[Ask]:
    """Everything, in the shares of `SHARES`."""
    makers = _makers(texts, oracle, rng)
    while True:
        for kind in rng.choices(list(SHARES), list(SHARES.values()), k=1000):
            yield next(makers[kind])


def _makers(texts: Texts, oracle: Oracle, rng: random.Random) -> dict[str, Iterator[Ask]]:
    news = iter(range(POOL + ZIPF_TEXTS, 2**62))

    def repeated() -> Iterator[Ask]:
        while True:
            text = texts[rng.randrange(POOL)]
            yield Ask("repeated", post_json("/predict", {"text": text}), oracle.one(text))

    def unique() -> Iterator[Ask]:
        for number in news:
            text = f"{number} {texts[number]}"
            yield Ask("unique", post_json("/predict", {"text": text}), oracle.one(text))

    def batch() -> Iterator[Ask]:
        while True:
            some = [texts[rng.randrange(POOL) if rng.random() < 0.5 else next(news)] for _ in range(BATCH)]
            yield Ask("batch", post_json("/predict/batch", {"texts": some}), oracle.all(some))

    def message() -> Iterator[Ask]:
        while True:
            raw = _message(texts, rng.randrange(MESSAGES))
            right = oracle.one(_text(raw))
            yield Ask("message", post("/predict/message", raw, "message/rfc822"), right)

    def explain() -> Iterator[Ask]:
        while True:
            text = texts[rng.randrange(POOL + ZIPF_TEXTS)]
            yield Ask("explain", post_json("/explain", {"text": text}), _explained(oracle, text))

    return {
        "repeated": repeated(),
        "zipf": zipf(texts, oracle, rng),
        "unique": unique(),
        "batch": batch(),
        "message": message(),
        "explain": explain(),
        "garbage": garbage(rng),
    }


def _message(texts: Texts, number: int) -> bytes:
    subject, body = f"Notice {number}", texts[number]
    return f"From: a{number}@example.org\nSubject: {subject}\nMIME-Version: 1.0\n\n{body}\n".encode()


@lru_cache(MESSAGES)
def _text(raw: bytes) -> str:
    return read_message(raw).text


def _explained(oracle: Oracle, text: str) -> Right:
    """The label's probability is read from log odds, and may differ in the last digits."""

    def right(status: int, body: bytes) -> bool:
        label, probability = _said(json.loads(body))
        return status == 200 and any(one == label and abs(p - probability) < 1e-9 for one, p in oracle.of(text))

    return right


def garbage(rng: random.Random) -> Iterator[Ask]:
    """What no client should send; each is told so, and nothing else happens."""
    refused = _answered(range(400, 500))
    while True:
        make = rng.choice(_GARBAGE)
        message, alone = make(rng)
        yield Ask("garbage", message, refused, alone)


def _answered(statuses: range) -> Right:
    return lambda status, body: status in statuses


def _noise(rng: random.Random) -> tuple[bytes, bool]:
    return b"\x16\x03\x01" + rng.randbytes(rng.randrange(1, 2000)) + b"\r\n\r\n", True


def _body(content: bytes, path: str = "/predict", kind: str = "application/json") -> Callable[..., tuple[bytes, bool]]:
    return lambda rng: (post(path, content, kind), False)


def _head(content: str) -> Callable[..., tuple[bytes, bool]]:
    return lambda rng: (content.format(HOST).encode(), True)


_GARBAGE: tuple[Callable[..., tuple[bytes, bool]], ...] = (
    _noise,
    _body(b'{"text":'),
    _body(b'{"text": 7}'),
    _body(b"[]"),
    _body(b"\xff\xfe\x00"),
    _body(b"[" * 100_000),
    _body(b"text=won", kind="application/x-www-form-urlencoded"),
    _body(b'{"texts": "won"}', "/predict/batch"),
    _body(json.dumps({"texts": ["a"] * 2000}).encode(), "/predict/batch"),
    _body(b" ", "/predict/message", "message/rfc822"),
    _body(b"{}", "/nothing"),
    _body(b'{"text": ""', "/explain"),
    _head("GET /predict HTTP/1.1\r\nHost: {}\r\n\r\n"),
    _head("GET / HTTP/9.9\r\nHost: {}\r\n\r\n"),
    _head("POST /predict HTTP/1.1\r\nHost: {}\r\nContent-Length: 99999999999\r\n\r\n"),
    _head("POST /predict HTTP/1.1\r\nHost: {}\r\nContent-Length: -1\r\n\r\n"),
    _head("GET / HTTP/1.1\r\nHost: {}\r\nX-Long: " + "x" * 70_000 + "\r\n\r\n"),
)
