"""Dynin-Omni watches films: prompts and frames are those of the published layout, and it makes
none."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.media.codec import Codec
from engine.media.images import fitted
from engine.media.video import sampled
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, prompt, response
from model.convert.__main__ import main
from model.loading.checkpoint import load_checkpoint
from model.loading.config_file import config_from_json
from model.tokenizers.image import pixels_from_uint8
from model.tokenizers.text import BEGIN_VIDEO, END_VIDEO, NUM_MARKERS
from tests.model import coded_models as published
from tests.model.coded_pair import ASSISTANT, PICTURE, USER, WORDS, Pair
from tests.model.masked_models import BYTES_AND_MERGES, logits

SIDE, FRAMES, PLACES = 224, 5, 196
FILM = np.random.default_rng(5).integers(0, 255, (8, 30, 40, 3), np.uint8)


@pytest.fixture
def pair(seeing_pair: Callable[[str], Pair]) -> Pair:
    return seeing_pair("dynin")


def _theirs(pair: Pair, segments: Sequence[Segment]) -> list[int]:
    """Ids of the source that the segments of one row hold."""
    words = {pair.exchange.place(i): i for i in range(WORDS)}
    found: list[int] = []
    for segment in segments:
        ids = segment.tokens[0, :, 0].tolist()
        coded = segment.modality is not Modality.TEXT
        found += [i + WORDS for i in ids] if coded else [words[i] for i in ids]
    return found


def _asked(pair: Pair, conversation: Conversation) -> list[int]:
    found = pair.engine.builder.prompt_of(Request(conversation, Modality.TEXT), Modality.TEXT)
    return _theirs(pair, found)


def _codes(pair: Pair, frames: np.ndarray) -> list[int]:
    """Rows of the source of each frame as a picture of 224 px by itself, one after the other."""
    eyes = pair.engine.model.vision
    squares = [torch.from_numpy(fitted(frame, SIDE))[None] for frame in frames]
    with torch.inference_mode():
        codes = [eyes.encode(pixels_from_uint8(square))[0, :, 0] for square in squares]
    return [k + WORDS for one in codes for k in one.tolist()]


def _watched(pair: Pair, frames: np.ndarray) -> list[int]:
    v2t, sov, eov = (pair.special(name) for name in ("v2t", "sov", "eov"))
    return [v2t, sov, *_codes(pair, frames), eov]


def test_words_about_a_film_are_asked_for_as_published(pair: Pair) -> None:
    """Five frames in one pair of markers, then the conversation; of earlier films and pictures
    nothing is left."""
    seen = sampled(FILM, FRAMES)
    watched = _watched(pair, seen)
    found = _asked(pair, Conversation.ask("What moves?", video=FILM))
    chat = pair.encoded(f"<|startoftext|>{USER}What moves?{pair.at_once}<|eot_id|>{ASSISTANT}")
    assert found == [*watched, *chat]
    assert len(found) == 3 + FRAMES * PLACES + len(chat)
    first = Conversation.ask("A dog?", image=PICTURE).turns
    answered = Turn("assistant", (Part(text="A dog."),))
    later = Conversation.ask("What moves?", video=FILM).turns
    found = _asked(pair, Conversation((*first, answered, *later)))
    before = f"<|startoftext|>{USER}A dog?<|eot_id|>{ASSISTANT}A dog.<|eot_id|>"
    chat = f"{before}{USER}What moves?{pair.at_once}<|eot_id|>{ASSISTANT}"
    assert found == [*watched, *pair.encoded(chat)]


def test_a_film_of_another_length_is_sampled_to_five(pair: Pair) -> None:
    """The middle of each fifth; a shorter one repeats its frames."""
    numbered = np.arange(100)[:, None, None, None]
    for num, seen in (
        (5, [0, 1, 2, 3, 4]),
        (8, [0, 2, 4, 5, 7]),
        (100, [10, 30, 50, 70, 90]),
        (1, [0] * 5),
        (2, [0, 0, 1, 1, 1]),
    ):
        assert sampled(numbered[:num], FRAMES)[:, 0, 0, 0].tolist() == seen
    for num in (3, 8):
        span = pair.engine.encode(Part(video=FILM[:num]))
        assert (span.modality, len(span.tokens)) == (Modality.VIDEO, FRAMES * PLACES)
        assert [k + WORDS for k in span.tokens[:, 0].tolist()] == _codes(
            pair, sampled(FILM[:num], FRAMES)
        )


def test_the_logits_are_the_source_s(pair: Pair) -> None:
    """The codes of a film are the rows of a picture's, and nothing is added to them."""
    generator = torch.Generator().manual_seed(1)
    shown = torch.randint(published.NUM_IMAGE, (2, 40), generator=generator)
    answer = torch.randint(BYTES_AND_MERGES, (2, 9), generator=generator)
    hidden = torch.rand(2, 9, generator=generator) < 0.5
    model = pair.engine.model
    no_word = model.spaces[Modality.TEXT].mask_id
    words = (answer + NUM_MARKERS).masked_fill(hidden, no_word)
    sequence = OmniSequence(
        (prompt(Modality.VIDEO, shown[..., None]), response(Modality.TEXT, words[..., None]))
    )
    with torch.inference_mode():
        told = model(sequence, 0.5)[1].logits(torch.empty(2, 0, 0))
    theirs = torch.cat([shown + WORDS, answer.masked_fill(hidden, pair.mask)], 1)
    wanted = logits(published.reference("dynin"), theirs)[:, 40:]
    allowed = [i for i in range(WORDS) if i not in (pair.mask, *pair.exchange.ids.values())]
    torch.testing.assert_close(
        told[..., pair.ours(allowed)], wanted[..., allowed], atol=1e-4, rtol=1e-4
    )


def test_it_answers_a_film_in_words_and_makes_none(pair: Pair) -> None:
    asked = Request(Conversation.ask("What moves?", video=FILM), None, Sampling(steps=4))
    *_, last = pair.engine.generate(asked)
    assert isinstance(last, Completed)
    assert [answer.modality for answer in last.answers] == [Modality.TEXT]
    other = replace(asked, conversation=Conversation.ask("What moves?", video=FILM[::-1]))
    ((one,), (two,)) = pair.engine.generate_batch([asked, other])
    assert np.array_equal(one.tokens, last.answers[0].tokens)
    assert not np.array_equal(one.tokens, two.tokens)
    with pytest.raises(ValueError, match="cannot answer with video: it was trained to watch"):
        list(pair.engine.generate(replace(asked, to=Modality.VIDEO)))
    with pytest.raises(ValueError, match="draws from words"):
        list(pair.engine.generate(replace(asked, to=Modality.IMAGE)))
    both = (Part(image=PICTURE), Part(video=FILM), Part(text="What moves?"))
    with pytest.raises(ValueError, match="leave the others out of the message"):
        list(pair.engine.generate(replace(asked, conversation=Conversation((Turn("user", both),)))))


def test_its_config_says_what_it_watches(pair: Pair) -> None:
    """And one that was converted before watches none, until it is converted again."""
    config = pair.engine.model.config
    tasks, rows = config.dialogue.tasks, config.code_rows
    assert tasks is not None and rows is not None
    assert (config.video_frames, config.frame_px, config.generates_video) == (FRAMES, SIDE, False)
    assert Modality.VIDEO not in config.media
    assert tasks.watches == "<|reserved_token_16|>"
    assert pair.exchange.ids[BEGIN_VIDEO] == pair.special("sov")
    assert pair.exchange.ids[END_VIDEO] == pair.special("eov")
    file = pair.source.parent / "out" / "config.json"
    said = json.loads(file.read_text())
    assert load_checkpoint(file.parent).model.config == config_from_json(said)
    del said["code_rows"]["frames"], said["code_rows"]["frame_places"]
    del said["dialogue"]["tasks"]["watches"], said["video_frames"]
    older = config_from_json(said)
    assert (older.video_frames, set(older.missing)) == (0, {"audio"})
    pair_model = pair.engine.model
    pair_model.config = older
    try:
        with pytest.raises(ValueError, match="does not watch films: show it a picture"):
            Codec(pair_model, pair.engine.tokenizer).encode(Part(video=FILM))
    finally:
        pair_model.config = config


def test_without_its_picture_tokenizer_it_says_why_it_watches_none(tmp_path: Path) -> None:
    source = published.save("dynin", tmp_path / "source")
    assert main(["dynin", str(source), str(tmp_path / "out")]) == 0
    engine = Engine.load(tmp_path / "out", "cpu")
    shown = Request(Conversation.ask("What moves?", video=FILM))
    with pytest.raises(ValueError, match=r"does not watch films: .*model\.convert magvit"):
        list(engine.generate(shown))


def test_a_named_task_is_taken_by_its_name(tmp_path: Path) -> None:
    source = published.save("dynin", tmp_path / "source")
    published.rename(source, {"<|v2t|>": 7, "<|sov|>": 9})
    assert main(["dynin", str(source), str(tmp_path / "out")]) == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["dialogue"]["tasks"]["watches"] == "<|v2t|>"
    tokenizer = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    ids = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    assert (ids["<|sov|>"], ids["<|reserved_token_3|>"]) == (BEGIN_VIDEO, END_VIDEO)
