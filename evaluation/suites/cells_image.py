"""The cells of the matrix between words and pictures: what is asked, and what is right."""

from functools import partial

import numpy as np

from engine.api.conversation import Conversation
from evaluation.answers import picture_of, words_of
from evaluation.judges.editing_judge import judged as judged_edit
from evaluation.judges.image_judge import satisfies
from evaluation.judges.image_parser import parse
from evaluation.suites import captions, chat, editing, scenes
from evaluation.suites.captions import Asked
from evaluation.suites.cell_item import Answers, Item, Material, as_picture, in_words, judged
from flow.modality import Modality
from world.image.edits import Change, Edit
from world.image.scenes import Scene, render
from world.text.dialogue import Dialogue, Kind, sample_dialogue

STRICT = (Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)
"""Talk without a picture with one right answer."""
REARRANGED = (Change.MOVE, Change.SIZE, Change.REMOVE)
"""Changes that name nothing that is not in the picture."""
ASKED = ("object", "count", "colour")


def facts(material: Material) -> list[Item]:
    """Simple facts, and held-out wishes that lie outside the world."""
    rng = np.random.default_rng(material.seed)
    kinds = [STRICT[i % len(STRICT)] for i in range(material.num)]
    return [_fact(sample_dialogue(rng, kind, test=True)) for kind in kinds]


def _fact(dialogue: Dialogue) -> Item:
    said = dialogue.utterances[-1]
    return judged(
        chat.conversation_of(dialogue),
        Modality.TEXT,
        lambda answers: chat.judged(dialogue, tuple(answers)).right,
        in_words(said.text, suggest=said.suggest),
    )


def drawings(material: Material) -> list[Item]:
    """The wishes of `evaluation.suites.scenes`."""
    return [
        judged(
            Conversation.ask(wish.prompt),
            Modality.IMAGE,
            partial(_shows, wish.scene),
            as_picture(render(wish.scene)),
        )
        for wish in scenes.wishes(material.num, material.seed)
    ]


def _shows(scene: Scene, answers: Answers) -> bool:
    picture = picture_of(answers)
    return picture is not None and satisfies(parse(picture), scene)


def questions(material: Material) -> list[Item]:
    """The three kinds of questions of `evaluation.suites.captions` in turn."""
    asked = captions.plan(material.num, material.seed)
    return [_question(asked[ASKED[i % len(ASKED)]][i]) for i in range(material.num)]


def _question(asked: Asked) -> Item:
    right = captions.says_the_answer
    if asked.question.kind == "object":
        right = captions.names_the_objects
    return judged(
        Conversation.ask(asked.question.text, image=render(asked.scene)),
        Modality.TEXT,
        lambda answers: right(words_of(answers), asked),
        in_words(asked.question.answer),
    )


def rearranged(material: Material) -> list[Item]:
    """Changes that name nothing new."""
    return [_change(e) for e in editing.plan(material.num, material.seed, REARRANGED)]


def changed(material: Material) -> list[Item]:
    """The changes of `evaluation.suites.editing`, of all kinds."""
    return [_change(e) for e in editing.plan(material.num, material.seed)]


def _change(edit: Edit) -> Item:
    return judged(
        Conversation.ask(edit.words, image=render(edit.before)),
        Modality.IMAGE,
        partial(_is_changed, edit),
        as_picture(render(edit.after)),
    )


def _is_changed(edit: Edit, answers: Answers) -> bool:
    picture = picture_of(answers)
    return picture is not None and judged_edit(edit, picture).right
