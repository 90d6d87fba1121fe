"""Clips become examples of hearing and speaking, and a model learns from them; Whisper's weights
come under our names."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from flow.modality import Modality
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.prompt_template import Span, opened_by
from model.tokenizers.text import ASSISTANT, BEGIN_AUDIO, BOS, EOS, USER, TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.code_cache import pixels_of
from training.data.examples import Example, Examples
from training.data.scene_pool import build_pool
from training.data.speech.clip_codes import encode_spoken_scenes
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.examples import SpeechExamples, prefix_noise
from training.data.task_mixture import SHARES
from training.data.video_examples import VideoExamples
from training.objectives.contrastive import Contrast
from training.stages.audio import MelDistance, spectral_distance
from training.stages.flow import COUNTED_SHARE, FlowStage, _counted
from world.audio.sounds import SOUND
from world.audio.speech import Clip, Part, plan_clip
from world.audio.voices import OUTPUT_VOICE
from world.image.rendering import render
from world.text.captions import full_caption
from world.text.sentences import sound_answer, transcript

CONFIG = PRESETS["tiny"]
BLOCK, BLOCKS, END = CONFIG.audio_block, CONFIG.audio_blocks, CONFIG.audio_space().cardinality - 1
TEXT, AUDIO = Modality.TEXT, Modality.AUDIO


def _clip(sentence: str, voice: str, length: int) -> EncodedClip:
    codes = np.random.default_rng(length).integers(0, END, (length, 2))
    return EncodedClip(sentence, voice, codes.astype(np.uint16))


CLIPS = [
    _clip("hello!", OUTPUT_VOICE, 3),
    _clip("a red heart, a dog.", OUTPUT_VOICE, 9),
    _clip("hello there", "flite/slt", 8),
    _clip("two red hearts", "kokoro/other", 5),
    _clip("a dog", SOUND, 4),
    _clip("the sea", SOUND, 6),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> FlowStage:
    torch.manual_seed(0)
    tokenizer = TextTokenizer.train(training_texts(50), CONFIG.text_vocabulary)
    model = OmniModel(CONFIG, tokenizer.space())
    pool = build_pool(model.vision, 40, tmp_path_factory.mktemp("pool") / "codes.npz")
    words = Examples(pool, tokenizer, CONFIG.text_block, CONFIG.text_blocks)
    videos = VideoExamples.build(model.vision, words, (6, 12, 4), tmp_path_factory.mktemp("films"))
    return FlowStage(model, tokenizer, words, speech=_examples(words, CLIPS), videos=videos)


@pytest.fixture(scope="module")
def speech(stage: FlowStage) -> SpeechExamples:
    assert stage.speech is not None
    return stage.speech


def _examples(words: Examples, clips: Sequence[EncodedClip]) -> SpeechExamples:
    return SpeechExamples(clips, words, end=END, block=BLOCK, blocks=BLOCKS)


def _modalities(example: Example) -> list[Modality]:
    return [s.modality for s in (*example.spans, example.target)]


def _said(tokenizer: TextTokenizer, span: Span) -> str:
    return tokenizer.decode(span.tokens[:, 0].tolist())


def _clip_of(codes: torch.Tensor) -> EncodedClip:
    """The clip that begins with these codes."""
    (found,) = [c for c in CLIPS if np.array_equal(c.codes[: len(codes)], codes.numpy())]
    return found


def test_a_sound_is_followed_by_its_task_and_answered_in_words(speech: SpeechExamples) -> None:
    rng = np.random.default_rng(0)
    tokenizer = speech.words.tokenizer
    answers: dict[str, set[str]] = {c.sentence: set() for c in CLIPS}
    for _ in range(300):
        example = speech.hear(rng)
        assert _modalities(example) == [TEXT, AUDIO, TEXT, TEXT]
        opened, heard, asked = example.spans
        assert opened.tokens[:, 0].tolist() == [BOS, USER, BEGIN_AUDIO]
        assert int(asked.tokens[-1]) == ASSISTANT
        assert len(example.target.tokens) % CONFIG.text_block == 0
        answers[_clip_of(heard.tokens).sentence].add(_said(tokenizer, example.target))
    for clip in CLIPS:
        exact = sound_answer(clip.sentence) if clip.voice == SOUND else transcript(clip.sentence)
        begun = {a for a in answers[clip.sentence] if exact.startswith(a)}
        assert max(begun, key=len) == exact
        answered = answers[clip.sentence] - begun
        assert bool(answered) == clip.sentence.startswith("hello")


@pytest.mark.parametrize("first", [True, False])
def test_speaking_begins_with_words_and_goes_on_with_its_blocks(
    speech: SpeechExamples, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.speech.examples.PREFIX_NOISE_SHARE", 0.0)
    rng = np.random.default_rng(1)
    spoken: set[str] = set()
    for _ in range(200):
        example = speech.speak(rng, first=first)
        assert _modalities(example) == ([TEXT, AUDIO] if first else [TEXT, AUDIO, AUDIO])
        assert int(example.spans[0].tokens[-1]) == BEGIN_AUDIO
        assert example.target.tokens.shape == (BLOCK, 2)
        begun = torch.cat([s.tokens for s in example.spans[1:]]) if not first else torch.empty(0, 2)
        assert len(begun) in ([0] if first else range(BLOCK, BLOCK * BLOCKS, BLOCK))
        codes = torch.cat([begun, example.target.tokens]).long()
        spoken.add(_clip_of(codes[(codes != END).all(1)]).sentence)
    assert spoken == {c.sentence for c in CLIPS if first or len(c.codes) >= BLOCK}


@pytest.mark.parametrize("length", [1, 4, 25, 100])
def test_what_slipped_comes_from_elsewhere_in_the_clip_and_not_all_does(length: int) -> None:
    rng = np.random.default_rng(2)
    found = np.stack([prefix_noise(rng, length) for _ in range(300)])
    assert found.min() >= 0
    assert found.max() < length
    own = (found == np.arange(length)).mean()
    assert own == 1 if length == 1 else 0.5 < own < 0.95


def test_a_block_follows_the_words_whatever_slipped_before_it(speech: SpeechExamples) -> None:
    clip = _clip("hello", OUTPUT_VOICE, 3 * BLOCK)
    begun = np.roll(np.arange(BLOCK), 1)
    right, slipped = (speech.block_of(clip, [], 1, b) for b in (None, begun))
    assert torch.equal(right.target.tokens, slipped.target.tokens)
    assert torch.equal(slipped.spans[-1].tokens, right.spans[-1].tokens[begun])


def test_all_of_a_clip_and_its_end_are_recited(speech: SpeechExamples) -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        example = speech.recite(rng)
        codes = example.target.tokens
        assert _modalities(example) == [TEXT, AUDIO]
        assert len(_clip_of(codes[:-1]).codes) == len(codes) - 1
        assert codes[-1].tolist() == [END, END]


def test_a_wish_for_a_sound_is_answered_by_what_opens_it(speech: SpeechExamples) -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        example = speech.opened(rng)
        assert _modalities(example) == [TEXT, TEXT]
        ids = example.target.tokens[:, 0].tolist()
        assert ids[:2] == [BEGIN_AUDIO, EOS]
        assert opened_by(ids) is AUDIO


@pytest.mark.parametrize("length", [1, 3, 4, 5, 8, 11, 12, 14])
def test_the_blocks_of_a_clip_are_its_codes_and_then_its_end(
    speech: SpeechExamples, length: int
) -> None:
    """A clip that fills its blocks has one more that is nothing but the end, if there is room."""
    clip = _clip("hello", OUTPUT_VOICE, length)
    count = min(length // BLOCK + 1, BLOCKS)
    examples = [speech.block_of(clip, [], block) for block in range(count)]
    joined = torch.cat([e.target.tokens for e in examples])
    kept = min(length, BLOCK * BLOCKS)
    assert np.array_equal(joined[:kept], clip.codes[:kept])
    assert bool((joined[kept:] == END).all())
    assert (len(joined) > kept) == (length < BLOCK * BLOCKS)
    for block, example in enumerate(examples):
        before = [s.tokens for s in example.spans if s.modality is AUDIO]
        assert torch.equal(torch.cat([*before, joined[:0]]), joined[: block * BLOCK])


def test_what_is_said_aloud_stands_before_it(speech: SpeechExamples) -> None:
    rng = np.random.default_rng(2)
    for clip in CLIPS:
        for _ in range(20):
            messages = speech.asked(rng, clip)
            assert messages[0].from_user
            assert clip.sentence in str(messages[-1].parts[0])
            assert [m.from_user for m in messages] == [True, False][: len(messages)]
            assert (
                clip.voice in (OUTPUT_VOICE, SOUND)
                or "like a machine" in str(messages[0].parts[0])
                or "another voice" in str(messages[0].parts[0])
            )


def test_clips_that_speak_of_a_scene_belong_to_its_picture(
    stage: FlowStage, tmp_path: Path
) -> None:
    plans = [plan_clip(Part.TRAIN, i) for i in range(8)]
    clips = [
        Clip(f"train-{i:06d}", p.sentence, p.voice, np.zeros(8, np.float32))
        for i, p in enumerate(plans)
    ]
    heard = [_clip(p.sentence, p.voice, 3 + i) for i, p in enumerate(plans)]
    spoken_scenes = encode_spoken_scenes(stage.model.vision, clips, heard, tmp_path / "told.npz")
    wanted = {p.sentence: p.scene for p in plans if p.scene is not None}
    assert {t.heard.sentence for t in spoken_scenes} == set(wanted) != set()
    for one in spoken_scenes:
        scene = wanted[one.heard.sentence]
        assert scene is not None
        assert one.key == full_caption(scene)
        pixels = pixels_of(render(scene)[None], CONFIG.vision.image_px, torch.device("cpu"))
        assert torch.equal(one.picture.tokens, stage.model.vision.encode(pixels)[0])
    speech = SpeechExamples(
        CLIPS, stage.examples, end=END, block=BLOCK, blocks=BLOCKS, spoken_scenes=spoken_scenes
    )
    pairs = Contrast(stage.examples, speech, None)._told(np.random.default_rng(0))
    keys = {t.heard.codes.tobytes(): t.key for t in spoken_scenes}
    for (query,), key in zip(pairs.queries, pairs.keys, strict=True):
        assert isinstance(query, Span)
        assert keys[query.tokens.numpy().astype(np.uint16).tobytes()] == key


def test_a_part_of_a_film_counts_drawn_anew_each_time() -> None:
    rng = np.random.default_rng(0)
    one, other = _counted(rng, 128), _counted(rng, 128)
    assert len(one) == int(COUNTED_SHARE * 128) == len(set(one.tolist()))
    assert 0 <= int(one.min()) <= int(one.max()) < 128
    assert not torch.equal(one, other)


@pytest.mark.parametrize("kind", SHARES)
def test_every_kind_of_batch_has_a_finite_loss_and_gradient(stage: FlowStage, kind: str) -> None:
    stage.model.zero_grad()
    place, count = stage.mixture.index(kind), len(stage.mixture)
    for step in range(place, place + 3 * count, count):
        loss, figures, _ = stage.loss(step)
        loss.backward()
        assert bool(loss.isfinite())
        asked = {re.sub("(_ar)?(_at|_in|_named|_meant)?$", "", name) for name in figures}
        assert asked == {kind} and len(figures) <= 5
    learned = {
        name
        for name, p in stage.model.named_parameters()
        if p.grad is not None and bool(p.grad.isfinite().all()) and bool(p.grad.any())
    }
    assert ("audio_head.enter.weight" in learned) == (kind in ("speak", "recite"))
    assert ("image_head.enter.weight" in learned) == (kind in ("image", "film", "edit"))
    if kind not in ("match", "edit"):
        assert ("embeddings.video_place" in learned) == (kind in ("film", "watch"))
    if kind in ("hear", "speak"):
        assert "embeddings.audio_projection.0.weight" in learned
    assert not any(name.startswith(("audio.", "vision.")) for name in learned)


def test_equal_sounds_have_no_distance_and_likeness_is_seen() -> None:
    torch.manual_seed(0)
    sound = torch.randn(2, 6400) * 0.1
    for distance in (MelDistance(20), spectral_distance):
        near, far = (float(distance(sound + s * torch.randn(2, 6400), sound)) for s in (0.01, 0.1))
        assert float(distance(sound, sound)) == 0
        assert 0 < near < far
