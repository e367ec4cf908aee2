"""POST /predict/message: a message as it came, its prediction, and what was read of it."""

import asyncio
import json
import socket
import time

import httpx
import pytest

from tests.conftest import RedisServer, Serve

MESSAGE = (
    b"Message-ID: <%d@example.org>\r\nFrom: Prize <win@EXAMPLE.org>\r\n"
    b"Subject: =?utf-8?q?congratulations_=F0=9F=8E=89?=\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
    b"<p>you have won a free iphone, <a href='http://example.com/'>click here</a> to claim your prize</p>\r\n"
    b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%%PDF\r\n--b--\r\n"
)
RFC822 = {"content-type": "message/rfc822"}
READ = ["subject", "sender", "links", "attachments", "alternative", "signs", "repairs", "cut"]
FIELDS = ["prediction", "probability", *READ]
ALTERNATIVES = (
    b"Subject: x\r\nFrom: a@example.org\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\n\r\nminutes of our meeting\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>%s</p>\r\n--b--\r\n"
)


def test_the_answer_says_what_was_read(serve: Serve) -> None:
    """The fields of /predict, then those of the message; the same from each way of sending it."""
    url = serve("--cache-url", "memory://").url
    answers = [
        httpx.post(url + "/predict/message", content=MESSAGE % 1, headers=RFC822),
        httpx.post(url + "/predict/message", content=MESSAGE % 2, headers={"content-type": "message/global; x=y"}),
        httpx.post(url + "/predict/message", content=MESSAGE % 3, headers={"content-type": "application/octet-stream"}),
        httpx.post(url + "/predict/message", content=MESSAGE % 4),
        httpx.post(url + "/predict/message", files={"file": MESSAGE % 5}),
        httpx.post(url + "/predict/message", files={"mail": ("mail.eml", MESSAGE % 6, "message/rfc822")}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert list(answers[0].json()) == FIELDS
    assert answers[0].json() | {"prediction": "", "probability": 0} == {
        "prediction": "",
        "probability": 0,
        "subject": "congratulations 🎉",
        "sender": {"name": "Prize", "address": "win@example.org"},
        "links": 1,
        "attachments": 1,
        "alternative": None,
        "signs": [],
        "repairs": [],
        "cut": [],
    }
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert [answer.headers["cache-status"].partition(";")[2][:5] for answer in answers] == [" fwd="] + [" hit;"] * 5


def test_the_answer_says_how_far_alternatives_agree(serve: Serve) -> None:
    """Words for filters only, beside others for the reader, are told."""
    url = serve("--cache-url", "none://").url + "/predict/message"
    told = [
        httpx.post(url, content=ALTERNATIVES % shown, headers=RFC822).json()["alternative"]
        for shown in (b"minutes of our meeting", b"confirm your password here")
    ]
    assert told == [1, 0]


def test_a_message_and_its_text_share_an_entry(serve: Serve, redis_server: RedisServer) -> None:
    """And the wishes of Cache-Control are heard as in /predict."""
    service = serve("--cache-url", redis_server.url, FYKE_CACHE_SECRET="s")
    plain = b"Subject: you have won\r\nFrom: a@example.org\r\n\r\na free iphone\r\n"

    def ask(directives: str = "") -> httpx.Response:
        headers = RFC822 | {"cache-control": directives}
        return httpx.post(service.url + "/predict/message", content=plain, headers=headers)

    refused = ask("only-if-cached")
    assert (refused.status_code, refused.headers["cache-status"]) == (504, "fyke; detail=only-if-cached")
    assert ask("no-store").headers["cache-status"] == "fyke; fwd=miss; detail=model"
    told = httpx.post(service.url + "/predict", json={"text": "you have won\na free iphone"})
    kept = ask("only-if-cached")
    assert kept.headers["cache-status"].startswith("fyke; hit; ttl=")
    assert kept.headers["age"].isdigit()
    assert {name: kept.json()[name] for name in ("prediction", "probability")} == told.json()
    assert ask("no-cache").headers["cache-status"].startswith("fyke; fwd=request; stored; ttl=")
    with redis_server.client() as client:
        assert client.dbsize() == 1


def test_bad_requests_are_told_what_is_wrong(serve: Serve) -> None:
    """400 for a broken form, 413 over the limit, 415 for another type, 422 for no message; each with the remedy."""
    url = serve("--cache-url", "none://", FYKE_MAX_MESSAGE_BYTES="3000000").url + "/predict/message"
    form = "multipart/form-data"
    for content, headers, status, said in [
        (b"", RFC822, 422, "curl -F file=@mail.eml"),
        (b" \r\n", RFC822, 422, "no message"),
        (b'{"text": "a"}', {"content-type": "application/json"}, 415, "/predict"),
        (b"text", {"content-type": "text/plain"}, 415, "message/rfc822"),
        (b"x", RFC822 | {"content-encoding": "gzip"}, 415, "content-encoding"),
        (b"x", {"content-type": form}, 400, "boundary"),
        (b"x", {"content-type": f"{form}; boundary=b"}, 400, "curl -F file=@mail.eml"),
        (b"--b\r\n" + b"A: " + b"x" * 100_000, {"content-type": f"{form}; boundary=b"}, 400, "curl -F"),
        (b"x" * 3_000_001, RFC822, 413, "3000000"),
    ]:
        answer = httpx.post(url, content=content, headers=headers)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    for files, data, status in [
        ({"a": b"x", "b": b"y"}, {}, 422),
        ({"a": b"x", "b": b"y", "c": b"z"}, {}, 400),
        ({"a": b"x"}, {"note": "y"}, 422),
        ({"a": b""}, {}, 422),
    ]:
        answer = httpx.post(url, files=files, data=data)
        assert (answer.status_code, "curl -F file=@mail.eml" in answer.json()["detail"]) == (status, True), answer.text
    chunks = (b"x" * 65536 for _ in range(50))
    assert httpx.post(url, content=chunks, headers=RFC822).status_code == 413
    assert httpx.post(url, files={"file": b"x" * 3_000_001}).status_code == 413
    assert httpx.post(url.replace("/message", ""), content=b" " * 2**20 + b"{}").status_code == 413


@pytest.mark.parametrize("how", ["body", "form"])
def test_what_is_over_the_limit_of_a_message_is_cut_and_said(serve: Serve, how: str) -> None:
    """FYKE_MAIL_BYTES is no refusal; only FYKE_MAX_MESSAGE_BYTES is."""
    url = serve("--cache-url", "none://", FYKE_MAIL_BYTES="50000").url + "/predict/message"
    large = MESSAGE % 1 + b"x\r\n" * 1_000_000
    sent = {"content": large, "headers": RFC822} if how == "body" else {"files": {"file": large}}
    answer = httpx.post(url, **sent)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert answer.json()["cut"]
    assert answer.json()["subject"] == "congratulations 🎉"


def test_a_log_stays_quiet_about_hostile_requests(serve: Serve) -> None:
    """Nobody fills it with their mail; what is no HTTP is a line, and each line is JSON."""
    service = serve("--cache-url", "none://")
    before = service.said()
    for _ in range(3):
        httpx.post(
            service.url + "/predict/message", content=b"xx", headers={"content-type": "multipart/form-data; boundary=b"}
        )
        httpx.post(service.url + "/predict/message", content=b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" * 99)
    assert service.said() == before
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        raw.recv(100)
    told = [json.loads(line)["event"] for line in service.said().splitlines()]
    assert told[1:] == [
        f"Fyke serves at {service.url.replace('127.0.0.1', 'localhost')}",
        "Invalid HTTP request received.",
    ]


def test_the_loop_answers_others_while_long_messages_are_read(serve: Serve) -> None:
    """A probe does not wait until all of them are."""
    service = serve("--cache-url", "none://")
    html = (
        b"Subject: x\r\nFrom: a@example.org\r\nContent-Type: text/html\r\n\r\n"
        + b"<p><b>word</b> &amp; <i>word</i></p>\r\n" * 80_000
    )

    async def run() -> tuple[float, list[float]]:
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            started = time.perf_counter()
            sent = [client.post("/predict/message", content=html, headers=RFC822) for _ in range(8)]
            reading = asyncio.ensure_future(asyncio.gather(*sent))
            probes = []
            while not reading.done():
                asked = time.perf_counter()
                assert (await client.get("/livez")).status_code == 200
                probes.append(time.perf_counter() - asked)
            assert [answer.status_code for answer in await reading] == [200] * 8
            return time.perf_counter() - started, probes

    took, probes = asyncio.run(run())
    assert len(probes) > 3
    assert sorted(probes)[len(probes) // 2] < took / 2


def test_it_is_documented(serve: Serve) -> None:
    """OpenAPI has both ways of sending, the answer and the errors."""
    document = httpx.get(serve("--cache-url", "none://").url + "/openapi.json").json()
    operation = document["paths"]["/predict/message"]["post"]
    assert {"message/rfc822", "multipart/form-data"} <= operation["requestBody"]["content"].keys()
    assert {"200", "400", "413", "415", "422", "504"} <= operation["responses"].keys()
    said = document["components"]["schemas"]["MessageResponse"]["properties"]
    assert said.keys() - {"uncertain"} == set(FIELDS)
