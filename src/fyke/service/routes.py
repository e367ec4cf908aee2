"""The routes."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from fyke.model.card import Card
from fyke.model.classifier import verdict
from fyke.predictor import Answer
from fyke.service.schemas import PredictRequest, PredictResponse, Problem

router = APIRouter()


@router.post(
    "/predict",
    responses={status: {"model": Problem} for status in (400, 413, 422)},
    summary="Classify one text",
)
async def predict(body: PredictRequest, request: Request, response: Response) -> PredictResponse:
    """Phishing or safe, with the probability of that label; `Cache-Status` tells where it came from."""
    state = request.app.state
    answer = await state.predictor.predict(body.text)
    label, probability = verdict(answer.prediction)
    response.headers["Cache-Status"] = cache_status(answer)
    if answer.tier != "model":
        response.headers["Age"] = str(answer.age)
    response.headers["Cache-Control"] = "no-store"  # for caches between us and the client: mail is private
    return PredictResponse.model_construct(prediction=label, probability=probability)


def cache_status(answer: Answer[float]) -> str:
    """The answer's way as an RFC 9211 ``Cache-Status`` member; ``detail`` is the tier."""
    if answer.tier == "model":
        parts = ["fyke", "fwd=miss"]
        if answer.shared:
            parts.append("collapsed")
        elif answer.ttl is not None:
            parts.append("stored")
    else:
        parts = ["fyke", "hit"]
    if answer.ttl is not None:
        parts.append(f"ttl={answer.ttl}")
    return "; ".join([*parts, f"detail={answer.tier}"])


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """Always ok while the process answers."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it predict?")
async def readyz(request: Request) -> JSONResponse:
    """Ready with a model loaded; trouble with the cache is told but does not make it unready."""
    predictor = request.app.state.predictor
    cache = "none" if predictor.store is None and predictor.memory is None else predictor.breaker.state
    return JSONResponse({"status": "ok", "model_id": predictor.model.id, "cache_breaker": cache})


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
