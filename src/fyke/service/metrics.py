"""``GET /metrics``: the figures as Prometheus reads them, gathered when it asks."""

from collections.abc import Callable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from fyke.service.figures import METRICS, Sample
from fyke.service.figures import Metric as Row
from fyke.service.pooling import Pool

METRICS_PATH = "/metrics"

router = APIRouter()


@router.get(METRICS_PATH, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """The figures of all processes, in the form that is asked for: Prometheus' text or OpenMetrics."""
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.registry), headers={"content-type": kind, "cache-control": "no-store"})


def registry_over(pool: Pool) -> CollectorRegistry:
    """A registry of the application's own, with nothing in it but the figures."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(pool.total))
    return registry


class _Collector(Collector):
    """Samples by metric, in the order of the table; one without samples is left out."""

    def __init__(self, samples: Callable[[], list[Sample]]):
        self._samples = samples

    def describe(self) -> list[Metric]:
        """Nothing: registering shall not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One family for each metric."""
        found: dict[str, list[Sample]] = {}
        for sample in self._samples():
            found.setdefault(sample[0], []).append(sample)
        for row in METRICS:
            if row.name in found:
                yield _family(row, found[row.name])


def _family(row: Row, samples: list[Sample]) -> Metric:
    samples = sorted(samples, key=lambda sample: sample[1])
    if row.kind == "histogram":
        histogram = HistogramMetricFamily(row.name, row.help, labels=row.labels)
        for _, labels, numbers in samples:
            histogram.add_metric(labels, _buckets(row, numbers), numbers[-1])
        return histogram
    made = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = made(row.name, row.help, labels=row.labels)
    for _, labels, (value,) in samples:
        family.add_metric(labels, value)
    return family


def _buckets(row: Row, numbers: list[float]) -> list[tuple[str, float]]:
    """Counts as Prometheus has them: each of all that are not larger."""
    sums: list[tuple[str, float]] = []
    count = 0.0
    for bound, more in zip((*map(float, row.bounds), float("inf")), numbers[:-1], strict=True):
        count += more
        sums.append(("+Inf" if bound == float("inf") else repr(bound), count))
    return sums
