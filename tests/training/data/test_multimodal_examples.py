"""Examples with a thought, and with a sound and a picture."""

import numpy as np
import pytest
import torch

from flow.modality import Modality
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import END_THINK, THINK, TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.examples import UNKNOWN, Example, Examples
from training.data.multimodal_examples import audio_visual, think
from training.data.scene_pool import build_pool
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.examples import SpeechExamples
from world.audio.audio_visual_questions import AUDIO_VISUAL_SOUNDS, concept_of_sound
from world.audio.sounds import SOUND
from world.audio.voices import OUTPUT_VOICE
from world.concepts import BY_NAME, CONCEPTS

CONFIG = PRESETS["tiny"]
TEXT, IMAGE, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    torch.manual_seed(0)
    tokenizer = TextTokenizer.train(training_texts(50), 320)
    model = OmniModel(CONFIG, tokenizer.space())
    pool = build_pool(model.vision, 30, tmp_path_factory.mktemp("pool") / "codes.npz")
    return Examples(pool, tokenizer, CONFIG.text_block, 8)


def _modalities(example: Example) -> list[Modality]:
    return [s.modality for s in (*example.spans, example.target)]


def test_a_thought_is_asked_for_and_ended_together(words: Examples) -> None:
    rng, both = np.random.default_rng(0), 0
    for _ in range(80):
        example = think(words, rng)
        assert _modalities(example) == [TEXT, IMAGE, TEXT, TEXT]
        asked = int(example.spans[-1].tokens[-1]) == THINK
        target = example.target.tokens[:, 0].tolist()
        if len(target) == CONFIG.text_block * 8 or 1 in target:
            assert (END_THINK in target) == asked
        both += asked
    assert 40 < both < 75


def test_a_sound_and_a_picture_are_asked_about_together(words: Examples) -> None:
    sounds = [
        EncodedClip(w, SOUND, np.full((4, 2), i, np.uint16))
        for i, w in enumerate(AUDIO_VISUAL_SOUNDS[:5])
    ]
    own = EncodedClip("hello", OUTPUT_VOICE, np.zeros((9, 2), np.uint16))
    speech = SpeechExamples([*sounds, own], words, end=99, block=4, blocks=3)
    rng = np.random.default_rng(1)
    heard: set[int] = set()
    seen: set[bool] = set()
    for _ in range(60):
        example = audio_visual(words, speech, rng)
        assert _modalities(example) == [TEXT, IMAGE, TEXT, AUDIO, TEXT, TEXT]
        place = int(example.spans[3].tokens[0, 0])
        heard.add(place)
        said = words.tokenizer.decode(example.target.tokens[:, 0].tolist())
        if said.startswith("i hear a") and "," in said:
            assert said.startswith(f"i hear {AUDIO_VISUAL_SOUNDS[place]},")
        assert example.given is not None
        concept, named = example.given[:, 0], example.given[:, -1]
        makes_it = concept == 1 + CONCEPTS.index(
            BY_NAME[concept_of_sound(AUDIO_VISUAL_SOUNDS[place])]
        )
        assert np.array_equal(named, np.where(concept > 0, makes_it, UNKNOWN))
        seen.add(bool(makes_it.any()))
    assert len(heard) == 5
    assert seen == {True, False}
