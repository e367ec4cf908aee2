"""The application: FastAPI of one's own, and Fyke's predictor between the routes and the model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from examples.recommender.model import CATALOGUE, MOST, Product, Ranked, Recommender, UnknownProduct
from fyke.errors import NotCached
from fyke.predictor import Answer
from fyke.service.assembly import open_from, predictor_from
from fyke.service.caching import batch_headers, cache_headers, not_cached, wishes_of
from fyke.service.limits import BodyLimit
from fyke.settings import Settings, load

Basket = Annotated[list[str], Field(max_length=100)]
Count = Annotated[int, Field(ge=1, le=MOST)]


class Question(BaseModel):
    """A product, a basket, or both together, and how many recommendations to give."""

    model_config = ConfigDict(extra="forbid")
    product: str | None = None
    basket: Basket = []
    count: Count = 5

    @model_validator(mode="after")
    def _some(self) -> "Question":
        if self.product is None and not self.basket:
            raise ValueError('give a product, {"product": "tent-two"}, or a basket, {"basket": ["tent-two"]}')
        return self


class Questions(BaseModel):
    """Many baskets at once."""

    model_config = ConfigDict(extra="forbid")
    baskets: Annotated[list[Annotated[Basket, Field(min_length=1)]], Field(min_length=1, max_length=1000)]
    count: Count = 5


def create_app(settings: Settings | None = None, catalogue: Path = CATALOGUE) -> FastAPI:
    """The service; without arguments it takes its settings from the environment.

    Raises:
        SettingsError: a setting cannot be.
        OSError, ValueError: the catalogue cannot be read; see `Recommender`.
    """
    settings = settings or load()
    model = Recommender(catalogue)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        cache = await open_from(settings)
        async with predictor_from(settings, model, cache, preview=", ".join) as predictor:
            app.state.predictor, app.state.where = predictor, cache.where
            yield

    app = FastAPI(title="Shop", description="Recommends similar products, ranked once.", lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)

    def told(ranked: Ranked, count: int) -> list[dict[str, Any]]:
        """The first ``count``, with name and price: those are not the model's and are not kept."""
        shown = ((model.products[product], score) for product, score in ranked[:count])
        return [{"id": one.id, "name": one.name, "price": one.price, "score": score} for one, score in shown]

    @app.post("/recommend")
    async def recommend(question: Question, request: Request, response: Response) -> list[dict[str, Any]]:
        """The products most like a product or a basket, the best first."""
        basket = [*question.basket] if question.product is None else [question.product, *question.basket]
        wishes = wishes_of(request)
        answer: Answer[Any] = await request.app.state.predictor.predict(basket, wishes)
        response.headers.update(cache_headers(answer))
        return told(answer.prediction, question.count)

    @app.post("/recommend/batch")
    async def recommend_many(questions: Questions, request: Request, response: Response) -> list[list[dict[str, Any]]]:
        """The same for many baskets, in order, each looked up on its own: one MGET, one pass over the misses."""
        wishes = wishes_of(request)
        answers: list[Answer[Any]] = await request.app.state.predictor.predict_many(questions.baskets, wishes)
        response.headers.update(batch_headers(answers))
        return [told(answer.prediction, questions.count) for answer in answers]

    @app.get("/products")
    async def products() -> list[Product]:
        """The catalogue."""
        return list(model.products.values())

    @app.get("/cache")
    async def cache(request: Request) -> dict[str, Any]:
        """What the cache did in this process, and whether it pays."""
        report: dict[str, Any] = request.app.state.predictor.report()
        return {"where": request.app.state.where, **report}

    app.add_exception_handler(UnknownProduct, _refuse)
    app.add_exception_handler(NotCached, not_cached)
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 404)
