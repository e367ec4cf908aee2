"""A shop's recommendations behind the cache."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from examples.image_classifier.app import create_app as create_digits
from examples.image_classifier.model import draw
from examples.recommender.app import create_app
from examples.recommender.model import CATALOGUE, Recommender, UnknownProduct
from fyke.predictor import Predictor
from fyke.service.app import open_from
from fyke.settings import Settings, load
from tests.conftest import ROOT, RedisServer
from tests.examples.conftest import PATIENT, Run, talking_to, way
from tests.examples.test_image_classifier import INKS, MODEL, PNG, png
from tests.readme import check_curls
from tests.waiting import until

SHOP = Recommender()
baskets = st.lists(st.sampled_from(list(SHOP.products)), min_size=1, max_size=8)


def test_a_second_request_is_a_hit_with_the_same_answer(settings: Settings) -> None:
    """From memory in the same process, from the store after a restart; another product is computed."""

    async def inside() -> None:
        async with talking_to(create_app(settings)) as client:
            first = await client.post("/recommend", json={"product": "tent-two"})
            second = await client.post("/recommend", json={"product": "tent-two"})
            assert [way(first), way(second)] == ["model", "memory"]
            assert way(await client.post("/recommend", json={"product": "moka-pot"})) == "model"
        async with talking_to(create_app(settings)) as client:
            third = await client.post("/recommend", json={"product": "tent-two"})
            assert way(third) == "redis"
            assert first.json() == second.json() == third.json()
            assert (await client.get("/cache")).json()["model_id"] == SHOP.id

    asyncio.run(inside())


def test_a_basket_is_a_set_and_the_count_is_not_the_models() -> None:
    """Order, repetition and how many recommendations are shown do not matter: one entry serves them all."""
    same = [
        {"basket": ["gas-stove", "pour-over"]},
        {"basket": ["pour-over", "gas-stove", "pour-over"]},
        {"product": "pour-over", "basket": ["gas-stove"], "count": 3},
        {"product": "gas-stove", "basket": ["pour-over"], "count": 20},
    ]

    async def inside() -> None:
        async with talking_to(create_app(load(cache_url="embedded://"))) as client:
            answers = [await client.post("/recommend", json=one) for one in same]
            assert [way(answer) for answer in answers] == ["model", "memory", "memory", "memory"]
            shown = [answer.json() for answer in answers]
            assert [len(one) for one in shown] == [5, 5, 3, 20]
            assert shown[0] == shown[1] == shown[3][:5]
            assert shown[2] == shown[0][:3]

    asyncio.run(inside())


@given(baskets, st.randoms(use_true_random=False))
@trying(deadline=None)
def test_equal_canonical_bytes_mean_equal_predictions(basket: list[str], dice: Any) -> None:
    """In any order, with repetitions, alone or in company; another set of products has other bytes."""
    other = basket + dice.choices(basket, k=2)
    dice.shuffle(other)
    assert SHOP.canonical(other) == SHOP.canonical(basket)
    first, second, _ = SHOP.predict_many([basket, other, ["tarp"]])
    assert first == second == SHOP.predict_many([basket])[0]
    assert SHOP.canonical([*basket, "tarp"]) != SHOP.canonical(basket) or "tarp" in basket


def test_recommendations_are_the_nearest_by_scikit_learns_own_cosine() -> None:
    """For every product: the best others, in order, never itself."""
    texts = [f"{one.name} {one.category} {one.description}" for one in SHOP.products.values()]
    rows = TfidfVectorizer(stop_words="english").fit_transform(texts)
    similar, ids = cosine_similarity(rows), list(SHOP.products)
    for index, ranked in enumerate(SHOP.predict_many([[one] for one in ids])):
        assert ids[index] not in dict(ranked)
        assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)
        others = sorted((score for at, score in enumerate(similar[index]) if at != index and score > 0), reverse=True)
        assert [score for _, score in ranked] == pytest.approx(others[:20], abs=1e-6)
        assert all(similar[index][ids.index(one)] == pytest.approx(score, abs=1e-6) for one, score in ranked)
    assert SHOP.predict_many([["tent-two"]])[0][0][0] == "tent-one"


def test_another_catalogue_is_never_served_the_old_ones_answers(redis_server: RedisServer, tmp_path: Path) -> None:
    """On one Redis: a product taken off the shelf is gone at once, and the old catalogue's entries are its own."""
    settings = load(cache_url=redis_server.url, cache_deadline_ms=PATIENT)
    changed = tmp_path / "catalogue.csv"
    kept = [line for line in CATALOGUE.read_text().splitlines() if not line.startswith("tent-one,")]
    changed.write_text("\n".join(kept))

    async def ask(catalogue: Path) -> tuple[str, list[str]]:
        async with talking_to(create_app(settings, catalogue)) as client:
            answer = await client.post("/recommend", json={"product": "tent-two"})
            return way(answer), [one["id"] for one in answer.json()]

    async def inside() -> None:
        before = await ask(CATALOGUE)
        assert (before[0], before[1][0]) == ("model", "tent-one")
        after = await ask(changed)
        assert (after[0], "tent-one" in after[1]) == ("model", False)
        assert await ask(CATALOGUE) == ("redis", before[1])
        assert await ask(changed) == ("redis", after[1])

    asyncio.run(inside())


def test_two_applications_on_one_redis_never_mix(redis_server: RedisServer) -> None:
    """Digits and shop keep to themselves, even where someone copies an entry of one under a key of the other."""
    settings = load(cache_url=redis_server.url, cache_deadline_ms=PATIENT)

    async def ask() -> list[tuple[str, Any]]:
        async with talking_to(create_digits(settings, MODEL)) as digits, talking_to(create_app(settings)) as shop:
            answers = [
                await digits.post("/digit", content=png(draw(INKS[0])), headers=PNG),
                await shop.post("/recommend", json={"product": "tent-two"}),
            ]
            return [(way(answer), answer.json()) for answer in answers]

    (_, digit), (_, tents) = computed = asyncio.run(ask())
    assert computed == [("model", digit), ("model", tents)]
    assert asyncio.run(ask()) == [("redis", digit), ("redis", tents)]
    with redis_server.client() as client:
        one, other = sorted(client.scan_iter("fyke:1:*"))
        assert one.startswith(f"fyke:1:default:{MODEL.id}:".encode())
        assert other.startswith(f"fyke:1:default:{SHOP.id}:".encode())
        values = client.mget(one, other)
        client.mset({one: values[1], other: values[0]})
    assert asyncio.run(ask()) == computed


def test_a_batch_looks_up_each_and_computes_what_is_missing(settings: Settings) -> None:
    """The answers are those of single requests; a basket that comes twice is computed once."""
    wanted = [["tent-two"], ["moka-pot", "skillet"], ["skillet", "moka-pot"], ["compass"]]

    async def inside() -> None:
        async with talking_to(create_app(settings)) as client:
            single = (await client.post("/recommend", json={"basket": wanted[0], "count": 3})).json()
            batch = await client.post("/recommend/batch", json={"baskets": wanted, "count": 3})
            assert batch.status_code == 200
            assert batch.headers["cache-status"].startswith("fyke; fwd=partial")
            assert batch.json()[0] == single
            assert batch.json()[1] == batch.json()[2]
            report = (await client.get("/cache")).json()
            assert (report["misses"], report["shared"], report["hits"]["memory"]) == (3, 1, 1)

    asyncio.run(inside())


def test_every_hit_agrees_with_the_model(settings: Settings) -> None:
    """All products, kept in one batch and asked for one by one: no verified hit differs."""

    async def inside() -> None:
        cache = await open_from(settings)
        predictor = Predictor(SHOP, cache.store, secret=cache.secret, verify=1.0)
        async with predictor:
            first = await predictor.predict_many([[product] for product in SHOP.products])
            again = [await predictor.predict([product]) for product in SHOP.products]
            await until(lambda: not predictor._kept.waiting)
        assert [answer.prediction for answer in first] == [answer.prediction for answer in again]
        report = predictor.report()
        assert (report["verified_hits"], report["mismatches"]) == (len(SHOP.products), 0)

    asyncio.run(inside())


def test_bad_input_is_told_what_is_wrong() -> None:
    """404 names the unknown product; 422 names the field and its limit."""
    cases: list[tuple[str, Any, int, str]] = [
        ("", {"product": "unobtainium"}, 404, "There is no product 'unobtainium'; GET /products lists all."),
        ("", {"basket": ["tarp", "unobtainium"]}, 404, "'unobtainium'"),
        ("/batch", {"baskets": [["tarp"], ["unobtainium"]]}, 404, "'unobtainium'"),
        ("", {}, 422, "give a product"),
        ("", {"produkt": "tarp"}, 422, "produkt"),
        ("", {"product": "tarp", "count": 21}, 422, "less than or equal to 20"),
        ("", {"product": 7}, 422, "valid string"),
        ("", {"basket": ["tarp"] * 101}, 422, "at most 100"),
        ("/batch", {"baskets": [[]]}, 422, "at least 1"),
        ("/batch", {"baskets": [["tarp"]] * 1001}, 422, "at most 1000"),
        ("", {"basket": ["x" * 2**21]}, 413, "over the limit"),
    ]

    async def inside() -> None:
        async with talking_to(create_app(load(cache_url="memory://"))) as client:
            for path, body, status, said in cases:
                answer = await client.post("/recommend" + path, json=body)
                assert answer.status_code == status, answer.text
                assert said in str(answer.json()["detail"])
            answer = await client.post(
                "/recommend", json={"product": "tarp"}, headers={"cache-control": "only-if-cached"}
            )
            assert answer.status_code == 504

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("rows", "said"),
    [("id,name,category,price\n", "no column 'description'"), ("{head}a,A,b,1,c\na,B,b,2,c\n", "line 3: product 'a'")],
)
def test_a_catalogue_that_cannot_be_says_why(tmp_path: Path, rows: str, said: str) -> None:
    """A missing column and an id that comes twice are named."""
    path = tmp_path / "catalogue.csv"
    path.write_text(rows.replace("{head}", "id,name,category,price,description\n"))
    with pytest.raises(ValueError, match=said):
        Recommender(path)


def test_an_unknown_product_has_no_canonical_bytes() -> None:
    """The model does not guess."""
    with pytest.raises(UnknownProduct, match="unobtainium"):
        SHOP.canonical(["unobtainium"])


def test_the_readme_tells_the_truth(run_example: Run) -> None:
    """Its one command starts the service, and its curl commands answer as shown."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert (
        check_curls(
            ROOT / "examples" / "recommender" / "README.md",
            run_example("examples.recommender", FYKE_CACHE_URL="embedded://"),
        )
        > 3
    )
