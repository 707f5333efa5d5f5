"""`GET /metrics`: what the service does, as Prometheus reads it.

Labels come from the routes and from the manifest of trusted documents, never from a client's text:
the number of series is bounded whatever is sent.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

from gateway.http.boundary import LOG_FIELDS_KEY
from gateway.http.replies import Reply

log = structlog.get_logger(__name__)

_PATH = "/metrics"
_UNKNOWN = "unknown"
# More than all routes, methods and statuses need.
_FILE_BYTES = 1 << 18
_DOCUMENT_BYTES = 512


class Metrics:
    """`documents` are the ids that may become a label: those of trusted documents.

    Workers that share a port share their figures, through files (`PROMETHEUS_MULTIPROC_DIR` of prometheus_client), for
    it is not known which of them is asked. Memory and CPU are of one process, so that they are left out then. Raises
    OSError where those files cannot be made.
    """

    def __init__(self, documents: frozenset[str], *, are_shared: bool) -> None:
        self._documents = documents
        self._is_failing = False
        self._registry = CollectorRegistry()
        # What is shown; where figures are shared, one that reads those of all processes.
        self._shown = CollectorRegistry() if are_shared else self._registry
        if are_shared:
            _make_files(_FILE_BYTES + len(documents) * _DOCUMENT_BYTES)
            MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]  # its package's only one
        else:
            ProcessCollector(registry=self._registry)
            GCCollector(registry=self._registry)
        self._requests = Counter(
            "gateway_requests", "Requests that were answered.", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "gateway_request_seconds",
            "Time to the answer; of a stream, to its end.",
            ["route"],
            registry=self._registry,
        )
        self._under_way = Gauge(
            "gateway_requests_under_way",
            "Requests and streams that are not answered yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._by_document = Counter(
            "gateway_documents", "GraphQL requests by trusted document.", ["document_id"], registry=self._registry
        )

    def install(self, app: web.Application) -> None:
        # Outermost: every answer has its status there.
        app.middlewares.insert(0, self._measure)
        app.router.add_get(_PATH, self._show)

    @web.middleware
    async def _measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else _UNKNOWN
        started = time.perf_counter()
        status = 500
        self._under_way.inc()
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            self._under_way.dec()
            try:
                self._count(request, route, status, time.perf_counter() - started)
            except OSError as error:
                # The first figure of a kind opens its file.
                if not self._is_failing:
                    log.error("metrics.not_counted", reason=error.strerror)
                self._is_failing = True

    def _count(self, request: web.Request, route: str, status: int, seconds: float) -> None:
        # Only methods of HTTP: a client can make up any other.
        method = request.method if request.method in _METHODS else _UNKNOWN
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        document_id = request.get(LOG_FIELDS_KEY, {}).get("document_id")
        if document_id in self._documents:
            self._by_document.labels(document_id).inc()

    async def _show(self, _: web.Request) -> Reply:
        return Reply(200, generate_latest(self._shown), CONTENT_TYPE_LATEST)


def _make_files(size: int) -> None:
    """Those in which this process counts, each kind of figures in one.

    prometheus_client would make them when they are needed, without the blocks that they need, and writes them as memory:
    where the file system is full by then, the kernel ends the process.
    """
    for kind in ("counter", "histogram", "gauge_livesum"):
        # What an earlier process of this number has counted stays.
        with Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"{kind}_{os.getpid()}.db").open("ab") as file:
            file.write(bytes(max(0, size - file.tell())))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
