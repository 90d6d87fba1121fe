"""A checkpoint with a voice of its own says words by it, and makes other sounds itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import AudioChunk, Event, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace import events_of
from engine.media.voice import FIRST, is_speech
from flow.modality import Modality
from model.loading.checkpoint import load_checkpoint
from model.loading.placement import Placement
from tests.small_voice import CONFIG, small_speaker

SAYS = Request(Conversation.ask("say a red heart"), Modality.AUDIO, Sampling(steps=3, seed=5))


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    loaded = replace(load_checkpoint(tiny_checkpoint), speaker=small_speaker())
    return Engine(loaded, Placement.of("cpu"))


def whole(events: list[Event]) -> np.ndarray:
    return np.concatenate([e.samples for e in events if isinstance(e, AudioChunk)])


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(steps=3, seed=5),
        Sampling(steps=3, seed=5, transition="euler"),
        Sampling(steps=3, seed=5, sampler="flow"),
        Sampling(seed=5, sampler="autoregressive", steps=3),
    ],
)
def test_it_says_the_words(engine: Engine, sampling: Sampling) -> None:
    """Streamed, in a batch, and once more: the same codes and samples."""
    request = replace(SAYS, sampling=sampling)
    events = list(engine.generate(request))
    steps = [e for e in events if isinstance(e, Refined)]
    (answer,) = events[-1].answers
    assert is_speech(answer.tokens) and answer.tokens.shape[1] == 2
    assert np.array_equal(answer.audio, whole(events))
    assert {e.num_steps for e in steps} == {3}
    assert len({e.segment for e in steps}) <= CONFIG.blocks
    ((alone,),) = engine.generate_batch([request])
    assert np.array_equal(alone.tokens, answer.tokens)
    assert np.array_equal(alone.audio, answer.audio)
    decoded = engine.codec.answer(answer.tokens, Modality.AUDIO)
    assert np.array_equal(decoded.audio, answer.audio)


def test_many_are_said_together(engine: Engine) -> None:
    """Sentences of other lengths, and a sound between them, as each alone."""
    asked = ("say hello", "the sound of rain", "say a red heart above a dog")
    requests = [replace(SAYS, conversation=Conversation.ask(a)) for a in asked]
    together = engine.generate_batch(requests)
    for request, (answer,) in zip(requests, together, strict=True):
        ((alone,),) = engine.generate_batch([request])
        assert np.array_equal(answer.tokens, alone.tokens)
    assert [is_speech(answer.tokens) for (answer,) in together] == [True, False, True]


def test_a_run_is_recorded_and_plays_again(engine: Engine) -> None:
    recorder = engine.recorder()
    for event in engine.generate(SAYS, watch=3):
        recorder.see(event)
    trace = recorder.trace()
    (answer,) = list(events_of(trace))[-1].answers
    ((alone,),) = engine.generate_batch([SAYS])
    assert np.array_equal(answer.tokens, alone.tokens)
    likely = trace.segments[0].arrays["likely_ids"]
    assert (likely[likely != FIRST - 2] >= FIRST).all()


def test_words_without_letters_stay_with_the_network(engine: Engine) -> None:
    ((answer,),) = engine.generate_batch([replace(SAYS, conversation=Conversation.ask("say 你"))])
    assert not is_speech(answer.tokens)


def test_speech_of_another_checkpoint_is_refused(tiny_checkpoint: Path, engine: Engine) -> None:
    ((answer,),) = engine.generate_batch([SAYS])
    silent = Engine.load(tiny_checkpoint, "cpu")
    with pytest.raises(ValueError, match="another voice"):
        silent.codec.answer(answer.tokens, Modality.AUDIO)
    torch.manual_seed(0)
    ((own,),) = silent.generate_batch([SAYS])
    assert not is_speech(own.tokens)
