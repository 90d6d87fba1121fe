"""Server-sent events as OpenAI sends them: one JSON object each. Owns: `sent`, `event_stream`,
`DONE`."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from fastapi.responses import StreamingResponse

from serving.errors import as_api_error
from serving.generation import begun
from serving.run_log import LOGGER

DONE = "data: [DONE]\n\n"


def sent(fields: Mapping[str, Any], *, named: bool = True) -> str:
    """Return one event. named: whether its `type` is also the event's name."""
    name = f"event: {fields['type']}\n" if named else ""
    return f"{name}data: {json.dumps(fields)}\n\n"


async def event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    """Return the response that sends events. Raises: what happens before the first of them."""
    whole = await begun(_with_failure(events))
    return StreamingResponse(whole, media_type="text/event-stream", headers=UNBUFFERED)


UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def _with_failure(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The events, and where the run fails behind the first one an error as the last."""
    begins = True
    async with aclosing(events) as open_events:  # type: ignore[type-var]
        try:
            async for event in open_events:
                yield event
                begins = False
        except Exception as error:
            if begins:
                raise
            failure = as_api_error(error)
            if failure.status_code == 500:
                LOGGER.error("crash", exc_info=error)
            yield sent({"error": failure.body}, named=False)
