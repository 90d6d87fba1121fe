"""/v1/models: the one model that is served."""

from typing import Any

from fastapi import APIRouter, Request

from serving.generation import ready_worker, worker_of

ROUTER = APIRouter(tags=["models"])


@ROUTER.get("/v1/models")
async def list_models(http: Request) -> dict[str, Any]:
    """List the models: there is one."""
    worker_of(http).refuse_unready()
    return {"object": "list", "data": [_described(http)]}


@ROUTER.get("/v1/models/{model}")
async def retrieve_model(http: Request, model: str) -> dict[str, Any]:
    """Describe the model."""
    ready_worker(http, model)
    return _described(http)


def _described(http: Request) -> dict[str, Any]:
    worker = worker_of(http)
    return {
        "id": worker.name,
        "object": "model",
        "created": worker.loaded_at,
        "owned_by": "next-omni",
        "digest": worker.engine.digest,
        "modalities": worker.info.get("modalities", []),
        "prompt_characters": worker.info.get("prompt_characters"),
    }
