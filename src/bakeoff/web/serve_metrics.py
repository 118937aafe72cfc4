"""What a served bundle counts, in the text format of Prometheus; texts are in none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from bakeoff.workbench.answering import Batch
    from bakeoff.workbench.serve import Served

__all__ = ["METRICS_TYPE", "ServeMetrics"]

METRICS_TYPE = CONTENT_TYPE_LATEST
#: Labels beyond which predictions are not counted by label: each is a series of its own in whatever reads them.
_MOST_LABELS = 200
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class ServeMetrics:
    """Counters of one app.

    Parameters
    ----------
    served : Served
    waiting : callable
        Gives the rows that wait.
    """

    def __init__(self, served: Served, waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        registry: dict[str, Any] = {"registry": self.registry}
        self._labels = frozenset(served.labels if len(served.labels) <= _MOST_LABELS else ())
        self._requests = Counter("bakeoff_requests", "Requests, by path and status.", ("path", "status"), **registry)
        self._seconds = Histogram(
            "bakeoff_request_seconds", "From a request to /predict to its answer.", buckets=_SECONDS, **registry
        )
        self._rows = Counter("bakeoff_rows", "Rows of answered requests, by outcome.", ("outcome",), **registry)
        self._predictions = Counter("bakeoff_predictions", "Predictions, by label.", ("label",), **registry)
        self._tokens = Counter("bakeoff_tokens", "Tokens read and written.", ("direction",), **registry)
        self._batch_rows = Histogram("bakeoff_batch_rows", "Rows of a call of the model.", buckets=_ROWS, **registry)
        self._batch_requests = Histogram(
            "bakeoff_batch_requests", "Requests that a call of the model answered.", buckets=_ROWS, **registry
        )
        self._batch_seconds = Histogram(
            "bakeoff_batch_seconds", "Time of a call of the model.", buckets=_SECONDS, **registry
        )
        Gauge("bakeoff_waiting_rows", "Rows that wait for the model.", **registry).set_function(waiting)
        Info("bakeoff_bundle", "What is served.", **registry).info(
            {"contender": served.contender, "task": served.task.name, "sha256": served.sha256}
        )
        for outcome in ("answered", "abstained"):
            self._rows.labels(outcome)
        for label in sorted(self._labels):
            self._predictions.labels(label)
        ProcessCollector(registry=self.registry)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is one of the app's own, or ``"other"``."""
        self._requests.labels(path, str(status)).inc()
        if path == "/predict":
            self._seconds.observe(seconds)

    def answers(self, told: Sequence[Mapping[str, Any]]) -> None:
        """Count the answers of a request."""
        answered = 0
        for one in told:
            value = one["prediction"]
            answered += value is not None
            for label in value if isinstance(value, list) else [value]:
                if label in self._labels:
                    self._predictions.labels(label).inc()
        self._rows.labels("answered").inc(answered)
        self._rows.labels("abstained").inc(len(told) - answered)
        for direction, name in (("in", "tokens_in"), ("out", "tokens_out")):
            self._tokens.labels(direction).inc(sum(one[name] or 0 for one in told))

    def batch(self, batch: Batch) -> None:
        """Count a call of the model; may be called in another thread."""
        self._batch_rows.observe(batch.rows)
        self._batch_requests.observe(batch.requests)
        self._batch_seconds.observe(batch.seconds)

    def text(self) -> bytes:
        """Give everything that was counted."""
        return generate_latest(self.registry)
