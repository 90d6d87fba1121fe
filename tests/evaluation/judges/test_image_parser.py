import time

import cv2
import numpy as np
import pytest

from evaluation.judges.image_parser import Detected, parse
from evaluation.judges.sprite_search import Placed, SpriteVariant
from world.image.rendering import background_picture, render
from world.image.scenes import CELL_PX, Background, Family, Item, Scene, sample_scene

GREEN = Background("plain", ("green",))


def everything(scene: Scene) -> list[tuple[str, str, int, tuple[float, float]]]:
    return sorted(
        (
            i.concept,
            str(i.colour),
            i.cells * CELL_PX,
            (i.centre[0] * CELL_PX, i.centre[1] * CELL_PX),
        )
        for i in scene.items
    )


def read(objects: tuple[Detected, ...]) -> list[tuple[str, str, int, tuple[float, float]]]:
    return sorted((o.concept, str(o.colour), o.size_px, o.centre_px) for o in objects)


def test_an_exact_picture_is_read_back_whole() -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        scene = sample_scene(rng, test=bool(rng.integers(2)))
        parsed = parse(render(scene))
        assert parsed.background == scene.background
        assert read(parsed.objects) == everything(scene)


def test_the_lattice_is_not_assumed() -> None:
    scene = Scene(Family.SINGLE_OBJECT, GREEN, (Item("owl", None, "", 2, 3),))
    (owl,) = parse(render(scene, offset_px=(5, -7))).objects
    assert (owl.concept, owl.centre_px) == ("owl", (56 + 5, 72 - 7))


def test_an_empty_picture_has_no_objects() -> None:
    rng = np.random.default_rng(2)
    for kind in ("sky", "grass", "sea", "night", "room"):
        empty = (background_picture(Background(kind)) * 255).astype(np.uint8)
        parsed = parse(empty)
        assert (parsed.background.kind, parsed.objects) == (kind, ())
    noise = rng.integers(0, 256, (128, 128, 3), np.uint8)
    assert parse(noise).objects == ()


def test_it_sees_through_blur_and_noise() -> None:
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(12):
        scene = sample_scene(rng, test=True, family=Family.TWO_OBJECTS)
        blurred = cv2.GaussianBlur(render(scene), (0, 0), 1.5).astype(np.float32)
        noisy = np.clip(blurred + rng.normal(0, 6, blurred.shape), 0, 255).astype(np.uint8)
        found = {o.concept for o in parse(noisy).objects}
        right += found == {i.concept for i in scene.items}
    assert right >= 11


def test_a_flat_stain_in_an_animals_shape_and_colour_is_not_the_animal() -> None:
    for name in ("panda", "fox", "owl", "cow", "bee", "drum"):
        bear = Placed(SpriteVariant(name, None, 64), 32, 32)
        canvas = background_picture(GREEN).copy()
        cover = bear.look.art[..., 3:]
        mean = bear.look.art[..., :3].sum((0, 1)) / cover.sum()
        canvas[bear.box] = canvas[bear.box] * (1 - cover) + cover * mean
        assert not any(o.concept == name for o in parse((canvas * 255).astype(np.uint8)).objects)


def test_half_an_object_is_not_that_object() -> None:
    for name in ("panda", "burger", "house", "penguin"):
        picture = render(Scene(Family.SINGLE_OBJECT, GREEN, (Item(name, None, "big", 2, 2),)))
        picture[64:] = render(Scene(Family.SINGLE_OBJECT, GREEN, ()))[64:]
        assert not any(o.concept == name for o in parse(picture).objects)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((64, 64, 3), np.uint8), np.zeros((128, 128, 3), np.float32)],
    ids=["shape", "type"],
)
def test_other_arrays_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="128x128x3"):
        parse(picture)


def test_it_is_fast() -> None:
    scene = sample_scene(np.random.default_rng(0), test=True, family=Family.GROUP)
    picture = render(scene)
    parse(picture)
    fastest = min(_seconds(picture) for _ in range(3))
    assert fastest < 0.5, f"{fastest:.2f} s a picture"


def _seconds(picture: np.ndarray) -> float:
    started_s = time.process_time()
    parse(picture)
    return time.process_time() - started_s
