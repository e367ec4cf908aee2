"""POST /predict, to the field."""

import httpx
import pytest

from fyke.model.directory import SHIPPED, load_model
from tests.conftest import Serve

THREE = {
    "todays floor meeting you may get a few pointed questions about today article about lays potential "
    "severance of $ 80 mm": "Safe Email",
    "urgent action required: your account has been compromised, click here to reset your password "
    "immediately": "Phishing Email",
    "congratulations you have won a free iphone, click here to claim your prize now before "
    "it expires": "Phishing Email",
}


def test_the_published_texts_get_the_published_labels(serve: Serve) -> None:
    """Exactly two fields; the probability is the predicted label's, at full precision."""
    url = serve("--cache-url", "memory://").url
    classifier = load_model(SHIPPED).classifier
    for text, label in THREE.items():
        answers = [httpx.post(url + "/predict", json={"text": text}) for _ in range(2)]
        score = classifier.predict_many([text])[0]
        assert answers[0].json() == {"prediction": label, "probability": max(score, 1 - score)}
        assert answers[1].json() == answers[0].json()
        assert answers[0].headers["cache-status"].startswith("fyke; fwd=miss; stored; ttl=")
        assert answers[1].headers["cache-status"].startswith("fyke; hit; ttl=")
        assert answers[1].headers["cache-status"].endswith("detail=memory")
        assert answers[1].headers["age"] == "0"


def test_bad_requests_are_told_what_is_wrong(serve: Serve) -> None:
    """400 for what is not JSON, 422 for a wrong field, 413 for a body over the limit, declared or not."""
    url = serve("--cache-url", "none://").url + "/predict"
    json_type = {"content-type": "application/json"}
    for body, status, said in [
        (b"{", 400, "not valid JSON"),
        (b"{}", 422, "text"),
        (b'{"text": 3}', 422, "text"),
        (b'{"text": null}', 422, "text"),
        (b"[]", 422, "body"),
        (b'{"text": "\xff"}', 400, "UTF-8"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b'{"text": ' + b"9" * 5000 + b"}", 400, "not valid JSON"),
        (b"", 422, "body"),
        (b'"' + b"x" * 2**20 + b'"', 413, "limit"),
    ]:
        answer = httpx.post(url, content=body, headers=json_type)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    plain = httpx.post(url, content=b'{"text": "a"}', headers={"content-type": "text/plain"})
    assert (plain.status_code, "application/json" in plain.json()["detail"]) == (415, True)
    chunks = (b"x" * 65536 for _ in range(20))
    assert httpx.post(url, content=chunks, headers=json_type).status_code == 413


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/model", "/docs", "/openapi.json", "/"])
def test_every_page_answers(serve: Serve, path: str) -> None:
    """The other routes are there."""
    assert httpx.get(serve("--cache-url", "none://").url + path).status_code == 200


def test_a_prior_in_force_is_told(serve: Serve) -> None:
    """By the id that scores are kept under, and by the thresholds of the operating points."""
    plain, rare = (
        httpx.get(serve("--cache-url", "none://", "--model", str(SHIPPED), *more).url + "/model").json()
        for more in ((), ("--prior", "0.01", "--policy", "max-fpr=0.005"))
    )
    assert plain["answers_as"] == plain["model_id"] == rare["model_id"]
    assert rare["answers_as"] == f"{plain['model_id']}-prior-0.01"
    before, after = ({one["policy"]: one["threshold"] for one in card["policies"]} for card in (plain, rare))
    assert rare["policy"]["threshold"] == after["max-fpr=0.005"] < before["max-fpr=0.005"]


def test_without_a_cache_nothing_is_a_hit(serve: Serve) -> None:
    """`none://` keeps nothing."""
    url = serve("--cache-url", "none://").url + "/predict"
    answers = [httpx.post(url, json={"text": "again"}).headers["cache-status"] for _ in range(2)]
    assert answers == ["fyke; fwd=miss; detail=model"] * 2
