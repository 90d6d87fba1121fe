"""Does it know what moves, and how? Held-out films: made of words, begun with a picture, and
watched and told. What was made is read and judged by `evaluation.judges.video_judge`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import Answerer, ask, plain, seeded, tell, words_of
from evaluation.judges.image_parser import parse
from evaluation.judges.video_judge import FilmVerdict, verdict
from evaluation.report.result import Measured, share, share_figures
from evaluation.requirements import NOT_TRAINED, Needs
from evaluation.suites.editing import shows_the_same
from evaluation.suites.tokenizer import round_trip
from flow.modality import Modality
from world.concepts import named_concepts
from world.text.captions import Question
from world.video.captions import full_video_caption, video_caption, video_questions, video_request
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene, render_video, sample_video

MADE = ("direction", "object", "both", "slides", "animated")
"""Whether films that are made show what they should."""
UNDERSTOOD = ("understand_direction", "understand_object", "understand_count", "described")
"""What is asked about a film: what it does, what moves, how many there are, what happens."""

PLACE = "understand_place"


@dataclass(frozen=True)
class TestCase:
    """A held-out film, the words that ask for it, a question about it for each of `UNDERSTOOD`, and
    one about where it happens, where that is no gradient."""

    film: VideoScene
    words: str
    questions: tuple[Question, ...]
    place: Question | None = None


def evaluate(engine: Answerer, num: int, seed: int, sampling: Sampling) -> Measured:
    """Shares in [0, 1] of num films, the ten motions in turn. NAME_low, NAME_high: the 95 percent
    Wilson interval of a figure.

    direction, object, both: films made of words that show the motion, the right movers, both, see
    `evaluation.judges.video_judge.FilmVerdict`. slides: direction of the four slides only.
    direction_MOTION: of each motion that was asked for.
    animated: films begun with their first frame in sight that start with it and go on with the
    right motion, see `animated`. animated_first, animated_direction: each alone.
    understand_direction: exact answers to "what does the dog do?" and "which way does it go?".
    understand_object: answers to "what moves?" that name what does and nothing else.
    understand_count: exact answers to "how many dogs are there?". described: answers to "what
    happens?" that are `world.video.captions.full_video_caption`, word for word.
    left_out: the figures of films that are made, where the checkpoint only watches them.
    The judge's own figures: `judge_figures`.
    Raises ValueError where num is below 1 or the checkpoint does not know films.
    """
    config = engine.model.config
    if not config.video_frames:
        raise ValueError(
            "this checkpoint neither makes nor watches films: choose one that was trained with them"
        )
    wished = plan(num, seed)
    sampling = replace(sampling, seed=seed)
    true = np.stack([render_video(w.film) for w in wished])
    decoded = round_trip(engine, true.reshape(-1, *true.shape[2:])).reshape(true.shape)
    judge = judge_figures([w.film for w in wished], true, decoded)
    if Modality.VIDEO not in config.media:
        left_out: dict[str, str] = dict.fromkeys(MADE, f"{NOT_TRAINED}: {Needs.MAKING}")
        return Measured(understood(engine, wished, true, sampling), judge, left_out)
    metrics = {
        **made(engine, wished, sampling),
        **animated(engine, wished, true[:, 0], decoded[:, 0], sampling),
        **understood(engine, wished, true, sampling),
    }
    return Measured(metrics, judge)


def plan(num: int, seed: int, motions: Sequence[Motion] = tuple(Motion)) -> list[TestCase]:
    """num held-out films, the motions in turn, asked for by a wish and by the canonical caption
    alternately. More wishes of the same seed begin with the same ones."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    wished: list[TestCase] = []
    for i in range(num):
        round_, which = divmod(i, len(motions))
        film = sample_video(rng, test=True, motion=motions[which])
        asked = {q.kind: q for q in video_questions(film, rng)}
        second = (round_ + which) % 2 == 1
        words = full_video_caption(film) if second else video_request(rng, video_caption(film, rng))
        does = asked["direction" if second and film.motion in SLIDES else "motion"]
        questions = (does, asked["mover"], asked["count"], asked["object"])
        wished.append(TestCase(film, words, questions, asked.get("background")))
    return wished


def film_of(answers: Sequence[Answer]) -> np.ndarray:
    """The film of an answer to a wish for one, uint8 "F H W 3"."""
    film = next((a.video for a in answers if a.video is not None), None)
    assert film is not None, "a request for a film is answered with one"
    return film


def made(engine: Answerer, wished: list[TestCase], sampling: Sampling) -> dict[str, float]:
    """The figures of films made of words; film i with seed sampling.seed + i."""
    requests = [
        Request(Conversation.ask(w.words), Modality.VIDEO, seeded(sampling, i))
        for i, w in enumerate(wished)
    ]
    films = [film_of(answers) for answers in ask(engine, requests, "film")]
    wanted = [w.film for w in wished]
    verdicts = judged(wanted, films, "made")
    moved = [v.direction for v in verdicts]
    tell(engine, "film", (v.both for v in verdicts))
    return {
        **share_figures("direction", moved),
        **share_figures("object", (v.object for v in verdicts)),
        **share_figures("both", (v.both for v in verdicts)),
        **share_figures("slides", _of_slides(wanted, moved)),
        **_by_motion("direction", wanted, moved),
    }


def judged(films: list[VideoScene], shown: Sequence[np.ndarray], what: str) -> list[FilmVerdict]:
    """One verdict a film; progress goes to stderr under that name."""
    pairs = zip(films, tqdm(shown, desc=f"judge: {what}"), strict=True)
    return [verdict(film, frames) for film, frames in pairs]


def _of_slides(films: list[VideoScene], right: list[bool]) -> list[bool]:
    return [r for f, r in zip(films, right, strict=True) if f.motion in SLIDES]


def _by_motion(name: str, films: list[VideoScene], right: list[bool]) -> dict[str, float]:
    """The share that is right of each motion that is there."""
    pairs = list(zip(films, right, strict=True))
    motions = [m for m in Motion if any(f.motion is m for f in films)]
    return {f"{name}_{m}": share(r for f, r in pairs if f.motion is m) for m in motions}


def animated(
    engine: Answerer,
    wished: list[TestCase],
    first: np.ndarray,
    decoded: np.ndarray,
    sampling: Sampling,
) -> dict[str, float]:
    """The figures of films that begin with a picture: their first frames, uint8 "N 128 128 3".

    A film starts with its picture where the parser reads the same from its first frame as from the
    picture after the tokenizer (`decoded`): background, objects, colours, sizes and places. The
    best that can be made of the picture is `decoded` itself.
    """
    requests = [
        Request(Conversation.ask(w.words, image=picture), Modality.VIDEO, seeded(sampling, i))
        for i, (w, picture) in enumerate(zip(wished, first, strict=True))
    ]
    films = [film_of(answers) for answers in ask(engine, requests, "animate")]
    moved = [v.direction for v in judged([w.film for w in wished], films, "animated")]
    begun = [
        shows_the_same(parse(film[0]), parse(picture))
        for film, picture in zip(films, decoded, strict=True)
    ]
    right = [a and b for a, b in zip(begun, moved, strict=True)]
    tell(engine, "animate", right)
    return {
        **share_figures("animated", right),
        "animated_first": share(begun),
        "animated_direction": share(moved),
    }


def understood(
    engine: Answerer, wished: list[TestCase], true: np.ndarray, sampling: Sampling
) -> dict[str, float]:
    """The figures of questions about exact films, uint8 "N 8 128 128 3"."""
    figures: dict[str, float] = {}
    asked = {
        name: [(w.questions[i], film) for w, film in zip(wished, true, strict=True)]
        for i, name in enumerate(UNDERSTOOD)
    }
    places = [(w.place, f) for w, f in zip(wished, true, strict=True) if w.place is not None]
    if places:
        asked[PLACE] = places
    for name, pairs in asked.items():
        requests = [
            Request(Conversation.ask(q.text, video=film), Modality.TEXT, seeded(sampling, i))
            for i, (q, film) in enumerate(pairs)
        ]
        said = [words_of(answers) for answers in ask(engine, requests, name)]
        right = [is_answered(q, s) for s, (q, _) in zip(said, pairs, strict=True)]
        tell(engine, name, right)
        figures |= share_figures(name, right)
    return figures


def is_answered(question: Question, said: str) -> bool:
    """Whether an answer is the right one word for word; to what moves, whether it names what
    does."""
    meant = named_concepts if question.kind == "mover" else plain
    return meant(said) == meant(question.answer)


def judge_figures(
    films: list[VideoScene], true: np.ndarray, decoded: np.ndarray
) -> dict[str, float]:
    """How far the judge can be trusted on these films, each a share in [0, 1].

    judge_direction, judge_object, judge_slides, judge_direction_MOTION: exact films, uint8
    "N 8 128 128 3", that it takes for what they are. roundtrip_..: the same of films after the
    picture tokenizer, the best that a generator over its codes could score. false_accepts: films
    that stand still at their last frame and are said to move as they should. num: films behind each
    figure.
    """
    figures: dict[str, float] = {"num": float(len(films))}
    for name, shown in (("judge", true), ("roundtrip", decoded)):
        verdicts = judged(films, list(shown), name)
        moved = [v.direction for v in verdicts]
        figures |= {
            f"{name}_direction": share(moved),
            f"{name}_object": share(v.object for v in verdicts),
            f"{name}_slides": share(_of_slides(films, moved)),
            **_by_motion(f"{name}_direction", films, moved),
        }
    still = [np.repeat(film[-1:], FRAMES, 0) for film in true]
    return figures | {"false_accepts": share(v.direction for v in judged(films, still, "still"))}
