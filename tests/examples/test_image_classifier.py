"""Handwritten digits behind the cache."""

import asyncio
import contextlib
import io
import shutil
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from examples.image_classifier.app import create_app
from examples.image_classifier.model import DigitModel, UnreadableImage, draw, split
from fyke.predictor import Predictor
from fyke.service.app import open_from
from fyke.settings import Settings, load
from tests.conftest import ROOT
from tests.examples.conftest import Run, talking_to, way
from tests.readme import check_curls
from tests.waiting import until

PNG = {"content-type": "image/png"}
MODEL = DigitModel()
_, INKS, _, DIGITS = split()
TAGS = PngImagePlugin.PngInfo()
TAGS.add_text("Comment", "drawn on a Monday", zip=True)

ENCODINGS: dict[str, Any] = {
    "grey": lambda ink: png(draw(ink)),
    "uncompressed": lambda ink: png(draw(ink), compress_level=0),
    "with metadata": lambda ink: png(draw(ink), pnginfo=TAGS, dpi=(300, 300)),
    "colour": lambda ink: png(draw(ink).convert("RGB")),
    "transparent where black": lambda ink: png(_with_alpha(draw(ink))),
    "palette": lambda ink: png(draw(ink).convert("P")),
    "16 bits": lambda ink: png(Image.fromarray(np.asarray(draw(ink)).astype(np.uint16) * 256 + 77)),
    "enlarged": lambda ink: png(draw(ink, 32)),
}
inks = st.binary(min_size=64, max_size=64).map(lambda some: np.frombuffer(some, dtype=np.uint8) % 17)


def png(image: Image.Image, **options: Any) -> bytes:
    kept = io.BytesIO()
    image.save(kept, "PNG", **options)
    return kept.getvalue()


def _with_alpha(image: Image.Image) -> Image.Image:
    clear = image.convert("RGBA")
    clear.putalpha(image.point(lambda grey: 255 if grey else 0))
    return clear


def test_a_second_request_is_a_hit_with_the_same_answer(settings: Settings) -> None:
    """From memory in the same process, from the store after a restart; another digit is computed."""

    async def inside() -> None:
        seven, other = png(draw(INKS[0])), png(draw(INKS[1]))
        async with talking_to(create_app(settings, MODEL)) as client:
            first = await client.post("/digit", content=seven, headers=PNG)
            second = await client.post("/digit", content=seven, headers=PNG)
            assert [way(first), way(second)] == ["model", "memory"]
            assert way(await client.post("/digit", content=other, headers=PNG)) == "model"
        async with talking_to(create_app(settings, MODEL)) as client:
            third = await client.post("/digit", content=seven, headers=PNG)
            assert way(third) == "redis"
            assert first.json() == second.json() == third.json()
            report = (await client.get("/cache")).json()
            assert (report["requests"], report["hits"]["redis"], report["model_id"]) == (1, 1, MODEL.id)

    asyncio.run(inside())


def test_the_same_pixels_in_another_png_are_a_hit() -> None:
    """Compression, metadata, colour, transparency, palette, depth and size do not matter: the pixels do."""

    async def inside() -> None:
        async with talking_to(create_app(load(cache_url="embedded://"), MODEL)) as client:
            answers = [
                await client.post("/digit", content=encode(INKS[0]), headers=PNG) for encode in ENCODINGS.values()
            ]
            ways = dict(zip(ENCODINGS, map(way, answers), strict=True))
            assert ways == dict.fromkeys(ENCODINGS, "memory") | {"grey": "model"}
            assert len({answer.text for answer in answers}) == 1

    asyncio.run(inside())


@given(inks, st.sampled_from(list(ENCODINGS)), st.sampled_from(list(ENCODINGS)))
@trying(deadline=None, max_examples=50)
def test_equal_canonical_bytes_mean_equal_predictions(ink: Any, one: str, another: str) -> None:
    """The canonical bytes are the 64 levels, however they were encoded, and the prediction follows from them."""
    first, second = ENCODINGS[one](ink), ENCODINGS[another](ink)
    assert MODEL.canonical(first) == MODEL.canonical(second) == ink.tobytes()
    assert MODEL.predict_many([first, second]) == MODEL.predict_canonical([ink.tobytes()]) * 2


@given(inks, st.integers(0, 63), st.integers(1, 16))
@trying(deadline=None)
def test_a_change_that_the_model_can_see_changes_the_canonical_bytes(ink: Any, where: int, more: int) -> None:
    """One level of one of the 64 is enough."""
    changed = ink.copy()
    changed[where] = (changed[where] + more) % 17
    assert MODEL.canonical(png(draw(changed))) != MODEL.canonical(png(draw(ink)))


def test_predictions_are_scikit_learns_own_cached_or_not(settings: Settings) -> None:
    """On the test images, to the last bit; every hit is verified against the model, and the accuracy is right."""
    images, expected = [png(draw(ink)) for ink in INKS], MODEL.forest.predict_proba(INKS)

    async def ask(some: list[bytes]) -> tuple[list[tuple[float, ...]], dict[str, Any]]:
        cache = await open_from(settings)
        async with Predictor(MODEL, cache.store, secret=cache.secret, verify=1.0) as predictor:
            answers = await predictor.predict_many(some)
            await until(lambda: not predictor._kept.waiting)
        return [answer.prediction for answer in answers], predictor.report()

    computed, report = asyncio.run(ask(images))
    assert np.array_equal(computed, expected)
    assert report["misses"] + report["shared"] == len(images)
    kept, report = asyncio.run(ask(images[:60]))
    assert np.array_equal(kept, expected[:60])
    assert (report["hits"]["redis"], report["verified_hits"], report["mismatches"]) == (60, 60, 0)
    assert (expected.argmax(axis=1) == DIGITS).mean() > 0.97


def test_the_model_id_names_the_weights() -> None:
    """Fitted alike, the same id; fitted otherwise, another."""
    assert DigitModel().id == MODEL.id
    assert DigitModel(trees=49).id != MODEL.id


def test_an_entry_of_another_kind_is_not_a_prediction() -> None:
    """Ten probabilities survive encoding exactly; anything else is refused, as the predictor expects."""
    (prediction,) = MODEL.predict_many([png(draw(INKS[0]))])
    assert MODEL.decode(MODEL.encode(prediction)) == prediction
    for payload in (b"", b"x" * 79, b"\xff" * 80, MODEL.encode((2.0,) * 10)):
        with pytest.raises(ValueError, match="not ten probabilities"):
            MODEL.decode(payload)


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 60))
@trying(deadline=None, max_examples=300)
def test_a_mangled_png_is_read_or_refused(noise: bytes, where: int, gone: int) -> None:
    """Whatever the bytes are, nothing but 64 levels or `UnreadableImage` comes out."""
    whole = png(draw(INKS[0]), pnginfo=TAGS)
    with contextlib.suppress(UnreadableImage):
        assert len(MODEL.canonical(whole[:where] + noise + whole[where + gone :])) == 64


def test_bad_input_is_told_what_to_send() -> None:
    """A 4xx whose text names the remedy, and no work beyond the limits."""
    good = png(draw(INKS[0]))
    jpeg = io.BytesIO()
    draw(INKS[0]).save(jpeg, "JPEG")
    cases = [
        (jpeg.getvalue(), PNG, 422, "not a PNG image; convert it"),
        (b"", PNG, 422, "not a PNG image"),
        (png(draw(INKS[0], 32))[:150], PNG, 422, "damaged"),
        (png(Image.new("1", (513, 512))), PNG, 422, "513 by 512 pixels is too large; shrink it"),
        (png(Image.new("1", (9600, 9600))), PNG, 422, "too large; shrink it"),
        (png(Image.new("1", (20000, 10000))), PNG, 422, "too large; shrink it"),
        (good, {"content-type": "image/jpeg"}, 415, "Content-Type: image/png"),
        (good, {}, 415, "Content-Type: image/png"),
        (good + b"x" * 2**16, PNG, 413, "over the limit of 65536 bytes"),
    ]

    async def inside() -> None:
        settings = load(cache_url="memory://", max_body_bytes=2**16)
        async with talking_to(create_app(settings, MODEL)) as client:
            for body, headers, status, said in cases:
                answer = await client.post("/digit", content=body, headers=headers)
                assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
            assert way(await client.post("/digit", content=good, headers=PNG)) == "model"

    asyncio.run(inside())


def test_requests_say_what_they_want_of_the_cache() -> None:
    """Cache-Control in the request: no-store keeps nothing, only-if-cached computes nothing, no-cache does anew."""

    async def inside() -> None:
        async with talking_to(create_app(load(cache_url="embedded://"), MODEL)) as client:

            async def ask(wish: str) -> httpx.Response:
                return await client.post("/digit", content=png(draw(INKS[0])), headers=PNG | {"cache-control": wish})

            assert way(await ask("no-store")) == "model"
            refused = await ask("only-if-cached")
            assert (refused.status_code, refused.headers["cache-status"][:4]) == (504, "fyke")
            assert [way(await ask(wish)) for wish in ("", "only-if-cached", "no-cache", "")] == [
                "model",
                "memory",
                "model",
                "memory",
            ]

    asyncio.run(inside())


def test_the_readme_tells_the_truth(run_example: Run) -> None:
    """Its one command starts the service, and its curl commands answer as shown; a restart keeps the entries."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert (
        check_curls(
            ROOT / "examples" / "image_classifier" / "README.md",
            run_example("examples.image_classifier", FYKE_CACHE_URL="embedded://"),
        )
        > 3
    )
    url = run_example("examples.image_classifier", FYKE_CACHE_URL="embedded://")
    seven = (ROOT / "examples" / "image_classifier" / "seven.png").read_bytes()
    assert way(httpx.post(url + "/digit", content=seven, headers=PNG)) == "redis"
