"""Questions that are answered after thinking: how many there are, and of what there are more. What
is thought always begins with everything that is there, in the order of reading.

Owns: `Thought`, `sample_thought`. Does not own: questions that are answered at once
(`world.text.captions`).
"""

from dataclasses import dataclass

import numpy as np

from world.concepts import BY_NAME, CONCEPTS
from world.image.scenes import Scene
from world.sampling import pick
from world.text.captions import NUMBER_WORDS, reading_order, with_article


@dataclass(frozen=True)
class Thought:
    """A question about an image, the thought before the answer, and the answer. kind: count, total
    or compare."""

    question: str
    thought: str
    answer: str
    kind: str


def sample_thought(rng: np.random.Generator, scene: Scene) -> Thought:
    """Draw a question with one right answer in this scene."""
    sample = (_count, _total, _compare)[int(rng.choice(3, p=(0.4, 0.25, 0.35)))]
    return sample(rng, scene)


def _count(rng: np.random.Generator, scene: Scene) -> Thought:
    name = _some_name(rng, scene)
    asked = pick(rng, ("how many {} are there?", "how many {} do you see?", "count the {}."))
    answer = NUMBER_WORDS[_number(scene, name)]
    return Thought(asked.format(BY_NAME[name].plural), _listed(scene), answer, "count")


def _total(rng: np.random.Generator, scene: Scene) -> Thought:
    asked = pick(
        rng, ("how many things are there?", "how many things do you see?", "count everything.")
    )
    return Thought(asked, _listed(scene), NUMBER_WORDS[len(scene.items)], "total")


def _compare(rng: np.random.Generator, scene: Scene) -> Thought:
    one = _some_name(rng, scene)
    while (other := _some_name(rng, scene)) == one:
        pass
    numbers = _number(scene, one), _number(scene, other)
    plurals = BY_NAME[one].plural, BY_NAME[other].plural
    counted = (f"{p}: {NUMBER_WORDS[n]}" for p, n in zip(plurals, numbers, strict=True))
    thought = ". ".join((_listed(scene), *counted))
    if rng.random() < 0.5:
        asked = pick(rng, ("are there more {} than {}?", "do you see more {} than {}?"))
        answer = "yes" if numbers[0] > numbers[1] else "no"
    else:
        asked = pick(rng, ("are there as many {} as {}?", "do you see as many {} as {}?"))
        answer = "yes" if numbers[0] == numbers[1] else "no"
    return Thought(asked.format(*plurals), thought, answer, "compare")


def _some_name(rng: np.random.Generator, scene: Scene) -> str:
    """Draw a concept of the scene, or any."""
    if rng.random() < 0.65:
        return scene.items[int(rng.integers(len(scene.items)))].concept
    return CONCEPTS[int(rng.integers(len(CONCEPTS)))].name


def _number(scene: Scene, name: str) -> int:
    return sum(item.concept == name for item in scene.items)


def _listed(scene: Scene) -> str:
    """List all objects in reading order: "a dog, a cat, a dog"."""
    return ", ".join(with_article(item.concept) for item in reading_order(scene))
