"""One refinement of many runs at once, each a row at a time of its own.

The runs may have other step counts, grids, temperatures and progress; they agree in sampler kind,
denoiser and structure (`alike`). Since uniforms depend on a row's seed, step and place alone, a
run's codes are those that it has alone, up to the rounding of the network. Owns: `refine_together`,
`alike`. Does not own: which runs there are, and whose turn it is.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from flow.sequence import OmniSequence, Segment
from flow.transition import Interval
from samplers.counter_rng import CounterRNG
from samplers.cuda_graph import Recordable
from samplers.denoiser import Denoiser, evaluated_positions
from samplers.kinetic import KineticSampler
from samplers.step import KineticRun, Step, StepInputs, StepResult

ALONE = ("thinning",)
"""Transitions of which a row's numbers depend on the other rows."""


@dataclass(frozen=True)
class RowRun:
    """One run of one row. draws: its seed."""

    sampler: KineticSampler
    denoiser: Denoiser
    run: KineticRun
    draws: CounterRNG


def alike(row: RowRun) -> Hashable | None:
    """Return the key of its next step: steps with equal keys can be taken together; None where it
    is to be taken alone, because it depends on earlier calls or other rows."""
    run, sampler, moment = row.run, row.sampler, row.run.moment
    if moment is None or sampler.transition in ALONE or not isinstance(row.denoiser, Recordable):
        return None
    network = row.denoiser.recording_key(run.x_t, moment.t)
    if network is None:
        return None
    return (
        network,
        tuple((s.modality, s.keep_unconditional, s.tokens.shape[2]) for s in run.x_t.segments),
        run.x_t.editable_segments(),
        (sampler.transition, sampler.top_p),
    )


def refine_together(rows: Sequence[RowRun]) -> list[Step]:
    """Return the next step of each run, in order; they are `alike`, and none is over."""
    first = rows[0]
    x_t = _stacked([row.run.x_t for row in rows])
    draws = CounterRNG(torch.cat([row.draws.seeds for row in rows]))
    moment = _stacked_moment([row.run.moment for row in rows], draws.seeds.device)
    refined = first.sampler.refine(first.denoiser, x_t, moment, draws)
    return [row.run.take(_row(refined, i, row.run), _evaluated(row)) for i, row in enumerate(rows)]


def _evaluated(row: RowRun) -> int:
    return evaluated_positions(row.denoiser, row.run.num_active)


def _stacked_moment(moments: Sequence[StepInputs | None], device: torch.device) -> StepInputs:
    """Return the moments of rows as one. All of one key are guided, or none is, so the time that
    the denoiser gets is that of any."""
    known = [moment for moment in moments if moment is not None]
    interval = Interval.of_rows([moment.interval for moment in known])
    temperatures = torch.tensor([float(m.temperature) for m in known], dtype=torch.float64)
    return StepInputs(
        known[0].t,
        torch.tensor([int(m.index) for m in known]).to(device),
        interval,
        temperatures,
    )


def _stacked(sequences: Sequence[OmniSequence]) -> OmniSequence:
    """Return sequences of one row as the rows of one; segments are padded to the longest."""
    columns = zip(*(s.segments for s in sequences), strict=True)
    whole = OmniSequence(tuple(_column(segments) for segments in columns))
    return replace(whole, edited=sequences[0].editable_segments(), padded=whole.is_padded())


def _column(segments: Sequence[Segment]) -> Segment:
    longest = max(segment.length for segment in segments)
    return replace(
        segments[0],
        tokens=torch.cat([_padded(s.tokens, longest) for s in segments]),
        editable=torch.cat([_padded(s.editable[..., None], longest) for s in segments])[..., 0],
        valid=torch.cat([_padded(s.valid[..., None], longest) for s in segments])[..., 0],
    )


def _padded(tensor: Tensor, length: int) -> Tensor:
    """Return "B L Q" with zeros behind, which are states of no meaning where nothing is valid."""
    return F.pad(tensor, (0, 0, 0, length - tensor.shape[1]))


def _row(refined: StepResult, index: int, run: KineticRun) -> StepResult:
    """Return what a refinement of many says of one row, as long as its own segments."""

    def own(found: Mapping[int, Tensor]) -> dict[int, Tensor]:
        return {
            i: tensor[index : index + 1, : run.x_t.segments[i].length].clone()
            for i, tensor in found.items()
        }

    parts = (refined.tokens, refined.x_1, refined.changed, refined.confidence)
    return StepResult(*(own(part) for part in parts))
