"""Labels of the patches of a picture while it is still noise: what linear probes read at each.

A step of a run under way carries its labels where a viewer asks for them, and costs half a model
call more; the recorded steps of a run that is over are labelled when somebody asks. Owns:
`StepLabels`, `LabelService`. Does not own: the probes (`engine.inspection.probes`).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from app.engine_protocol import Engine
from app.stream.run import Run
from app.stream.run_bus import StepBus
from engine.api.events import Event, Refined, SegmentStarted
from engine.api.request import Modality
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace

MAX_READ = 24
"""Runs whose labels are remembered."""
GONE = "That run is no longer kept here: make it again to see its labels."
Labels = Mapping[str, object]
"""words: at each patch, row by row, a thing and its colour, "" for the background; sure: their
probabilities."""


@dataclass
class StepLabels:
    """Labels of the steps of one run, as they come, as soon as a viewer wants them."""

    engine: Engine
    run: Run
    _started: SegmentStarted | None = None

    def labels(self, event: Event) -> Labels | None:
        """Return the labels of a step of a picture; None for any other event, and of a picture
        behind other parts of an answer. To be told every event."""
        if isinstance(event, SegmentStarted):
            self._started = event
        if not self.run.labelled or not isinstance(event, Refined):
            return None
        started = self._started
        if started is None or event.segment or event.modality is not Modality.IMAGE:
            return None
        recorder = self.engine.recorder()
        recorder.see(started)
        recorder.see(event)
        readout = self.engine.inspector.read_probes(recorder.trace(), 0)
        return None if readout is None else labels_of(readout, 0)


@dataclass
class LabelService:
    """find: the trace of a run that is over, None where it is not kept."""

    engine: Engine
    bus: StepBus
    find: Callable[[str], Trace | None]
    read: OrderedDict[str, list[Labels]] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, run_id: str) -> JSONResponse:
        """Return {"steps": the labels of each}; none yet where the run is under way, whose steps
        carry their labels from now on."""
        run = self.bus.find(run_id)
        if run is not None and not run.ended:
            run.labelled = True
            return JSONResponse({"steps": []})
        with self._turn:
            if run_id not in self.read:
                trace = self.find(run_id)
                if trace is None:
                    return JSONResponse({"sentence": GONE}, 404)
                self.read[run_id] = self._read(trace)
                while len(self.read) > MAX_READ:
                    self.read.popitem(last=False)
            return JSONResponse({"steps": self.read[run_id]})

    def _read(self, trace: Trace) -> list[Labels]:
        if trace.segments[0].modality is not Modality.IMAGE:
            return []
        readout = self.engine.inspector.read_probes(trace, 0)
        if readout is None:
            return []
        return [labels_of(readout, step) for step in range(len(readout.object))]


def labels_of(readout: ProbeReadout, step: int) -> Labels:
    """Return the labels of one state as plain values."""
    words = [
        " ".join(filter(None, (readout.colours[colour], readout.objects[thing]))) if thing else ""
        for thing, colour in zip(readout.object[step], readout.colour[step], strict=True)
    ]
    return {"words": words, "sure": [round(float(p), 2) for p in readout.sure[step]]}


def add_label_route(server: FastAPI, service: LabelService) -> None:
    """Serve the labels of runs on `server`."""
    server.add_api_route("/labels/{run_id}", service.answer, response_model=None)
