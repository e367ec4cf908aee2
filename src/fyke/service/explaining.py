"""`POST /explain`: the parts of a text that made its verdict, kept under the text as predictions are."""

from typing import Any

from fastapi import APIRouter, Request, Response

from fyke.model.classifier import expit
from fyke.model.explanation import Explanation
from fyke.model.reasons import explained
from fyke.predictor import Predictor
from fyke.service.caching import cache_headers, wishes_of
from fyke.service.limits import check_length, waiting
from fyke.service.messages import BODY, MessageReader
from fyke.service.schemas import ExplainMessageResponse, ExplainResponse, PredictRequest, Problem
from fyke.service.tenants import explainer_of

EXPLAIN_MESSAGE = "/explain/message"

router = APIRouter()


@router.post(
    "/explain",
    responses={status: {"model": Problem} for status in (400, 413, 422, 504)},
    response_model_exclude_unset=True,
    summary="Why one text is classified as it is",
)
async def explain(body: PredictRequest, request: Request, response: Response) -> ExplainResponse:
    """The words that moved the score, with their exact contributions; `base`, `parts` and `rest` sum to `log_odds`."""
    check_length(request, body.text, "text")
    with waiting(request):
        return ExplainResponse.model_validate(await _explained(body.text, request, response))


@router.post(
    EXPLAIN_MESSAGE,
    responses={status: {"model": Problem} for status in (400, 413, 415, 422, 504)},
    openapi_extra=BODY,
    response_model_exclude_unset=True,
    summary="Why one message is classified as it is",
)
async def explain_message(request: Request, response: Response) -> ExplainMessageResponse:
    """The same for the text of a message, with that text, in which the parts have their places."""
    reader: MessageReader = request.app.state.reader
    raw = await reader.receive(request)
    with waiting(request):
        text, report = await reader.read(raw)
        explained = await _explained(text, request, response)
    return ExplainMessageResponse.model_validate({**explained, **report, "text": text})


async def _explained(text: str, request: Request, response: Response) -> dict[str, Any]:
    explainer: Predictor[str, Explanation] = explainer_of(request)
    answer = await explainer.predict(text, wishes_of(request))
    response.headers.update(cache_headers(answer))
    explanation = answer.prediction
    verdict = request.app.state.policy.of(answer.key).read(expit(explanation.log_odds))
    return {**verdict.fields(), **explained(text, explanation, verdict.prediction)}
