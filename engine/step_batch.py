"""Steps of many segments together: runs join and leave between steps.

Whoever asks for the next step of a segment gets it from here. Where it is not yet computed, it is,
together with the next one of every segment that has had its last: nobody waits for anybody, and
where all ask in turn one network call serves all of them. Owns: `StepBatch`. Does not own: whose
turn it is (whoever iterates), a step of many rows (`samplers.rows.kinetic`).
"""

from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import torch

from engine.denoisers.cache import CachedDenoiser
from engine.denoisers.guidance import GuidedDenoiser
from engine.generation.planner import SegmentPlan
from samplers.blockwise import BlockwiseSampler
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.rows.kinetic import RowRun, alike, refine_together
from samplers.step import Step


@dataclass(eq=False)
class _Seat:
    """A segment that is under way. ready: its next step, computed and not yet asked for."""

    row: RowRun
    ready: Step | None = None


class StepBatch:
    """most_rows: segments of one network call. seen: told of the number in each. It belongs to one
    thread.

    Raises: ValueError where there is no room for a row."""

    def __init__(self, most_rows: int, seen: Callable[[int], None] = lambda rows: None) -> None:
        if most_rows < 1:
            raise ValueError(f"a batch has at least 1 row, not {most_rows}")
        self._most_rows, self._seen = most_rows, seen
        self._seats: OrderedDict[_Seat, None] = OrderedDict()

    @torch.inference_mode()
    def steps(self, plan: SegmentPlan) -> Generator[Step]:
        """Yield the steps of a plan, those that `SegmentPlan.steps` yields. Closing it gives up its
        place."""
        found = _row_of(plan)
        if found is None:
            yield from plan.steps()
            return
        row, calls = found
        seat = _Seat(row)
        self._seats[seat] = None
        try:
            last = False
            while not last:
                step = seat.ready or self._computed(seat)
                seat.ready, last = None, step.last
                yield replace(step, nfe=step.nfe + calls)
        finally:
            del self._seats[seat]

    def _computed(self, asked: _Seat) -> Step:
        """Compute the step that was asked for, and that of every seat that can share the call; the
        oldest come first."""
        key = alike(asked.row)
        others = [
            seat
            for seat in self._seats
            if seat is not asked and seat.ready is None and alike(seat.row) == key
        ]
        seats = [asked, *others][: self._most_rows] if key is not None else [asked]
        self._seen(len(seats))
        for seat, step in zip(seats, refine_together([s.row for s in seats]), strict=True):
            seat.ready = step
        assert asked.ready is not None
        return asked.ready


def _row_of(plan: SegmentPlan) -> tuple[RowRun, int] | None:
    """Return a plan as a row of a batch, and the network calls that it took to know its length;
    None where it is computed by itself: other samplers, recorded steps, watched runs, features
    of its own from earlier calls."""
    sampler, denoiser, x_0, calls = plan.sampler, plan.denoiser, plan.x_0, 0
    if not isinstance(denoiser, Denoiser) or plan.alternatives is not None or x_0.batch != 1:
        return None
    if isinstance(_inside(denoiser), CachedDenoiser):
        return None
    inside = sampler.inside if isinstance(sampler, BlockwiseSampler) else sampler
    if not isinstance(inside, KineticSampler) or inside.recorder is not None:
        return None
    if isinstance(sampler, BlockwiseSampler):
        x_0, calls = sampler.cut(denoiser, x_0)
    row = RowRun(inside, denoiser, inside.begin(x_0, plan.draws.seeds.device), plan.draws)
    return (row, calls) if alike(row) is not None else None


def _inside(denoiser: Denoiser) -> Denoiser:
    return denoiser.denoiser if isinstance(denoiser, GuidedDenoiser) else denoiser
