"""/v1/embeddings: a unit vector of a text, picture, film or sound, or of several together.

Extension: an input may be a list of content parts, as in a chat message. Owns: the form and the
answer. Does not own: the vectors (`engine.embedding`).
"""

import asyncio
from typing import Any, ClassVar, Literal

import numpy as np
from fastapi import APIRouter, Request

from engine.api.conversation import Part
from serving.answers.answer_files import to_base64
from serving.forms.fields import Form, Neutral
from serving.forms.media_parts import ContentPart, parts_of
from serving.generation import computed, ready_worker

ROUTER = APIRouter(tags=["embeddings"])
MOST = 64
"""Inputs of one request."""


class EmbeddingForm(Form):
    """The body of a request."""

    model: str
    input: str | list[str | list[ContentPart] | ContentPart]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    neutral: ClassVar[Neutral] = {"user": ()}


@ROUTER.post("/v1/embeddings")
async def create_embeddings(http: Request, form: EmbeddingForm) -> dict[str, Any]:
    """Return a vector of each input."""
    worker = ready_worker(http, form.model)
    inputs = [form.input] if isinstance(form.input, str) else form.input
    if not 1 <= len(inputs) <= MOST:
        raise ValueError(f"a request has 1 to {MOST} inputs, not {len(inputs)}")

    def read() -> list[tuple[Part, ...]]:
        each = [[i] if not isinstance(i, str | list) else i for i in inputs]
        return [parts_of(one, worker.info) for one in each]

    items = await asyncio.to_thread(read)
    vectors = await computed(http, lambda: worker.engine.embed(items))
    width = vectors.shape[1]
    if form.dimensions not in (None, width):
        raise ValueError(f"the vectors here have {width} dimensions: leave the number out")
    data = [
        {"object": "embedding", "index": i, "embedding": _encoded(vector, form.encoding_format)}
        for i, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": worker.name, "usage": None}


def _encoded(vector: np.ndarray, how: str) -> str | list[float]:
    """Return a vector as a list, or as base64 of little-endian float32."""
    if how == "base64":
        return to_base64(vector.astype("<f4").tobytes())
    return vector.tolist()
