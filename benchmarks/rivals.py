"""One draw and one move by three samplers, on fixed logits: what a step costs besides the network.

`flow_step_in_model_space` measures distances between the model's own embeddings, row by row over
the whole vocabulary, and draws by `torch.multinomial`: the plain way to write the same step, as
published demos do. `maskgit_step` is masked diffusion's: a draw, a confidence, the best are kept.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.engine import Engine
from engine.request import Sampling
from flow.modality import Modality
from flow.schedule import PAPER
from flow.sequence import OmniSequence, response
from samplers.draws import Draws
from samplers.kinetic import KineticSampler, on_device

T, H = 0.5, 1 / 16


class _Fixed:
    """A posterior that does not depend on anything."""

    def __init__(self, logits: Tensor) -> None:
        self.num_codebooks = logits.shape[2]
        self._logits = logits

    def logits(self, chosen: Tensor) -> Tensor:
        return self._logits[:, :, chosen.shape[-1]]


def _logits(engine: Engine, modality: Modality) -> Tensor:
    """Random logits "1 L Q V"."""
    space, length = engine.model.spaces[modality], engine.runner.lengths[modality]
    shape = (1, length, space.num_codebooks, space.cardinality)
    return torch.randn(shape, device=engine.device)


def our_step(engine: Engine, modality: Modality) -> Callable[[], object]:
    """`KineticSampler.refine` on fixed logits."""
    runner, space = engine.runner, engine.model.spaces[modality]
    sampler = runner.parallel(
        runner.complete(Sampling(steps=16, grid="uniform"), modality), modality
    )
    assert isinstance(sampler, KineticSampler)
    draws = Draws.for_seed(0, 1, engine.device)
    source = sampler.source(space, 1, runner.lengths[modality], draws)
    x_t = OmniSequence((response(modality, source),)).looked()
    posterior = _Fixed(_logits(engine, modality))
    moment = on_device([sampler.moments()[8]], engine.device)[0]
    return torch.inference_mode()(
        lambda: sampler.refine(lambda x, t: {0: posterior}, x_t, moment, draws)
    )


def flow_step_in_model_space(engine: Engine, modality: Modality) -> Callable[[], object]:
    """The printed Euler step with every "L V" intermediate in memory."""
    logits = _logits(engine, modality)[0]
    if modality is Modality.TEXT:
        rows = engine.model.embeddings.text.weight
        books = F.normalize(rows, dim=-1)[None]
    else:
        books = engine.model.vision.quantizer.unit_codebooks()
    x_t = torch.randint(0, books.shape[1], logits.shape[:2], device=engine.device)
    beta, slope = PAPER.beta(T), PAPER.dbeta(T)

    def step() -> Tensor:
        moved = []
        for q, book in enumerate(books):
            x_1 = torch.multinomial(logits[:, q].softmax(-1), 1)[:, 0]
            distance = (2 - 2 * (book[x_1] @ book.T).float()).clamp(min=0)
            path = (-beta * distance).softmax(-1)
            here = distance.gather(1, x_t[:, q, None])
            rate = path * slope * (here - distance).clamp(min=0)
            leaves = torch.rand(len(rate), device=rate.device) < 1 - (-H * rate.sum(-1)).exp()
            target = torch.multinomial(rate + 1e-12, 1)[:, 0]
            moved.append(torch.where(leaves, target, x_t[:, q]))
        return torch.stack(moved, -1)

    return torch.inference_mode()(step)


def maskgit_step(engine: Engine, modality: Modality) -> Callable[[], object]:
    """A draw, its confidence, and the half of the positions that is kept."""
    logits = _logits(engine, modality)[0]

    def step() -> Tensor:
        p = logits.softmax(-1)
        drawn = torch.multinomial(p.flatten(0, 1), 1).view(p.shape[:2])
        sure = p.gather(-1, drawn[..., None])[..., 0].log().sum(-1)
        kept = sure.topk(len(sure) // 2).indices
        return drawn.index_fill(0, kept, 0)

    return torch.inference_mode()(step)
