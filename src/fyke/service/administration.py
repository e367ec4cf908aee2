"""`POST /admin/reload`."""

from fastapi import APIRouter, HTTPException, Request

from fyke.service.access import identity
from fyke.service.nearby import is_nearby
from fyke.service.rollout import Rollout
from fyke.service.schemas import Problem, ReloadResponse

router = APIRouter()


@router.post(
    "/admin/reload",
    responses={status: {"model": Problem} for status in (403, 409)},
    summary="Look for another model now",
)
async def reload(request: Request) -> ReloadResponse:
    """Load the model directory again, and answer by its model if it is whole; otherwise 409 says what is wrong."""
    _may(request)
    rollout: Rollout = request.app.state.rollout
    outcome = await rollout.check()
    rollout.others()
    if outcome.refused is not None:
        raise HTTPException(409, f"{outcome.refused} Model {outcome.model_id} goes on.")
    return ReloadResponse(model_id=outcome.model_id, changed=outcome.changed)


def _may(request: Request) -> None:
    """With keys, the scope `admin` was asked for already; without, only programs of this machine may."""
    if identity(request) is not None:
        return
    if not is_nearby(request):
        raise HTTPException(403, "Without API keys only this machine may: ask at http://localhost, through no proxy.")
    if "origin" in request.headers:
        raise HTTPException(403, "Without API keys no web page may.")
