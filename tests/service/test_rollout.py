"""Another model without a restart."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fyke.errors import ModelError
from fyke.model.directory import CARD, WEIGHTS, load_model
from fyke.model.selftest import self_test
from fyke.service.access import rule_for
from fyke.service.app import create_app
from fyke.settings import load
from tests.conftest import Service
from tests.service.rolling import answers, following, lie, small
from tests.waiting import until

TEXTS = [f"you won a prize {number} meeting" for number in range(40)] + ["thursday", "verify", "nothing known"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the service follows; each test puts its own model there."""
    return tmp_path_factory.mktemp("rollout") / "model"


@pytest.fixture(scope="module")
def service(place: Path) -> Iterator[Service]:
    """One service for all, which looks ten times a second."""
    small(place, 0.0)
    with following(place.parent, place, FYKE_MODEL_FOLLOW="0.1") as running:
        yield running


async def in_force(client: httpx.AsyncClient, identity: str) -> None:
    """Wait until a model answers."""

    async def said() -> bool:
        return bool((await client.get("/readyz")).json()["model_id"] == identity)

    await until(said)


async def refusal(client: httpx.AsyncClient, words: str) -> dict[str, Any]:
    """Wait until the service says that it has refused a model for a reason with these words."""
    card: dict[str, Any] = {}

    async def said() -> bool:
        card.update((await client.get("/model")).json())
        return words in ((card["refused"] or {}).get("why") or "")

    await until(said)
    return card


def test_a_swap_under_load_fails_no_request_and_mixes_no_models(service: Service, place: Path) -> None:
    """While eight clients ask, the model changes ten times; each answer is one model's, after a change the new's."""

    async def run() -> None:
        models = [small(place.parent / f"model-{number}", number / 2) for number in range(2)]
        right = {text: [answers(model, text) for model in models] for text in TEXTS}
        over = False
        asked = 0
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:

            async def swap(number: int) -> None:
                small(place, number / 2)
                await in_force(client, models[number].classifier.id)

            async def ask(offset: int) -> None:
                nonlocal asked
                while not over:
                    text = TEXTS[(asked * 7 + offset) % len(TEXTS)]
                    answer = await client.post("/predict", json={"text": text})
                    assert answer.status_code == 200
                    assert answer.json() in right[text]
                    asked += 1

            await swap(0)
            async with asyncio.TaskGroup() as group:
                for offset in range(8):
                    group.create_task(ask(offset))
                for number in [1, 0] * 5:
                    await swap(number)
                    before = asked
                    await until(lambda before=before: asked > before + 20)
                    for text in TEXTS[-3:]:
                        assert (await client.post("/predict", json={"text": text})).json() == right[text][number]
                over = True
            assert (await client.get("/model")).json()["refused"] is None
        assert "Traceback" not in service.said()

    asyncio.run(run())


def test_a_broken_model_is_refused_and_the_old_one_stays(service: Service, place: Path) -> None:
    """Cut short, half-written, lying about its scores, gone: each is told, and predictions go on; then a whole one.

    Where the directory lies is not told.
    """

    async def run() -> None:
        old = small(place, 3.0)
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            await in_force(client, old.classifier.id)
            good = place.parent / "good"
            new = small(good, 4.0)

            seen = []
            (place / WEIGHTS).write_bytes((good / WEIGHTS).read_bytes()[:-9])
            seen.append((await refusal(client, "cut short or altered"))["refused"])
            (place / CARD).write_text("{")
            seen.append((await refusal(client, "not a card"))["refused"])
            (place / CARD).unlink()
            seen.append((await refusal(client, "is missing"))["refused"])
            shutil.rmtree(place)
            seen.append((await refusal(client, "no such model directory"))["refused"])
            small(place, 5.0)
            lie(place)
            card = await refusal(client, "self-test")
            assert str(place.parent) not in str(seen)
            assert card["model_id"] == old.classifier.id
            assert (await client.get("/readyz")).json()["model_refused"] is True
            assert (await client.post("/predict", json={"text": "won"})).json() == answers(old, "won")
            reloaded = await client.post("/admin/reload")
            assert (reloaded.status_code, "self-test" in reloaded.json()["detail"]) == (409, True)

            shutil.rmtree(place)
            shutil.copytree(good, place)
            await in_force(client, new.classifier.id)
            assert (await client.get("/model")).json()["refused"] is None
            assert (await client.get("/readyz")).json()["model_refused"] is False
        assert "a new model is refused" in service.said()
        assert "Traceback" not in service.said()

    asyncio.run(run())


def test_every_process_changes_its_model_when_one_is_asked_or_the_first_is_told(tmp_path: Path) -> None:
    """With two workers and nobody following: POST /admin/reload reaches both, and so does SIGHUP to the parent."""

    async def run(service: Service, place: Path) -> None:
        async def answered_by(wanted: str) -> None:
            seen = []
            for _ in range(12):  # each over a connection of its own, which either worker may take
                async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
                    seen.append((await client.get("/readyz")).json()["model_id"])
            return all(one == wanted for one in seen)

        new = small(place, 1.0)
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            reloaded = await client.post("/admin/reload")
        assert reloaded.json() == {"model_id": new.classifier.id, "changed": True}
        await until(lambda: answered_by(new.classifier.id))
        newer = small(place, 2.0)
        service.process.send_signal(signal.SIGHUP)
        await until(lambda: answered_by(newer.classifier.id))
        assert "Traceback" not in service.said()

    place = tmp_path / "model"
    small(place, 0.0)
    with following(tmp_path, place, "--workers", "2", FYKE_MODEL_FOLLOW="0") as service:
        asyncio.run(run(service, place))


def test_only_this_machine_may_ask_for_another_model_where_there_are_no_keys(tmp_path: Path) -> None:
    """A peer elsewhere, another name, what a proxy passes on and a web page get 403; keys need the scope admin."""

    async def run() -> None:
        small(tmp_path / "model", 0.0)
        app = create_app(load(cache_url="none://", model=tmp_path / "model", model_follow=0, allowed_hosts="*"))
        async with app.router.lifespan_context(app):
            for peer, base, headers, status in [
                ("127.0.0.1", "http://127.0.0.1", {}, 200),
                ("::1", "http://[::1]", {}, 200),
                ("192.0.2.1", "http://127.0.0.1", {}, 403),
                ("127.0.0.1", "http://192.0.2.7", {}, 403),
                ("127.0.0.1", "http://127.0.0.1", {"host": "mail.example.org"}, 403),
                ("127.0.0.1", "http://127.0.0.1", {"x-forwarded-for": "192.0.2.1"}, 403),
                ("127.0.0.1", "http://127.0.0.1", {"origin": "http://example.org"}, 403),
            ]:
                transport = httpx.ASGITransport(app, client=(peer, 1))
                async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
                    assert (await client.post("/admin/reload")).status_code == status, (peer, base)

    asyncio.run(run())
    rule = rule_for("/admin/reload")
    assert rule is not None
    assert (rule.scope, rule.any_namespace) == ("admin", False)


def test_answers_of_the_old_model_are_read_by_its_policy(tmp_path: Path) -> None:
    """A policy's threshold is in the card: a request that the old model answers after the change keeps the old one."""

    async def run() -> None:
        place = tmp_path / "model"
        old = small(place, 0.0)
        app = create_app(load(cache_url="memory://", model=place, model_follow=0))
        async with app.router.lifespan_context(app):
            key = (await app.state.predictor.predict("won")).key
            before = app.state.policy.now
            stricter = type(before)("balanced", 0.9)
            app.state.policy.change(stricter, [old.classifier.id])
            assert app.state.policy.of(key) == before
            assert app.state.policy.of(key.replace(old.classifier.id, "another")) == stricter
            app.state.policy.back([old.classifier.id])
            assert app.state.policy.of(key) == stricter

    asyncio.run(run())


def test_purges_are_heard_and_the_store_is_closed_once_after_a_swap(tmp_path: Path, redis_server: Any) -> None:
    """The new model's predictor hears what another service purges, as the old one's did; all ends without a word."""

    async def run() -> None:
        place = tmp_path / "model"
        small(place, 0.0)
        settings = load(cache_url=redis_server.url, cache_deadline_ms=5000, model=place, model_follow=0, cache_verify=0)
        one, other = create_app(settings), create_app(settings)
        async with one.router.lifespan_context(one), other.router.lifespan_context(other):
            small(place, 1.0)
            for app in (one, other):
                assert (await app.state.rollout.check()).changed
            await one.state.predictor.predict("won")
            assert (await one.state.predictor.predict("won")).tier == "memory"
            assert await other.state.predictor.purge() == 1

            async def forgotten() -> bool:
                return len(one.state.predictor.tiers.memory) == 0

            await until(forgotten)

    asyncio.run(run())


def test_a_model_that_was_swapped_out_is_let_go(tmp_path: Path) -> None:
    """After five changes no more classifiers live than before: memory stays flat."""
    import gc

    from fyke.model.classifier import TfidfClassifier

    def alive() -> int:
        return sum(isinstance(one, TfidfClassifier) for one in gc.get_objects())

    async def run() -> None:
        place = tmp_path / "model"
        small(place, 0.0)
        app = create_app(load(cache_url="memory://", model=place, model_follow=0))
        async with app.router.lifespan_context(app):
            gc.unfreeze()
            gc.collect()
            begun = alive()
            for number in range(1, 6):
                small(place, float(number))
                assert (await app.state.rollout.check()).changed
                await app.state.predictor.predict("won")

            async def gone() -> bool:
                gc.unfreeze()
                gc.collect()
                return alive() <= begun

            await until(gone)

    asyncio.run(run())


def test_cards_without_scores_still_load(tmp_path: Path) -> None:
    """A card from before the self-test has its old digest; its model is tried on our texts."""
    from fyke.model.directory import SHIPPED

    model = load_model(SHIPPED)
    self_test(model)
    kept = small(tmp_path / "model", 0.0)
    bad = kept.card.model_copy(update={"self_test": [kept.card.self_test[0].model_copy(update={"score": 0.123})]})
    with pytest.raises(ModelError, match="text 1 scores"):
        self_test(type(kept)(kept.classifier, bad))
