"""Films: `FRAMES` pictures in which objects of the world move, and what can be said about them.

Everything lies on the lattice of `world.scenes` in every frame. Owns: `Motion`, `Film`, `placed`,
`render_film`, `sample_film`, the words about films, and how a film is wished for. Does not own:
backgrounds and objects (`world.scenes`), the words for them (`world.captions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np

from world.captions import (
    NUMBER_WORDS,
    Question,
    background_phrase,
    canonical_background,
    noun,
    plural_noun,
    questions,
    with_article,
)
from world.chance import pick
from world.concepts import BY_NAME, held_out, sprite
from world.scenes import (
    CELL_PX,
    CELLS,
    Background,
    Family,
    Item,
    Scene,
    background_picture,
    sample_scene,
)

FRAMES = 8


class Motion(StrEnum):
    """What the movers of a film do; a slide goes one way, in `CROSS` two go past each other."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    BOUNCE = "bounce"
    SPIN = "spin"
    GROW = "grow"
    SHRINK = "shrink"
    APPEAR = "appear"
    CROSS = "cross"


SLIDES: Mapping[Motion, tuple[int, int]] = {
    Motion.LEFT: (-1, 0),
    Motion.RIGHT: (1, 0),
    Motion.UP: (0, -1),
    Motion.DOWN: (0, 1),
}
"""The slides and their ways (x, y), y downwards."""
APPEARS_AT = FRAMES // 2
"""The first frame with what appears."""
SHORTEST_SLIDE = 4
"""In cells; of a crossing too."""
BOUNCES = (2, 3, 4)
"""Heights of a bounce in cells."""
TWINS, STILL = 0.2, 0.25
"""The share of slides with two identical movers, and of films with an object that stands still."""
ROUND = ("circle", "square", "sun")
"""Concepts that look the same after a quarter turn: nobody would see them spin."""
_GROWTH = ("small", "", "big")
_TRIES = 30


@dataclass(frozen=True)
class Film:
    """The whole graph. movers: one object, two identical ones, or in `CROSS` two different ones, of
    which the first goes to the right and the second to the left. They are placed as in the first
    frame; one that appears, as it will stand; one that grows or shrinks, at its middle size, the
    everyday one. still: no object, or one of another concept that does not move. cells: how far a
    slide or a crossing goes, how high a bounce; 0 elsewhere."""

    background: Background
    movers: tuple[Item, ...]
    motion: Motion
    still: tuple[Item, ...] = ()
    cells: int = 0


@dataclass(frozen=True)
class Placed:
    """An object as one frame shows it: where, how big, and after how many quarter turns
    clockwise."""

    item: Item
    turns: int = 0


def placed(film: Film) -> tuple[tuple[Placed, ...], ...]:
    """What each of the `FRAMES` frames shows: the object that stands still, then the movers."""
    still = tuple(Placed(item) for item in film.still)
    movers = range(len(film.movers))
    hidden = APPEARS_AT if film.motion is Motion.APPEAR else 0
    return tuple(
        still + tuple(_moved(film, i, frame) for i in movers if frame >= hidden)
        for frame in range(FRAMES)
    )


def _moved(film: Film, index: int, frame: int) -> Placed:
    """A mover in a frame; one that appears, as it will stand."""
    item, gone = film.movers[index], _share(film.cells, frame)
    match film.motion:
        case Motion.BOUNCE:
            height = (0, film.cells - 1, film.cells, film.cells - 1)[frame % 4]
            return Placed(replace(item, row=item.row - height))
        case Motion.SPIN:
            return Placed(item, frame % 4)
        case Motion.GROW:
            return Placed(_resized(item, _GROWTH[_share(2, frame)]))
        case Motion.SHRINK:
            return Placed(_resized(item, _GROWTH[2 - _share(2, frame)]))
        case Motion.APPEAR:
            return Placed(item)
        case Motion.CROSS:
            x, y = SLIDES[Motion.LEFT if index else Motion.RIGHT]
        case slide:
            x, y = SLIDES[slide]
    return Placed(replace(item, column=item.column + gone * x, row=item.row + gone * y))


def _share(whole: int, frame: int) -> int:
    """The part of the whole that is done by a frame, as even as whole numbers allow."""
    return int(whole * frame / (FRAMES - 1) + 0.5)


def _resized(item: Item, size: str) -> Item:
    """The item in another size about the same centre, as near as the lattice allows."""
    resized = replace(item, size=size)
    shift = (item.cells - resized.cells) // 2
    return replace(resized, column=item.column + shift, row=item.row + shift)


def render_film(film: Film) -> np.ndarray:
    """The frames, uint8 "8 128 128 3"."""
    return np.stack([_frame(film.background, shown) for shown in placed(film)])


def _frame(background: Background, shown: tuple[Placed, ...]) -> np.ndarray:
    canvas = background_picture(background).copy()
    for here in shown:
        item, side = here.item, here.item.cells * CELL_PX
        art = np.rot90(sprite(item.concept, item.colour, side), -here.turns)
        x, y = item.column * CELL_PX, item.row * CELL_PX
        box = np.s_[y : y + side, x : x + side]
        canvas[box] = canvas[box] * (1 - art[..., 3:]) + art[..., :3]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def held_out_motions(film: Film) -> list[tuple[str, str]]:
    """The pairs (concept, motion) of the film that training never sees."""
    names = dict.fromkeys(item.concept for item in film.movers)
    return [(name, film.motion.value) for name in names if held_out(name, film.motion)]


def sample_film(rng: np.random.Generator, *, test: bool, motion: Motion | None = None) -> Film:
    """A random film.

    test False never contains a held-out pair, of a concept with its motion or its colour. test
    True: a mover does what training never saw it do, and colours are free.
    """
    if motion is None:
        motion = tuple(Motion)[int(rng.integers(len(Motion)))]
    twins = motion in SLIDES and rng.random() < TWINS
    stands = rng.random() < STILL
    moving = 2 if motion is Motion.CROSS else 1
    while True:
        background, things = _cast(rng, motion, moving + stands, test=test)
        movers = things[:moving] * (2 if twins else 1)
        film = Film(background, movers, motion, things[moving:], _cells(rng, motion, movers))
        if bool(held_out_motions(film)) == test:
            arranged = _arranged(rng, film)
            if arranged is not None:
                return arranged


def _cast(
    rng: np.random.Generator, motion: Motion, num: int, *, test: bool
) -> tuple[Background, tuple[Item, ...]]:
    """A background and so many different objects; the first one can be seen doing that motion."""
    things: list[Item] = []
    while True:
        scene = sample_scene(rng, test=test, family=Family.SINGLE_OBJECT)
        thing = scene.items[0]
        if not things and motion is Motion.SPIN and thing.concept in ROUND:
            continue
        if not things and motion in (Motion.GROW, Motion.SHRINK):
            thing = replace(thing, size="")
        if all(thing.concept != t.concept for t in things):
            things.append(thing)
        if len(things) == num:
            return scene.background, tuple(things)


def _cells(rng: np.random.Generator, motion: Motion, movers: tuple[Item, ...]) -> int:
    if motion in SLIDES or motion is Motion.CROSS:
        side = max(item.cells for item in movers)
        return int(rng.integers(SHORTEST_SLIDE, CELLS - side + 1))
    return int(rng.choice(BOUNCES)) if motion is Motion.BOUNCE else 0


def _arranged(rng: np.random.Generator, film: Film) -> Film | None:
    """The film with everything at a random place, inside and apart in every frame; None where that
    was not found."""
    frames = range(FRAMES)
    for _ in range(_TRIES):
        paths = [[_moved(film, i, f).item for f in frames] for i in range(len(film.movers))]
        movers = [
            _somewhere(rng, item, path) for item, path in zip(film.movers, paths, strict=True)
        ]
        if film.motion in SLIDES and len(movers) == 2:
            across = SLIDES[film.motion][0] != 0
            first = {"column": movers[0].column} if across else {"row": movers[0].row}
            movers[1] = replace(movers[1], **first)
        still = tuple(_somewhere(rng, item, [item]) for item in film.still)
        found = replace(film, movers=tuple(movers), still=still)
        if not any(
            a.item.overlaps(b.item) for shown in placed(found) for a, b in combinations(shown, 2)
        ):
            return found
    return None


def _somewhere(rng: np.random.Generator, item: Item, path: list[Item]) -> Item:
    """The item moved to a random place from which its whole path lies inside."""
    left, top = min(i.column for i in path), min(i.row for i in path)
    right, bottom = max(i.column + i.cells for i in path), max(i.row + i.cells for i in path)
    x, y = (
        int(rng.integers(-low, CELLS - high + 1)) for low, high in ((left, right), (top, bottom))
    )
    return replace(item, column=item.column + x, row=item.row + y)


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
"""How each motion is called, the canonical words first; the first word is the verb."""
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
    """ "move up" -> "moving up"."""
    verb, *rest = manner.split()
    return " ".join((_FORMS[verb][1], *rest))


def _does(manner: str, many: bool) -> str:
    """ "move up" -> "moves up", or "move up" of many."""
    verb, *rest = manner.split()
    return manner if many else " ".join((_FORMS[verb][0], *rest))


MOTION_PHRASES: Mapping[Motion, str] = {m: _going_on(said[0]) for m, said in _MANNERS.items()}
"""Motion -> its one canonical phrase: "moving to the left". No phrase lies within another."""


def mover_phrase(film: Film) -> str:
    """ "a red car", "two big cats", "a cow and a pig"."""
    first, *others = film.movers
    if others and others[0].concept == first.concept:
        return f"{NUMBER_WORDS[len(film.movers)]} {plural_noun(first)}"
    return " and ".join(with_article(noun(item)) for item in film.movers)


def full_film_caption(film: Film) -> str:
    """The one canonical caption: `mover_phrase`, the phrase of `MOTION_PHRASES`, the background,
    and the object that stands still, in this order with single spaces."""
    words = [mover_phrase(film), MOTION_PHRASES[film.motion], canonical_background(film.background)]
    words += [f"while {_stands(item)}" for item in film.still]
    return " ".join(words)


def film_caption(film: Film, rng: np.random.Generator) -> str:
    """A true caption; it mentions the background in half of the cases, and likewise the object that
    stands still."""
    manner, many = pick(rng, _MANNERS[film.motion]), _many(film)
    be = "are" if many else "is"
    said = (_going_on(manner), _going_on(manner), _does(manner, many), f"{be} {_going_on(manner)}")
    words = f"{mover_phrase(film)} {pick(rng, said)}"
    if rng.random() < 0.5:
        words += " " + background_phrase(film.background, rng)
    if film.still and rng.random() < 0.5:
        item = film.still[0]
        standing = f"with {with_article(noun(item))} standing still"
        words += " " + pick(rng, (f"while {_stands(item)}", standing))
    return words.replace(" up up ", " up ")


def _many(film: Film) -> bool:
    return len(film.movers) > 1 or any(item.concept == "grapes" for item in film.movers)


def _stands(item: Item) -> str:
    verb = "stand" if item.concept == "grapes" else "stands"
    return f"{with_article(noun(item))} {verb} still"


def film_questions(film: Film, rng: np.random.Generator) -> list[Question]:
    """Questions that have exactly one right answer in this film, one phrasing of each kind that
    applies: object, motion, direction (of slides), mover, count, background (not of gradients)."""
    found = [
        Question(pick(rng, _WHAT_HAPPENS), full_film_caption(film), "object"),
        *_motion_questions(film, rng),
        _mover_question(film, rng),
        _count_question(film, rng),
    ]
    shown = Scene(Family.SINGLE_OBJECT, film.background, film.movers[:1])
    return found + [q for q in questions(shown, rng) if q.kind == "background"]


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


def _motion_questions(film: Film, rng: np.random.Generator) -> list[Question]:
    """What the movers do, and of a slide which way they go."""
    many, manner = _many(film), _MANNERS[film.motion][0]
    do, be, it = ("do", "are", "they") if many else ("does", "is", "it")
    names = [item.concept for item in film.movers]
    if len(set(names)) < len(names):
        names = [BY_NAME[names[0]].plural]
    who = " and ".join(f"the {name}" for name in names)
    asked = (f"what {do} {who} do?", f"what {be} {who} doing?", f"tell me what {who} {do}.")
    found = [Question(pick(rng, asked), f"{it} {_does(manner, many)}", "motion")]
    if film.motion in SLIDES:
        asked = (
            f"which way {do} {who} move?",
            f"which way {do} {who} go?",
            f"in which direction {do} {who} move?",
        )
        found.append(Question(pick(rng, asked), manner.removeprefix("move "), "direction"))
    return found


def _mover_question(film: Film, rng: np.random.Generator) -> Question:
    moves = film.motion in SLIDES or film.motion is Motion.CROSS
    verb = "move" if moves else _MANNERS[film.motion][0]
    asked = (f"what {_does(verb, False)}?", f"what is {_going_on(verb)}?")
    return Question(pick(rng, asked), mover_phrase(film), "mover")


def _count_question(film: Film, rng: np.random.Generator) -> Question:
    items = film.movers + film.still
    concept = items[int(rng.integers(len(items)))].concept
    plural, number = BY_NAME[concept].plural, sum(i.concept == concept for i in items)
    asked = (
        f"how many {plural} are there?",
        f"how many {plural} do you see?",
        f"how many {plural} are in the video?",
        f"count the {plural}.",
    )
    return Question(pick(rng, asked), NUMBER_WORDS[number], "count")


FILM_PHRASES = (
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
"""How a film is wished for; {} is a caption. Each says that it is not a picture that is wanted."""
_BEFORE_CLAUSE = ("where {}", "which {}", ": {}")


FRAME_WISHES: Mapping[str, int] = {
    "show me the first frame": 0,
    "how does it begin?": 0,
    "show me the last frame": FRAMES - 1,
    "how does it end?": FRAMES - 1,
}
"""How one picture of a film is asked for, and its number."""
REWIND_WISHES = ("play it backwards", "rewind it", "reverse the video", "now backwards")
"""How a film is asked for from its end to its beginning."""


def film_wish(rng: np.random.Generator, words: str) -> str:
    """A caption as a wish for a film: "a dog slides" comes after "where", "a dog sliding" after
    "of"."""
    clause = not _FINITE.isdisjoint(words.split())
    fitting = tuple(p for p in FILM_PHRASES if p.endswith(_BEFORE_CLAUSE) == clause)
    return pick(rng, fitting).format(words)
