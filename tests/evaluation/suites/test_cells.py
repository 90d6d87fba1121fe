"""The items of the cells, answered by engines that are always right or never."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.sampling import Sampling
from evaluation.judges import video_judge
from evaluation.suites import (
    any_to_any,
    captions,
    cells_audio,
    cells_image,
    cells_video,
    scenes,
    video,
)
from evaluation.suites.cell_item import Item, Material, in_words, item_with_answer
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, ScriptedAnswerer, parsed, said, shown
from tests.evaluation.talker import PACK, Talker, heard, perfect, spoken
from world.audio.audio_visual_questions import AUDIO_VISUAL_SOUNDS
from world.audio.sounds import SOUND
from world.audio.speech import Clip
from world.image.rendering import render
from world.image.scenes import Background, Family, Scene
from world.image.scenes import Item as Thing
from world.video.captions import FRAME_REQUESTS

SAMPLING = Sampling(steps=4)
MATERIAL = Material(6, 1, PACK, heard)
FILMED = Material(2, 1, PACK, heard)
HEART = Scene(
    Family.SINGLE_OBJECT, Background("plain", ("white",)), (Thing("heart", "red", "", 2, 2),)
)
Answers = tuple[Answer, ...]


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    for module in (video_judge, cells_video, cells_image, cells_audio):
        monkeypatch.setattr(module, "parse", lambda picture: parsed(picture.tobytes()))


def filmed(frames: np.ndarray) -> Answers:
    return (Answer(Modality.VIDEO, TOKENS, video=frames),)


def right(items: list[Item], script: list[Answers]) -> list[bool]:
    return any_to_any.outcomes(ScriptedAnswerer(script), "cell", items, SAMPLING)  # pyright: ignore


def test_pictures_and_words() -> None:
    wished = scenes.plan(6, 1)
    items = cells_image.drawings(MATERIAL)
    assert right(items, [shown(w.scene) for w in wished]) == [True] * 6
    assert right(items, [shown(w.scene) for w in wished[1:] + wished[:1]]) == [False] * 6
    assert [i.true() for i in items] == [True] * 6
    asked = captions.plan(6, 1)
    answers = [asked[cells_image.ASKED[i % 3]][i].question.answer for i in range(6)]
    items = cells_image.questions(MATERIAL)
    assert right(items, [said(a) for a in answers]) == [True] * 6
    assert right(items, [said("")] * 6) == [False] * 6
    items = cells_image.facts(MATERIAL)
    assert [i.true() for i in items] == [True] * 6
    assert right(items, [said("a whale.")] * 6) == [False] * 6


def test_changes_of_pictures() -> None:
    for plan, kinds in (
        (cells_image.rearranged, cells_image.REARRANGED),
        (cells_image.changed, None),
    ):
        items = plan(replace(MATERIAL, num=3))
        edits = cells_image.editing.plan(3, 1, *(() if kinds is None else (kinds,)))
        assert [i.true() for i in items] == [True] * 3
        assert right(items, [shown(e.before) for e in edits]) == [False] * 3


def test_films() -> None:
    for plan in (
        cells_video.films,
        cells_video.animated,
        cells_video.rewound,
        cells_video.appearing,
    ):
        items = plan(FILMED)
        assert [i.true() for i in items] == [True] * 2
        blank = np.full((8, 128, 128, 3), 255, np.uint8)
        assert right(items, [filmed(blank)] * 2) == [False] * 2


def test_a_film_that_was_not_rewound_is_wrong() -> None:
    items = cells_video.rewound(FILMED)
    shown_films = [i.conversation.turns[0].parts[0].video for i in items]
    assert right(items, [filmed(f) for f in shown_films if f is not None]) == [False] * 2


def test_frames_of_films() -> None:
    items = cells_video.frames(replace(FILMED, num=3))
    assert [i.true() for i in items] == [True] * 3
    wishes = tuple(FRAME_REQUESTS)
    assert [i.conversation.turns[0].parts[1].text for i in items] == list(wishes[:3])
    films = [i.conversation.turns[0].parts[0].video for i in items]
    other = [
        (Answer(Modality.IMAGE, TOKENS, image=f[7 - FRAME_REQUESTS[w]]),)
        for f, w in zip(films, wishes, strict=False)
        if f is not None
    ]
    assert right(items, other) == [False] * 3


def test_questions_about_films() -> None:
    wished = video.plan(2, 1)
    items = cells_video.questions(FILMED)
    answers = [said(w.questions[i].answer) for i, w in enumerate(wished)]
    assert right(items, answers) == [True] * 2
    assert right(items, answers[::-1]) == [False] * 2
    aloud = cells_audio.told_aloud(FILMED)
    told = [(*said(""), *spoken(w.questions[-1].answer)) for w in wished]
    assert right(aloud, told) == [True] * 2
    assert right(aloud, told[::-1]) == [False] * 2


def _known() -> dict[tuple[str, bytes | None], str]:
    """The right answers to spoken questions, and to written ones about pictures."""
    known: dict[tuple[str, bytes | None], str] = {
        ("", render(a.scene).tobytes()): a.question.answer for a in captions.plan(6, 1)["object"]
    }
    for asked in (a for talk in cells_audio.spoken_qa.plan(PACK, 6, 1) for a in talk):
        scene = asked.dialogue.utterances[0].scene
        picture = None if scene is None else render(scene).tobytes()
        known[asked.clip.sentence, picture] = asked.right_answer
    return known


@pytest.mark.parametrize(
    "plan",
    [
        cells_audio.transcripts, cells_audio.sayings, cells_audio.described_aloud,
        cells_audio.spoken_questions,
        cells_audio.spoken_about_pictures, cells_audio.named_sounds, cells_audio.made_sounds,
    ],
)  # fmt: skip
def test_what_is_heard_and_said(plan: Callable[[Material], list[Item]]) -> None:
    items = plan(MATERIAL)
    assert items
    assert all(i.true() for i in items)
    assert all(any_to_any.outcomes(Talker(perfect(_known())), "right", items, SAMPLING))
    silent = (*said(""), *spoken("nobody knows what this is supposed to be"))
    assert not any(any_to_any.outcomes(Talker(lambda _: silent), "wrong", items, SAMPLING))


def test_what_was_heard_is_no_answer() -> None:
    """A transcript that happens to be the right answer."""
    item = item_with_answer(
        Conversation.ask("x"), Modality.TEXT, lambda a: a[0].text == "x", in_words("x")
    )
    heard_only = (replace(said("x")[0], heard=True), *said("y"))
    assert right([item], [heard_only]) == [False]
    assert item.true()


def test_a_spoken_wish_shows_all_that_was_said_and_nothing_else() -> None:
    (item,) = cells_audio.spoken_wishes(MATERIAL)
    assert item.to is None
    assert item.true()
    two = replace(HEART, items=(*HEART.items, Thing("dog", None, "", 5, 5)))
    assert right([item], [shown(HEART, "here you go!")]) == [True]
    assert right([item], [shown(two)]) == [False]
    assert right([item], [said("a red heart")]) == [False]


def test_sounds_with_pictures() -> None:
    sounds = [Clip(w, w, SOUND, np.full(100, 0.1, np.float32)) for w in AUDIO_VISUAL_SOUNDS]
    material = replace(MATERIAL, pack=replace(PACK, clips=tuple(sounds)))
    items = cells_audio.together(material)
    assert all(i.true() for i in items)
    assert right(items, [said("perhaps")] * 6) == [False] * 6
