"""What is thought leads to the answer, and both are true of the scene."""

import numpy as np
import pytest

from world.audio.audio_visual_questions import (
    AUDIO_VISUAL_SOUNDS,
    concept_of_sound,
    sample_audio_visual_question,
)
from world.concepts import BY_NAME
from world.image.scenes import sample_scene
from world.text.captions import NUMBER_WORDS, with_article
from world.text.thinking import sample_thought

RNG_SEEDS = range(400)
NAMES = {with_article(name): name for name in BY_NAME}


def test_the_answer_follows_from_what_was_thought() -> None:
    kinds: set[str] = set()
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng, test=seed % 2 == 0)
        found = sample_thought(rng, scene)
        kinds.add(found.kind)
        listed, *counted = found.thought.split(". ")
        names = [NAMES[words] for words in listed.split(", ")]
        numbers = [NUMBER_WORDS.index(words.split(": ")[1]) for words in counted]
        match found.kind:
            case "count":
                asked = next(n for n, c in BY_NAME.items() if f" {c.plural}" in found.question)
                assert found.answer == NUMBER_WORDS[names.count(asked)]
            case "total":
                assert found.answer == NUMBER_WORDS[len(names)]
            case _:
                more = "more" in found.question
                right = numbers[0] > numbers[1] if more else numbers[0] == numbers[1]
                assert found.answer == ("yes" if right else "no")
    assert kinds == {"count", "total", "compare"}


def test_what_is_thought_is_in_the_scene() -> None:
    plurals = {concept.plural: name for name, concept in BY_NAME.items()}
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng, test=False)
        listed, *counted = sample_thought(rng, scene).thought.split(". ")
        names = [NAMES[words] for words in listed.split(", ")]
        assert sorted(names) == sorted(item.concept for item in scene.items)
        for words in counted:
            plural, number = words.split(": ")
            assert names.count(plurals[plural]) == NUMBER_WORDS.index(number)


def test_what_is_heard_is_seen_every_second_time() -> None:
    seen = 0
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        found = sample_audio_visual_question(rng, lambda g: sample_scene(g, test=False))
        number = sum(item.concept == concept_of_sound(found.sound) for item in found.scene.items)
        seen += number > 0
        assert found.sound in AUDIO_VISUAL_SOUNDS
        right = {
            "whether": "yes" if number else "no",
            "which": f"i hear {found.sound}, and i {'see' if number else 'do not see'} it.",
            "number": NUMBER_WORDS[number],
        }
        assert found.answer == right[found.kind]
    assert seen == pytest.approx(len(RNG_SEEDS) / 2, rel=0.2)


def test_what_is_heard_need_not_be_in_any_picture() -> None:
    rng = np.random.default_rng(0)
    scenes = (sample_scene(rng, test=False) for _ in range(50))
    alone = next(scene for scene in scenes if len(scene.items) == 1)
    others = [w for w in AUDIO_VISUAL_SOUNDS if concept_of_sound(w) != alone.items[0].concept]
    found = [sample_audio_visual_question(rng, lambda _: alone, others) for _ in range(20)]
    assert {f.answer for f in found if f.kind == "whether"} == {"no"}
