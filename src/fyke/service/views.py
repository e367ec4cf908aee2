"""What the page's views ask for: live figures, what is in force, and a purge where it is allowed."""

from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from fyke import __version__
from fyke.errors import StoreError
from fyke.service.live import Full, Sampler
from fyke.service.nearby import is_from_here, may_purge, may_see_words
from fyke.service.schemas import Problem
from fyke.service.tenants import predictor_of

LIVE = "/ui/live"
OFF = "Purging over HTTP is off. Start with FYKE_ALLOW_PURGE=1, use an admin key, or run `fyke cache purge` there."
NOT_HERE = "Without keys, only this machine may purge: ask at http://localhost, through no proxy."

router = APIRouter()


class PurgeRequest(BaseModel):
    """What to forget."""

    model_config = ConfigDict(extra="forbid")

    scope: Literal["namespace", "model"] = Field("namespace", description="All of the namespace, or this model's part.")


class PurgeResponse(BaseModel):
    """How many predictions were forgotten."""

    forgotten: int = Field(ge=0)


@router.get(LIVE, include_in_schema=False)
async def live(request: Request) -> StreamingResponse:
    """Server-sent events: `begin` with the last minutes, then `sample` each second and `entries` now and then."""
    sampler: Sampler = request.app.state.sampler
    try:
        viewer = sampler.admit(may_see_words(request))
    except Full:
        raise HTTPException(503, "Too many people watch; close a view.", headers={"retry-after": "30"}) from None
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
    return StreamingResponse(sampler.watch(viewer), media_type="text/event-stream", headers=headers)


@router.get("/ui/about", include_in_schema=False)
async def about(request: Request) -> JSONResponse:
    """What is in force here; of the service's own places and processes nothing for tenants."""
    state = request.app.state
    predictor = predictor_of(request)
    kept = {"memory": predictor.tiers.memory, "redis": predictor.tiers.store}
    tiers = [name for name, tier in kept.items() if tier is not None]
    said: dict[str, Any] = {
        "version": __version__,
        "model_id": predictor.model.id,
        "namespace": predictor.namespace,
        "tiers": [*tiers, "model"],
        "threshold": state.policy.now.threshold,
        "purge": may_purge(request, allowed=state.allow_purge),
    }
    if predictor.namespace == state.predictor.namespace:
        said |= {"where": state.where, "workers": state.workers}
    return JSONResponse(said, headers={"cache-control": "no-store"})


@router.post(
    "/cache/purge",
    responses={status: {"model": Problem} for status in (400, 403, 415, 422, 503)},
    summary="Forget kept predictions",
)
async def purge(body: PurgeRequest, request: Request) -> PurgeResponse:
    """Forget the predictions of the key's namespace, in every process; without keys, where `FYKE_ALLOW_PURGE` says."""
    allowed: bool = request.app.state.allow_purge
    if not may_purge(request, allowed=allowed):
        raise HTTPException(403, NOT_HERE if allowed else OFF)
    if not is_from_here(request):
        raise HTTPException(403, "Another site's page may not purge; ask from this service's own.")
    predictor = predictor_of(request)
    try:
        forgotten = await predictor.purge(predictor.model.id if body.scope == "model" else None)
    except StoreError as error:
        raise HTTPException(503, f"The store does not answer ({error}); this process has forgotten.") from error
    return PurgeResponse(forgotten=forgotten)
