"""The recorded runs that the Lab shows, and what the browser asks about them.

Owns: finding a run by its id, its overview, one token of it, the probe's readout, and its export as
a file. Does not own: how a trace becomes values (`app.lab.trace_view`), the file formats
(`app.lab.export`), the tab's controls (`app.tabs.lab`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.lab import export
from app.lab.probe_view import pack_readout
from app.lab.trace_view import overview, surprises, token
from app.session import Session
from engine.inspection.trace import Trace

UNASKED = "Only pictures and films can be asked what is held to be where."
GONE = "That run is no longer kept here: record it again, its seed and settings stand below it."
FIRST_ID = "first"


@dataclass
class Recordings:
    """The session's recorded runs. first: a run that lies open when the page does."""

    session: Session
    first: Trace | None = None

    def find(self, run_id: str) -> Trace | None:
        """Return the trace of a run, or None where it is not kept any more."""
        return self.first if run_id == FIRST_ID else self.session.traces.get(run_id)

    def opening(self) -> dict[str, object] | None:
        """Return the value of the Lab's component when the page opens."""
        return None if self.first is None else {"lab": [self.overview(FIRST_ID, self.first)]}

    def overview(self, run_id: str, trace: Trace) -> dict[str, object]:
        """Return everything about a run except its single tokens.

        Raises: ValueError where the Lab cannot show it.
        """
        engine = self.session.engine
        inspector = engine.code_inspector
        bits = surprises(trace, engine.inspector.bits_per_code, inspector.words)
        seen = overview(trace, inspector, run_id, bits)
        return seen | {"believes": self.session.capabilities.believes}

    def look_at(self, place: Mapping[str, object]) -> dict[str, object]:
        """Return one token of a run for the browser; {"sentence"} where that is not possible."""
        trace = self.find(str(place.get("run")))
        if trace is None:
            return {"sentence": GONE}
        try:
            numbers = [int(str(place.get(name))) for name in ("segment", "step", "position")]
            return token(trace, self.session.engine.code_inspector, *numbers)
        except ValueError as bad:
            return {"sentence": str(bad)}

    def believed(self, part: Mapping[str, object]) -> dict[str, object]:
        """Return the probe's readout of a picture or film, see `app.lab.probe_view`; {"sentence"}
        where there is none."""
        trace = self.find(str(part.get("run")))
        if trace is None:
            return {"sentence": GONE}
        try:
            index = int(str(part.get("segment")))
            if not 0 <= index < len(trace.segments):
                return {"sentence": f"this run has no part {index}"}
            readout = self.session.engine.inspector.read_probes(trace, index)
        except ValueError as bad:
            return {"sentence": str(bad)}
        return {"sentence": UNASKED} if readout is None else pack_readout(readout)

    def exported(self, order: Mapping[str, object]) -> dict[str, str]:
        """Return a run as a file, {"name", "uri"}; {"sentence"} where that is not possible."""
        run_id = str(order.get("run"))
        trace = self.find(run_id)
        if trace is None:
            return {"sentence": GONE}
        code_inspector, kind = self.session.engine.code_inspector, str(order.get("kind"))
        marker = self.session.marker
        try:
            if kind == "still":
                segment, step = (int(str(order.get(name))) for name in ("segment", "step"))
                which = str(order.get("which"))
                return export.still(trace, code_inspector, segment, step, which, marker)
            whole = self._whole(run_id, trace) if kind == "html" else None
            return export.file(trace, code_inspector, kind, whole, marker)
        except ValueError as bad:
            return {"sentence": str(bad)}

    def _whole(self, run_id: str, trace: Trace) -> dict[str, object]:
        """Return the overview together with every probe readout, which a page without a server
        cannot ask for later."""
        seen = self.overview(run_id, trace)
        parts = seen["segments"]
        assert isinstance(parts, list)
        if self.session.capabilities.believes:
            for index, part in enumerate(parts):
                readout = self.session.engine.inspector.read_probes(trace, index)
                part["believed"] = None if readout is None else pack_readout(readout)
        return seen
