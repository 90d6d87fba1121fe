"""The websocket route `/listen`: a page's microphone in, when somebody speaks out.

The page sends 16-bit samples at 16 kHz as they come and keeps its own recording; it is told
{"kind": "speaking"} and {"kind": "finished"}. Nothing is kept here. A client that sends something
else, or nothing for a while, is shown out.
"""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from app.stream.slots import NoSlotError, Slots
from engine.media.audio import from_pcm16
from engine.media.vad import TurnDetector

MAX_CHUNK_BYTES, MAX_LISTENERS, MAX_OF_CLIENT = 64_000, 16, 4
SILENCE_S = 60.0
"""An open microphone sends many times a second."""
BUSY, TOO_MUCH, NO_SAMPLES = 1013, 1009, 1003
"""Close codes: try again later; the message is too big; it is no kind that is taken here."""
CROWDED = "too many microphones are open: hold the button instead"


def add_vad_route(server: FastAPI) -> None:
    """Listen on `server`."""
    listeners = Slots(MAX_LISTENERS, MAX_OF_CLIENT)

    async def listen(websocket: WebSocket) -> None:
        client = "" if websocket.client is None else websocket.client.host
        with suppress(WebSocketDisconnect):
            await websocket.accept()
            try:
                async with listeners.one(client):
                    await _detect(websocket, TurnDetector())
            except NoSlotError:
                await websocket.close(BUSY, CROWDED)

    server.add_api_websocket_route("/listen", listen)


async def _detect(websocket: WebSocket, detector: TurnDetector) -> None:
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await websocket.receive()
        except TimeoutError:
            await websocket.close(BUSY)
            return
        if message["type"] == "websocket.disconnect":
            return
        chunk = message.get("bytes")
        if chunk is None or len(chunk) % 2:
            await websocket.close(NO_SAMPLES)
            return
        if len(chunk) > MAX_CHUNK_BYTES:
            await websocket.close(TOO_MUCH)
            return
        for event in await asyncio.to_thread(detector.hear, from_pcm16(chunk)):
            await websocket.send_json({"kind": event})
