"""The routes."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from fyke.model.directory import Model
from fyke.predictor import Answer
from fyke.service.caching import cache_headers, wishes_of
from fyke.service.limits import check_length, waiting
from fyke.service.messages import BODY, MessageReader
from fyke.service.policing import Policies
from fyke.service.schemas import (
    CardInForce,
    MessageResponse,
    PolicyResponse,
    PredictRequest,
    PredictResponse,
    Problem,
    RefusalResponse,
)
from fyke.service.tenants import predictor_of

FAILED = "fyke.failed"
MESSAGE = "/predict/message"

router = APIRouter()


@router.post(
    "/predict",
    responses={status: {"model": Problem} for status in (400, 413, 422, 504)},
    response_model_exclude_unset=True,
    summary="Classify one text",
)
async def predict(body: PredictRequest, request: Request, response: Response) -> PredictResponse:
    """Phishing or safe, with the probability of that label; `Cache-Status` tells where it came from."""
    if FAILED in request.scope:  # in the fast lane, and need not again
        raise request.scope[FAILED]
    check_length(request, body.text, "text")
    with waiting(request):
        answer = await predictor_of(request).predict(body.text, wishes_of(request))
    response.headers.update(cache_headers(answer))
    return _prediction(request, answer)


@router.post(
    MESSAGE,
    responses={status: {"model": Problem} for status in (400, 413, 415, 422, 504)},
    openapi_extra=BODY,
    response_model_exclude_unset=True,
    summary="Classify one message",
)
async def predict_message(request: Request, response: Response) -> MessageResponse:
    """The prediction for the text of a message, and what was read of it; kept under the text, as in `POST /predict`."""
    reader: MessageReader = request.app.state.reader
    raw = await reader.receive(request)
    with waiting(request):
        text, report = await reader.read(raw)
        answer = await predictor_of(request).predict(text, wishes_of(request))
    response.headers.update(cache_headers(answer))
    policies: Policies = request.app.state.policy
    return MessageResponse.model_validate({**policies.of(answer.key).read(answer.prediction).fields(), **report})


def _prediction(request: Request, answer: Answer[float]) -> PredictResponse:
    policies: Policies = request.app.state.policy
    return PredictResponse.model_construct(**policies.of(answer.key).read(answer.prediction).fields())


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """Always ok while the process answers."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it predict?")
async def readyz(request: Request) -> JSONResponse:
    """Ready with a model loaded, until the service stops; trouble with the cache is told but leaves it ready."""
    predictor = request.app.state.predictor
    cache = "none" if predictor.tiers.store is None else predictor.tiers.reads.state
    stopping = request.app.state.draining.begun
    told = {
        "status": "stopping" if stopping else "ok",
        "model_id": predictor.model.id,
        "cache_breaker": cache,
        "model_refused": request.app.state.rollout.refusal is not None,
    }
    return JSONResponse(told, 503 if stopping else 200)


@router.get("/cache", summary="What the cache did, and whether it pays")
async def cache(request: Request) -> dict[str, Any]:
    """Figures of this process since it started; with API keys, those of the key's namespace."""
    predictor = predictor_of(request)
    if predictor.namespace == request.app.state.predictor.namespace:
        return {"where": request.app.state.where} | predictor.report()
    shared = ("breakers", "memory")  # by all tenants
    return {name: value for name, value in predictor.report().items() if name not in shared}


@router.get("/model", summary="The card of the model that answers")
async def model(request: Request) -> CardInForce:
    """What the model is, what it was trained on, how well it did, and how labels are read from its scores."""
    served: Model = request.app.state.model
    policy = PolicyResponse.model_validate(request.app.state.policy.now, from_attributes=True)
    refusal = request.app.state.rollout.refusal
    refused = None if refusal is None else RefusalResponse(at=refusal.at, why=refusal.why)
    return CardInForce.model_construct(
        **dict(served.card), answers_as=served.classifier.id, policy=policy, refused=refused
    )
