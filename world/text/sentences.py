"""The spoken sentences of the world, from both sides of its dialogues.

Owns: which sentences are spoken and how a transcript is written. Does not own: voices
(`world.audio.voices`), the conversations themselves (`world.text.dialogue`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.concepts import CONCEPTS
from world.image.scenes import Scene, sample_scene
from world.sampling import pick
from world.text.captions import NUMBER_WORDS, caption, full_caption, questions, with_article
from world.text.dialogue import Kind, image_request, sample_dialogue

_COUNTED = (
    *NUMBER_WORDS, "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
COUNTS = NUMBER_WORDS[2:]
"""The number words of several objects."""
_TALK = (Kind.SMALL_TALK, Kind.KNOWLEDGE)
MAX_SPOKEN_CHARS = 120
"""The most characters of a spoken sentence: about eight seconds."""


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence, and the scene that it describes or requests."""

    text: str
    scene: Scene | None = None


def user_sentence(rng: np.random.Generator, *, test: bool) -> SpokenSentence:
    """Draw a user's request, question, small talk or number; test: about a held-out scene."""
    roll = rng.random()
    if roll < 0.45:
        scene = sample_scene(rng, test=test)
        return SpokenSentence(image_request(rng, caption(scene, rng)), scene)
    if roll < 0.7:
        options = questions(sample_scene(rng, test=test), rng)
        return SpokenSentence(options[int(rng.integers(len(options)))].text)
    if roll < 0.95:
        kind = (*_TALK, Kind.OUT_OF_DOMAIN)[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
        return SpokenSentence(sample_dialogue(rng, kind, test=test).utterances[0].text)
    return SpokenSentence(_numbers(rng))


def model_sentence(rng: np.random.Generator, *, test: bool) -> SpokenSentence:
    """Draw a caption or an answer."""
    roll = rng.random()
    scene = sample_scene(rng, test=test)
    if roll < 0.6:
        return SpokenSentence(
            full_caption(scene) if rng.random() < 0.4 else caption(scene, rng), scene
        )
    if roll < 0.75:
        options = questions(scene, rng)
        return SpokenSentence(options[int(rng.integers(len(options)))].answer)
    kind = (*_TALK, Kind.OUT_OF_DOMAIN, Kind.DRAW)[int(rng.choice(4, p=(0.35, 0.6, 0.02, 0.03)))]
    return SpokenSentence(sample_dialogue(rng, kind, test=test).utterances[-1].text)


def names(rng: np.random.Generator) -> str:
    """List two to four objects, drawn uniformly: "three foxes, a panda and the violin."."""
    things = [
        pick(rng, (with_article(c.name), f"the {c.name}", f"{pick(rng, COUNTS)} {c.plural}"))
        for c in (pick(rng, CONCEPTS) for _ in range(int(rng.integers(2, 5))))
    ]
    return f"{', '.join(things[:-1])} and {things[-1]}."


def _numbers(rng: np.random.Generator) -> str:
    return " ".join(_COUNTED[int(i)] for i in rng.integers(len(_COUNTED), size=rng.integers(1, 5)))


def transcript(sentence: str) -> str:
    """Return the transcript of a sentence: lower case, without full stops, commas and exclamation
    marks."""
    return re.sub(r"\s+", " ", re.sub(r"[.,!]", " ", sentence.lower())).strip()


def edit_distance(found: Sequence[object], wanted: Sequence[object]) -> int:
    """Return the Levenshtein distance of two sequences."""
    row = list(range(len(wanted) + 1))
    for i, a in enumerate(found, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(wanted, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


_INSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "write": (
        "write down what i say",
        "write down what i say",
        "what do i say?",
        "write this down",
        "what did i say?",
        "transcribe this",
    ),
    "name": (
        "what do you hear?",
        "what do you hear?",
        "what is this sound?",
        "what makes this sound?",
    ),
    "say": ("say {}", "say: {}", "say {}", "read this aloud: {}", "speak: {}"),
    "say_otherwise": ("in another voice, say {}", "say in another voice: {}"),
    "say_flatly": ("like a machine, say {}", "say like a machine: {}"),
    "sound": (
        "the sound of {}",
        "make the sound of {}",
        "what does {} sound like?",
        "let me hear {}",
    ),
}
"""The instructions of the speech tasks; programs use the first phrase."""
TRANSCRIBE, SAY = _INSTRUCTIONS["write"][0], _INSTRUCTIONS["say"][0]


def say_prefixes() -> tuple[str, ...]:
    """Return the words before the text to speak, in every instruction that has one."""
    asked = ("say", "say_otherwise", "say_flatly")
    phrases = sorted({phrase for task in asked for phrase in _INSTRUCTIONS[task]})
    return tuple(phrase.partition("{}")[0].rstrip() for phrase in phrases)


def sample_instruction(rng: np.random.Generator, task: str) -> str:
    """Draw an instruction for "write" (transcribe), "name" (a sound), "say", "say_otherwise",
    "say_flatly" or "sound"; the last four have a {}."""
    phrases = _INSTRUCTIONS[task]
    return phrases[int(rng.integers(len(phrases)))]


def sound_answer(thing: str) -> str:
    """Return the answer that names a sound."""
    return f"i hear {thing}."
