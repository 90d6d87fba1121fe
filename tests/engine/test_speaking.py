"""Hearing and speaking: a sound comes block by block, what was heard is the answer, and what was
said enters as words where they are known."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, groupby

import numpy as np
import pytest
import torch

from engine.codec import Codec
from engine.conversation import kept_turns
from engine.engine import Engine
from engine.events import Answer, Completed, Event, Refined, Sounded, Started
from engine.going_on import start_of
from engine.request import Conversation, Part, Request, SamplerKind, Sampling, Turn
from engine.trace import Trace, events_of
from engine.trace_file import read_trace, trace_bytes
from flow.modality import Modality
from model.checkpoint import save_checkpoint
from model.omni import OmniModel
from model.presets import PRESETS
from model.text import BEGIN_AUDIO, BEGIN_IMAGE, EOS, PAD, TextTokenizer

CONFIG = PRESETS["tiny"]
LONGEST = CONFIG.audio_length
NOISE = np.random.default_rng(0).normal(0, 0.06, 7000).astype(np.float32)
SEEDS = 24


def _request(seed: int = 0, *, aloud: bool = False, **settings: str) -> Request:
    to = Modality.TEXT if aloud else Modality.AUDIO
    sampling = replace(Sampling(steps=2, seed=seed), **settings)
    return Request(Conversation.ask("say hello"), to, sampling, aloud=aloud)


def _events(engine: Engine, request: Request, **options: float) -> list[Event]:
    return list(engine.generate(request, preview_hz=options.get("preview_hz", 0)))


def _answers(events: list[Event]) -> tuple[Answer, ...]:
    assert isinstance(events[-1], Completed)
    return events[-1].answers


@pytest.fixture(scope="module")
def runs(tiny_engine: Engine) -> list[list[Event]]:
    """Sounds of many lengths."""
    return [_events(tiny_engine, _request(seed), preview_hz=1e9) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def deaf_engine(tiny_tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("deaf")
    torch.manual_seed(0)
    model = OmniModel(replace(CONFIG, audio=None), tiny_tokenizer.space())
    save_checkpoint(folder, model, tiny_tokenizer, {"name": "deaf", "concepts": []})
    return Engine.load(folder, "cpu")


def _with_length(runs: list[list[Event]], low: int, high: int) -> list[Event]:
    """The first run whose sound has so many positions."""
    return next(r for r in runs if low <= len(_answers(r)[0].tokens) <= high)


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
            assert isinstance(first, Started)
            assert first.modality is Modality.AUDIO
            refined = [e for e in steps if isinstance(e, Refined)]
            assert len(refined) == len(steps) == first.num_steps
            assert [e.last for e in refined] == [False] * (len(steps) - 1) + [True]
            assert isinstance(sounded, Sounded)
            assert sounded.last == (number == len(blocks) - 1)
        assert [e.elapsed_s for e in events] == sorted(e.elapsed_s for e in events)


def test_what_was_heard_is_the_answer(runs: list[list[Event]], tiny_engine: Engine) -> None:
    """Piece by piece, whole, and decoded from its codes."""
    for events in runs:
        (answer,) = _answers(events)
        assert answer.audio is not None
        assert answer.audio.dtype == np.float32
        pieces = [e.samples for e in events if isinstance(e, Sounded)]
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
        (answer,) = _answers(events)
        steps = [e for e in events if isinstance(e, Refined) and e.last]
        written = np.concatenate([e.tokens_t for e in steps])
        assert len(answer.tokens) <= len(written) <= LONGEST
        assert np.array_equal(answer.tokens, written[: len(answer.tokens)])
        assert int(answer.tokens.max(initial=0)) < end
        if len(answer.tokens) < len(written):
            assert end in written[len(answer.tokens)]
        else:
            assert len(written) == LONGEST
    lengths = {len(_answers(events)[0].tokens) for events in runs}
    assert min(lengths) < CONFIG.audio_block < LONGEST == max(lengths)


def test_a_block_is_previewed_at_its_last_step_at_the_least(
    tiny_engine: Engine, runs: list[list[Event]]
) -> None:
    seldom = _events(tiny_engine, _request())
    for events, often in ((runs[0], True), (seldom, False)):
        refined = [e for e in events if isinstance(e, Refined)]
        assert [e.sound_1 is not None for e in refined] == [often or e.last for e in refined]
        for event in refined:
            assert event.sound_1 is None or event.sound_1.shape == (640 * CONFIG.audio_block,)
    assert np.array_equal(_answers(runs[0])[0].tokens, _answers(seldom)[0].tokens)


def test_the_end_of_a_last_preview_is_the_end_of_the_sound(
    tiny_engine: Engine, runs: list[list[Event]]
) -> None:
    """The last block of a longest sound, with the blocks before it around, is previewed as it is
    heard; behind an end there is silence."""
    whole = _answers(run := _with_length(runs, LONGEST, LONGEST))[0].audio
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


@pytest.mark.parametrize("sampler", list(SamplerKind))
def test_the_same_request_gives_the_same_sound(tiny_engine: Engine, sampler: str) -> None:
    first, second, other = (
        _answers(_events(tiny_engine, _request(seed, sampler=sampler)))[0] for seed in (1, 1, 5)
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
        request = replace(_request(), sampling=Sampling(steps=24, seed=seed))
        events = _events(tiny_engine, request)
        first = [e.tokens_t for e in events if isinstance(e, Refined) and e.index == 0]
        alike += [float((one == other).mean()) for one, other in combinations(first, 2)]
    assert len(alike) > 2
    assert np.mean(alike) < 0.3


def test_an_answer_in_words_is_spoken_when_asked_for(tiny_engine: Engine) -> None:
    events = _events(tiny_engine, _request(aloud=True))
    silent = _answers(_events(tiny_engine, replace(_request(aloud=True), aloud=False)))
    words, sound = _answers(events)
    assert words.text
    assert [(a.modality, a.text) for a in silent] == [(Modality.TEXT, words.text)]
    assert sound.modality is Modality.AUDIO
    assert np.array_equal(silent[0].tokens, words.tokens)
    started = [e.segment for e in events if isinstance(e, Started)]
    assert started == list(range(len(started)))
    pieces = [e.samples for e in events if isinstance(e, Sounded)]
    assert sound.audio is not None
    assert np.array_equal(np.concatenate(pieces), sound.audio)


def test_a_batch_sounds_as_its_requests_do_alone(tiny_engine: Engine) -> None:
    """Whether they are short or long, spoken or asked for."""
    requests = [_request(seed, aloud=aloud) for aloud in (False, True) for seed in range(6)]
    requests[1] = replace(requests[1], conversation=Conversation.ask("the sound of a dog", None))
    together = tiny_engine.generate_batch(requests)
    assert len({len(answers[-1].tokens) for answers in together}) > 2
    for request, answers in zip(requests, together, strict=True):
        alone = _answers(_events(tiny_engine, request))
        assert [a.modality for a in alone] == [a.modality for a in answers]
        for one, other in zip(alone, answers, strict=True):
            assert np.array_equal(one.tokens, other.tokens)
            assert one.text == other.text
            assert (one.audio is None) == (other.audio is None)
            if one.audio is not None:
                assert other.audio == pytest.approx(one.audio, abs=1e-4)


def _asked(*parts: Part) -> Request:
    return Request(Conversation((Turn("user", parts),)), Modality.TEXT)


def test_speech_whose_words_are_known_is_read_and_not_heard_again(tiny_engine: Engine) -> None:
    spoken = tiny_engine.prompt(_asked(Part(text="draw a dog", audio=NOISE)), Modality.IMAGE)
    typed = tiny_engine.prompt(_asked(Part(text="draw a dog")), Modality.IMAGE)
    for one, other in zip(spoken, typed, strict=True):
        assert torch.equal(one.tokens, other.tokens)


@pytest.mark.parametrize(
    "conversation", [Conversation.ask("", audio=NOISE), Conversation.write_down(NOISE)]
)
def test_a_sound_enters_as_its_codes(tiny_engine: Engine, conversation: Conversation) -> None:
    segments = tiny_engine.prompt(Request(conversation), Modality.TEXT)
    assert [s.modality for s in segments] == [Modality.TEXT, Modality.AUDIO, Modality.TEXT]
    codes = tiny_engine.model.audio.encode(torch.from_numpy(NOISE)[None])
    assert torch.equal(segments[1].tokens, codes)


def test_an_answer_is_likelier_after_one_sound_than_after_another(tiny_engine: Engine) -> None:
    times = np.arange(len(NOISE))
    tones = [np.sin(pitch * times).astype(np.float32) for pitch in (0.02, 0.17, 0.5, 1.1)]
    requests = [_asked(Part(audio=sound)) for sound in (NOISE, NOISE, *tones)]
    tokens = tiny_engine.generate_batch(requests[:1])[0][0].tokens
    first, again, *others = (tiny_engine.surprise(r, tokens, Modality.TEXT) for r in requests)
    assert first == again
    assert set(others) != {first}


def test_speech_alone_is_written_down_and_then_answered_as_if_it_were_written(
    tiny_engine: Engine,
) -> None:
    spoken = Request(Conversation.ask("", audio=NOISE), sampling=Sampling(steps=2, seed=3))
    events = _events(tiny_engine, spoken)
    words, answer, *_ = _answers(events)
    assert [a.heard for a in _answers(events)][:2] == [True, False]
    assert [e.heard for e in events if isinstance(e, Started)][:2] == [1, 0]
    written = replace(spoken, conversation=Conversation.write_down(NOISE), to=Modality.TEXT)
    assert _answers(_events(tiny_engine, written))[0].text == words.text
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
        alone = _answers(_events(tiny_engine, request))
        assert [(a.heard, a.modality, a.text) for a in answers] == [
            (a.heard, a.modality, a.text) for a in alone
        ]
    assert all(a.heard for a in tiny_engine.generate_batch(requests)[0])


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
    assert [a.modality.value for a in _answers(_events(tiny_engine, request))] == wanted
    (batch,) = tiny_engine.generate_batch([request])
    assert [a.modality.value for a in batch] == wanted


def test_the_longest_sound_is_heard_and_a_longer_one_refused(tiny_engine: Engine) -> None:
    most = round(tiny_engine.hears_s * 16_000)
    assert most == LONGEST * 640
    segments = tiny_engine.prompt(_asked(Part(audio=np.resize(NOISE, most))), Modality.TEXT)
    assert segments[1].length == LONGEST
    longer = _asked(Part(audio=np.resize(NOISE, 2 * most)))
    with pytest.raises(ValueError, match=r"has 1\.0 s, the model hears 0\.48 s at once: cut it"):
        _events(tiny_engine, longer)


def test_earlier_speech_is_remembered_as_its_words_and_other_sounds_are_not() -> None:
    picture = Part(image=np.zeros((4, 4, 3), np.uint8))
    said, sound = Part(text="what is this?", audio=NOISE), Part(audio=NOISE)
    answered = Turn("assistant", (Part(text="a dog"),))
    turns = (Turn("user", (sound, picture, said)), answered, Turn("user", (sound,)))
    first, _, last = kept_turns(Conversation(turns))
    assert first.parts == (picture, said)
    assert last.parts == (sound,)


def test_a_deaf_checkpoint_does_not_hear_and_says_so(deaf_engine: Engine) -> None:
    assert deaf_engine.hears_s == 0
    with pytest.raises(ValueError, match="does not hear: write what you want to say"):
        _events(deaf_engine, _asked(Part(audio=NOISE)))


@pytest.mark.parametrize("aloud", [False, True])
def test_a_deaf_checkpoint_does_not_speak_and_says_so(deaf_engine: Engine, aloud: bool) -> None:
    sentence = "cannot answer with audio: it does text, image"
    with pytest.raises(ValueError, match=sentence):
        _events(deaf_engine, _request(aloud=aloud))
    with pytest.raises(ValueError, match=sentence):
        deaf_engine.generate_batch([_request(aloud=aloud)])


def test_a_deaf_checkpoint_still_reads_writes_and_draws(deaf_engine: Engine) -> None:
    known = _asked(Part(text="draw a dog", audio=NOISE))
    for to in (Modality.TEXT, Modality.IMAGE):
        (answer,) = _answers(
            _events(deaf_engine, replace(known, to=to, sampling=Sampling(steps=2)))
        )
        assert answer.modality is to
    assert str(Modality.AUDIO) not in deaf_engine.info()["modalities"]


def _traced(events: list[Event], engine: Engine) -> Trace:
    """What is read of the run's file."""
    recorder = engine.recorder()
    for event in events:
        recorder.see(event)
    return read_trace(trace_bytes(recorder.trace()))


def test_a_trace_keeps_what_was_heard_and_how_it_was_asked(
    tiny_engine: Engine,
) -> None:
    parts = (Part(audio=NOISE), Part(text="what is this?", audio=NOISE[:99]), Part(text="say it"))
    request = replace(_asked(*parts), sampling=Sampling(steps=2), aloud=True)
    events = _events(tiny_engine, request)
    read = _traced(events, tiny_engine)
    (turn,) = read.request.conversation.turns
    assert [p.text for p in turn.parts] == [p.text for p in parts]
    for part, asked in zip(turn.parts, parts, strict=True):
        assert (part.audio is None) == (asked.audio is None)
        if part.audio is not None and asked.audio is not None:
            assert np.array_equal(part.audio, asked.audio)
    assert replace(read.request, conversation=request.conversation) == request
    for answer, again in zip(
        _answers(events), _answers(_events(tiny_engine, read.request)), strict=True
    ):
        assert np.array_equal(answer.tokens, again.tokens)


def test_a_branch_of_a_spoken_question_begins_in_its_answer(
    tiny_engine: Engine,
) -> None:
    """What was heard is the user's, and it is not refined from a state of the answer."""
    spoken = Request(Conversation.ask("", audio=NOISE), sampling=Sampling(steps=3, seed=3))
    trace = _traced(_events(tiny_engine, spoken), tiny_engine)
    start = start_of(trace, 1, 0)
    assert start.said == ()
    events = _events(tiny_engine, replace(trace.request, start=start))
    steps = {e.heard > 0: e.num_steps for e in events if isinstance(e, Started)}
    assert steps[False] == 2
    assert steps.get(True, 3) == 3


@pytest.mark.parametrize(("low", "high"), [(LONGEST, LONGEST), (1, LONGEST - 1)])
def test_a_trace_has_the_answer_whether_or_not_it_ended_early(
    tiny_engine: Engine, runs: list[list[Event]], low: int, high: int
) -> None:
    events = _with_length(runs, low, high)
    read = _traced(events, tiny_engine)
    blocks = list(_blocks(events))
    assert [s.modality for s in read.segments] == [Modality.AUDIO] * len(blocks)
    (kept,) = _answers(list(events_of(read)))
    assert np.array_equal(kept.tokens, _answers(events)[0].tokens)
