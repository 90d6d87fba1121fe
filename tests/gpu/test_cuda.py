"""What only a GPU can show: recorded steps, the compiled kernel, copies beside the sampler."""

from pathlib import Path

import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import Completed, Event, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.cuda.fused import fused_jumps
from flow.metric import CodebookMetric
from flow.modality import Modality
from tests.flow.two_level_jumps import two_level_jumps

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(NANO, "cuda")


def _ask(to: Modality, **settings: object) -> Request:
    sampling = Sampling(**{"steps": 8, "seed": 5, **settings})  # pyright: ignore
    return Request(Conversation.ask("draw a red heart above a dog"), to, sampling)


def _answer(events: list[Event]) -> list[int]:
    assert isinstance(events[-1], Completed)
    return events[-1].answers[0].tokens.flatten().tolist()


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("transition", ["euler", "midpoint", "coupling", "thinning"])
def test_recorded_and_plain_runs_agree(engine: Engine, to: Modality, transition: str) -> None:
    request = _ask(to, transition=transition, guidance_scale=1.0)
    for _ in range(2):
        recorded = _answer(list(engine.generate(request)))
    recorder, engine.planner.graphs = engine.planner.graphs, None
    plain = _answer(list(engine.generate(request)))
    engine.planner.graphs = recorder
    same = sum(a == b for a, b in zip(recorded, plain, strict=True)) / len(plain)
    assert same > 0.98, "the same numbers up to the rounding of bfloat16"


@pytest.mark.parametrize("sampler", ["masked", "autoregressive"])
@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
def test_the_other_samplers_run(engine: Engine, sampler: str, to: Modality) -> None:
    request = _ask(to, sampler=sampler, guidance_scale=1.0)
    first, second = (_answer(list(engine.generate(request))) for _ in range(2))
    assert first == second


def test_events_come_in_order_with_pictures(engine: Engine) -> None:
    steps = [e for e in engine.generate(_ask(Modality.IMAGE)) if isinstance(e, Refined)]
    assert [e.index for e in steps] == list(range(8))
    assert steps[0].image_1 is not None
    assert steps[-1].image_1 is not None
    watched = _answer(list(engine.generate(_ask(Modality.IMAGE))))
    assert watched == _answer(list(engine.generate(_ask(Modality.IMAGE), preview_hz=0)))


@pytest.mark.parametrize("cardinality", [300, 4096, 20_000])
def test_the_kernel_is_its_twin(cardinality: int) -> None:
    rng = torch.Generator().manual_seed(0)
    metric = CodebookMetric.of(torch.randn(1, cardinality, 64, generator=rng)).to("cuda")
    state, target = torch.randint(cardinality, (2, 256), generator=rng).cuda()
    uniforms = torch.rand(2, 256, generator=rng).cuda()
    given = (metric, 0, state, target, torch.tensor([6.0, 4.0]).cuda(), uniforms)
    same = (fused_jumps(*given) == two_level_jumps(*given)).float().mean()
    assert same > 0.99
