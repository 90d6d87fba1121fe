"""The websocket route `/listen`: a page's microphone in, when somebody speaks out.

The page sends 16-bit samples at 16 kHz as they come and keeps its own recording; it is told
{"kind": "speaking"} and {"kind": "finished"}. Nothing is kept here.
"""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from engine.media.audio import from_pcm16
from engine.media.vad import TurnDetector

MAX_CHUNK_BYTES, MAX_LISTENERS = 64_000, 16
BUSY, TOO_MUCH = 1013, 1009
"""Close codes: try again later; the message is too big."""


def add_vad_route(server: FastAPI) -> None:
    """Listen on `server`."""
    listeners: set[WebSocket] = set()

    async def listen(websocket: WebSocket) -> None:
        await websocket.accept()
        if len(listeners) >= MAX_LISTENERS:
            await websocket.close(BUSY, "too many microphones are open: hold the button instead")
            return
        listeners.add(websocket)
        try:
            await _detect(websocket, TurnDetector())
        except WebSocketDisconnect:
            pass
        finally:
            listeners.discard(websocket)

    server.add_api_websocket_route("/listen", listen)


async def _detect(websocket: WebSocket, detector: TurnDetector) -> None:
    while True:
        chunk = await websocket.receive_bytes()
        if len(chunk) > MAX_CHUNK_BYTES or len(chunk) % 2:
            await websocket.close(TOO_MUCH)
            return
        for event in await asyncio.to_thread(detector.hear, from_pcm16(chunk)):
            await websocket.send_json({"kind": event})
