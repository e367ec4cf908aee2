"""What the page's views ask for: live figures, what is in force, and a purge where it is allowed."""

from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from fyke import __version__
from fyke.errors import StoreError
from fyke.model.classifier import THRESHOLD
from fyke.predictor import Predictor
from fyke.service.live import Full, Sampler
from fyke.service.nearby import is_from_here, is_nearby
from fyke.service.schemas import Problem

LIVE = "/ui/live"

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
        viewer = sampler.admit(is_nearby(request))
    except Full:
        raise HTTPException(503, "Too many people watch; close a view.", headers={"retry-after": "30"}) from None
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
    return StreamingResponse(sampler.watch(viewer), media_type="text/event-stream", headers=headers)


@router.get("/ui/about", include_in_schema=False)
async def about(request: Request) -> JSONResponse:
    """What is in force here."""
    state = request.app.state
    predictor: Predictor[str, float] = state.predictor
    kept = {"memory": predictor.tiers.memory, "redis": predictor.tiers.store}
    tiers = [name for name, tier in kept.items() if tier is not None]
    said: dict[str, Any] = {
        "version": __version__,
        "model_id": predictor.model.id,
        "recipe": state.model.card.recipe,
        "where": state.where,
        "namespace": predictor.namespace,
        "tiers": [*tiers, "model"],
        "policy": {"name": "balanced", "threshold": THRESHOLD},
        "workers": state.workers,
        "purge": state.allow_purge and is_nearby(request),
    }
    return JSONResponse(said, headers={"cache-control": "no-store"})


@router.post(
    "/cache/purge",
    responses={status: {"model": Problem} for status in (400, 403, 415, 422, 503)},
    summary="Forget kept predictions, where the service allows it",
)
async def purge(body: PurgeRequest, request: Request) -> PurgeResponse:
    """Forget the kept predictions of this namespace, in every process; only with `FYKE_ALLOW_PURGE`, from here."""
    if not request.app.state.allow_purge:
        raise HTTPException(
            403, "Purging over HTTP is off. Start with FYKE_ALLOW_PURGE=1, or run `fyke cache purge` on the machine."
        )
    if not (is_nearby(request) and is_from_here(request)):
        raise HTTPException(
            403, "Only this machine's own page may purge: ask at http://localhost, through no proxy and no other site."
        )
    predictor: Predictor[str, float] = request.app.state.predictor
    try:
        forgotten = await predictor.purge(predictor.model.id if body.scope == "model" else None)
    except StoreError as error:
        raise HTTPException(503, f"The store does not answer ({error}); this process has forgotten.") from error
    return PurgeResponse(forgotten=forgotten)
