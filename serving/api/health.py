"""/health, /ready and /metrics: alive, able to answer, and in numbers. No key is needed."""

from typing import Any

from fastapi import APIRouter, Request, Response

from serving.generation import worker_of

ROUTER = APIRouter(tags=["health"])


@ROUTER.get("/health")
async def health() -> dict[str, Any]:
    """Say that the process is alive."""
    return {"status": "alive"}


@ROUTER.get("/ready")
async def ready(http: Request) -> dict[str, Any]:
    """Say that the weights are loaded and requests are taken; 503 where not."""
    worker = worker_of(http)
    worker.refuse_unready()
    return {"status": "ready", "model": worker.name, "waiting": worker.scheduler.waiting}


@ROUTER.get("/metrics")
async def metrics(http: Request) -> Response:
    """Return the numbers for Prometheus."""
    return Response(worker_of(http).metrics.text(), media_type="text/plain; version=0.0.4")
