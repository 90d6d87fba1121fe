"""Laws of the two domains: what each has, and that nothing of one is left in the other."""

import re

import numpy as np
import pytest

from world.concepts import (
    BY_NAME,
    COLOURABLE,
    CONCEPT_WORDS,
    CONCEPTS,
    OBJECT_COLOURS,
    SMALL,
    SYNONYMS,
    named_concepts,
)
from world.domain import domain, domain_of, take
from world.edits.sampling import sample_edit
from world.image.rendering import render
from world.image.scenes import PLACES, Family, sample_scene
from world.image.sprites import drawing_of, sprite
from world.patch_labels import names, patch_labels
from world.text.captions import caption, full_caption, questions, with_article
from world.text.dialogue import Kind, sample_dialogue
from world.video.captions import video_caption
from world.video.motion import sample_video


def _tables() -> tuple[object, ...]:
    lists = (tuple(x) for x in (CONCEPTS, COLOURABLE, PLACES))
    return *lists, *(dict(x) for x in (BY_NAME, CONCEPT_WORDS, OBJECT_COLOURS, SYNONYMS))


def test_the_large_domain_has_the_small_one_first() -> None:
    with domain("large"):
        assert tuple(CONCEPTS[: len(SMALL)]) == SMALL
        assert (len(CONCEPTS), len(OBJECT_COLOURS), len(PLACES)) == (419, 11, 15)
        assert len({drawing_of(c.name) for c in CONCEPTS}) == len(CONCEPTS)
        assert domain_of([c.name for c in CONCEPTS]) == "large"


def test_each_word_means_one_thing() -> None:
    with domain("large"):
        assert all(re.fullmatch("[a-z]+", word) for word in CONCEPT_WORDS)
        for concept in CONCEPTS:
            assert CONCEPT_WORDS[concept.plural] == CONCEPT_WORDS[concept.name] == concept.name
        assert not named_concepts(" ".join((*OBJECT_COLOURS, "big small above below with a the")))


def test_a_wish_may_call_a_thing_by_another_name_and_a_description_may_not() -> None:
    rng = np.random.default_rng(3)
    with domain("large"):
        others = {word for words in SYNONYMS.values() for word in words}
        scenes = [sample_scene(rng, test=False) for _ in range(600)]
        wished = [(s, caption(s, rng)) for s in scenes]
        called = [(s, w) for s, w in wished if others & set(w.split())]
        assert called and not any(others & set(full_caption(s).split()) for s in scenes)
        for scene, words in called:
            assert named_concepts(words) == {item.concept for item in scene.items}


def test_the_small_domain_comes_back_as_it_was() -> None:
    before, picture = _tables(), sprite("car", "red", 48)
    with domain("large"):
        assert not np.array_equal(sprite("car", "red", 48), picture)
    assert _tables() == before
    assert np.array_equal(sprite("car", "red", 48), picture)


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="choose of small, large"):
        take("huge")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unicorn", "a unicorn"), ("ufo", "a ufo"), ("hourglass", "an hourglass"),
        ("ant", "an ant"), ("jeans", "jeans"), ("bread", "bread"), ("grapes", "grapes"),
    ],
)  # fmt: skip
def test_articles(name: str, said: str) -> None:
    with domain("large"):
        assert with_article(name) == said


def test_what_is_not_counted_is_never_asked_for_in_numbers() -> None:
    rng = np.random.default_rng(0)
    with domain("large"):
        for _ in range(300):
            scene = sample_scene(rng, test=False, family=Family.COUNTING)
            assert BY_NAME[scene.items[0].concept].countable
        for _ in range(300):
            scene = sample_scene(rng, test=False)
            asked = [q.text for q in questions(scene, rng) if q.kind == "count"]
            assert all(BY_NAME[n].countable for text in asked for n in named_concepts(text))


def test_everything_that_can_be_drawn_and_said_is_of_the_domain() -> None:
    rng = np.random.default_rng(1)
    with domain("large"):
        scenes = [sample_scene(rng, test=False) for _ in range(400)]
        seen = {item.concept for scene in scenes for item in scene.items}
        assert len(seen) > 250
        assert {scene.background.kind for scene in scenes} > set(PLACES)
        assert render(scenes[0]).shape == (256, 256, 3)
        facts = patch_labels(scenes[0])
        assert bool((facts < tuple(map(len, names()))).all())
        for kind in Kind:
            assert sample_dialogue(rng, kind, test=False).utterances[-1].text
        assert named_concepts(video_caption(sample_video(rng, test=False), rng))
        assert sample_edit(rng, test=False).words


def test_what_is_outside_the_small_domain_may_be_inside_the_large_one() -> None:
    with domain("large"):
        rng = np.random.default_rng(2)
        asked = [sample_dialogue(rng, Kind.OUT_OF_DOMAIN, test=False) for _ in range(200)]
        wished = {word for d in asked for word in re.findall("[a-z]+", d.utterances[0].text)}
        assert "castle" not in wished and {"robot", "wizard", "ghost", "pirate"} & wished
