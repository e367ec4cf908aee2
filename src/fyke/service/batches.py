"""`POST /predict/batch`. A plain body is decoded at once; the framework has those that may be wrong, and says how."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from fyke.service.caching import batch_headers, wishes_of
from fyke.service.limits import check_length, waiting
from fyke.service.policing import Policies
from fyke.service.rates import charge_for
from fyke.service.replies import JSON, verdict
from fyke.service.schemas import BatchRequest, BatchResponse, Problem
from fyke.service.tenants import predictor_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BatchRoute(APIRoute):
    """A route for bodies of ``{"texts": [...]}``."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, asked where a body is not plainly right: validating each item of a model takes longer."""
        usual = super().get_route_handler()

        async def handle(request: Request) -> Response:
            texts = _texts(await request.body()) if request.headers.get("content-type") == JSON else None
            return await usual(request) if texts is None else await _predict(request, texts)

        return handle


router = APIRouter(route_class=BatchRoute)


@router.post(
    "/predict/batch",
    responses={status: {"model": Problem} for status in (400, 413, 422, 504)},
    response_model=BatchResponse,
    summary="Classify many texts",
)
async def predict_batch(body: BatchRequest, request: Request) -> Response:
    """A prediction for each text, in order; each is looked up on its own, and only the missing are computed."""
    return await _predict(request, body.texts)


async def _predict(request: Request, texts: list[str]) -> Response:
    most: int = request.app.state.max_batch
    if len(texts) > most:
        raise HTTPException(413, f"texts: {len(texts)} in one request; send at most {most}.")
    await charge_for(request, len(texts) - 1)
    for place, text in enumerate(texts):
        check_length(request, text, f"texts.{place}")
    with waiting(request, len(texts)):
        answers = await predictor_of(request).predict_many(texts, wishes_of(request))
    policies: Policies = request.app.state.policy
    verdicts = b",".join([verdict(answer.prediction, policies.of(answer.key)) for answer in answers])
    return Response(b'{"predictions":[%b]}' % verdicts, headers=batch_headers(answers), media_type=JSON)


def _texts(body: bytes) -> list[str] | None:
    """The texts in a plain body; None for any other."""
    try:
        parsed: Any = from_json(body)
    except ValueError:
        return None
    texts = parsed.get("texts") if type(parsed) is dict else None
    return texts if type(texts) is list and all(type(text) is str for text in texts) else None
