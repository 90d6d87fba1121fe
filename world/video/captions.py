"""Captions of videos, questions about them, and video requests.

Owns: how each motion is called, the words about a film, and how a film is wished for. Does not own:
films (`world.video.motion`), the words for objects and backgrounds (`world.text.captions`).
"""

from collections.abc import Mapping

import numpy as np

from world.concepts import BY_NAME
from world.image.scenes import Family, Item, Scene
from world.sampling import pick
from world.text.captions import (
    NUMBER_WORDS,
    Question,
    background_phrase,
    canonical_background,
    noun,
    plural_noun,
    questions,
    with_article,
)
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene

_MANNERS: Mapping[Motion, tuple[str, ...]] = {
    motion: tuple(manners.split(","))
    for motion, manners in (
        (Motion.LEFT, "move to the left,slide to the left,go to the left,move left,go left"),
        (Motion.RIGHT, "move to the right,slide to the right,go to the right,move right,go right"),
        (Motion.UP, "move up,go up,slide up,rise"),
        (Motion.DOWN, "move down,go down,slide down,sink"),
        (Motion.BOUNCE, "bounce,bounce up and down,jump up and down,hop"),
        (Motion.SPIN, "spin,spin around,rotate,turn around"),
        (Motion.GROW, "grow,get bigger,become bigger,get larger"),
        (Motion.SHRINK, "shrink,get smaller,become smaller"),
        (Motion.APPEAR, "appear,show up,pop up"),
        (Motion.CROSS, "cross,pass each other,move past each other,go past each other"),
    )
}
"""The phrases of each motion, the canonical one first; the first word is the verb."""
_FORMS: Mapping[str, tuple[str, str]] = {
    verb: (one, ing)
    for verb, one, ing in (
        words.split()
        for words in "move moves moving,slide slides sliding,go goes going,rise rises rising,"
        "sink sinks sinking,bounce bounces bouncing,jump jumps jumping,hop hops hopping,"
        "spin spins spinning,rotate rotates rotating,turn turns turning,grow grows growing,"
        "get gets getting,become becomes becoming,shrink shrinks shrinking,"
        "appear appears appearing,show shows showing,pop pops popping,"
        "cross crosses crossing,pass passes passing".split(",")
    )
}
_FINITE = {"is", "are", *_FORMS, *(one for one, _ in _FORMS.values())}


def _going_on(manner: str) -> str:
    """Return the participle: "move up" -> "moving up"."""
    verb, *rest = manner.split()
    return " ".join((_FORMS[verb][1], *rest))


def _does(manner: str, many: bool) -> str:
    """Return the finite form: "move up" -> "moves up", or "move up" in the plural."""
    verb, *rest = manner.split()
    return manner if many else " ".join((_FORMS[verb][0], *rest))


MOTION_PHRASES: Mapping[Motion, str] = {m: _going_on(said[0]) for m, said in _MANNERS.items()}
"""Motion -> its one canonical phrase: "moving to the left". No phrase lies within another."""


def mover_phrase(video: VideoScene) -> str:
    """Return the movers in words: "a red car", "two big cats", "a cow and a pig"."""
    first, *others = video.movers
    if others and others[0].concept == first.concept:
        return f"{NUMBER_WORDS[len(video.movers)]} {plural_noun(first)}"
    return " and ".join(with_article(noun(item)) for item in video.movers)


def full_video_caption(video: VideoScene) -> str:
    """Return the canonical caption: `mover_phrase`, the phrase of `MOTION_PHRASES`, the background,
    and the object that stands still."""
    words = [
        mover_phrase(video),
        MOTION_PHRASES[video.motion],
        canonical_background(video.background),
    ]
    words += [f"while {_stands(item)}" for item in video.still]
    return " ".join(words)


def video_caption(video: VideoScene, rng: np.random.Generator) -> str:
    """Return a true caption; half of them mention the background, half the object that stands
    still."""
    manner, many = pick(rng, _MANNERS[video.motion]), _many(video)
    be = "are" if many else "is"
    said = (_going_on(manner), _going_on(manner), _does(manner, many), f"{be} {_going_on(manner)}")
    words = f"{mover_phrase(video)} {pick(rng, said)}"
    if rng.random() < 0.5:
        words += " " + background_phrase(video.background, rng)
    if video.still and rng.random() < 0.5:
        item = video.still[0]
        standing = f"with {with_article(noun(item))} standing still"
        words += " " + pick(rng, (f"while {_stands(item)}", standing))
    return words.replace(" up up ", " up ")


def _many(video: VideoScene) -> bool:
    return len(video.movers) > 1 or any(_are(item) for item in video.movers)


def _are(item: Item) -> bool:
    return BY_NAME[item.concept].verb == "are"


def _stands(item: Item) -> str:
    verb = "stand" if _are(item) else "stands"
    return f"{with_article(noun(item))} {verb} still"


def video_questions(video: VideoScene, rng: np.random.Generator) -> list[Question]:
    """Return questions with one right answer, one of each kind that applies: object, motion,
    direction (of slides), mover, count, background (not of gradients)."""
    found = [
        Question(pick(rng, _WHAT_HAPPENS), full_video_caption(video), "object"),
        *_motion_questions(video, rng),
        _mover_question(video, rng),
        _count_question(video, rng),
    ]
    shown = Scene(Family.SINGLE_OBJECT, video.background, video.movers[:1])
    return [q for q in found if q is not None] + [
        q for q in questions(shown, rng) if q.kind == "background"
    ]


_WHAT_HAPPENS = (
    "what happens?",
    "what happens here?",
    "what happens in the video?",
    "describe the video.",
    "describe this clip.",
    "what does the video show?",
    "caption this video.",
    "tell me what happens.",
)


def _motion_questions(video: VideoScene, rng: np.random.Generator) -> list[Question]:
    """Ask what the movers do, and the direction of a slide."""
    many, manner = _many(video), _MANNERS[video.motion][0]
    do, be, it = ("do", "are", "they") if many else ("does", "is", "it")
    names = [item.concept for item in video.movers]
    if len(set(names)) < len(names):
        names = [BY_NAME[names[0]].plural]
    who = " and ".join(f"the {name}" for name in names)
    asked = (f"what {do} {who} do?", f"what {be} {who} doing?", f"tell me what {who} {do}.")
    found = [Question(pick(rng, asked), f"{it} {_does(manner, many)}", "motion")]
    if video.motion in SLIDES:
        asked = (
            f"which way {do} {who} move?",
            f"which way {do} {who} go?",
            f"in which direction {do} {who} move?",
        )
        found.append(Question(pick(rng, asked), manner.removeprefix("move "), "direction"))
    return found


def _mover_question(video: VideoScene, rng: np.random.Generator) -> Question:
    moves = video.motion in SLIDES or video.motion is Motion.CROSS
    verb = "move" if moves else _MANNERS[video.motion][0]
    asked = (f"what {_does(verb, False)}?", f"what is {_going_on(verb)}?")
    return Question(pick(rng, asked), mover_phrase(video), "mover")


def _count_question(video: VideoScene, rng: np.random.Generator) -> Question | None:
    items = video.movers + video.still
    concept = items[int(rng.integers(len(items)))].concept
    if not BY_NAME[concept].countable:
        return None
    plural, number = BY_NAME[concept].plural, sum(i.concept == concept for i in items)
    asked = (
        f"how many {plural} are there?",
        f"how many {plural} do you see?",
        f"how many {plural} are in the video?",
        f"count the {plural}.",
    )
    return Question(pick(rng, asked), NUMBER_WORDS[number], "count")


VIDEO_PHRASES = (
    "make a video of {}",
    "make me a video of {}",
    "make a clip of {}",
    "make a film of {}",
    "please make a video of {}",
    "can you make a video of {}?",
    "show me a video of {}",
    "show me a clip of {}",
    "i want to see a video of {}",
    "a video of {}",
    "an animation of {}",
    "animate {}",
    "film {}",
    "make a video where {}",
    "make a clip in which {}",
    "show me a video where {}",
    "a video in which {}",
    "video: {}",
)
"""The phrases of a video request; {} is a caption. None fits an image."""
_BEFORE_CLAUSE = ("where {}", "which {}", ": {}")


FRAME_REQUESTS: Mapping[str, int] = {
    "show me the first frame": 0,
    "how does it begin?": 0,
    "show me the last frame": FRAMES - 1,
    "how does it end?": FRAMES - 1,
}
"""The requests for one frame of a video, and its index."""
REWIND_REQUESTS = ("play it backwards", "rewind it", "reverse the video", "now backwards")
"""The requests for a reversed video."""


def video_request(rng: np.random.Generator, words: str) -> str:
    """Phrase a caption as a video request: "a dog slides" follows "where", "a dog sliding" follows
    "of"."""
    clause = not _FINITE.isdisjoint(words.split())
    fitting = tuple(p for p in VIDEO_PHRASES if p.endswith(_BEFORE_CLAUSE) == clause)
    return pick(rng, fitting).format(words)
