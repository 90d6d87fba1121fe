"""A step that is replayed does what the step does, and nothing in it waits for the device."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.denoisers.cache import CachedDenoiser, FeatureBuffers
from engine.denoisers.guidance import GuidedDenoiser
from flow.modality import Modality
from flow.schedule import uniform_grid
from flow.sequence import OmniSequence, prompt, response
from model.network.omni import OmniModel
from samplers.counter_rng import CounterRNG
from samplers.cuda_graph import CudaCapture, CudaGraphCache, Recordable, Replay, padded_length
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.source import random_source
from samplers.step import StepResult, on_device
from tests.samplers.fake_graph import FakeGraph, OnDevice

WAITS = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "unique", "masked_select")


class NeverWaits(TorchDispatchMode):
    """Refuses every operation whose result the host must see before it can go on."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func.overloadpacket.__name__)
        assert not any(name.startswith(w) for w in WAITS), f"{name} waits for the device"
        return func(*args, **(kwargs or {}))


def _start(model: OmniModel, modality: Modality, seed: int) -> tuple[OmniSequence, CounterRNG]:
    rng = torch.Generator().manual_seed(seed)
    draws = CounterRNG.for_seed(seed)
    words = torch.randint(40, 290, (1, 8, 1), generator=rng)
    valid = torch.ones(1, 8, dtype=torch.bool)
    valid[:, 5:] = seed % 2 == 0
    source = random_source(model.spaces[modality], 1, 4, draws, segment=1)
    return OmniSequence((prompt(Modality.TEXT, words, valid), response(modality, source))), draws


def _sampler(model: OmniModel, recorder: CudaGraphCache | None) -> KineticSampler:
    return KineticSampler(
        model.metrics(),
        times=uniform_grid(5),
        temperature=0.6,
        initial_temperature=1.0,
        recorder=recorder,
    )


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_a_replayed_run_is_the_run(tiny_model: OmniModel, modality: Modality, scale: float) -> None:
    denoiser = tiny_model if scale == 0 else GuidedDenoiser(tiny_model, scale)
    graph = FakeGraph()
    sampler = _sampler(tiny_model, OnDevice(graph))
    plain = replace(sampler, recorder=None)
    for seed in (1, 3, 5):
        x_0, draws = _start(tiny_model, modality, seed)
        recorded = list(sampler.sample(denoiser, x_0, draws=draws))
        expected = list(plain.sample(denoiser, x_0, draws=draws))
        for one, other in zip(recorded, expected, strict=True):
            assert torch.equal(one.x_t.segments[1].tokens, other.x_t.segments[1].tokens)
            assert torch.equal(one.x_1[1], other.x_1[1])
            torch.testing.assert_close(one.confidence[1], other.confidence[1])
    assert graph.captured == 1, "one recording serves every step, the last one, too"


def test_other_shapes_and_settings_are_recorded_apart(tiny_model: OmniModel) -> None:
    graph = FakeGraph()
    recorder = OnDevice(graph, limit=3)
    sampler = _sampler(tiny_model, recorder)
    x_0, draws = _start(tiny_model, Modality.IMAGE, 1)
    for denoiser in (tiny_model, GuidedDenoiser(tiny_model, 1.0)):
        list(sampler.sample(denoiser, x_0, draws=draws))
    list(replace(sampler, top_p=0.5).sample(tiny_model, x_0, draws=draws))
    list(replace(sampler, transition="euler").sample(tiny_model, x_0, draws=draws))
    assert graph.captured == 4
    assert len(recorder) == 3
    recorder.clear()
    assert len(recorder) == 0


@pytest.mark.parametrize("scale", [0.0, 2.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_replayed_run_with_a_cache_is_the_run(
    tiny_model: OmniModel, scale: float, share: float
) -> None:
    graph, rooms = FakeGraph(), FeatureBuffers()
    sampler = _sampler(tiny_model, OnDevice(graph))
    plain = replace(sampler, recorder=None)

    def wrapped(cached: CachedDenoiser) -> Denoiser:
        return cached if scale == 0 else GuidedDenoiser(cached, scale)

    for seed in (1, 3, 1):
        x_0, draws = _start(tiny_model, Modality.IMAGE, seed)
        shared = graph.cached = CachedDenoiser(tiny_model, share, 2, rooms)
        recorded = list(sampler.sample(wrapped(shared), x_0, draws=draws))
        alone = CachedDenoiser(tiny_model, share, 2)
        expected = list(plain.sample(wrapped(alone), x_0, draws=draws))
        for one, other in zip(recorded, expected, strict=True):
            assert torch.equal(one.x_t.segments[1].tokens, other.x_t.segments[1].tokens)
            assert one.num_active == other.num_active
            torch.testing.assert_close(one.confidence[1], other.confidence[1])
    assert len(rooms) == 1
    assert graph.captured < 15, "runs of one shape share what was recorded"


def test_two_runs_in_one_room_disturb_each_other_only_in_cost(tiny_model: OmniModel) -> None:
    rooms = FeatureBuffers()
    x_0, draws = _start(tiny_model, Modality.IMAGE, 1)
    sampler = _sampler(tiny_model, None)
    one, other = (
        sampler.sample(CachedDenoiser(tiny_model, 0.0, 0, rooms), x_0, draws=draws)
        for _ in range(2)
    )
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.x_t.segments[1].tokens, b.x_t.segments[1].tokens)
        assert a.num_active == b.num_active == 4, "each begins anew when the other was there"


def test_two_threads_do_not_load_and_replay_at_once(tiny_model: OmniModel) -> None:
    """A search in the Gallery and a run on the page have the same shapes, and so one recording."""
    inside, overlaps = [0], [0]

    class Watching(FakeGraph):
        def __call__(self, refine: Callable[[], StepResult]) -> tuple[Replay, StepResult]:
            replay, found = super().__call__(refine)

            def alone() -> None:
                inside[0] += 1
                overlaps[0] += inside[0] > 1
                replay()
                inside[0] -= 1

            return alone, found

    recorder = OnDevice(Watching())
    sampler = _sampler(tiny_model, recorder)

    def run(seed: int) -> list[list[int]]:
        x_0, draws = _start(tiny_model, Modality.IMAGE, seed)
        steps = sampler.sample(tiny_model, x_0, draws=draws)
        return [step.x_t.segments[1].tokens.flatten().tolist() for step in steps]

    seeds = (1, 3, 5, 7)
    alone = [run(seed) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, seeds)) == alone
    assert len(recorder) == 1
    assert overlaps == [0]


def test_a_result_is_copied_before_the_lock_is_free(tiny_model: OmniModel) -> None:
    """A run from left to right replays in the same memory pool: it holds the same lock."""
    held: list[str] = []

    class Watched:
        def __enter__(self) -> None:
            held.append("taken")

        def __exit__(self, *error: object) -> None:
            held.append("free")

    class Noticing(FakeGraph):
        def __call__(self, refine: Callable[[], StepResult]) -> tuple[Replay, StepResult]:
            replay, found = super().__call__(refine)

            def noted() -> None:
                held.append("replayed")
                replay()

            return noted, found

    lock = Watched()
    sampler = _sampler(tiny_model, OnDevice(Noticing(), lock=lock))
    x_0, draws = _start(tiny_model, Modality.IMAGE, 1)
    list(sampler.sample(tiny_model, x_0, draws=draws))
    assert held == ["taken", "replayed", "free"] * 5
    capture = CudaCapture(torch.device("cuda"))
    assert CudaGraphCache(capture, lock=capture.lock)._lock is capture.lock


def test_lengths_are_padded_to_few() -> None:
    assert [padded_length(n) for n in (0, 1, 32, 33, 64, 100, 256, 257, 700)] == [
        32, 32, 32, 64, 64, 128, 256, 512, 768,
    ]  # fmt: skip
    assert len({padded_length(n) for n in range(1, 257)}) == 4


def test_what_depends_on_earlier_calls_is_not_recorded(tiny_model: OmniModel) -> None:
    guided = GuidedDenoiser(tiny_model, 1.0)
    x_t, _ = _start(tiny_model, Modality.IMAGE, 1)
    assert isinstance(tiny_model, Recordable)
    assert guided.recording_key(x_t, 0.2) is not None
    assert replace(guided, every=2).recording_key(x_t, 0.2) is None
    assert replace(guided, interval=(0.5, 1.0)).recording_key(x_t, 0.2) != guided.recording_key(
        x_t, 0.2
    )
    graph = FakeGraph()
    sampler = replace(_sampler(tiny_model, OnDevice(graph)), transition="thinning")
    x_0, draws = _start(tiny_model, Modality.IMAGE, 1)
    list(sampler.sample(guided, x_0, draws=draws))
    assert graph.captured == 0


@pytest.mark.parametrize("transition", ["euler", "euler_beta", "midpoint", "coupling"])
@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TEXT])
def test_nothing_in_a_step_waits_for_the_device(
    tiny_model: OmniModel, transition: str, modality: Modality
) -> None:
    sampler = replace(_sampler(tiny_model, None), transition=transition, top_p=0.9)
    x_0, draws = _start(tiny_model, modality, 1)
    x_t = x_0.with_cached_flags()
    denoiser = GuidedDenoiser(tiny_model, 2.0)
    moments = on_device(sampler.moments(), torch.device("cpu"))
    with torch.inference_mode(), NeverWaits():
        for moment in moments:
            sampler.refine(denoiser, x_t, moment, draws)
    with pytest.raises(AssertionError, match="waits"), NeverWaits():
        bool(Tensor([1]))
