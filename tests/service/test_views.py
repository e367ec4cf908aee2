"""What the page is made of, over HTTP: its files, their policy, live figures, and who may purge."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fyke.cache.newest import newest
from fyke.cache.opening import new_memory
from fyke.cache.redis import RedisStore
from fyke.model.directory import SHIPPED, Model, load_model
from fyke.predictor import Predictor
from fyke.service.app import create_app
from fyke.service.live import Full, Sampler
from fyke.settings import load
from tests.conftest import RedisServer, Serve
from tests.service.keyed import Keys, asking, keyed_app
from tests.waiting import until

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FILES = ("/ui/cache", "/ui/model", "/ui/style.css", "/ui/check.js", "/ui/common.js", "/ui/icon.svg")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SHIPPED)


@asynccontextmanager
async def talking_to(model: Model, client: str = "127.0.0.1", **flags: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which sees it come from an address."""
    app = create_app(load(cache_url="memory://", **flags), model)
    transport = httpx.ASGITransport(app, client=(client, 4321))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as talking,
    ):
        yield talking


def test_a_browser_gets_the_page_and_curl_gets_words(model: Model) -> None:
    """At one address, by what is accepted, and caches are told so."""

    async def run() -> None:
        async with talking_to(model) as client:
            page, words = await client.get("/", headers=BROWSER), await client.get("/")
        assert page.text.startswith("<!doctype html>")
        assert words.headers["content-type"].startswith("text/plain")
        assert "curl -F file=@mail.eml http://localhost:8000/predict/message" in words.text
        assert "accept" in page.headers["vary"]
        assert "accept" in words.headers["vary"]

    asyncio.run(run())


def test_every_file_of_the_page_lets_nothing_in_from_elsewhere(model: Model) -> None:
    """The policy has no unsafe-inline, no other origin and no place for markup out of text."""

    async def run() -> None:
        async with talking_to(model) as client:
            answers = [await client.get("/", headers=BROWSER), *[await client.get(name) for name in FILES]]
            missing = await client.get("/ui/other.js")
        for answer in answers:
            assert answer.status_code == 200
            policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'"
            assert {policy[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}
            assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert policy["require-trusted-types-for"] == "'script'"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
        assert missing.status_code == 404

    asyncio.run(run())


def test_a_file_that_has_not_changed_is_not_sent_again(model: Model) -> None:
    """Each form of it, zipped or not, has its own tag."""

    async def run() -> None:
        async with talking_to(model) as client:
            plain = await client.get("/ui/style.css", headers={"accept-encoding": "identity"})
            zipped = await client.get("/ui/style.css", headers={"accept-encoding": "gzip"})
            again = await client.get("/ui/style.css", headers={"if-none-match": f'"x", W/{zipped.headers["etag"]}'})
            head = await client.head("/ui/style.css")
        assert plain.content == zipped.content
        assert plain.headers["etag"] != zipped.headers["etag"]
        assert (again.status_code, again.content) == (304, b"")
        assert (head.status_code, head.content) == (200, b"")

    asyncio.run(run())


def test_a_purge_is_refused_unless_the_service_allows_it(model: Model) -> None:
    """The refusal names the setting and the command."""

    async def run() -> None:
        async with talking_to(model) as client:
            refused = await client.post("/cache/purge", json={})
            about = (await client.get("/ui/about")).json()
        assert refused.status_code == 403
        assert "FYKE_ALLOW_PURGE=1" in refused.json()["detail"]
        assert "fyke cache purge" in refused.json()["detail"]
        assert about["purge"] is False

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://localhost:8001"}, 403),
        ({"origin": "https://localhost:8000"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": "attacker.example:8000"}, 403),
        ({"host": "localhost.attacker.example"}, 403),
        ({"host": "127.0.0.1:8000"}, 200),
        ({"x-forwarded-for": "10.0.0.1"}, 403),
        ({"forwarded": "for=10.0.0.1"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_only_this_machines_own_page_may_purge(model: Model, headers: dict[str, str], status: int) -> None:
    """No other site, no renamed host, no proxy, no form: none of them makes anything forgotten."""

    async def run() -> None:
        async with talking_to(model, allow_purge=True, allowed_hosts="*") as client:
            await client.post("/predict", json={"text": "you have won a prize"})
            sent = {"content-type": "application/json"} | headers
            asked = await client.post("/cache/purge", content=b"{}", headers=sent)
            again = await client.post("/predict", json={"text": "you have won a prize"})
        assert asked.status_code == status, asked.text
        assert ("hit" in again.headers["cache-status"]) == (status != 200)
        if status == 200:
            assert asked.json() == {"forgotten": 1}

    asyncio.run(run())


def test_nobody_on_another_machine_may_purge(model: Model) -> None:
    """Whatever host they name."""

    async def run() -> None:
        async with talking_to(model, client="192.0.2.1", allow_purge=True) as client:
            assert (await client.post("/cache/purge", json={})).status_code == 403
            assert (await client.get("/ui/about")).json()["purge"] is False

    asyncio.run(run())


def test_with_keys_the_key_decides(tmp_path: Path) -> None:
    """A browser is asked for one; an admin's purge forgets that namespace's predictions alone, from anywhere."""
    keys = Keys(tmp_path / "keys.json")
    user = keys.add("user", "predict", "read", namespace="tenant")
    admin = keys.add("admin", "predict", "read", "admin", namespace="tenant")
    own = keys.add("own", "predict", "read")
    app, _ = keyed_app(keys)

    async def run() -> None:
        async with asking(app) as client:
            nobody = await client.get("/", headers=BROWSER)
            assert (nobody.status_code, nobody.headers["www-authenticate"][:5]) == (401, "Basic")
            assert (await client.get("/ui/style.css")).status_code == 401
            for path in ("/", "/ui/style.css", "/ui/cache", "/ui/about"):
                assert (await client.get(path, headers=BROWSER | user)).status_code == 200
            assert (await client.get("/ui/live", headers=user)).status_code == 403
            assert (await client.get("/ui/about", headers=user)).json()["purge"] is False
            assert (await client.get("/ui/about", headers=admin)).json()["purge"] is True
            told = (await client.get("/ui/about", headers=own)).json().keys()
            assert told - (await client.get("/ui/about", headers=admin)).json().keys() == {"where", "workers"}
            for shown in (user, own):
                await client.post("/predict", json={"text": "you have won a prize"}, headers=shown)
            assert (await client.post("/cache/purge", json={}, headers=user)).status_code == 403
            elsewhere = admin | {"origin": "http://attacker.example"}
            assert (await client.post("/cache/purge", json={}, headers=elsewhere)).status_code == 403
            assert (await client.post("/cache/purge", json={}, headers=admin)).json() == {"forgotten": 1}
            kept = await client.post("/predict", json={"text": "you have won a prize"}, headers=own)
            assert "hit" in kept.headers["cache-status"]

    asyncio.run(run())


async def _events(
    sampler: Sampler, near: bool, wanted: Callable[[list[tuple[str, Any]]], bool]
) -> list[tuple[str, Any]]:
    """What a viewer is told until there is enough of it."""
    told: list[tuple[str, Any]] = []
    watching = sampler.watch(sampler.admit(near))
    async with asyncio.timeout(60):
        async for event in watching:
            name, data = event.decode().removesuffix("\n\n").split("\n")
            told.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
            if wanted(told):
                break
    await watching.aclose()  # type: ignore[attr-defined]
    return told


def _kinds(told: list[tuple[str, Any]]) -> set[str]:
    return {name for name, _ in told}


def test_live_figures_begin_with_the_last_minutes_and_go_on(model: Model) -> None:
    """The beginning, then samples that count what was asked meanwhile, and the entries with their first words."""

    async def run() -> None:
        memory = new_memory(max_entries=100, max_bytes=2**20)
        async with Predictor(model.classifier, memory=memory, preview=str.upper, verify=0) as predictor:
            sampler = Sampler(predictor, every=0.01)
            sampler.start()
            for _ in range(3):
                await predictor.predict("you have won a prize, claim it here")
            told = await _events(sampler, True, lambda told: _kinds(told) == {"begin", "sample", "entries"})
            await sampler.close()
        (begin,) = [data for name, data in told if name == "begin"]
        sample = dict(
            zip(begin["fields"], [data for name, data in told if name == "sample"][-1]["sample"], strict=True)
        )
        assert (sample["memory"], sample["computed"], sample["entries"]) == (2, 1, 1)
        assert sample["recall_items"] > 0
        (row,) = [data for name, data in told if name == "entries"][-1]["entries"]
        assert row["words"] == "YOU HAVE WON A PRIZE, CLAIM IT HERE"
        assert row["prediction"] == "Phishing Email"

    asyncio.run(run())


def test_first_words_are_for_this_machine_only(model: Model) -> None:
    """A viewer from elsewhere sees that there are entries, and no word of any."""

    async def run() -> None:
        memory = new_memory(max_entries=100, max_bytes=2**20)
        async with Predictor(model.classifier, memory=memory, preview=str.upper, verify=0) as predictor:
            await predictor.predict("canary of a mail")
            sampler = Sampler(predictor, every=0.01)
            sampler.start()
            told = await _events(sampler, False, lambda told: "entries" in _kinds(told))
            await sampler.close()
        assert told[-1][1]["entries"]
        assert "CANARY" not in json.dumps(told)

    asyncio.run(run())


def test_viewers_are_bounded_and_a_slow_one_loses_old_samples(model: Model) -> None:
    """One over the limit is refused; who does not read costs no memory; who leaves makes room."""

    async def run() -> None:
        async with Predictor(model.classifier, verify=0) as predictor:
            sampler = Sampler(predictor, most_viewers=1, every=0.001)
            sampler.start()
            viewer = sampler.admit(True)
            slow = sampler.watch(viewer)
            await anext(slow)
            with pytest.raises(Full):
                sampler.admit(True)
            await until(viewer.events.full)
            before = len(sampler.samples)
            await until(lambda: len(sampler.samples) > before + 20)
            assert viewer.events.qsize() == viewer.events.maxsize
            await slow.aclose()  # type: ignore[attr-defined]
            sampler.admit(True)
            await sampler.close()

    asyncio.run(run())


def test_the_newest_entries_are_found_within_bounds(model: Model, redis_server: RedisServer) -> None:
    """Those of other processes too; a walk of the store ends early, and says so."""

    async def run() -> None:
        store = RedisStore(redis_server.url, deadline=5)
        async with Predictor(model.classifier, store, preview=str, verify=0) as other:
            texts = [f"meeting {word}" for word in ("money", "paper", "prize", "june")]
            await other.predict_many(texts)
            await until(lambda: other.ledger.write.calls == 1)
        memory = new_memory(max_entries=100, max_bytes=2**20)
        async with Predictor(
            model.classifier, RedisStore(redis_server.url, deadline=5), memory=memory, preview=str, verify=0
        ) as predictor:
            with redis_server.client() as client:
                client.mset({f"somebody:{number}": "else" for number in range(3000)})
            await predictor.predict("click here")
            await until(lambda: predictor.ledger.write.calls == 1)
            found = await newest(predictor.tiers, 3)
            assert (len(found.entries), found.seen, found.whole) == (3, 5, True)
            assert found.entries[0][1].preview == "click here"
            cut = await newest(predictor.tiers, 10, most_keys=1)
            assert not cut.whole
            assert "click here" in [entry.preview for _, entry in cut.entries]
            assert (await newest(predictor.tiers, 10, most_seconds=-1)).whole is False
            redis_server.stop()
            left = await newest(predictor.tiers, 10)
            assert [entry.preview for _, entry in left.entries] == ["click here"]

    asyncio.run(run())


def test_somebody_who_watches_does_not_keep_the_service_from_stopping(serve: Serve) -> None:
    """Told to stop, it ends the stream and itself."""
    service = serve("--cache-url", "memory://")
    with httpx.stream("GET", service.url + "/ui/live", timeout=60) as watching:
        lines = watching.iter_lines()
        assert next(lines) == "event: begin"
        assert watching.headers["content-type"].startswith("text/event-stream")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == -signal.SIGTERM  # its own end, after which it dies of the signal
