"""The any-to-any cells with audio: their items and judges.

Generated speech is transcribed by a recogniser and right up to a word error rate of
`evaluation.suites.spoken_qa.MOST_ERRORS`; recordings in the same voice measure the recogniser.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from engine.api.conversation import Conversation
from evaluation.answers import image_of, plain, text_of
from evaluation.judges.facts import Facts, image_facts, requested_caption, text_facts
from evaluation.judges.image_parser import parse
from evaluation.speech_client import audio_of
from evaluation.suites import captions, chat, omni, scenes, spoken_qa, video
from evaluation.suites.cell_item import (
    Answers,
    Item,
    Material,
    as_sound,
    in_words,
    item_with_answer,
)
from evaluation.suites.sounds import MAKE_IT, NAME_IT
from evaluation.suites.spoken_qa import SpokenQuestion, same_words
from flow.modality import Modality
from world.audio.speech import Clip
from world.image.rendering import render
from world.text.dialogue import Kind
from world.text.sentences import SAY, sound_answer
from world.video.motion import render_video


def transcripts(material: Material) -> list[Item]:
    """Sample the sentences of `evaluation.suites.asr`."""
    return [
        item_with_answer(
            Conversation.write_down(clip.samples),
            Modality.TEXT,
            partial(_is_written, clip.sentence),
            in_words(clip.sentence),
        )
        for clip in material.recordings.spoken[: material.num]
    ]


def _is_written(sentence: str, answers: Answers) -> bool:
    return same_words(text_of(answers), sentence)


def sayings(material: Material) -> list[Item]:
    """Sample the sentences of `evaluation.suites.tts`."""
    return [
        item_with_answer(
            Conversation.ask(SAY.format(clip.sentence)),
            Modality.AUDIO,
            partial(_is_heard, material, clip.sentence),
            as_sound(clip.samples),
        )
        for clip in material.recordings.own[: material.num]
    ]


def _is_heard(material: Material, wanted: str, answers: Answers) -> bool:
    return same_words(material.hears(audio_of(answers)), wanted)


def described_aloud(material: Material) -> list[Item]:
    """Sample spoken descriptions of images."""
    asked = captions.plan(material.num, material.seed)["object"]
    return [
        _aloud(
            material,
            i,
            Conversation.ask(a.question.text, image=render(a.scene)),
            a.question.answer,
        )
        for i, a in enumerate(asked)
    ]


def told_aloud(material: Material) -> list[Item]:
    """Sample spoken descriptions of videos."""
    asked = [(w.film, w.questions[-1]) for w in video.plan(material.num, material.seed)]
    return [
        _aloud(material, i, Conversation.ask(q.text, video=render_video(film)), q.answer)
        for i, (film, q) in enumerate(asked)
    ]


def _aloud(
    material: Material,
    number: int,
    conversation: Conversation,
    answer: str,
    to: Modality | None = Modality.TEXT,
) -> Item:
    """Build a question with a spoken answer. The judge is tested on a recording of another
    sentence."""
    own = material.recordings.own
    return Item(
        conversation,
        to,
        partial(_is_heard, material, answer),
        partial(_hears_recording, material, own[number % len(own)]),
        aloud=True,
    )


def _hears_recording(material: Material, clip: Clip) -> bool:
    return same_words(material.hears(clip.samples), clip.sentence)


def spoken_questions(material: Material) -> list[Item]:
    """Sample the small talk and the simple facts of `evaluation.suites.spoken_qa`, each asked
    alone."""
    rows = [a for a in _asked(material) if a.dialogue.kind is not Kind.ASK]
    return [
        _aloud(
            material,
            i,
            Conversation((spoken_qa.question_turn(asked),)),
            asked.right_answer,
            to=None,
        )
        for i, asked in enumerate(rows[: material.num])
    ]


def spoken_about_pictures(material: Material) -> list[Item]:
    """Sample spoken questions about images, answered in text."""
    rows = [a for a in _asked(material) if a.dialogue.kind is Kind.ASK]
    return [
        Item(
            Conversation((spoken_qa.question_turn(asked),)),
            None,
            partial(_is_answered, asked),
            partial(_is_answered, asked, (in_words(asked.right_answer),)),
        )
        for asked in rows[: material.num]
    ]


def _asked(material: Material) -> Sequence[SpokenQuestion]:
    talks = spoken_qa.plan(material.recordings, material.num, material.seed)
    return [asked for talk in talks for asked in talk]


def _is_answered(asked: SpokenQuestion, answers: Answers) -> bool:
    return chat.judge_answer(asked.dialogue, tuple(answers)).right


def spoken_wishes(material: Material) -> list[Item]:
    """Sample recorded requests for images. The judge is tested on rendered images of other
    requests."""
    wished = [
        (clip, text_facts(caption))
        for clip in material.recordings.spoken
        if (caption := requested_caption(clip.sentence)) is not None
    ]
    known = scenes.plan(material.num, material.seed)
    return [
        Item(
            Conversation.ask("", audio=clip.samples),
            None,
            partial(_shows_all, facts),
            partial(_holds, text_facts(case.prompt), render(case.scene)),
        )
        for (clip, facts), case in zip(wished, known, strict=False)
    ]


def _shows_all(facts: Facts, answers: Answers) -> bool:
    picture = image_of(answers)
    return picture is not None and _holds(facts, picture)


def _holds(facts: Facts, picture: np.ndarray) -> bool:
    return facts <= image_facts(parse(picture))


def together(material: Material) -> list[Item]:
    """Sample the questions of `evaluation.suites.omni`."""
    asked = omni.plan(material.recordings, material.num, material.seed)
    return [
        item_with_answer(
            Conversation.ask(q.question, image=render(q.scene), audio=clip.samples),
            Modality.TEXT,
            partial(_says, q.answer),
            in_words(q.answer),
        )
        for q, clip in asked
    ]


def _says(wanted: str, answers: Answers) -> bool:
    return text_of(answers) == plain(wanted)


def named_sounds(material: Material) -> list[Item]:
    """Sample sounds of `evaluation.suites.sounds` to be named."""
    return [
        item_with_answer(
            Conversation.ask(NAME_IT, audio=clip.samples),
            Modality.TEXT,
            partial(_says, sound_answer(clip.sentence)),
            in_words(sound_answer(clip.sentence)),
        )
        for clip in material.recordings.sounds[: material.num]
    ]


def made_sounds(material: Material) -> list[Item]:
    """Sample sounds of `evaluation.suites.sounds` to be generated."""
    return [
        item_with_answer(
            Conversation.ask(MAKE_IT.format(clip.sentence)),
            Modality.AUDIO,
            partial(_sounds_like, material, clip.sentence),
            as_sound(clip.samples),
        )
        for clip in material.recordings.sounds[: material.num]
    ]


def _sounds_like(material: Material, thing: str, answers: Answers) -> bool:
    return material.recordings.judge.name(audio_of(answers)) == thing
