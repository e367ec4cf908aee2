"""The routes."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from fyke.errors import NotCached
from fyke.model.card import Card
from fyke.model.classifier import verdict
from fyke.predictor import Predictor
from fyke.service.caching import cache_status, read_wishes
from fyke.service.schemas import PredictRequest, PredictResponse, Problem

router = APIRouter()


@router.post(
    "/predict",
    responses={status: {"model": Problem} for status in (400, 413, 422, 504)},
    summary="Classify one text",
)
async def predict(body: PredictRequest, request: Request, response: Response) -> PredictResponse:
    """Phishing or safe, with the probability of that label; `Cache-Status` tells where it came from."""
    state = request.app.state
    try:
        answer = await state.predictor.predict(body.text, read_wishes(request.headers.get("cache-control", "")))
    except NotCached as error:
        status = "fyke; fwd=request; fwd-status=504; detail=only-if-cached"
        raise HTTPException(504, str(error), headers={"Cache-Status": status}) from error
    label, probability = verdict(answer.prediction)
    response.headers["Cache-Status"] = cache_status(answer)
    if answer.tier != "model":
        response.headers["Age"] = str(answer.age)
    response.headers["Cache-Control"] = "no-store"  # for caches between us and the client: mail is private
    return PredictResponse.model_construct(prediction=label, probability=probability)


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """Always ok while the process answers."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it predict?")
async def readyz(request: Request) -> JSONResponse:
    """Ready with a model loaded; trouble with the cache is told but does not make it unready."""
    predictor = request.app.state.predictor
    cache = predictor.tiers.reads.state if predictor.tiers.keeps else "none"
    return JSONResponse({"status": "ok", "model_id": predictor.model.id, "cache_breaker": cache})


@router.get("/cache", summary="What the cache did, and whether it pays")
async def cache(request: Request) -> dict[str, Any]:
    """Figures of this process since it started."""
    predictor: Predictor[str, float] = request.app.state.predictor
    return {"where": request.app.state.where} | predictor.report()


@router.get("/model", summary="The card of the model that answers")
async def model(request: Request) -> Card:
    """What the model is, what it was trained on, and how well it did."""
    card: Card = request.app.state.model.card
    return card


@router.get("/", include_in_schema=False)
async def home(request: Request) -> PlainTextResponse:
    """What this is."""
    base = str(request.base_url).rstrip("/")
    return PlainTextResponse(
        "Fyke classifies e-mail as phishing or safe, and never computes the same verdict twice.\n\n"
        f"model  {request.app.state.model.card.model_id}\n"
        f"cache  {request.app.state.where}\n\n"
        f"curl -H 'Content-Type: application/json' -d '{{\"text\": \"you have won a prize\"}}' {base}/predict\n\n"
        f"{base}/docs   every route\n{base}/model  the model's card\n"
    )
