"""Held-out videos: generated from text, generated from a first frame, and described. Generated ones
are judged by `evaluation.judges.video_judge`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import (
    AnswerEngine,
    generate_answers,
    plain,
    record_verdicts,
    seeded,
    text_of,
)
from evaluation.judges.image_parser import parse
from evaluation.judges.video_judge import VideoVerdict, verdict
from evaluation.requirements import NOT_TRAINED, Requirement
from evaluation.result import Measurement, share, share_metrics
from evaluation.suites.editing import shows_the_same
from evaluation.suites.tokenizer import round_trip
from flow.modality import Modality
from world.concepts import named_concepts
from world.text.captions import Question
from world.video.captions import full_video_caption, video_caption, video_questions, video_request
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene, render_video, sample_video

MADE = ("direction", "object", "both", "slides", "animated")
"""The metrics of generated videos."""
UNDERSTOOD = ("understand_direction", "understand_object", "understand_count", "described")
"""The metrics of questions about videos: the motion, the objects, their number, a description."""

PLACE = "understand_place"


@dataclass(frozen=True)
class TestCase:
    """A held-out film, the words that ask for it, a question about it for each of `UNDERSTOOD`, and
    one about where it happens, where that is no gradient."""

    film: VideoScene
    words: str
    questions: tuple[Question, ...]
    place: Question | None = None


def evaluate(engine: AnswerEngine, num: int, seed: int, sampling: Sampling) -> Measurement:
    """Return shares in [0, 1] of num films, the ten motions in turn. NAME_low, NAME_high: the 95
    percent Wilson interval of a figure.

    direction, object, both: films made of words that show the motion, the right movers, both, see
    `evaluation.judges.video_judge.VideoVerdict`. slides: direction of the four slides only.
    direction_MOTION: of each motion that was asked for.
    animated: films begun with their first frame in sight that start with it and go on with the
    right motion, see `animated`. animated_first, animated_direction: each alone.
    understand_direction: exact answers to "what does the dog do?" and "which way does it go?".
    understand_object: answers to "what moves?" that name what does and nothing else.
    understand_count: exact answers to "how many dogs are there?". described: answers to "what
    happens?" that are `world.video.captions.full_video_caption`, word for word.
    left_out: the figures of films that are made, where the checkpoint only watches them.
    The judge's own figures: `judge_metrics`.
    Raises ValueError where num is below 1 or the checkpoint does not know films.

    """
    config = engine.model.config
    if not config.video_frames:
        raise ValueError(
            "this checkpoint neither makes nor watches films: choose one that was trained with them"
        )
    cases = plan(num, seed)
    sampling = replace(sampling, seed=seed)
    true = np.stack([render_video(w.film) for w in cases])
    decoded = round_trip(engine, true.reshape(-1, *true.shape[2:])).reshape(true.shape)
    judge = judge_metrics([w.film for w in cases], true, decoded)
    if Modality.VIDEO not in config.media:
        left_out: dict[str, str] = dict.fromkeys(
            MADE, f"{NOT_TRAINED}: {Requirement.VIDEO_GENERATION}"
        )
        return Measurement(understood(engine, cases, true, sampling), judge, left_out)
    metrics = {
        **made(engine, cases, sampling),
        **animated(engine, cases, true[:, 0], decoded[:, 0], sampling),
        **understood(engine, cases, true, sampling),
    }
    return Measurement(metrics, judge)


def plan(num: int, seed: int, motions: Sequence[Motion] = tuple(Motion)) -> list[TestCase]:
    """Sample num held-out videos, the motions in turn, prompted by a request and by the canonical
    caption alternately. More cases of a seed begin with the same ones."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    cases: list[TestCase] = []
    for i in range(num):
        round_, which = divmod(i, len(motions))
        film, asked = _film(rng, motions[which])
        second = (round_ + which) % 2 == 1
        words = full_video_caption(film) if second else video_request(rng, video_caption(film, rng))
        does = asked["direction" if second and film.motion in SLIDES else "motion"]
        questions = (does, asked["mover"], asked["count"], asked["object"])
        cases.append(TestCase(film, words, questions, asked.get("background")))
    return cases


def _film(rng: np.random.Generator, motion: Motion) -> tuple[VideoScene, dict[str, Question]]:
    """Sample a video whose things can be counted (milk cannot), and its questions by kind."""
    while True:
        film = sample_video(rng, test=True, motion=motion)
        asked = {q.kind: q for q in video_questions(film, rng)}
        if "count" in asked:
            return film, asked


def film_of(answers: Sequence[Answer]) -> np.ndarray:
    """Return the video of an answer, uint8 "F H W 3"."""
    film = next((a.video for a in answers if a.video is not None), None)
    assert film is not None, "a request for a film is answered with one"
    return film


def made(engine: AnswerEngine, cases: list[TestCase], sampling: Sampling) -> dict[str, float]:
    """Return the metrics of videos from text; video i has seed sampling.seed + i."""
    requests = [
        Request(Conversation.ask(w.words), Modality.VIDEO, seeded(sampling, i))
        for i, w in enumerate(cases)
    ]
    films = [film_of(answers) for answers in generate_answers(engine, requests, "film")]
    wanted = [w.film for w in cases]
    verdicts = judge_videos(wanted, films, "made")
    moved = [v.direction for v in verdicts]
    record_verdicts(engine, "film", (v.both for v in verdicts))
    return {
        **share_metrics("direction", moved),
        **share_metrics("object", (v.object for v in verdicts)),
        **share_metrics("both", (v.both for v in verdicts)),
        **share_metrics("slides", _of_slides(wanted, moved)),
        **_by_motion("direction", wanted, moved),
    }


def judge_videos(
    films: list[VideoScene], shown: Sequence[np.ndarray], what: str
) -> list[VideoVerdict]:
    """Judge each video; progress goes to stderr under that name."""
    pairs = zip(films, tqdm(shown, desc=f"judge: {what}"), strict=True)
    return [verdict(film, frames) for film, frames in pairs]


def _of_slides(films: list[VideoScene], right: list[bool]) -> list[bool]:
    return [r for f, r in zip(films, right, strict=True) if f.motion in SLIDES]


def _by_motion(name: str, films: list[VideoScene], right: list[bool]) -> dict[str, float]:
    """Return the share of right videos by motion."""
    pairs = list(zip(films, right, strict=True))
    motions = [m for m in Motion if any(f.motion is m for f in films)]
    return {f"{name}_{m}": share(r for f, r in pairs if f.motion is m) for m in motions}


def animated(
    engine: AnswerEngine,
    cases: list[TestCase],
    first: np.ndarray,
    decoded: np.ndarray,
    sampling: Sampling,
) -> dict[str, float]:
    """Return the metrics of videos from their first frames, uint8 "N 128 128 3".

    A film starts with its picture where the parser reads the same from its first frame as from the
    picture after the tokenizer (`decoded`): background, objects, colours, sizes and places. The
    best that can be made of the picture is `decoded` itself.

    """
    requests = [
        Request(Conversation.ask(w.words, image=picture), Modality.VIDEO, seeded(sampling, i))
        for i, (w, picture) in enumerate(zip(cases, first, strict=True))
    ]
    films = [film_of(answers) for answers in generate_answers(engine, requests, "animate")]
    moved = [v.direction for v in judge_videos([w.film for w in cases], films, "animated")]
    begun = [
        shows_the_same(parse(film[0]), parse(picture))
        for film, picture in zip(films, decoded, strict=True)
    ]
    right = [a and b for a, b in zip(begun, moved, strict=True)]
    record_verdicts(engine, "animate", right)
    return {
        **share_metrics("animated", right),
        "animated_first": share(begun),
        "animated_direction": share(moved),
    }


def understood(
    engine: AnswerEngine, cases: list[TestCase], true: np.ndarray, sampling: Sampling
) -> dict[str, float]:
    """Return the metrics of questions about rendered videos, uint8 "N 8 128 128 3"."""
    figures: dict[str, float] = {}
    asked = {
        name: [(w.questions[i], film) for w, film in zip(cases, true, strict=True)]
        for i, name in enumerate(UNDERSTOOD)
    }
    places = [(w.place, f) for w, f in zip(cases, true, strict=True) if w.place is not None]
    if places:
        asked[PLACE] = places
    for name, pairs in asked.items():
        requests = [
            Request(Conversation.ask(q.text, video=film), Modality.TEXT, seeded(sampling, i))
            for i, (q, film) in enumerate(pairs)
        ]
        said = [text_of(answers) for answers in generate_answers(engine, requests, name)]
        right = [is_answered(q, s) for s, (q, _) in zip(said, pairs, strict=True)]
        record_verdicts(engine, name, right)
        figures |= share_metrics(name, right)
    return figures


def is_answered(question: Question, said: str) -> bool:
    """Return whether an answer matches exactly; for the moving objects, whether it names them."""
    meant = named_concepts if question.kind == "mover" else plain
    return meant(said) == meant(question.answer)


def judge_metrics(
    films: list[VideoScene], true: np.ndarray, decoded: np.ndarray
) -> dict[str, float]:
    """Measure the judge on these videos; each figure is a share in [0, 1].

    judge_direction, judge_object, judge_slides, judge_direction_MOTION: exact films, uint8
    "N 8 128 128 3", that it takes for what they are. roundtrip_..: the same of films after the
    picture tokenizer, the best that a generator over its codes could score. false_accepts: films
    that stand still at their last frame and are said to move as they should. num: films behind each
    figure.

    """
    figures: dict[str, float] = {"num": float(len(films))}
    for name, shown in (("judge", true), ("roundtrip", decoded)):
        verdicts = judge_videos(films, list(shown), name)
        moved = [v.direction for v in verdicts]
        figures |= {
            f"{name}_direction": share(moved),
            f"{name}_object": share(v.object for v in verdicts),
            f"{name}_slides": share(_of_slides(films, moved)),
            **_by_motion(f"{name}_direction", films, moved),
        }
    still = [np.repeat(film[-1:], FRAMES, 0) for film in true]
    return figures | {
        "false_accepts": share(v.direction for v in judge_videos(films, still, "still"))
    }
