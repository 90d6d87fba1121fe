"""A pin says where a picture opens: the words stay the same, and nothing else decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.api.conversation import Conversation
from engine.api.events import Answer, Completed, SegmentStarted
from engine.api.insertion import MAX_WORDS, MediaInsertion
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace_file import read_trace
from engine.prompt.answer_plan import first_modality, next_modality
from model.tokenizers.text import BEGIN_IMAGE

ASKED = Request(Conversation.ask("draw a dog"), sampling=Sampling(steps=2, seed=3))
NOTHING = np.zeros((1, 1), np.int64)


def _answers(engine: Engine, pin: MediaInsertion | None, **more: bool) -> tuple[Answer, ...]:
    *_, done = engine.generate(replace(ASKED, pin=pin, **more))
    assert isinstance(done, Completed)
    return done.answers


@pytest.mark.parametrize("place", [0, 1, None])
def test_the_words_are_the_same_wherever_the_picture_opens(
    tiny_engine: Engine, place: int | None
) -> None:
    plain = _answers(tiny_engine, None)[0]
    found = _answers(tiny_engine, MediaInsertion(words=place))
    order = [Modality.IMAGE, Modality.TEXT] if place == 0 else [Modality.TEXT, Modality.IMAGE]
    assert [a.modality for a in found] == order
    (words,) = (a for a in found if a.modality is Modality.TEXT)
    assert np.array_equal(words.tokens, plain.tokens)


def test_a_pinned_answer_is_made_again_by_its_seed_and_in_batches(tiny_engine: Engine) -> None:
    pins = (MediaInsertion(words=0), MediaInsertion(words=1), MediaInsertion())
    batch = tiny_engine.generate_batch([replace(ASKED, pin=pin) for pin in pins])
    for pin, together in zip(pins, batch, strict=True):
        for first, again, other in zip(
            _answers(tiny_engine, pin), _answers(tiny_engine, pin), together, strict=True
        ):
            assert np.array_equal(first.tokens, again.tokens)
            assert np.array_equal(first.tokens, other.tokens)


def test_each_piece_begins_to_form_in_its_turn(tiny_engine: Engine) -> None:
    events = tiny_engine.generate(replace(ASKED, pin=MediaInsertion(words=0)))
    started = [event for event in events if isinstance(event, SegmentStarted)]
    assert [(s.segment, s.modality) for s in started] == [(0, Modality.IMAGE), (1, Modality.TEXT)]


def test_the_picture_follows_from_the_words_before_it(tiny_engine: Engine) -> None:
    said = Answer(Modality.TEXT, NOTHING, text="here is a dog")
    for place, words in ((2, "here is"), (9, "here is a dog"), (None, "here is a dog")):
        request = replace(ASKED, pin=MediaInsertion(words=place))
        wish = tiny_engine.builder.spec(request, [], [said], Modality.IMAGE)
        assert wish.spans[-1].tokens[-1, 0] == BEGIN_IMAGE
        encoded = tiny_engine.tokenizer.encode(words)
        assert wish.spans[-1].tokens[-1 - len(encoded) : -1, 0].tolist() == encoded


def test_words_are_spoken_too(tiny_engine: Engine) -> None:
    words, sound, picture = (
        Answer(kind, NOTHING, text="a dog" if kind is Modality.TEXT else None)
        for kind in (Modality.TEXT, Modality.AUDIO, Modality.IMAGE)
    )
    for place, order in ((0, (picture, words, sound)), (2, (words, sound, picture))):
        request = replace(ASKED, pin=MediaInsertion(words=place), aloud=True)
        assert first_modality(request) is order[0].modality
        follows = [next_modality(request, order[:n], tuple(Modality)) for n in (1, 2, 3)]
        assert follows == [order[1].modality, order[2].modality, None]


def test_what_a_checkpoint_cannot_make_is_refused_before_anything_is_made(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(tiny_engine.planner.flows, Modality.VIDEO, raising=False)
    events = tiny_engine.generate(replace(ASKED, pin=MediaInsertion(Modality.VIDEO)))
    with pytest.raises(ValueError, match="cannot answer with video"):
        next(events)


@pytest.mark.parametrize("words", [-1, MAX_WORDS + 1])
def test_a_place_that_is_none_is_refused(words: int) -> None:
    with pytest.raises(ValueError, match=f"0 to {MAX_WORDS} words of the answer, not {words}"):
        MediaInsertion(words=words)


def test_a_pin_is_for_what_is_seen_in_an_answer_of_several_pieces() -> None:
    with pytest.raises(ValueError, match="a picture or a film, not audio"):
        MediaInsertion(Modality.AUDIO)
    with pytest.raises(ValueError, match="leave its kind open"):
        replace(ASKED, to=Modality.IMAGE, pin=MediaInsertion())


def test_words_are_split_at_the_pin() -> None:
    text = "here is a dog"
    assert MediaInsertion(words=2).split(text) == ("here is", "a dog")
    assert MediaInsertion(words=0).split(text) == ("", text)
    assert MediaInsertion(words=9).split(text) == MediaInsertion().split(text) == (text, "")


def test_the_command_line_opens_a_picture_among_the_words(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--steps", "2",
           "--prompt", "draw a dog", "--picture-after"]  # fmt: skip
    out, trace = tmp_path / "x.png", tmp_path / "x.npz"
    assert main([*ask, "2", "--out", str(out), "--trace", str(trace)]) == 0
    assert out.read_bytes()[1:4] == b"PNG"
    assert read_trace(trace).request.pin == MediaInsertion(words=2)
    for more, says in (
        (["2"], "say where the picture goes"),
        (["-1", "--out", str(out)], "not -1"),
        (["2", "--to", "text", "--out", str(out)], "leave its kind open"),
    ):
        assert main([*ask, *more]) == 2
        assert says in capsys.readouterr().err
