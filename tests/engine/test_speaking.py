"""Speaking: a sound comes block by block and is heard as the answer; words are spoken, and open
what follows them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, groupby

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import Answer, AudioChunk, Completed, Event, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import SAMPLERS, Sampling
from engine.engine import Engine
from engine.inspection.trace import events_of
from engine.media.codec import Codec
from flow.modality import Modality
from model.presets import PRESETS
from model.tokenizers.text import BEGIN_AUDIO, BEGIN_IMAGE, EOS, PAD
from tests.spoken import answers_of, events_of_run, request_of, traced

CONFIG = PRESETS["tiny"]
LONGEST = CONFIG.audio_length
SEEDS = 24


@pytest.fixture(scope="module")
def runs(tiny_engine: Engine) -> list[list[Event]]:
    """Sounds of many lengths."""
    return [events_of_run(tiny_engine, request_of(seed), preview_hz=1e9) for seed in range(SEEDS)]


def _with_length(runs: list[list[Event]], low: int, high: int) -> list[Event]:
    """The first run whose sound has so many positions."""
    return next(r for r in runs if low <= len(answers_of(r)[0].tokens) <= high)


def _blocks(events: list[Event]) -> Iterator[list[Event]]:
    """The events of each block; the last one of the run is left out."""
    segments = groupby(events[:-1], lambda e: -1 if isinstance(e, Completed) else e.segment)
    for number, (segment, block) in enumerate(segments):
        assert segment == number
        yield list(block)


def test_every_block_starts_is_refined_and_can_then_be_heard(runs: list[list[Event]]) -> None:
    for events in runs:
        blocks = list(_blocks(events))
        assert 1 <= len(blocks) <= CONFIG.audio_blocks
        for number, (first, *steps, sounded) in enumerate(blocks):
            assert isinstance(first, SegmentStarted)
            assert first.modality is Modality.AUDIO
            refined = [e for e in steps if isinstance(e, Refined)]
            assert len(refined) == len(steps) == first.num_steps
            assert [e.last for e in refined] == [False] * (len(steps) - 1) + [True]
            assert isinstance(sounded, AudioChunk)
            assert sounded.last == (number == len(blocks) - 1)
        assert [e.elapsed_s for e in events] == sorted(e.elapsed_s for e in events)


def test_what_was_heard_is_the_answer(runs: list[list[Event]], tiny_engine: Engine) -> None:
    """Piece by piece, whole, and decoded from its codes."""
    for events in runs:
        (answer,) = answers_of(events)
        assert answer.audio is not None
        assert answer.audio.dtype == np.float32
        pieces = [e.samples for e in events if isinstance(e, AudioChunk)]
        assert np.array_equal(np.concatenate(pieces), answer.audio)
        assert len(answer.audio) == 640 * len(answer.tokens)
        if len(answer.tokens):
            codes = torch.from_numpy(answer.tokens)[None]
            wanted = tiny_engine.model.audio.decode(codes)[0].numpy()
            assert answer.audio == pytest.approx(wanted, abs=1e-4)


def test_a_sound_goes_up_to_its_end(runs: list[list[Event]]) -> None:
    """It ends before the first end code, or where the longest sound ends."""
    end = CONFIG.audio_space().cardinality - 1
    for events in runs:
        (answer,) = answers_of(events)
        steps = [e for e in events if isinstance(e, Refined) and e.last]
        written = np.concatenate([e.tokens_t for e in steps])
        assert len(answer.tokens) <= len(written) <= LONGEST
        assert np.array_equal(answer.tokens, written[: len(answer.tokens)])
        assert int(answer.tokens.max(initial=0)) < end
        if len(answer.tokens) < len(written):
            assert end in written[len(answer.tokens)]
        else:
            assert len(written) == LONGEST
    lengths = {len(answers_of(events)[0].tokens) for events in runs}
    assert min(lengths) < CONFIG.audio_block < LONGEST == max(lengths)


def test_a_block_is_previewed_at_its_last_step_at_the_least(
    tiny_engine: Engine, runs: list[list[Event]]
) -> None:
    seldom = events_of_run(tiny_engine, request_of())
    for events, often in ((runs[0], True), (seldom, False)):
        refined = [e for e in events if isinstance(e, Refined)]
        assert [e.sound_1 is not None for e in refined] == [often or e.last for e in refined]
        for event in refined:
            assert event.sound_1 is None or event.sound_1.shape == (640 * CONFIG.audio_block,)
    assert np.array_equal(answers_of(runs[0])[0].tokens, answers_of(seldom)[0].tokens)


def test_the_end_of_a_last_preview_is_the_end_of_the_sound(
    tiny_engine: Engine, runs: list[list[Event]]
) -> None:
    """The last block of a longest sound, with the blocks before it around, is previewed as it is
    heard; behind an end there is silence."""
    whole = answers_of(run := _with_length(runs, LONGEST, LONGEST))[0].audio
    (last,) = [e.sound_1 for e in run if isinstance(e, Refined) and e.segment == 2 and e.last]
    assert last is not None
    assert whole is not None
    assert last == pytest.approx(whole[-len(last) :], abs=1e-4)
    ended = _with_length(runs, 1, CONFIG.audio_block - 1)
    (shown,) = [e.sound_1 for e in ended if isinstance(e, Refined) and e.last]
    assert shown is not None
    (tokens,) = [e.tokens_t for e in ended if isinstance(e, Refined) and e.last]
    silent = (tokens >= CONFIG.audio_space().cardinality - 1).any(1)
    loud = np.abs(shown).reshape(CONFIG.audio_block, 640).max(1)
    assert np.array_equal(loud == 0, silent)


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_the_same_request_gives_the_same_sound(tiny_engine: Engine, sampler: str) -> None:
    first, second, other = (
        answers_of(events_of_run(tiny_engine, request_of(seed, sampler=sampler)))[0]
        for seed in (1, 1, 5)
    )
    assert first.audio is not None
    assert second.audio is not None
    assert np.array_equal(first.tokens, second.tokens)
    assert np.array_equal(first.audio, second.audio)
    assert not np.array_equal(first.tokens, other.tokens)


def test_every_block_is_made_of_noise_of_its_own(tiny_engine: Engine) -> None:
    """After the first of many steps the state is still nearly the noise."""
    alike: list[float] = []
    for seed in range(4):
        request = replace(request_of(), sampling=Sampling(steps=24, seed=seed))
        events = events_of_run(tiny_engine, request)
        first = [e.tokens_t for e in events if isinstance(e, Refined) and e.index == 0]
        alike += [float((one == other).mean()) for one, other in combinations(first, 2)]
    assert len(alike) > 2
    assert np.mean(alike) < 0.3


def test_an_answer_in_words_is_spoken_when_asked_for(tiny_engine: Engine) -> None:
    events = events_of_run(tiny_engine, request_of(aloud=True))
    silent = answers_of(events_of_run(tiny_engine, replace(request_of(aloud=True), aloud=False)))
    words, sound = answers_of(events)
    assert words.text
    assert [(a.modality, a.text) for a in silent] == [(Modality.TEXT, words.text)]
    assert sound.modality is Modality.AUDIO
    assert np.array_equal(silent[0].tokens, words.tokens)
    started = [e.segment for e in events if isinstance(e, SegmentStarted)]
    assert started == list(range(len(started)))
    pieces = [e.samples for e in events if isinstance(e, AudioChunk)]
    assert sound.audio is not None
    assert np.array_equal(np.concatenate(pieces), sound.audio)


def test_a_batch_sounds_as_its_requests_do_alone(tiny_engine: Engine) -> None:
    """Whether they are short or long, spoken or asked for."""
    requests = [request_of(seed, aloud=aloud) for aloud in (False, True) for seed in range(6)]
    requests[1] = replace(requests[1], conversation=Conversation.ask("the sound of a dog", None))
    together = tiny_engine.generate_batch(requests)
    assert len({len(answers[-1].tokens) for answers in together}) > 2
    for request, answers in zip(requests, together, strict=True):
        alone = answers_of(events_of_run(tiny_engine, request))
        assert [a.modality for a in alone] == [a.modality for a in answers]
        for one, other in zip(alone, answers, strict=True):
            assert np.array_equal(one.tokens, other.tokens)
            assert one.text == other.text
            assert (one.audio is None) == (other.audio is None)
            if one.audio is not None:
                assert other.audio == pytest.approx(one.audio, abs=1e-4)


@pytest.mark.parametrize(
    ("marker", "to", "aloud", "wanted"),
    [
        (BEGIN_AUDIO, None, False, ["text", "audio"]),
        (BEGIN_AUDIO, None, True, ["text", "audio"]),
        (BEGIN_IMAGE, None, False, ["text", "image"]),
        (BEGIN_IMAGE, None, True, ["text", "audio", "image"]),
        (EOS, None, False, ["text"]),
        (BEGIN_AUDIO, Modality.TEXT, False, ["text"]),
    ],
)
def test_what_the_words_open_follows_them(
    tiny_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    marker: int,
    to: Modality | None,
    aloud: bool,
    wanted: list[str],
) -> None:
    """The words are "hello" and the marker, whatever the model makes of the question."""
    said = [*tiny_engine.tokenizer.encode("hello"), marker]
    padded = np.array([*said, *[PAD] * (CONFIG.text_block - len(said))])[:, None]

    def answered(
        tokens: np.ndarray,
        modality: Modality,
        image: np.ndarray | None = None,
        style: str | None = None,
    ) -> Answer:
        assert style is None
        return plain(padded if modality is Modality.TEXT else tokens, modality, image)

    plain = tiny_engine.codec.answer
    monkeypatch.setattr(Codec, "answer", staticmethod(answered))
    request = Request(Conversation.ask("hello"), to, Sampling(steps=2), aloud=aloud)
    assert [a.modality.value for a in answers_of(events_of_run(tiny_engine, request))] == wanted
    (batch,) = tiny_engine.generate_batch([request])
    assert [a.modality.value for a in batch] == wanted


@pytest.mark.parametrize(("low", "high"), [(LONGEST, LONGEST), (1, LONGEST - 1)])
def test_a_trace_has_the_answer_whether_or_not_it_ended_early(
    tiny_engine: Engine, runs: list[list[Event]], low: int, high: int
) -> None:
    events = _with_length(runs, low, high)
    read = traced(events, tiny_engine)
    blocks = list(_blocks(events))
    assert [s.modality for s in read.segments] == [Modality.AUDIO] * len(blocks)
    (kept,) = answers_of(list(events_of(read)))
    assert np.array_equal(kept.tokens, answers_of(events)[0].tokens)
