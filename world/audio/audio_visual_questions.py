"""Questions about a sound and an image together.

Owns: what can be both heard and seen, `AudioVisualQuestion`, `sample_audio_visual_question`. Does
not own: scenes (`world.image.scenes`), sounds (`world.audio.sounds`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from world.audio.sounds import PRESETS
from world.concepts import BY_NAME
from world.image.scenes import Scene
from world.sampling import pick
from world.text.captions import NUMBER_WORDS

AUDIO_VISUAL_SOUNDS = tuple(w for w in PRESETS if w.partition(" ")[2] in BY_NAME)
"""The sounds of objects that can be drawn, such as "a dog"."""
DRAWS = 200
"""The most scenes tried."""


@dataclass(frozen=True)
class AudioVisualQuestion:
    """A scene, a sound, and a question about both. kind: whether, which or number."""

    scene: Scene
    sound: str
    question: str
    answer: str
    kind: str


def sample_audio_visual_question(
    rng: np.random.Generator,
    scenes: Callable[[np.random.Generator], Scene],
    sounds: Sequence[str] = AUDIO_VISUAL_SOUNDS,
) -> AudioVisualQuestion:
    """Draw a question about one of the sounds; in half of them the scene shows its object, unless
    `DRAWS` scenes show none."""
    seen = rng.random() < 0.5
    scene = scenes(rng)
    for _ in range(DRAWS):
        names = {item.concept for item in scene.items}
        fitting = [w for w in sounds if (concept_of_sound(w) in names) == seen]
        if fitting:
            return _asked(rng, scene, pick(rng, fitting))
        scene = scenes(rng)
    return _asked(rng, scene, pick(rng, sounds))


def concept_of_sound(sound: str) -> str:
    """Return the concept of a sound: "a dog" -> "dog"."""
    return sound.partition(" ")[2]


def _asked(rng: np.random.Generator, scene: Scene, sound: str) -> AudioVisualQuestion:
    number = sum(item.concept == concept_of_sound(sound) for item in scene.items)
    roll = rng.random()
    if roll < 0.5:
        options = (
            "is what you hear in the picture?",
            "can you see what you hear?",
            "does the picture show what you hear?",
            "do you see what makes this sound?",
        )
        return AudioVisualQuestion(
            scene, sound, pick(rng, options), "yes" if number else "no", "whether"
        )
    if roll < 0.75:
        options = ("what do you hear, and do you see it?", "what is it, and is it in the picture?")
        verb = "see" if number else "do not see"
        return AudioVisualQuestion(
            scene, sound, pick(rng, options), f"i hear {sound}, and i {verb} it.", "which"
        )
    options = ("how many of what you hear are there?", "how many of them do you see?")
    return AudioVisualQuestion(scene, sound, pick(rng, options), NUMBER_WORDS[number], "number")
