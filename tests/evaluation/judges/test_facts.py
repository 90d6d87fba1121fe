"""Facts of graphs, of pixels and of words are the same facts."""

import numpy as np
import pytest

from evaluation.judges.facts import (
    image_facts,
    parsed_video_facts,
    requested_caption,
    scene_facts,
    text_facts,
    video_facts,
    video_text_facts,
)
from evaluation.judges.image_parser import parse
from evaluation.judges.video_judge import ParsedVideo, parse_video
from world.image.rendering import render
from world.image.scenes import Background, Family, Item, Scene, sample_scene
from world.text.captions import caption, full_caption
from world.text.dialogue import DRAW_PHRASES
from world.video.captions import full_video_caption
from world.video.motion import Motion, render_video, sample_video

HEART = Scene(
    Family.SINGLE_OBJECT, Background("plain", ("white",)), (Item("heart", "red", "", 2, 2),)
)


def test_facts_of_a_caption_by_hand() -> None:
    assert text_facts("two small red hearts on a blue background") == {
        ("thing", "heart"), ("number", "heart", "2"), ("colour", "heart", "red"),
        ("size", "heart", "small"), ("things", "heart"), ("background", "plain", "blue"),
    }  # fmt: skip
    assert text_facts("a dog below a cat in the night sky") == {
        ("thing", "dog"), ("number", "dog", "1"), ("thing", "cat"), ("number", "cat", "1"),
        ("things", "cat", "dog"), ("above", "cat", "dog"), ("background", "night"),
    }  # fmt: skip
    assert text_facts("i see a dragon") == {("things",)}


@pytest.mark.parametrize("family", list(Family))
def test_words_say_what_is_in_the_scene(family: Family) -> None:
    rng = np.random.default_rng(0)
    for i in range(60):
        scene = sample_scene(rng, test=bool(i % 2), family=family)
        assert text_facts(full_caption(scene)) == scene_facts(scene)
        assert text_facts(caption(scene, rng)) <= scene_facts(scene)


@pytest.mark.parametrize("motion", list(Motion))
def test_words_say_what_is_in_the_film(motion: Motion) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        film = sample_video(rng, test=True, motion=motion)
        said = video_text_facts(full_video_caption(film))
        assert {fact for fact in said if fact[0] != "size"} == video_facts(film)


def test_exact_pixels_hold_the_facts_of_their_graph() -> None:
    rng = np.random.default_rng(2)
    for family in (Family.POSITION, Family.COUNTING):
        scene = sample_scene(rng, test=True, family=family)
        assert scene_facts(scene) <= image_facts(parse(render(scene)))
    film = sample_video(rng, test=True, motion=Motion.LEFT)
    assert video_facts(film) == parsed_video_facts(parse_video(render_video(film)))


def test_another_picture_holds_other_facts() -> None:
    two = Scene(HEART.family, Background("sea"), (*HEART.items, Item("dog", None, "big", 4, 4)))
    assert scene_facts(HEART) & scene_facts(two) == {
        ("thing", "heart"), ("number", "heart", "1"), ("colour", "heart", "red"),
    }  # fmt: skip


def test_what_stands_still_is_there_but_does_not_move() -> None:
    found = parsed_video_facts(ParsedVideo((), (("dog", None),), None, Background("sea")))
    assert ("thing", "dog") in found
    assert not any(fact[0] in ("motion", "still") for fact in found)


def test_wishes_are_told_from_what_else_is_said() -> None:
    for phrase in DRAW_PHRASES:
        assert requested_caption(phrase.format("a red car on orange")) == "a red car on orange"
    for other in (
        "is there a fox?", "what is a cake?", "count the guitars.", "at night", "yellow",
        "please draw a tomato next to a clock", "seven two nine", "tell me three animals",
    ):  # fmt: skip
        assert requested_caption(other) is None
