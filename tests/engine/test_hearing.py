"""Hearing: a sound enters as its codes, what was said enters as words where they are known, and
speech alone is written down first."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.branch import start_of
from engine.prompt.conversation import kept_turns
from flow.modality import Modality
from model.loading.checkpoint import save_checkpoint
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from tests.spoken import NOISE, about, answers_of, events_of_run, request_of, traced

CONFIG = PRESETS["tiny"]
LONGEST = CONFIG.audio_length


def test_speech_whose_words_are_known_is_read_and_not_heard_again(tiny_engine: Engine) -> None:
    spoken = tiny_engine.builder.prompt_of(
        about(Part(text="draw a dog", audio=NOISE)), Modality.IMAGE
    )
    typed = tiny_engine.builder.prompt_of(about(Part(text="draw a dog")), Modality.IMAGE)
    for one, other in zip(spoken, typed, strict=True):
        assert torch.equal(one.tokens, other.tokens)


@pytest.mark.parametrize(
    "conversation", [Conversation.ask("", audio=NOISE), Conversation.write_down(NOISE)]
)
def test_a_sound_enters_as_its_codes(tiny_engine: Engine, conversation: Conversation) -> None:
    segments = tiny_engine.builder.prompt_of(Request(conversation), Modality.TEXT)
    assert [s.modality for s in segments] == [Modality.TEXT, Modality.AUDIO, Modality.TEXT]
    codes = tiny_engine.model.audio.encode(torch.from_numpy(NOISE)[None])
    assert torch.equal(segments[1].tokens, codes)


def test_an_answer_is_likelier_after_one_sound_than_after_another(tiny_engine: Engine) -> None:
    times = np.arange(len(NOISE))
    tones = [np.sin(pitch * times).astype(np.float32) for pitch in (0.02, 0.17, 0.5, 1.1)]
    requests = [about(Part(audio=sound)) for sound in (NOISE, NOISE, *tones)]
    tokens = tiny_engine.generate_batch(requests[:1])[0][0].tokens
    first, again, *others = (
        tiny_engine.inspector.bits_per_code(r, tokens, Modality.TEXT) for r in requests
    )
    assert first == again
    assert set(others) != {first}


def test_speech_alone_is_written_down_and_then_answered_as_if_it_were_written(
    tiny_engine: Engine,
) -> None:
    spoken = Request(Conversation.ask("", audio=NOISE), sampling=Sampling(steps=2, seed=3))
    events = events_of_run(tiny_engine, spoken)
    words, answer, *_ = answers_of(events)
    assert [a.heard for a in answers_of(events)][:2] == [True, False]
    assert [e.heard for e in events if isinstance(e, SegmentStarted)][:2] == [1, 0]
    written = replace(spoken, conversation=Conversation.write_down(NOISE), to=Modality.TEXT)
    assert answers_of(events_of_run(tiny_engine, written))[0].text == words.text
    (batch,) = tiny_engine.generate_batch([spoken])
    assert [(a.heard, a.text) for a in batch][:2] == [(True, words.text), (False, answer.text)]


def test_a_long_recording_is_written_down_in_a_batch_as_alone(tiny_engine: Engine) -> None:
    """Beside a short one that is answered."""
    long = np.random.default_rng(1).normal(0, 0.06, 20_000).astype(np.float32)
    requests = [
        Request(Conversation.ask("", audio=sound), sampling=Sampling(steps=2, seed=3))
        for sound in (long, NOISE)
    ]
    for request, answers in zip(requests, tiny_engine.generate_batch(requests), strict=True):
        alone = answers_of(events_of_run(tiny_engine, request))
        assert [(a.heard, a.modality, a.text) for a in answers] == [
            (a.heard, a.modality, a.text) for a in alone
        ]
    assert all(a.heard for a in tiny_engine.generate_batch(requests)[0])


def test_the_longest_sound_is_heard_and_a_longer_one_refused(tiny_engine: Engine) -> None:
    most = round(tiny_engine.max_audio_s * 16_000)
    assert most == LONGEST * 640
    segments = tiny_engine.builder.prompt_of(
        about(Part(audio=np.resize(NOISE, most))), Modality.TEXT
    )
    assert segments[1].length == LONGEST
    longer = about(Part(audio=np.resize(NOISE, 2 * most)))
    with pytest.raises(ValueError, match=r"has 1\.0 s, the model hears 0\.48 s at once: cut it"):
        events_of_run(tiny_engine, longer)


def test_earlier_speech_is_remembered_as_its_words_and_other_sounds_are_not() -> None:
    picture = Part(image=np.zeros((4, 4, 3), np.uint8))
    said, sound = Part(text="what is this?", audio=NOISE), Part(audio=NOISE)
    answered = Turn("assistant", (Part(text="a dog"),))
    turns = (Turn("user", (sound, picture, said)), answered, Turn("user", (sound,)))
    first, _, last = kept_turns(Conversation(turns))
    assert first.parts == (picture, said)
    assert last.parts == (sound,)


@pytest.fixture(scope="module")
def deaf_engine(tiny_tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("deaf")
    torch.manual_seed(0)
    model = OmniModel(replace(CONFIG, audio=None), tiny_tokenizer.space())
    save_checkpoint(folder, model, tiny_tokenizer, {"name": "deaf", "concepts": []})
    return Engine.load(folder, "cpu")


def test_a_deaf_checkpoint_does_not_hear_and_says_so(deaf_engine: Engine) -> None:
    assert deaf_engine.max_audio_s == 0
    with pytest.raises(ValueError, match="does not hear: write what you want to say"):
        events_of_run(deaf_engine, about(Part(audio=NOISE)))


@pytest.mark.parametrize("aloud", [False, True])
def test_a_deaf_checkpoint_does_not_speak_and_says_so(deaf_engine: Engine, aloud: bool) -> None:
    sentence = "cannot answer with audio: it does text, image"
    with pytest.raises(ValueError, match=sentence):
        events_of_run(deaf_engine, request_of(aloud=aloud))
    with pytest.raises(ValueError, match=sentence):
        deaf_engine.generate_batch([request_of(aloud=aloud)])


def test_a_deaf_checkpoint_still_reads_writes_and_draws(deaf_engine: Engine) -> None:
    known = about(Part(text="draw a dog", audio=NOISE))
    for to in (Modality.TEXT, Modality.IMAGE):
        (answer,) = answers_of(
            events_of_run(deaf_engine, replace(known, to=to, sampling=Sampling(steps=2)))
        )
        assert answer.modality is to
    assert str(Modality.AUDIO) not in deaf_engine.info()["modalities"]


def test_a_trace_keeps_what_was_heard_and_how_it_was_asked(
    tiny_engine: Engine,
) -> None:
    parts = (Part(audio=NOISE), Part(text="what is this?", audio=NOISE[:99]), Part(text="say it"))
    request = replace(about(*parts), sampling=Sampling(steps=2), aloud=True)
    events = events_of_run(tiny_engine, request)
    read = traced(events, tiny_engine)
    (turn,) = read.request.conversation.turns
    assert [p.text for p in turn.parts] == [p.text for p in parts]
    for part, asked in zip(turn.parts, parts, strict=True):
        assert (part.audio is None) == (asked.audio is None)
        if part.audio is not None and asked.audio is not None:
            assert np.array_equal(part.audio, asked.audio)
    assert replace(read.request, conversation=request.conversation) == request
    for answer, again in zip(
        answers_of(events), answers_of(events_of_run(tiny_engine, read.request)), strict=True
    ):
        assert np.array_equal(answer.tokens, again.tokens)


def test_a_branch_of_a_spoken_question_begins_in_its_answer(
    tiny_engine: Engine,
) -> None:
    """What was heard is the user's, and it is not refined from a state of the answer."""
    spoken = Request(Conversation.ask("", audio=NOISE), sampling=Sampling(steps=3, seed=3))
    trace = traced(events_of_run(tiny_engine, spoken), tiny_engine)
    start = start_of(trace, 1, 0)
    assert start.said == ()
    events = events_of_run(tiny_engine, replace(trace.request, start=start))
    steps = {e.heard > 0: e.num_steps for e in events if isinstance(e, SegmentStarted)}
    assert steps[False] == 2
    assert steps.get(True, 3) == 3
