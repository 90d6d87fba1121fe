"""The parts that run on a GPU only, compared with the CPU's result."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.gpu_parts.correctness import WANTED, agreement
from engine.api.conversation import Conversation
from engine.api.events import Completed, Event, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.inverse_cdf import inverse_cdf
from flow.metric import Metric
from flow.modality import Modality
from flow.transition import TRANSITIONS, advance
from model.layers.attention import VARLEN, AttentionBackend, attend, best_backend
from model.layers.logits import logits
from model.layers.packing import Packing
from tests.browser.looking import NANO
from tests.flow.fused_cases import INTERVAL, metric_of, rows_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
KINDS = (Modality.TEXT, Modality.IMAGE)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """In float32, so that codes can be compared with those of a CPU."""
    return Engine.load(NANO, "cuda", "float32")


@pytest.fixture(scope="module")
def host() -> Engine:
    return Engine.load(NANO, "cpu")


def _ask(to: Modality, **settings: object) -> Request:
    sampling = Sampling(**{"steps": 8, "seed": 5, **settings})  # pyright: ignore
    return Request(Conversation.ask("draw a red heart above a dog"), to, sampling)


def _answer(events: list[Event]) -> list[int]:
    assert isinstance(events[-1], Completed)
    return events[-1].answers[0].tokens.flatten().tolist()


def _codes(engine: Engine, request: Request) -> list[int]:
    return _answer(list(engine.generate(request)))


def _share(one: list[int], other: list[int]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def test_pictures_films_sound_and_words_are_those_of_a_cpu() -> None:
    found = agreement(NANO, "cuda", 2)
    for name, share in found.items():
        if name.endswith("float32"):
            assert share >= WANTED, name


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("transition", ["euler", "midpoint", "coupling", "thinning"])
@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_recorded_runs_are_those_of_a_cpu(
    engine: Engine, host: Engine, to: Modality, transition: str, guidance: float
) -> None:
    request = _ask(to, transition=transition, guidance_scale=guidance)
    for _ in range(2):
        assert _share(_codes(engine, request), _codes(host, request)) >= WANTED


@pytest.mark.parametrize("sampler", ["masked", "autoregressive"])
@pytest.mark.parametrize("to", KINDS)
def test_the_other_samplers_are_those_of_a_cpu(
    engine: Engine, host: Engine, sampler: str, to: Modality
) -> None:
    request = _ask(to, sampler=sampler)
    assert _share(_codes(engine, request), _codes(host, request)) >= WANTED


def test_the_cache_is_that_of_a_cpu(engine: Engine, host: Engine) -> None:
    """With a share of one; a smaller share is rounded up to a multiple on a GPU."""
    request = _ask(Modality.IMAGE, cache_share=1.0, prompt_every=1)
    assert _share(_codes(engine, request), _codes(host, request)) >= WANTED


def test_half_precision_runs_and_repeats() -> None:
    engine = Engine.load(NANO, "cuda")
    for to in KINDS:
        assert _codes(engine, _ask(to)) == _codes(engine, _ask(to))


def test_two_threads_get_their_own_answers(engine: Engine) -> None:
    requests = [replace(_ask(Modality.IMAGE), sampling=Sampling(steps=8, seed=s)) for s in range(6)]
    alone = [_codes(engine, request) for request in requests]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda request: _codes(engine, request), requests)) == alone


def test_events_come_in_order_with_pictures(engine: Engine) -> None:
    steps = [e for e in engine.generate(_ask(Modality.IMAGE)) if isinstance(e, Refined)]
    assert [e.index for e in steps] == list(range(8))
    assert steps[0].image_1 is not None
    assert steps[-1].image_1 is not None
    watched = _codes(engine, _ask(Modality.IMAGE))
    assert watched == _answer(list(engine.generate(_ask(Modality.IMAGE), preview_hz=0)))


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "column": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "slice": lambda x: x[:, 3:50],
    "one row": lambda x: x[:1, :1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("num_codebooks", [1, 2, 4])
@pytest.mark.parametrize(("cardinality", "table"), [(300, True), (4096, True), (20_000, False)])
@pytest.mark.parametrize("kind", list(Metric))
def test_a_step_of_the_kernels_is_that_of_a_cpu(
    kind: Metric, cardinality: int, table: bool, num_codebooks: int, layout: str
) -> None:
    metric = metric_of(
        kind, cardinality=cardinality, dim=64, table=table, num_codebooks=num_codebooks
    )
    columns = [rows_of(metric, 128, q) for q in range(num_codebooks)]
    state, target, uniforms = (torch.stack(found, -1) for found in zip(*columns, strict=True))
    laid = [LAYOUTS[layout](x.unflatten(-2, (2, 64))) for x in (state, target, *uniforms)]

    def step(device: str, **how: bool) -> Tensor:
        state, target, *numbers = (x.to(device) for x in laid)
        here = metric.to(device)
        moved = advance(
            TRANSITIONS["midpoint"], here, state, target, INTERVAL, lambda k: numbers[k], **how
        )
        return moved.cpu()

    same = (step("cuda", dense_step=True) == step("cpu")).float().mean()
    assert same > 0.98, "only a rounding error may choose a neighbour"


@pytest.mark.parametrize("causal", [False, True])
def test_packed_attention_is_that_of_a_cpu(causal: bool) -> None:
    backend = best_backend(torch.device("cuda"), torch.bfloat16)
    if backend not in VARLEN:
        pytest.skip("there is no FlashAttention")
    rng = torch.Generator().manual_seed(0)
    q = torch.randn(3, 8, 96, 64, generator=rng)
    k, v = (torch.randn(3, 2, 96, 64, generator=rng) for _ in range(2))
    valid = torch.ones(3, 96, dtype=torch.bool)
    valid[0, 40:64] = False
    valid[1, :64] = False
    mask = valid[:, None, None].expand(3, 1, 96, 96)
    mask = mask.tril() if causal else mask
    mask = mask | torch.eye(96, dtype=torch.bool)
    wanted = attend(q, k, v, mask, AttentionBackend.EAGER)
    packing = Packing.of(valid.cuda(), causal=causal)
    rows = (packing.pack(x.transpose(1, 2).cuda().bfloat16()).transpose(1, 2) for x in (q, k, v))
    packed = attend(*rows, packing, backend)
    found = packing.unpack(packed.transpose(1, 2).flatten(2)).unflatten(-1, (8, 64)).transpose(1, 2)
    keep = valid[:, None, :, None].expand_as(wanted)
    torch.testing.assert_close(found.cpu().float()[keep], wanted[keep], atol=0.03, rtol=0.03)


def test_logits_are_not_rounded() -> None:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(5, 64, generator=rng).bfloat16()
    weight = torch.randn(300, 64, generator=rng).bfloat16()
    with torch.inference_mode():
        found = logits(features.cuda(), weight.cuda()).cpu()
    torch.testing.assert_close(found, features.float() @ weight.float().T, atol=1e-3, rtol=1e-4)


def test_one_row_of_a_large_vocabulary_is_drawn_reproducibly() -> None:
    rng = torch.Generator().manual_seed(0)
    weights = torch.rand(1, 152_000, generator=rng).cuda()
    uniforms = torch.rand(200, 1, generator=rng).cuda()
    first = [int(inverse_cdf(weights, u)) for u in uniforms]
    for _ in range(5):
        assert [int(inverse_cdf(weights, u)) for u in uniforms] == first


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_a_second_gpu_serves_while_the_first_is_current(host: Engine) -> None:
    second = Engine.load(NANO, "cuda:1", "float32")
    assert torch.cuda.current_device() == 0
    for to in KINDS:
        assert _share(_codes(second, _ask(to)), _codes(host, _ask(to))) >= WANTED
