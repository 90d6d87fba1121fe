"""What is thought leads to the answer, and both are true of the scene."""

import numpy as np
import pytest

from world.captions import NUMBER_WORDS
from world.concepts import BY_NAME
from world.scenes import sample_scene
from world.thinking import sample_thought
from world.together import HEARD_AND_SEEN, name_of, sample_together

RNG_SEEDS = range(400)


def test_the_answer_follows_from_what_was_thought() -> None:
    kinds: set[str] = set()
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng, test=seed % 2 == 0)
        found = sample_thought(rng, scene)
        kinds.add(found.kind)
        parts = [p.split(": ")[1].split(", ") for p in found.thought.split(". ") if ": " in p]
        counts = [0 if p == ["zero"] else len(p) for p in parts]
        match found.kind:
            case "count":
                assert found.answer == NUMBER_WORDS[counts[0]]
            case "total":
                assert found.answer == NUMBER_WORDS[len(found.thought.split(", "))]
            case _:
                right = (
                    counts[0] > counts[1] if "more" in found.question else counts[0] == counts[1]
                )
                assert found.answer == ("yes" if right else "no")
    assert kinds == {"count", "total", "compare"}


def test_what_is_counted_in_thought_is_in_the_scene() -> None:
    plurals = {concept.plural: name for name, concept in BY_NAME.items()}
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng, test=False)
        found = sample_thought(rng, scene)
        if found.kind == "total":
            assert len(found.thought.split(", ")) == len(scene.items)
            continue
        for part in found.thought.split(". "):
            plural, counted = part.split(": ")
            number = sum(item.concept == plurals[plural] for item in scene.items)
            assert counted == (", ".join(NUMBER_WORDS[1 : number + 1]) or "zero")


def test_what_is_heard_is_seen_every_second_time() -> None:
    seen = 0
    for seed in RNG_SEEDS:
        rng = np.random.default_rng(seed)
        found = sample_together(rng, lambda g: sample_scene(g, test=False))
        number = sum(item.concept == name_of(found.sound) for item in found.scene.items)
        seen += number > 0
        assert found.sound in HEARD_AND_SEEN
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
    others = [w for w in HEARD_AND_SEEN if name_of(w) != alone.items[0].concept]
    found = [sample_together(rng, lambda _: alone, others) for _ in range(20)]
    assert {f.answer for f in found if f.kind == "whether"} == {"no"}
