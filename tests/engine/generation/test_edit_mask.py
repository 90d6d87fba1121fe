"""What stays of a picture that is changed is what the model would give back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.api.conversation import Conversation, Part
from engine.api.events import Answer, Completed, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling, methods
from engine.engine import Engine
from engine.generation import segment_builder
from engine.generation.edit_mask import NUM_READS, code_probability, keep_probability, partial_start
from engine.inspection.branch import Edit, start_of
from engine.inspection.trace_file import read_trace, trace_bytes
from flow.modality import Modality
from model.network.probes import EDIT_TARGET, LinearProbes

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
REQUEST = Request(
    Conversation.ask("make it red", image=PICTURE), Modality.IMAGE, Sampling(steps=3, seed=4)
)
HELD = (0, 2)


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that would give back every second place."""

    def again(*_: object) -> Tensor:
        return torch.tensor([0.9, 0.1] * 2)

    monkeypatch.setattr(segment_builder, "keep_probability", again)


def _events(engine: Engine, request: Request) -> tuple[SegmentStarted, list[Refined], Completed]:
    started, *steps, completed = engine.generate(request)
    assert isinstance(started, SegmentStarted)
    assert isinstance(completed, Completed)
    return started, [s for s in steps if isinstance(s, Refined)], completed


@pytest.mark.usefixtures("sure")
@pytest.mark.parametrize("method", [m for m in methods() if m != "autoregressive"])
def test_held_places_have_the_codes_of_the_picture_at_every_step(
    tiny_engine: Engine, method: str
) -> None:
    before = tiny_engine.encode(Part(image=PICTURE)).tokens.numpy()
    started, steps, _ = _events(
        tiny_engine, replace(REQUEST, sampling=Sampling(steps=3).by(method))
    )
    assert started.held == HELD
    for step in steps:
        assert np.array_equal(step.tokens_t[list(HELD)], before[list(HELD)])
    assert steps[-1].nfe == NUM_READS + 3, "what it took to know is counted"


@pytest.mark.usefixtures("sure")
def test_many_at_once_are_the_same_as_one_by_one(tiny_engine: Engine) -> None:
    requests = [replace(REQUEST, sampling=Sampling(steps=3, seed=seed)) for seed in range(3)]
    together = tiny_engine.generate_batch(requests)
    for request, (answer,) in zip(requests, together, strict=True):
        assert np.array_equal(answer.tokens, _events(tiny_engine, request)[2].answers[0].tokens)


@pytest.mark.usefixtures("sure")
def test_the_share_of_places_that_kept_their_codes_is_told(tiny_engine: Engine) -> None:
    before = tiny_engine.encode(Part(image=PICTURE)).tokens.numpy()
    (one,) = _events(tiny_engine, REQUEST)[2].answers
    assert one.share_kept == (one.tokens == before).all(1).mean() >= len(HELD) / len(before)
    ((same,),) = tiny_engine.generate_batch([REQUEST])
    assert same.share_kept == one.share_kept
    asked = replace(REQUEST, conversation=Conversation.ask("a dog"))
    (drawn,) = _events(tiny_engine, asked)[2].answers
    assert drawn.share_kept is None


@pytest.mark.parametrize(("kept", "unchanged"), [(None, False), (62 / 64, False), (63 / 64, True)])
def test_a_picture_that_differs_in_one_place_has_not_changed(
    kept: float | None, unchanged: bool
) -> None:
    answer = Answer(Modality.IMAGE, np.zeros((64, 4), np.int64), share_kept=kept)
    assert answer.unchanged == unchanged


@pytest.mark.usefixtures("sure")
def test_a_recorded_run_goes_on_with_what_it_held(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    for event in tiny_engine.generate(REQUEST):
        recorder.see(event)
    trace = read_trace(trace_bytes(recorder.trace()))
    assert trace.segments[0].held == HELD
    start = start_of(trace, 0, 0)
    assert np.flatnonzero(start.pinned).tolist() == list(HELD)
    *_, last = tiny_engine.generate(replace(trace.request, start=start))
    assert isinstance(last, Completed)
    assert np.array_equal(last.answers[0].tokens, trace.segments[0].answer.tokens)
    freed = start_of(trace, 0, 0, [Edit(0, (None,) * start.tokens.shape[1], held=False)])
    assert np.flatnonzero(freed.pinned).tolist() == [2]


@pytest.mark.usefixtures("sure")
@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, sampling=Sampling(steps=3, keep_threshold=1.0)),
        replace(REQUEST, sampling=Sampling(steps=3).by("autoregressive")),
        Request(Conversation.ask("a red dog"), Modality.IMAGE, Sampling(steps=3)),
        replace(REQUEST, to=Modality.TEXT),
    ],
    ids=["switched off", "left to right", "no picture", "words"],
)
def test_otherwise_nothing_is_held(tiny_engine: Engine, request_: Request) -> None:
    started, _, _ = _events(tiny_engine, request_)
    assert started.held == ()


def test_the_probability_is_that_of_all_codes_of_a_place(tiny_engine: Engine) -> None:
    """Over all codes of the last codebook it sums to that of the codes before it."""
    model = tiny_engine.model
    space = model.spaces[Modality.IMAGE]
    prompt = tiny_engine.builder.prompt_of(REQUEST, Modality.IMAGE)
    length = tiny_engine.planner.lengths[Modality.IMAGE]
    noise = torch.randint(space.cardinality, (2, length, space.num_codebooks))
    codes = torch.randint(space.cardinality, (length, space.num_codebooks))

    def total(freed: tuple[int, ...]) -> Tensor:
        ids = torch.cartesian_prod(*[torch.arange(space.cardinality)] * len(freed))
        found = torch.zeros(length)
        for row in ids.view(-1, len(freed)):
            now = codes.clone()
            now[:, list(freed)] = row
            found += code_probability(model, prompt, noise, now)
        return found

    with torch.inference_mode():
        last = total((space.num_codebooks - 1,))
        assert (last <= 1 + 1e-5).all()
        assert (code_probability(model, prompt, noise, codes) <= last).all()
        if space.num_codebooks == 2:
            torch.testing.assert_close(total((0, 1)), torch.ones(length), atol=1e-4, rtol=0)


def test_heads_that_know_what_is_meant_say_what_stays(tiny_engine: Engine) -> None:
    """Each place of the picture in the prompt by itself, and nothing else of the prompt."""
    model = tiny_engine.model
    prompt = tiny_engine.builder.prompt_of(REQUEST, Modality.IMAGE)
    length = tiny_engine.planner.lengths[Modality.IMAGE]
    space = model.spaces[Modality.IMAGE]
    noise = torch.randint(space.cardinality, (2, length, space.num_codebooks))
    torch.manual_seed(0)
    asked = {EDIT_TARGET: (("stays", "changes"),)}
    heads = LinearProbes(model.config.backbone.width, 0, asked).requires_grad_(False)
    seen: list[Tensor] = []
    hook = model.backbone.layers[0].register_forward_hook(lambda *given: seen.append(given[2][0]))
    with torch.inference_mode():
        likely = keep_probability(model, heads, prompt, noise)
        hook.remove()
        place = next(i for i, s in enumerate(prompt) if s.modality is Modality.IMAGE)
        first = sum(s.length for s in prompt[:place])
        (read,) = heads.logits(seen[0][:, first : first + length], EDIT_TARGET)
        torch.testing.assert_close(likely, read.softmax(-1)[..., 0].mean(0))
        without = keep_probability(model, None, prompt, noise)
        codes = prompt[place].tokens[0]
        torch.testing.assert_close(without, code_probability(model, prompt, noise, codes))


def test_all_or_nothing_is_no_beginning() -> None:
    codes = np.zeros((3, 2), np.int64)
    assert partial_start(np.zeros(3, bool), codes, 16) is None
    assert partial_start(np.ones(3, bool), codes, 16) is None
    start = partial_start(np.array([True, False, False]), codes, 16)
    assert start is not None
    assert start.tokens.tolist() == [[0, 0], [16, 16], [16, 16]]
