"""The judge of generated images by GenEval's rules, and measures of its reliability.

Source of the six kinds of scene and their rules: Ghosh et al. 2023, GenEval (arXiv:2310.11513).
Owns: `satisfies`, `with_one_error`, `judge_metrics`. Does not own: reading pictures
(`evaluation.judges.image_parser`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.result import share
from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS
from world.image.rendering import render
from world.image.scenes import CELLS, Family, Item, Scene

SLACK_PX = 4
"""The largest overlap of two boxes that still counts as beside each other."""


def satisfies(parsed: Parsed, scene: Scene) -> bool:
    """Return whether a parsed image satisfies the scene's caption.

    SINGLE_OBJECT, TWO_OBJECTS, GROUP: every concept is present. COUNTING: exactly that many of the
    concept. COLOURS: the concept in that colour. POSITION: both present, and some pair of them
    stands in that relation. COLOUR_ATTRIBUTION: both present, each in its own colour. Other
    objects, sizes and the background are not asked about, nor are colours in the other families.

    """
    items = scene.items
    match scene.family:
        case Family.COUNTING:
            return parsed.count(items[0].concept) == len(items)
        case Family.COLOURS | Family.COLOUR_ATTRIBUTION:
            seen = {(o.concept, o.colour) for o in parsed.objects}
            return all((i.concept, i.colour) in seen for i in items)
        case Family.POSITION:
            assert scene.relation is not None
            first, second = (
                [o for o in parsed.objects if o.concept == i.concept] for i in items[:2]
            )
            return any(boxes_in_relation(scene.relation, a, b) for a in first for b in second)
        case _:
            return all(parsed.count(i.concept) > 0 for i in items)


def boxes_in_relation(relation: str, a: Detected, b: Detected) -> bool:
    """Return whether a is above, below, left of or right of b: `world.image.scenes.relation_holds`
    on detected boxes, which may overlap by `SLACK_PX`."""
    dx, dy = (q - p for p, q in zip(a.centre_px, b.centre_px, strict=True))
    along, aside = (dx, dy) if relation in ("left of", "right of") else (dy, dx)
    if relation in ("right of", "below"):
        along = -along
    return along >= (a.size_px + b.size_px) / 2 - SLACK_PX and abs(aside) < along


def with_one_error(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with one error of its family's kind: another object, one object more or
    less, another colour, exchanged places or colours."""
    items = scene.items
    match scene.family:
        case Family.COUNTING:
            return replace(scene, items=_miscounted(items, rng))
        case Family.COLOURS:
            others = [c for c in OBJECT_COLOURS if c != items[0].colour]
            return replace(scene, items=(replace(items[0], colour=str(rng.choice(others))),))
        case Family.POSITION:
            a, b = items
            return replace(
                scene,
                items=(
                    replace(a, column=b.column, row=b.row),
                    replace(b, column=a.column, row=a.row),
                ),
            )
        case Family.COLOUR_ATTRIBUTION:
            a, b = items
            return replace(scene, items=(replace(a, colour=b.colour), replace(b, colour=a.colour)))
        case _:
            return replace(scene, items=_another_thing(items, rng))


def _another_thing(items: tuple[Item, ...], rng: np.random.Generator) -> tuple[Item, ...]:
    wrong = int(rng.integers(len(items)))
    absent = [c.name for c in CONCEPTS if all(c.name != i.concept for i in items)]
    concept = BY_NAME[str(rng.choice(absent))]
    colour = str(rng.choice(tuple(OBJECT_COLOURS))) if concept.colourable else None
    other = replace(items[wrong], concept=concept.name, colour=colour)
    return (*items[:wrong], other, *items[wrong + 1 :])


def _miscounted(items: tuple[Item, ...], rng: np.random.Generator) -> tuple[Item, ...]:
    """Add an object where one fits and a coin flip says so, else remove one."""
    room = CELLS - items[0].cells + 1
    places = [replace(items[0], column=x, row=y) for x in range(room) for y in range(room)]
    free = [p for p in places if not any(p.overlaps(i) for i in items)]
    if free and rng.random() < 0.5:
        return (*items, free[int(rng.integers(len(free)))])
    return items[:-1]


def judge_metrics(
    scenes: Sequence[Scene],
    round_trip: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> dict[str, float]:
    """Measure the parser's reliability on the scenes of an evaluation; each figure is a share in
    [0, 1].

    true_renders: exact pictures of the scenes that are accepted. false_accepts: pictures of
    `with_one_error` that are accepted. round_trips: pictures that went through the picture
    tokenizer and are accepted, the best that a generator over its codes could score. round_trip
    maps uint8 "B 128 128 3" to the same. num: pictures behind each figure.

    """
    rng = np.random.default_rng((2, seed))
    true = np.stack([render(s) for s in scenes])
    wrong = np.stack([render(with_one_error(s, rng)) for s in scenes])
    figures: dict[str, float] = {"num": float(len(scenes))}
    for name, pictures in (
        ("true_renders", true),
        ("false_accepts", wrong),
        ("round_trips", round_trip(true)),
    ):
        pairs = zip(tqdm(pictures, desc=f"judge: {name}"), scenes, strict=True)
        figures[name] = share(satisfies(parse(p), s) for p, s in pairs)
    return figures
