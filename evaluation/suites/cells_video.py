"""The any-to-any cells with video and without audio: their items and judges."""

from functools import partial

import numpy as np

from engine.api.conversation import Conversation
from evaluation.answers import image_of, text_of
from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.judges.video_judge import verdict
from evaluation.suites import video
from evaluation.suites.cell_item import (
    Answers,
    Item,
    Material,
    as_film,
    as_picture,
    in_words,
    item_with_answer,
)
from evaluation.suites.editing import shows_the_same
from flow.modality import Modality
from world.image.scenes import CELL_PX
from world.text.captions import Question
from world.video.captions import FRAME_REQUESTS, REWIND_REQUESTS
from world.video.motion import SLIDES, Motion, VideoScene, placed, render_video

ONE_WAY = (*SLIDES, Motion.GROW, Motion.SHRINK, Motion.APPEAR)
"""Motions that differ when played backwards."""
UPRIGHT = tuple(m for m in Motion if m is not Motion.SPIN)
"""Motions of which the judge parses every frame."""
GOES_ON = tuple(m for m in Motion if m is not Motion.APPEAR)
"""Motions of objects that the first frame shows."""


def films(material: Material) -> list[Item]:
    """Sample the prompts of `evaluation.suites.video`."""
    return [
        item_with_answer(
            Conversation.ask(case.words),
            Modality.VIDEO,
            partial(_shows, case.film),
            as_film(render_video(case.film)),
        )
        for case in video.plan(material.num, material.seed)
    ]


def _shows(film: VideoScene, answers: Answers) -> bool:
    return verdict(film, video.film_of(answers)).both


def animated(material: Material) -> list[Item]:
    """Sample first frames whose objects are to move."""
    return [_first_frame_item(w) for w in video.plan(material.num, material.seed, GOES_ON)]


def appearing(material: Material) -> list[Item]:
    """Sample first frames in which a named object is to appear."""
    return [_first_frame_item(w) for w in video.plan(material.num, material.seed, (Motion.APPEAR,))]


def _first_frame_item(case: video.TestCase) -> Item:
    frames = render_video(case.film)
    return item_with_answer(
        Conversation.ask(case.words, image=frames[0]),
        Modality.VIDEO,
        partial(_goes_on, case.film, frames[0]),
        as_film(frames),
    )


def _goes_on(film: VideoScene, picture: np.ndarray, answers: Answers) -> bool:
    """Return whether the video starts with the image and has the requested motion."""
    found = video.film_of(answers)
    begins = shows_the_same(parse(found[0]), parse(picture))
    return begins and verdict(film, found).direction


def questions(material: Material) -> list[Item]:
    """Sample the questions of `evaluation.suites.video`, one a video."""
    cases = video.plan(material.num, material.seed)
    return [_question(w.film, w.questions[i % len(w.questions)]) for i, w in enumerate(cases)]


def _question(film: VideoScene, question: Question) -> Item:
    return item_with_answer(
        Conversation.ask(question.text, video=render_video(film)),
        Modality.TEXT,
        lambda answers: video.is_answered(question, text_of(answers)),
        in_words(question.answer),
    )


def frames(material: Material) -> list[Item]:
    """Sample requests for the first or the last frame."""
    cases = video.plan(material.num, material.seed, UPRIGHT)
    wishes = tuple(FRAME_REQUESTS.items())
    return [_frame(w.film, *wishes[i % len(wishes)]) for i, w in enumerate(cases)]


def _frame(film: VideoScene, words: str, number: int) -> Item:
    frames = render_video(film)
    return item_with_answer(
        Conversation.ask(words, video=frames),
        Modality.IMAGE,
        partial(_is_frame, _reading(film, number)),
        as_picture(frames[number]),
    )


def _is_frame(wanted: Parsed, answers: Answers) -> bool:
    picture = image_of(answers)
    return picture is not None and shows_the_same(parse(picture), wanted)


def _reading(film: VideoScene, number: int) -> Parsed:
    """Return the true parse of a frame."""
    items = [p.item for p in placed(film)[number]]
    found = [
        Detected(i.concept, i.colour, i.cells * CELL_PX, (x * CELL_PX, y * CELL_PX), 1.0)
        for i, (x, y) in ((i, i.centre) for i in items)
    ]
    return Parsed(film.background, tuple(found))


def rewound(material: Material) -> list[Item]:
    """Sample videos to be reversed, of motions that have a direction."""
    cases = video.plan(material.num, material.seed, ONE_WAY)
    return [
        item_with_answer(
            Conversation.ask(REWIND_REQUESTS[i % len(REWIND_REQUESTS)], video=frames),
            Modality.VIDEO,
            partial(_is_rewound, w.film),
            as_film(frames[::-1]),
        )
        for i, w in enumerate(cases)
        for frames in (render_video(w.film),)
    ]


def _is_rewound(film: VideoScene, answers: Answers) -> bool:
    """Return whether the reversed answer shows the video."""
    return verdict(film, video.film_of(answers)[::-1]).both
