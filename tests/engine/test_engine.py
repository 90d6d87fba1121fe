"""The engine's promises: order of events, reproducibility, stopping, batches, memory of a
conversation."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Completed, Event, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import GRIDS, SAMPLERS, Sampling
from engine.engine import Engine
from engine.media.token_text import MASK_SIGN
from engine.prompt.conversation import kept_turns
from flow.modality import Modality
from flow.schedule import PAPER, TUNED

PICTURE = np.full((20, 30, 3), 200, np.uint8)


def _picture_request(seed: int = 0, **settings: float | str) -> Request:
    sampling = replace(Sampling(steps=5, seed=seed), **settings)
    return Request(Conversation.ask("a red heart"), Modality.IMAGE, sampling)


def _pictures(events: list[Event]) -> list[np.ndarray]:
    return [e.image_1 for e in events if isinstance(e, Refined) and e.image_1 is not None]


def test_events_of_a_picture(tiny_engine: Engine) -> None:
    events = list(tiny_engine.generate(_picture_request(), preview_hz=1e9))
    assert isinstance(events[0], SegmentStarted)
    assert isinstance(events[-1], Completed)
    steps = [e for e in events if isinstance(e, Refined)]
    assert [e.index for e in steps] == list(range(5))
    assert steps[-1].t == 1.0
    assert events[-1].nfe == 5
    answer = events[-1].answers[0]
    assert answer.image is not None
    assert answer.image.shape == (32, 32, 3)
    assert np.array_equal(answer.image, steps[-1].image_1)
    assert answer.tokens.shape == (4, 4)
    assert [e.elapsed_s for e in events] == sorted(e.elapsed_s for e in events)


def test_events_of_words(tiny_engine: Engine) -> None:
    request = Request(Conversation.ask("what is this?", PICTURE), Modality.TEXT, Sampling(steps=4))
    events = list(tiny_engine.generate(request))
    last = [e for e in events if isinstance(e, Refined)][-1]
    assert last.words_t == last.words_1
    done = events[-1]
    assert isinstance(done, Completed)
    said, shown = done.answers[0].text, "".join(last.words_1 or ()).strip()
    assert said is not None
    assert _letters(said) == _letters(shown), "but for bytes that are no letter alone"


def _letters(text: str) -> bytes:
    return text.encode("ascii", "ignore")


@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_same_request_same_answer(tiny_engine: Engine, guidance: float) -> None:
    request = _picture_request(seed=3, guidance_scale=guidance)
    first, second = (list(tiny_engine.generate(request)) for _ in range(2))
    assert isinstance(first[-1], Completed)
    assert isinstance(second[-1], Completed)
    assert np.array_equal(first[-1].answers[0].tokens, second[-1].answers[0].tokens)


def test_seed_guidance_and_steps_matter(tiny_engine: Engine) -> None:
    answers = [
        tiny_engine.generate_batch([r])[0][0].tokens
        for r in (
            _picture_request(),
            _picture_request(seed=1),
            _picture_request(guidance_scale=4.0),
            _picture_request(steps=6),
        )
    ]
    for other in answers[1:]:
        assert not np.array_equal(answers[0], other)


def test_batch_equals_one_by_one(tiny_engine: Engine) -> None:
    requests = [
        replace(_picture_request(seed=i), conversation=Conversation.ask(words))
        for i, words in enumerate(("a dog", "a big red heart above a dog", "draw a cat at night"))
    ]
    together = tiny_engine.generate_batch(requests)
    for request, answers in zip(requests, together, strict=True):
        alone = tiny_engine.generate_batch([request])[0]
        assert np.array_equal(alone[0].tokens, answers[0].tokens)


def test_preview_never_changes_the_result(tiny_engine: Engine) -> None:
    with_preview = list(tiny_engine.generate(_picture_request(), preview_hz=1e9))
    without = list(tiny_engine.generate(_picture_request(), preview_hz=0))
    assert len(_pictures(without)) == 1
    assert np.array_equal(_pictures(with_preview)[-1], _pictures(without)[-1])


def test_closing_stops_at_once(tiny_engine: Engine) -> None:
    events: Iterator[Event] = tiny_engine.generate(_picture_request(steps=100))
    for _ in range(3):
        next(events)
    events.close()
    with pytest.raises(StopIteration):
        next(events)


def test_model_decides_when_not_told(tiny_engine: Engine) -> None:
    """Words come first; whatever follows them is a picture that the model opened."""
    request = Request(Conversation.ask("draw a dog"), sampling=Sampling(steps=2))
    done = list(tiny_engine.generate(request))[-1]
    assert isinstance(done, Completed)
    assert done.answers[0].modality is Modality.TEXT
    assert [a.modality for a in done.answers[1:]] in ([], [Modality.IMAGE])


def test_started_shows_the_settings_that_run(tiny_engine: Engine) -> None:
    request = Request(Conversation.ask("a dog"), Modality.IMAGE)
    started = next(tiny_engine.generate(request))
    assert isinstance(started, SegmentStarted)
    flow = tiny_engine.model.config.image_flow
    assert started.request.sampling.guidance_scale == flow.guidance_scale
    assert started.num_steps == flow.steps


def test_info_is_plain(tiny_engine: Engine) -> None:
    info = tiny_engine.info()
    assert info["device"] == "cpu"
    assert info["parameters"]["all"] > info["parameters"]["backbone"] > 0


def test_the_path_is_computed_once(tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tiny_engine.info()["path"]
    monkeypatch.delattr("engine.generation.clocks.path_table")
    assert tiny_engine.info()["path"] == first != {}


def _turn(role: str, *parts: str | np.ndarray) -> Turn:
    return Turn(role, tuple(Part(text=p) if isinstance(p, str) else Part(image=p) for p in parts))


def test_memory_keeps_the_latest_picture_and_the_last_exchange() -> None:
    turns = (
        _turn("user", "draw a dog"),
        _turn("assistant", "here you go!", PICTURE),
        _turn("user", "draw a cat"),
        _turn("assistant", "here you go!", PICTURE),
        _turn("user", "what is this?"),
        _turn("assistant", "a cat"),
        _turn("user", "and where?"),
        _turn("assistant", "on the grass"),
        _turn("user", "what colour is it?"),
    )
    kept = kept_turns(Conversation(turns))
    assert [t.parts[0].text for t in kept] == [
        "draw a cat", "here you go!", "and where?", "on the grass", "what colour is it?",
    ]  # fmt: skip
    assert sum(p.image is not None for t in kept for p in t.parts) == 1


def test_memory_without_a_picture_is_the_question() -> None:
    turns = (_turn("user", "hello"), _turn("assistant", "hi"), _turn("user", "who are you?"))
    assert kept_turns(Conversation(turns)) == turns[-1:]


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_one_prompt_and_seed_run_under_every_sampler(
    tiny_engine: Engine, sampler: str, modality: Modality
) -> None:
    """The steps that are announced come, the answer is complete, and a batch gives the same."""
    guided = 2.0 if modality is Modality.IMAGE else None
    request = Request(
        Conversation.ask("a red heart"),
        modality,
        Sampling(sampler=sampler, steps=3, guidance_scale=guided, seed=4),
    )
    events = list(tiny_engine.generate(request, preview_hz=1000))
    started = next(e for e in events if isinstance(e, SegmentStarted))
    refined = [e for e in events if isinstance(e, Refined)]
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert started.num_steps == {"flow": 3, "masked": 3}.get(
        sampler, tiny_engine.planner.lengths[modality]
    )
    assert [e.last for e in refined] == [False] * (len(refined) - 1) + [True]
    assert len(refined) <= started.num_steps
    (answer,) = completed.answers
    space = tiny_engine.model.spaces[modality]
    assert int(answer.tokens.max()) < space.cardinality
    (alone,) = tiny_engine.generate_batch([request])
    assert np.array_equal(alone[0].tokens, answer.tokens)
    if modality is Modality.IMAGE:
        assert answer.image is not None
        assert refined[-1].image_t is not None


def test_masked_steps_are_as_many_as_there_are_positions_at_most(tiny_engine: Engine) -> None:
    sampling = Sampling(sampler="masked", steps=100)
    request = Request(Conversation.ask("a dog"), Modality.IMAGE, sampling)
    events = list(tiny_engine.generate(request))
    assert sum(isinstance(e, Refined) for e in events) == 4


def test_a_masked_patch_is_grey_until_it_is_known(tiny_engine: Engine) -> None:
    request = Request(
        Conversation.ask("a dog"), Modality.IMAGE, Sampling(sampler="autoregressive", seed=1)
    )
    refined = [e for e in tiny_engine.generate(request, preview_hz=1e6) if isinstance(e, Refined)]
    first = refined[0].image_t
    assert first is not None
    patches = first.reshape(2, 16, 2, 16, 3).swapaxes(1, 2).reshape(4, -1, 3)
    grey = [bool((p == p[0, 0]).all()) for p in patches]
    assert grey == [False, True, True, True]


def test_a_masked_word_has_a_sign(tiny_engine: Engine) -> None:
    request = Request(Conversation.ask("hello"), Modality.TEXT, Sampling(sampler="autoregressive"))
    first = next(e for e in tiny_engine.generate(request) if isinstance(e, Refined))
    assert first.words_t is not None
    assert MASK_SIGN not in first.words_t[0]
    assert set(first.words_t[1:]) <= {MASK_SIGN, ""}


def test_the_grid_moves_the_times_and_not_their_number(tiny_engine: Engine) -> None:
    times: dict[str, list[float]] = {}
    for grid in GRIDS:
        request = _picture_request(grid=grid)
        refined = [e for e in tiny_engine.generate(request) if isinstance(e, Refined)]
        times[grid] = [e.t for e in refined]
    assert times["uniform"] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert len(times["information"]) == 5
    assert times["information"][-1] == 1.0
    assert times["information"][0] < 0.2
    assert [PAPER.beta(t) for t in times["tuned"][:-1]] == pytest.approx(
        [TUNED.beta(k / 5) for k in range(1, 5)]
    )
    with pytest.raises(ValueError, match="unknown grid 'magic': choose one of uniform"):
        Sampling(grid="magic")
