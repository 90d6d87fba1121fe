"""The rules on scenes made by hand, then the parser and the rules together on drawn pictures."""

import numpy as np
import pytest

from evaluation.judges.image_judge import (
    boxes_in_relation,
    judge_metrics,
    satisfies,
    with_one_error,
)
from evaluation.judges.image_parser import Detected, Parsed
from evaluation.suites.scenes import plan
from world.concepts import BY_NAME
from world.image.scenes import (
    GENEVAL,
    Background,
    Family,
    Item,
    Scene,
    relation_holds,
    sample_scene,
)
from world.text.captions import plural_noun

WHITE = Background("plain", ("white",))


def seen(concept: str, x: float, y: float, colour: str | None = None, side: int = 48) -> Detected:
    return Detected(concept, colour, side, (x, y), 0.9)


def read(*objects: Detected) -> Parsed:
    return Parsed(WHITE, objects)


def wish(family: Family, *things: tuple[str, str | None], relation: str | None = None) -> Scene:
    items = tuple(Item(c, colour, "", 0, 3 * i) for i, (c, colour) in enumerate(things))
    return Scene(family, WHITE, items, relation)


DOG, CAT = seen("dog", 24, 24), seen("cat", 90, 24)
RED, BLUE = seen("heart", 24, 24, "red"), seen("star", 90, 90, "blue")


@pytest.mark.parametrize(
    ("scene", "good", "bad"),
    [
        (
            wish(Family.SINGLE_OBJECT, ("dog", None)),
            [(DOG,), (DOG, CAT), (DOG, DOG)],
            [(), (CAT,)],
        ),
        (
            wish(Family.TWO_OBJECTS, ("dog", None), ("cat", None)),
            [(CAT, DOG), (CAT, DOG, RED)],
            [(), (DOG,), (DOG, DOG)],
        ),
        (
            wish(Family.COUNTING, ("dog", None), ("dog", None)),
            [(DOG, DOG), (DOG, CAT, DOG)],
            [(DOG,), (DOG, DOG, DOG), (DOG, CAT), ()],
        ),
        (
            wish(Family.COLOURS, ("heart", "red")),
            [(RED,), (RED, BLUE)],
            [(seen("heart", 24, 24, "pink"),), (seen("star", 24, 24, "red"),)],
        ),
        (
            wish(Family.COLOUR_ATTRIBUTION, ("heart", "red"), ("star", "blue")),
            [(RED, BLUE)],
            [(seen("heart", 24, 24, "blue"), seen("star", 90, 90, "red")), (RED,)],
        ),
        (
            wish(Family.POSITION, ("dog", None), ("cat", None), relation="left of"),
            [(DOG, CAT), (CAT, DOG), (seen("dog", 110, 110), DOG, CAT)],
            [(seen("dog", 90, 24), seen("cat", 24, 24)), (DOG,), (DOG, seen("cat", 24, 90))],
        ),
        (
            wish(Family.GROUP, ("dog", None), ("cat", None), ("heart", "red")),
            [(DOG, CAT, RED)],
            [(DOG, CAT)],
        ),
    ],
    ids=lambda value: str(value.family) if isinstance(value, Scene) else "",
)
def test_the_rules(
    scene: Scene, good: list[tuple[Detected, ...]], bad: list[tuple[Detected, ...]]
) -> None:
    assert all(satisfies(read(*objects), scene) for objects in good)
    assert not any(satisfies(read(*objects), scene) for objects in bad)


def test_stands_agrees_with_the_world_on_the_lattice() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        a, b = (Item("dog", None, "", int(rng.integers(6)), int(rng.integers(6))) for _ in range(2))
        found = [seen("dog", *(16 * c for c in item.centre)) for item in (a, b)]
        for relation in ("above", "below", "left of", "right of"):
            assert boxes_in_relation(relation, *found) == relation_holds(relation, a, b)


def test_stands_forgives_a_few_pixels() -> None:
    assert boxes_in_relation("above", seen("dog", 24, 24), seen("cat", 26, 70))
    assert not boxes_in_relation("above", seen("dog", 24, 24), seen("cat", 24, 60))


@pytest.mark.parametrize("family", list(Family))
def test_exactly_one_thing_is_wrong(family: Family) -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        scene = sample_scene(rng, test=True, family=family)
        wrong = with_one_error(scene, rng)
        assert wrong.background == scene.background
        kept = sum(a == b for a, b in zip(scene.items, wrong.items, strict=False))
        if family is Family.COUNTING:
            assert abs(len(wrong.items) - len(scene.items)) == 1
            assert len({plural_noun(i) for i in wrong.items}) == 1
        else:
            assert len(wrong.items) == len(scene.items)
            changes = 2 if family in (Family.POSITION, Family.COLOUR_ATTRIBUTION) else 1
            assert kept == len(scene.items) - changes
        for i, a in enumerate(wrong.items):
            assert not any(a.overlaps(b) for b in wrong.items[:i])
            assert (a.colour is not None) == BY_NAME[a.concept].colourable
        truth = read(
            *(
                seen(i.concept, 16 * i.centre[0], 16 * i.centre[1], i.colour, 16 * i.cells)
                for i in wrong.items
            )
        )
        assert not satisfies(truth, scene)


def test_the_judge_can_be_trusted() -> None:
    scenes = [w.scene for w in plan(18, seed=7)]
    assert {s.family for s in scenes} == set(GENEVAL)
    figures = judge_metrics(scenes, _coarser, seed=7)
    assert figures["num"] == 18
    assert figures["true_renders"] >= 0.97
    assert figures["false_accepts"] <= 0.03
    assert figures["round_trips"] >= 0.97


def _coarser(pictures: np.ndarray) -> np.ndarray:
    """Three bits a channel: a loss that leaves every object recognisable."""
    return pictures // 32 * 32 + 16
