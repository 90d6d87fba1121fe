"""The answers of the fake engine: a sentence, a picture, a film or a tone, by the words of a
request."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.api.events import Answer
from engine.api.request import Modality, Request
from engine.media.images import fitted
from tests.fake_forming import GRID, PATCH_PX
from tests.fake_scenes import draw, film
from world.image.scenes import IMAGE_PX
from world.video.motion import FRAMES

NUM_CODEBOOKS, NUM_WORDS = 4, 24
NUM_STEPS = 16
"""Steps of a segment without a setting."""
TONE_HZ, NUM_BLOCKS = 440, 3


def spoken(request: Request, script: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The script, with a tone after its words where they are to be spoken."""
    if request.to is Modality.AUDIO:
        return (_tone(),)
    first, *others = script
    tone = (_tone(),) if request.aloud and first.modality is Modality.TEXT else ()
    return (first, *tone, *others)


def _tone() -> Answer:
    times = np.arange(16_000 * NUM_BLOCKS) / 16_000
    samples = (0.2 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    return Answer(Modality.AUDIO, np.zeros((NUM_WORDS, 2), np.int64), audio=samples)


def blocks(script: tuple[Answer, ...]) -> Iterator[Answer]:
    """A sound as its blocks, the last one marked; everything else as it is."""
    for answer in script:
        if answer.audio is None:
            yield answer
            continue
        pieces = np.split(answer.audio, NUM_BLOCKS)
        for i, piece in enumerate(pieces):
            yield replace(answer, audio=piece, suggest=i == NUM_BLOCKS - 1)


def joined(answers: list[Answer]) -> tuple[Answer, ...]:
    found: list[Answer] = []
    for answer in answers:
        before = found[-1].audio if found else None
        if answer.audio is not None and before is not None:
            found.pop()
            answer = replace(answer, audio=np.concatenate([before, answer.audio]))
        found.append(replace(answer, suggest=answer.suggest and answer.audio is None))
    return tuple(found)


def completed(request: Request) -> Request:
    old = request.sampling
    return replace(
        request,
        sampling=replace(
            old,
            steps=old.steps or NUM_STEPS,
            guidance_scale=3.0 if old.guidance_scale is None else old.guidance_scale,
            transition=old.transition or "midpoint",
        ),
    )


def answers_to(request: Request, text: str) -> tuple[Answer, ...]:
    words = set(text.lower().replace("?", "").split())
    seed = request.sampling.seed
    if request.pin is not None:
        made = (sentence("here you go, look at it"), _picture(text, seed))
        return made[::-1] if request.pin.words == 0 else made
    if request.think:
        return (replace(sentence("three"), thought="one, two, three"),)
    asked = [turn for turn in request.conversation.turns if turn.role == "user"]
    seen = [part for turn in asked for part in turn.parts if part.is_seen]
    shown = [part for part in asked[-1].parts if part.is_seen]
    if request.to is Modality.IMAGE:
        return (_picture(text, seed),)
    if request.to is Modality.VIDEO:
        return (_film(text, seed, shown[0].image if shown else None),)
    if "draw" in words:
        return sentence("here is " + text.lower().partition("draw ")[2]), _picture(text, seed)
    if not shown and words & {"video", "film", "clip"}:
        return sentence("here is your film"), _film(text, seed, None)
    if seen:
        kind = "picture" if seen[-1].video is None else "film"
        return (sentence(f"I see a {kind}, and this is message {len(request.conversation.turns)}"),)
    if words & {"hello!", "hello", "hi", "can"}:
        return (sentence("hello! I can draw small scenes and answer questions about pictures"),)
    return (
        replace(
            sentence("I do not know about that, but I can draw animals and food"), suggest=True
        ),
    )


def sentence(text: str) -> Answer:
    return Answer(Modality.TEXT, np.zeros((NUM_WORDS, 1), np.int64), text=text)


def _picture(text: str, seed: int) -> Answer:
    return Answer(
        Modality.IMAGE, np.zeros((GRID * GRID, NUM_CODEBOOKS), np.int64), image=draw(text, seed)
    )


def _film(text: str, seed: int, first: np.ndarray | None) -> Answer:
    frames = film(text, seed) if first is None else _slid(fitted(first, IMAGE_PX))
    return Answer(
        Modality.VIDEO, np.zeros((FRAMES * GRID * GRID, NUM_CODEBOOKS), np.int64), video=frames
    )


def _slid(picture: np.ndarray) -> np.ndarray:
    """A film that begins with a picture, which goes out to the right."""
    return np.stack([np.roll(picture, i * PATCH_PX, axis=1) for i in range(FRAMES)])
