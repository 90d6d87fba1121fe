"""The route /shared/RUN/KIND: a run that was just seen as a file to pass on.

A run is known by its unguessable id, what the page opens with by its name. One file is made at a
time, beside the model's own queue, and the last ones are kept.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from app.engine_protocol import Engine
from app.sharing.animation import TYPES, file
from app.sharing.formation import Formation, of_recording, of_trace
from engine.inspection.trace import Trace
from engine.media.marking.marker import UNMARKED, Marker

MAX_FILES = 12
PATIENCE_S = 20.0
"""The longest wait for files that others asked for before."""
GONE = "That run is no longer kept here: make it again, its seed and settings stand below it."
CROWDED = "Many files are being made right now: try again in a moment."


@dataclass
class SharedFiles:
    """find: the trace of a run, None where it is not kept. recorded: what the page opens with, by
    its name. marker: of the files. made: the last ones."""

    engine: Engine
    find: Callable[[str], Trace | None]
    recorded: Mapping[str, Path]
    marker: Marker = UNMARKED
    made: OrderedDict[tuple[str, str], bytes] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, run_id: str, kind: str) -> Response:
        """Return the file, or a sentence that says why there is none."""
        if kind not in TYPES:
            return _refused(f"A run is shared as one of {', '.join(TYPES)}.", 404)
        if not self._turn.acquire(timeout=PATIENCE_S):
            return _refused(CROWDED, 503)
        try:
            content = self.made.get((run_id, kind)) or self._make(run_id, kind)
        finally:
            self._turn.release()
        if content is None:
            return _refused(GONE, 404)
        return Response(content, media_type=TYPES[kind])

    def _make(self, run_id: str, kind: str) -> bytes | None:
        formation = self._formation(run_id)
        if formation is None:
            return None
        content = self.made[run_id, kind] = file(formation, kind, self.marker)
        while len(self.made) > MAX_FILES:
            self.made.popitem(last=False)
        return content

    def _formation(self, run_id: str) -> Formation | None:
        if run_id in self.recorded:
            return of_recording(json.loads(self.recorded[run_id].read_text()))
        trace = self.find(run_id)
        return None if trace is None else of_trace(trace, self.engine.code_inspector)


def add_share_route(server: FastAPI, files: SharedFiles) -> None:
    """Serve runs as files on `server`."""
    server.add_api_route("/shared/{run_id}/{kind}", files.answer, response_model=None)


def _refused(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"sentence": sentence}, status)
