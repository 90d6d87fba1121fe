"""The route /recorded/NAME: a run that was recorded for a tab, fetched when the tab is first seen.

What the page opens with comes with the page itself; a film is ten times as large, and most visitors
see it later or not at all.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

HOUR_S = 3600


def replay_address(file: Path) -> str:
    """Return the address of the run in `file`, relative to the page."""
    return f"recorded/{file.stem}"


def add_replay_route(server: FastAPI, file: Path) -> None:
    """Serve the run in `file` on `server`, where there is one."""
    if not file.exists():
        return

    def run() -> FileResponse:
        headers = {"cache-control": f"public, max-age={HOUR_S}"}
        return FileResponse(file, media_type="application/json", headers=headers)

    server.add_api_route(f"/{replay_address(file)}", run, response_model=None)
