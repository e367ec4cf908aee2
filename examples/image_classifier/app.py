"""The application: FastAPI of one's own, and Fyke's predictor between the route and the model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from examples.image_classifier.model import DigitModel, UnreadableImage
from fyke.errors import NotCached
from fyke.predictor import Answer
from fyke.service.assembly import open_from, predictor_from
from fyke.service.caching import cache_headers, not_cached, wishes_of
from fyke.service.limits import BodyLimit
from fyke.settings import Settings, load

PNG = "image/png"
SEND = f"Send a PNG and say so: curl -H 'Content-Type: {PNG}' --data-binary @digit.png URL"
IN_OPENAPI = {"requestBody": {"required": True, "content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}}


class Digit(BaseModel):
    """The digit that the image shows, most probably, and how probably."""

    digit: int
    probability: float


def create_app(settings: Settings | None = None, model: DigitModel | None = None) -> FastAPI:
    """The service; without arguments it takes its settings from the environment.

    Raises:
        SettingsError: a setting cannot be.
    """
    settings = settings or load()
    model = model or DigitModel()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        cache = await open_from(settings)
        async with predictor_from(settings, model, cache) as predictor:
            app.state.predictor, app.state.where = predictor, cache.where
            yield

    app = FastAPI(title="Digits", description="Reads a handwritten digit, never the same one twice.", lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)

    @app.post("/digit", openapi_extra=IN_OPENAPI)
    async def digit(request: Request, response: Response) -> Digit:
        """The digit in a PNG of light ink on black, sent as it is."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PNG:
            raise HTTPException(415, SEND)
        wishes = wishes_of(request)
        answer: Answer[Any] = await request.app.state.predictor.predict(await request.body(), wishes)
        response.headers.update(cache_headers(answer))
        probability, best = max((one, digit) for digit, one in enumerate(answer.prediction))
        return Digit(digit=best, probability=probability)

    @app.get("/cache")
    async def cache(request: Request) -> dict[str, Any]:
        """What the cache did in this process, and whether it pays."""
        report: dict[str, Any] = request.app.state.predictor.report()
        return {"where": request.app.state.where, **report}

    app.add_exception_handler(UnreadableImage, _refuse)
    app.add_exception_handler(NotCached, not_cached)
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422)
