"""The worker as an ASGI application: its endpoints, its errors, and who may come in."""

from fastapi import FastAPI

from serving.admission import Admission
from serving.api import (
    chat,
    embeddings,
    engine_calls,
    health,
    images,
    models,
    realtime,
    speech,
    transcriptions,
    videos,
)
from serving.errors import handle_errors
from serving.worker import Worker

FAMILIES = (
    chat,
    images,
    videos,
    speech,
    transcriptions,
    realtime,
    embeddings,
    models,
    engine_calls,
    health,
)


def build_application(worker: Worker) -> FastAPI:
    """Return the application of a worker, which may still be loading."""
    application = FastAPI(
        title="NExT-OMNI worker",
        description="One any-to-any model, spoken to as clients of the OpenAI API speak.",
        version="1",
    )
    application.state.worker = worker
    for family in FAMILIES:
        application.include_router(family.ROUTER)
    handle_errors(application)
    application.add_middleware(Admission, worker=worker)
    return application
