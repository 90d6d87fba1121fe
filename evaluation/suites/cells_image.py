"""The any-to-any cells between text and images: their items and judges."""

from functools import partial

import numpy as np

from engine.api.conversation import Conversation
from evaluation.answers import image_of, text_of
from evaluation.judges.editing_judge import judge_edit
from evaluation.judges.image_judge import satisfies
from evaluation.judges.image_parser import parse
from evaluation.suites import captions, chat, editing, scenes
from evaluation.suites.captions import VisualQuestion
from evaluation.suites.cell_item import (
    Answers,
    Item,
    Material,
    as_picture,
    in_words,
    item_with_answer,
)
from flow.modality import Modality
from world.edits.edits import Change, Edit
from world.image.rendering import render
from world.image.scenes import Scene
from world.text.dialogue import Dialogue, Kind, sample_dialogue

STRICT = (Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)
"""Kinds of dialogue without images that have one right answer."""
REARRANGED = (Change.MOVE, Change.SIZE, Change.REMOVE)
"""Kinds of edits that name no new object."""
ASKED = ("object", "count", "colour")


def facts(material: Material) -> list[Item]:
    """Sample simple facts, and held-out requests outside the domain."""
    rng = np.random.default_rng(material.seed)
    kinds = [STRICT[i % len(STRICT)] for i in range(material.num)]
    return [_fact(sample_dialogue(rng, kind, test=True)) for kind in kinds]


def _fact(dialogue: Dialogue) -> Item:
    said = dialogue.utterances[-1]
    return item_with_answer(
        chat.conversation_of(dialogue),
        Modality.TEXT,
        lambda answers: chat.judge_answer(dialogue, tuple(answers)).right,
        in_words(said.text, suggest=said.suggest),
    )


def drawings(material: Material) -> list[Item]:
    """Sample the prompts of `evaluation.suites.scenes`."""
    return [
        item_with_answer(
            Conversation.ask(case.prompt),
            Modality.IMAGE,
            partial(_shows, case.scene),
            as_picture(render(case.scene)),
        )
        for case in scenes.plan(material.num, material.seed)
    ]


def _shows(scene: Scene, answers: Answers) -> bool:
    picture = image_of(answers)
    return picture is not None and satisfies(parse(picture), scene)


def questions(material: Material) -> list[Item]:
    """Sample the three kinds of questions of `evaluation.suites.captions` in turn."""
    asked = captions.plan(material.num, material.seed)
    return [_question(asked[ASKED[i % len(ASKED)]][i]) for i in range(material.num)]


def _question(asked: VisualQuestion) -> Item:
    right = captions.says_the_answer
    if asked.question.kind == "object":
        right = captions.names_the_objects
    return item_with_answer(
        Conversation.ask(asked.question.text, image=render(asked.scene)),
        Modality.TEXT,
        lambda answers: right(text_of(answers), asked),
        in_words(asked.question.answer),
    )


def rearranged(material: Material) -> list[Item]:
    """Sample edits that name nothing new."""
    return [_change(e) for e in editing.plan(material.num, material.seed, REARRANGED)]


def changed(material: Material) -> list[Item]:
    """Sample the edits of `evaluation.suites.editing`, of all kinds."""
    return [_change(e) for e in editing.plan(material.num, material.seed)]


def _change(edit: Edit) -> Item:
    return item_with_answer(
        Conversation.ask(edit.words, image=render(edit.before)),
        Modality.IMAGE,
        partial(_is_changed, edit),
        as_picture(render(edit.after)),
    )


def _is_changed(edit: Edit, answers: Answers) -> bool:
    picture = image_of(answers)
    return picture is not None and judge_edit(edit, picture).right
