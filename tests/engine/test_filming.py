"""Films: all frames form together, what was seen is the answer, and one can be shown to the
model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.__main__ import main
from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer, Completed, Event, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.branch import Edit, start_of
from engine.inspection.trace import events_of
from engine.inspection.trace_file import read_trace, trace_bytes
from engine.media.codec import Codec
from engine.media.film_limits import FRAMES
from engine.media.images import mp4_bytes
from engine.media.video import read_film
from engine.prompt.conversation import kept_turns
from flow.modality import Modality
from model.loading.checkpoint import save_checkpoint
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import BEGIN_VIDEO, EOS, PAD, TextTokenizer

CONFIG = PRESETS["tiny"]
SIDE = CONFIG.vision.image_px
LENGTH = FRAMES * CONFIG.vision.positions
CLIP = np.random.default_rng(0).integers(0, 255, (FRAMES, 40, 50, 3)).astype(np.uint8)


def _request(text: str = "a cat moving up", **more: object) -> Request:
    asked = Conversation.ask(text, video=CLIP) if more.pop("shown", False) else None
    request = Request(asked or Conversation.ask(text), Modality.VIDEO, Sampling(steps=3))
    return replace(request, **more)


def _answers(events: list[Event]) -> tuple[Answer, ...]:
    assert isinstance(events[-1], Completed)
    return events[-1].answers


@pytest.fixture(scope="module")
def blind_engine(tiny_tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("blind")
    torch.manual_seed(0)
    config = replace(CONFIG, video_frames=0)
    model = OmniModel(config, tiny_tokenizer.space(config.media))
    save_checkpoint(folder, model, tiny_tokenizer, {"name": "blind", "concepts": []})
    return Engine.load(folder, "cpu")


def test_all_frames_form_together_and_what_was_seen_is_the_answer(tiny_engine: Engine) -> None:
    events = list(tiny_engine.generate(_request(), preview_hz=1e9))
    first, *steps, _ = events
    assert isinstance(first, SegmentStarted)
    assert first.modality is Modality.VIDEO
    refined = [e for e in steps if isinstance(e, Refined)]
    assert len(refined) == len(steps) == 3
    for event in refined:
        assert event.tokens_t.shape == (LENGTH, CONFIG.vision.num_codebooks)
        if event.image_1 is not None:
            assert event.image_1.shape == (FRAMES, SIDE, SIDE, 3)
    (answer,) = _answers(events)
    assert answer.video is not None
    assert np.array_equal(answer.video, refined[-1].image_1)
    assert answer.image is None
    (batch,) = tiny_engine.generate_batch([_request()])
    assert np.array_equal(batch[0].tokens, answer.tokens)
    assert batch[0].video is not None
    assert int(np.abs(batch[0].video.astype(int) - answer.video).max()) <= 1


def test_a_frame_is_decoded_as_the_picture_of_its_codes(tiny_engine: Engine) -> None:
    (answer,) = _answers(list(tiny_engine.generate(_request())))
    assert answer.video is not None
    for frame, codes in zip(answer.video, np.split(answer.tokens, FRAMES), strict=True):
        alone = tiny_engine.codec.answer(codes, Modality.IMAGE).image
        assert alone is not None
        assert int(np.abs(alone.astype(int) - frame).max()) <= 1


def test_the_frames_have_places_of_their_own(tiny_engine: Engine) -> None:
    """The same codes in every frame do not look the same to the model."""
    codes = torch.zeros(1, LENGTH, CONFIG.vision.num_codebooks, dtype=torch.long)
    segment = tiny_engine.builder.prompt_of(_request("x", shown=True), Modality.TEXT)[1]
    assert segment.modality is Modality.VIDEO
    same = replace(segment, tokens=codes)
    model = tiny_engine.model
    x = model.embeddings._segment(same, model.codebooks(), causal=False)
    frames = x.view(FRAMES, -1, x.shape[-1])
    assert all(not torch.equal(frames[0], frame) for frame in frames[1:])


def test_a_film_that_is_shown_is_read_frame_by_frame(tiny_engine: Engine) -> None:
    segments = tiny_engine.builder.prompt_of(_request("what moves?", shown=True), Modality.TEXT)
    assert [s.modality for s in segments] == [Modality.TEXT, Modality.VIDEO, Modality.TEXT]
    codes = segments[1].tokens[0].unflatten(0, (FRAMES, -1))
    for frame, found in zip(CLIP, codes, strict=True):
        assert torch.equal(tiny_engine.encode(Part(image=frame)).tokens, found)


def test_a_film_of_another_length_is_refused(tiny_engine: Engine) -> None:
    shown = Conversation.ask("what moves?", video=CLIP[:3])
    with pytest.raises(ValueError, match="the film has 3 frames, the model sees 8"):
        list(tiny_engine.generate(Request(shown)))


def test_a_checkpoint_without_films_says_so(blind_engine: Engine) -> None:
    with pytest.raises(ValueError, match="cannot answer with video: it does text, image, audio"):
        list(blind_engine.generate(_request()))
    with pytest.raises(ValueError, match="does not watch films: show it a picture"):
        list(blind_engine.generate(Request(Conversation.ask("what moves?", video=CLIP))))
    assert BEGIN_VIDEO in blind_engine.model.spaces[Modality.TEXT].forbidden
    (drawn,) = blind_engine.generate_batch([_request(to=Modality.IMAGE)])
    assert drawn[0].image is not None


def test_a_checkpoint_that_makes_no_films_watches_them(
    tiny_tokenizer: TextTokenizer, tmp_path: Path
) -> None:
    config = replace(CONFIG, generates_video=False)
    model = OmniModel(config, tiny_tokenizer.space(config.media))
    save_checkpoint(tmp_path, model, tiny_tokenizer, {"name": "watcher", "concepts": []})
    watcher = Engine.load(tmp_path, "cpu")
    with pytest.raises(
        ValueError, match="cannot answer with video: it was trained to watch films only"
    ):
        list(watcher.generate(_request()))
    assert BEGIN_VIDEO in watcher.model.spaces[Modality.TEXT].forbidden
    asked = Conversation.ask("what moves?", video=CLIP)
    (told,) = _answers(list(watcher.generate(Request(asked, Modality.TEXT))))
    assert told.text is not None
    assert watcher.embed([(Part(video=CLIP),)]).shape == (1, CONFIG.backbone.width)


def test_words_may_open_a_film(tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [*tiny_engine.tokenizer.encode("here"), BEGIN_VIDEO, EOS]
    padded = np.array([*said, *[PAD] * (CONFIG.text_block - len(said))])[:, None]
    plain = tiny_engine.codec.answer

    def answered(tokens: np.ndarray, modality: Modality, image: np.ndarray | None = None) -> Answer:
        return plain(padded if modality is Modality.TEXT else tokens, modality, image)

    monkeypatch.setattr(Codec, "answer", staticmethod(answered))
    found = _answers(list(tiny_engine.generate(_request(to=None))))
    assert [a.modality for a in found] == [Modality.TEXT, Modality.VIDEO]


def test_what_was_seen_last_is_kept_a_film_or_a_picture() -> None:
    film, picture = Part(video=CLIP), Part(image=CLIP[0])
    question, answer = Part(text="what is it?"), Turn("assistant", (Part(text="a cat"),))
    for first, last in ((film, picture), (picture, film)):
        turns = (Turn("user", (first, question)), answer, Turn("user", (last, question)))
        kept = kept_turns(Conversation(turns))
        assert [p for turn in kept for p in turn.parts if p.is_seen] == [last]


def test_a_trace_of_a_film_is_read_back_and_gone_on_from(
    tiny_engine: Engine,
) -> None:
    recorder = tiny_engine.recorder()
    events = list(tiny_engine.generate(_request("more", shown=True)))
    for event in events:
        recorder.see(event)
    read = read_trace(trace_bytes(recorder.trace()))
    (turn,) = read.request.conversation.turns
    assert turn.parts[0].video is not None
    assert np.array_equal(turn.parts[0].video, CLIP)
    *_, completed = events_of(read)
    assert isinstance(completed, Completed)
    assert np.array_equal(completed.answers[0].tokens, _answers(events)[0].tokens)
    arrays = read.segments[0].arrays
    held = Edit(9, tuple(int(i) for i in arrays["x_1"][1, 9]), held=True)
    again = replace(read.request, start=start_of(read, 0, 1, [held]))
    (answer,) = _answers(list(tiny_engine.generate(again)))
    assert answer.video is not None and answer.video.shape == (FRAMES, SIDE, SIDE, 3)
    assert np.array_equal(answer.tokens[9], held.codes)


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_film_is_made_and_shown_on_the_command_line(
    tiny_checkpoint: Path, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"film.{ending}"
    common = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--steps", "2"]
    asked = [*common, "--prompt", "a cat moving up", "--to", "video"]
    assert main(asked) == 2
    assert "say where the film goes: --out film.mp4" in capsys.readouterr().err
    assert main([*asked, "--out", str(out)]) == 0
    assert read_film(out).shape == (FRAMES, SIDE, SIDE, 3)
    shown = ["--video", str(out), "--prompt", "what moves?", "--to", "text"]
    assert main([*common, *shown]) == 0
    (tmp_path / "clip.mp4").write_bytes(mp4_bytes(CLIP, 4, ""))
    assert main([*common, *shown[2:], "--video", str(tmp_path / "no.mp4")]) == 2
