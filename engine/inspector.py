"""Queries about a checkpoint and its recorded runs, after the fact.

Owns: `Inspector`, which lays out the prompt of a recorded run again. Does not own: the measures
(`engine.inspection.likelihood`, `engine.inspection.probes`, `engine.inspection.path_preview`).
"""

from dataclasses import dataclass

import numpy as np

from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.generation.segment_builder import SegmentBuilder
from engine.inspection.likelihood import bits_per_code
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout, read_probes
from engine.inspection.trace import Trace
from flow.modality import Modality
from model.network.probes import LinearProbes


@dataclass(frozen=True)
class Inspector:
    """probes: heads on the middle layer; None where none were learned."""

    builder: SegmentBuilder
    probes: LinearProbes | None

    def path_preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        """Return what a run of the flow with these settings does to a code; seconds the first
        time.

        Raises: ValueError as `engine.generation.planner.Planner.complete`.
        """
        planner = self.builder.planner
        complete = planner.complete(sampling.by_flow, modality)
        return planner.clocks.preview(complete, modality)

    def bits_per_code(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        """Return the bits a code of an answer "L Q" to a request.

        Raises: ValueError where the checkpoint does not read from left to right.
        """
        if not self.builder.reads_causally:
            raise ValueError("this checkpoint was not trained to read from left to right")
        prompt = self.builder.prompt_of(request, modality)
        return bits_per_code(self.builder.model, prompt, tokens, modality)

    def read_probes(self, trace: Trace, index: int) -> ProbeReadout | None:
        """Return the probe readout of a segment of a recorded run; None where it is no picture or
        film, or no probes were learned.

        Raises: ValueError where the run is of another kind of checkpoint.
        """
        segment, before = trace.segments[index], trace.segments[:index]
        if self.probes is None or segment.modality not in (Modality.IMAGE, Modality.VIDEO):
            return None
        answers = [s.answer for s in before]
        prompt = self.builder.prompt_of(trace.request, segment.modality, answers)
        states = segment.arrays["x_t"]
        return read_probes(self.builder.model, self.probes, prompt, states, segment.modality)
