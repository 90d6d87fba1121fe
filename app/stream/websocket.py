"""The websocket route `/live/{run_id}`: one viewer of one run; and `/line`: how many wait.

Added to the FastAPI app that Gradio's `launch` returns. An unknown id is refused before the
handshake. With `?every=1` media are decoded at each step from then on, with `?labels=1`
pictures carry labels of their patches.
"""

import asyncio
from contextlib import aclosing

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from app.stream.run import CrowdedError, Run
from app.stream.run_bus import StepBus

MAX_MESSAGES, MAX_MESSAGE_BYTES = 32, 4096
"""Limits on what a viewer sends before the channel closes; the server needs none of it."""
BUSY, CROWDED = 1013, "as many watch this run as can: try again when it has ended"
"""The close code and reason for a watcher too many."""


def add_live_route(server: FastAPI, bus: StepBus) -> None:
    """Serve the bus's runs on `server`."""

    async def live(
        websocket: WebSocket, run_id: str, every: bool = False, labels: bool = False
    ) -> None:
        run = bus.find(run_id)
        if run is None:
            await websocket.close(4404)
            return
        try:
            await websocket.accept()
            run.every_step |= every
            run.labelled |= labels
            await _serve(websocket, run)
        except WebSocketDisconnect:
            pass

    server.add_api_websocket_route("/live/{run_id}", live)
    server.add_api_route("/line", bus.line)


async def _serve(websocket: WebSocket, run: Run) -> None:
    """Send until the run is over, or the viewer leaves or talks too much."""
    telling = asyncio.create_task(_send(websocket, run))
    leaving = asyncio.create_task(_disconnected(websocket))
    _, pending = await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    ends = await asyncio.gather(telling, leaving, return_exceptions=True)
    if websocket.client_state is not WebSocketState.CONNECTED:
        return
    if isinstance(ends[0], CrowdedError):
        await websocket.close(BUSY, CROWDED)
    else:
        await websocket.close(1008 if telling in pending else 1000)


async def _send(websocket: WebSocket, run: Run) -> None:
    async with aclosing(run.watch()) as messages:
        async for number, message in messages:
            await websocket.send_bytes(message.to_wire(number))


async def _disconnected(websocket: WebSocket) -> None:
    """Returns when the viewer has gone, or talks where it should listen."""
    for _ in range(MAX_MESSAGES):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if len(message.get("text") or message.get("bytes") or "") > MAX_MESSAGE_BYTES:
            return
