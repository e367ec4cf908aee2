"""Everything that watches one application: figures of all its processes, spans, request ids, the access log."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from fyke.cache.spans import Span, untraced
from fyke.service.figures import Figures, Sample, ledger_samples, process_samples
from fyke.service.metrics import registry_over
from fyke.service.observing import Observing, paths_of, request_ids
from fyke.service.pooling import Pool
from fyke.service.tracing import Tracing

FAST_ROUTE = "/predict"


class Instruments:
    """Made before the application; `start` and `close` go with its life.

    ``access_log``: a line for each request. ``directory`` is where the processes behind one port leave their figures,
    None for a process alone.
    """

    def __init__(self, *, access_log: bool, tracing: Tracing | None, directory: Path | None):
        self.figures = Figures()
        self.new_id: Callable[[], str] = request_ids()
        self.span: Span = untraced if tracing is None else tracing.step
        self.every_request = access_log or tracing is not None  # must pass `Observing`
        self._access_log = access_log
        self._tracing = tracing
        self._directory = directory
        self._pool: Pool | None = None

    def around(self, app: ASGIApp, routers: Iterable[APIRouter]) -> Observing:
        """The application, watched; the paths of ``routers`` are told apart."""
        return Observing(
            app,
            self.figures,
            self.new_id,
            paths_of(routers),
            tracing=self._tracing,
            access_log=self._access_log,
        )

    def start(self, app: FastAPI) -> None:
        """Begin to gather, when ``app.state`` has its predictors."""
        self._pool = Pool(lambda: self._samples(app), self._directory)
        app.state.registry = registry_over(self._pool)
        self._pool.start()

    async def close(self) -> None:
        """Hand over what there is yet to say."""
        if self._pool is not None:
            await self._pool.close()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)

    def _samples(self, app: FastAPI) -> list[Sample]:
        predictor, explainer = app.state.predictor, app.state.explainer
        card = app.state.model.card
        rates = getattr(app.state, "rates", None)  # only where there are keys
        return [
            *self.figures.samples(FAST_ROUTE),
            *ledger_samples("verdict", predictor.ledgers),
            *ledger_samples("explanation", explainer.ledgers),
            *process_samples(predictor.tiers, card.model_id, card.recipe),
            ("fyke_rate_limit_errors_total", (), [0 if rates is None else rates.failures]),
        ]
