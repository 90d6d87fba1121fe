"""Cycle consistency on held-out items: an image is described and drawn again, a recording
transcribed and spoken again, a video described and generated again, and each the other way round.

The truth of an input is a set of facts (`evaluation.judges.facts`), of speech its words. Text from
the model is read as it is; generated images, videos and speech are read by a judge. Owns: the six
cycles and their figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, image_of, seeded, text_of
from evaluation.judges.facts import (
    Facts,
    image_facts,
    parsed_video_facts,
    scene_facts,
    text_facts,
    video_facts,
    video_text_facts,
)
from evaluation.judges.image_parser import parse
from evaluation.judges.video_judge import parse_video
from evaluation.requirements import INSTALL, NOT_JUDGED, NOT_TRAINED, Requirement
from evaluation.result import Measurement, ratio_metrics
from evaluation.speech_client import SpeechEngine, audio_of, transcribe
from evaluation.suites import scenes, video
from evaluation.suites.any_to_any import trained_requirements
from evaluation.suites.cell_item import Material
from evaluation.suites.tts import speech_request, transcripts_of
from flow.modality import Modality
from world.audio.speech import Clip
from world.image.rendering import render
from world.text.spelling import normalised_words
from world.video.captions import full_video_caption
from world.video.motion import render_video

DESCRIBE, TELL = "what do you see?", "what happens?"
NOTHING = "nothing"
"""The prompt in place of an empty description."""
Answers = tuple[Answer, ...]


@dataclass(frozen=True)
class Loop:
    """The facts of one cycle: true of the input, found after the first direction, and after the
    second. read: found by the judge in true data."""

    true: Facts
    first: Facts
    second: Facts
    read: Facts


def evaluate(engine: SpeechEngine, material: Material, sampling: Sampling) -> Measurement:
    """Return shares in [0, 1] of facts of num held-out images, recordings or videos, see `figures`.

    describe_then_draw: picture -> words -> picture. draw_then_describe: wish -> picture -> words.
    listen_then_speak: recording -> words -> speech, which a judge hears. speak_then_listen:
    sentence -> speech -> words. watch_then_act: film -> words -> film. act_then_watch: caption ->
    film -> words. agreement: the mean of those that were measured.
    Judge: of each the share of true facts that the judge reads from exact pictures, films or real
    recordings. left_out: why one was not measured. Raises ValueError where num is no multiple of 6.

    """
    metrics: dict[str, float] = {}
    judge: dict[str, float] = {"num": float(material.num)}
    left_out: dict[str, str] = {}
    has = trained_requirements(engine)
    for names, needs, run in WAYS:
        if lacks := [need for need in needs if need not in has]:
            left_out |= dict.fromkeys(names, f"{NOT_TRAINED}: {lacks[0]}")
            continue
        if Requirement.SOUND in needs and material.listen is None:
            reason = f"{NOT_JUDGED}: {INSTALL}"
            left_out |= dict.fromkeys(names, reason)
            continue
        for name, loops in zip(names, run(engine, material, sampling), strict=True):
            metrics |= figures(name, loops)
            read = [(len(r.true & r.read), len(r.true)) for r in loops]
            judge[name] = ratio_metrics(name, np.array(read))[name]
    measured = [metrics[name] for names, _, _ in WAYS for name in names if name in metrics]
    return Measurement({"agreement": float(np.mean(measured)), **metrics}, judge, left_out)


def figures(name: str, loops: Sequence[Loop]) -> dict[str, float]:
    """Return NAME: of the true facts that the first direction got right, the share that the second
    one has too, with its 95 percent interval; 0 where the first got none. NAME_first, NAME_second:
    of all true facts the share that is found after the first and after the second direction."""
    counts = np.array([_counts(loop) for loop in loops])
    return {
        **ratio_metrics(name, counts[:, [1, 2]]),
        f"{name}_first": float(counts[:, 2].sum() / counts[:, 0].sum()),
        f"{name}_second": float(counts[:, 3].sum() / counts[:, 0].sum()),
    }


def _counts(loop: Loop) -> tuple[int, int, int, int]:
    """Count the true facts, and those right after both, after the first, and after the second
    direction."""
    first, second = loop.true & loop.first, loop.true & loop.second
    return len(loop.true), len(first & second), len(first), len(second)


Ways = tuple[list[Loop], list[Loop]]


def pictures(engine: SpeechEngine, material: Material, sampling: Sampling) -> Ways:
    """Run both cycles of images: describe then draw, draw then describe."""
    cases = scenes.plan(material.num, material.seed)
    true = [render(w.scene) for w in cases]
    read = [image_facts(parse(p)) for p in tqdm(true, desc="judge: pictures")]

    def describe(shown: Sequence[np.ndarray]) -> list[str]:
        asked = [Conversation.ask(DESCRIBE, image=p) for p in shown]
        return [text_of(a) for a in _made(engine, asked, Modality.TEXT, sampling, "describe")]

    def draw(said: Sequence[str]) -> list[np.ndarray]:
        asked = [Conversation.ask(text or NOTHING) for text in said]
        found = _made(engine, asked, Modality.IMAGE, sampling, "draw")
        return [p for p in (image_of(a) for a in found) if p is not None]

    def seen_in(shown: Sequence[np.ndarray]) -> list[Facts]:
        return [image_facts(parse(p)) for p in tqdm(shown, desc="judge")]

    said = describe(true)
    drawn = draw([w.prompt for w in cases])
    there = [scene_facts(w.scene) for w in cases]
    asked = [text_facts(w.prompt) for w in cases]
    return (
        _loops(there, [text_facts(text) for text in said], seen_in(draw(said)), read),
        _loops(asked, seen_in(drawn), [text_facts(text) for text in describe(drawn)], read),
    )


def films(engine: SpeechEngine, material: Material, sampling: Sampling) -> Ways:
    """Run both cycles of videos: describe then generate, generate then describe."""
    cases = [w.film for w in video.plan(material.num, material.seed)]
    true = [render_video(film) for film in cases]

    def tell(shown: Sequence[np.ndarray]) -> list[str]:
        asked = [Conversation.ask(TELL, video=film) for film in shown]
        return [text_of(a) for a in _made(engine, asked, Modality.TEXT, sampling, "tell")]

    def film(said: Sequence[str]) -> list[np.ndarray]:
        asked = [Conversation.ask(text or NOTHING) for text in said]
        found = _made(engine, asked, Modality.VIDEO, sampling, "film")
        return [video.film_of(a) for a in found]

    def seen_in(shown: Sequence[np.ndarray]) -> list[Facts]:
        return [parsed_video_facts(parse_video(frames)) for frames in tqdm(shown, desc="judge")]

    said, made = tell(true), film([full_video_caption(f) for f in cases])
    there, read = [video_facts(f) for f in cases], seen_in(true)
    return (
        _loops(there, [video_text_facts(text) for text in said], seen_in(film(said)), read),
        _loops(there, seen_in(made), [video_text_facts(text) for text in tell(made)], read),
    )


def speech(engine: SpeechEngine, material: Material, sampling: Sampling) -> Ways:
    """Run both cycles of speech: transcribe then speak, speak then transcribe."""

    def say(sentences: Sequence[str]) -> list[np.ndarray]:
        asked = [speech_request(s, seeded(sampling, i)) for i, s in enumerate(sentences)]
        return [audio_of(answers) for answers in generate_answers(engine, asked, "say")]

    def write(sounds: Sequence[np.ndarray]) -> list[str]:
        clips = [Clip("", "", "", samples) for samples in sounds if len(samples)]
        found = iter(transcribe(engine, clips, sampling))
        return [next(found) if len(samples) else "" for samples in sounds]

    def kept(clips: Sequence[Clip], found: Sequence[str]) -> list[Facts]:
        return [kept_words(c.sentence, text) for c, text in zip(clips, found, strict=True)]

    spoken = material.recordings.spoken[: material.num]
    own = material.recordings.own[: material.num]
    said = write([c.samples for c in spoken])
    again = transcripts_of(say(said), material.hears)
    made = say([c.sentence for c in own])
    in_own = transcripts_of(made, material.hears)
    return (
        _loops(
            kept(spoken, [c.sentence for c in spoken]),
            kept(spoken, said),
            kept(spoken, again),
            kept(spoken, transcripts_of([c.samples for c in spoken], material.hears)),
        ),
        _loops(
            kept(own, [c.sentence for c in own]),
            kept(own, in_own),
            kept(own, write(made)),
            kept(own, transcripts_of([c.samples for c in own], material.hears)),
        ),
    )


def kept_words(sentence: str, found: str) -> Facts:
    """Return the words of a sentence that a transcript has in the same order, each with its
    position."""
    wanted = normalised_words(sentence)
    same = SequenceMatcher(
        None, wanted, normalised_words(found), autojunk=False
    ).get_matching_blocks()
    places = [i for block in same for i in range(block.a, block.a + block.size)]
    return frozenset((wanted[i], str(i)) for i in places)


def _made(
    engine: SpeechEngine,
    asked: Sequence[Conversation],
    to: Modality,
    sampling: Sampling,
    what: str,
) -> list[Answers]:
    requests = [Request(c, to, seeded(sampling, i)) for i, c in enumerate(asked)]
    return generate_answers(engine, requests, what)


def _loops(
    true: Sequence[Facts], first: Sequence[Facts], second: Sequence[Facts], read: Sequence[Facts]
) -> list[Loop]:
    return [Loop(*facts) for facts in zip(true, first, second, read, strict=True)]


WAYS: tuple[
    tuple[
        tuple[str, str], tuple[Requirement, ...], Callable[[SpeechEngine, Material, Sampling], Ways]
    ],
    ...,
] = (
    (("describe_then_draw", "draw_then_describe"), (), pictures),
    (("listen_then_speak", "speak_then_listen"), (Requirement.SOUND,), speech),
    (
        ("watch_then_act", "act_then_watch"),
        (Requirement.VIDEO, Requirement.VIDEO_GENERATION),
        films,
    ),
)
"""The cycles: names, required abilities, and the function that runs them."""


def table(measured: Measurement) -> str:
    """Return the figures as text: a row a cycle."""
    rows = [f"{'':<20}agreement (95%)     after one  after both  judge on true data"]
    for name in (name for names, _, _ in WAYS for name in names):
        if name not in measured.metrics:
            rows.append(f"{name:<20}{measured.left_out[name]}")
            continue
        value, low, high, first, second = (
            measured.metrics[f"{name}{end}"] for end in ("", "_low", "_high", "_first", "_second")
        )
        interval = f"{value:.2f} ({low:.2f}-{high:.2f})"
        judge = measured.judge[name]
        rows.append(f"{name:<20}{interval:<20}{first:<11.2f}{second:<12.2f}{judge:.2f}")
    return "\n".join([*rows, f"{'agreement':<20}{measured.metrics['agreement']:.2f}"])
