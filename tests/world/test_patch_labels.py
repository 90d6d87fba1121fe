"""A patch is said to show what is drawn there."""

import numpy as np

from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS
from world.image.rendering import background_picture, render
from world.image.scenes import CELL_PX, CELLS, sample_scene
from world.patch_labels import LABELS, mentioned, names, patch_labels, video_patch_labels
from world.video.motion import FRAMES, Motion, placed, render_video, sample_video

NUM = 40


def _differs(picture: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """The mean difference of each patch, "64"."""
    apart = np.abs(picture / 255 - empty).mean(-1)
    return apart.reshape(CELLS, CELL_PX, CELLS, CELL_PX).mean((1, 3)).reshape(-1)


def test_background_is_what_looks_like_it() -> None:
    rng = np.random.default_rng(0)
    for _ in range(NUM):
        scene = sample_scene(rng, test=False)
        apart = _differs(render(scene), background_picture(scene.background))
        found = patch_labels(scene)
        assert found.shape == (CELLS**2, LABELS)
        assert apart[found[:, 0] == 0].max(initial=0) < 0.1
        assert (apart[found[:, 0] > 0] > 0.003).mean() > 0.9
        assert bool((found < tuple(map(len, names()))).all()) and bool((found >= 0).all())


def test_each_object_is_named_with_its_colour_and_its_parts_in_order() -> None:
    rng = np.random.default_rng(1)
    for _ in range(NUM):
        scene = sample_scene(rng, test=False)
        found = patch_labels(scene).reshape(CELLS, CELLS, -1)
        for item in scene.items:
            rows, columns = (
                slice(item.row, item.row + item.cells),
                slice(item.column, item.column + item.cells),
            )
            facts = found[rows, columns][found[rows, columns][..., 0] > 0]
            assert set(facts[:, 0]) == {CONCEPTS.index(BY_NAME[item.concept]) + 1}
            colours = tuple(OBJECT_COLOURS)
            assert set(facts[:, 1]) == {colours.index(item.colour) + 1 if item.colour else 0}
            assert bool((np.diff(facts[:, 2]) > 0).all()), "row by row"


def test_the_same_object_elsewhere_shows_the_same_parts() -> None:
    film = sample_video(np.random.default_rng(3), test=False, motion=Motion.RIGHT)
    frames = video_patch_labels(film).reshape(FRAMES, CELLS**2, -1)
    apart = [_differs(f, background_picture(film.background)) for f in render_video(film)]
    for shown, far in zip(frames, apart, strict=True):
        assert {tuple(f) for f in shown if f[0]} == {tuple(f) for f in frames[0] if f[0]}
        assert far[shown[:, 0] == 0].max() < 0.1
    assert not np.array_equal(frames[0], frames[-1])


def test_what_spins_turns_its_parts() -> None:
    film = sample_video(np.random.default_rng(4), test=False, motion=Motion.SPIN)
    before, after = video_patch_labels(film).reshape(FRAMES, CELLS, CELLS, -1)[:2]
    item = placed(film)[0][-1].item
    box = np.s_[item.row : item.row + item.cells, item.column : item.column + item.cells]
    assert np.array_equal(np.rot90(before[box], -1), after[box])


def test_another_grid_shows_the_corners() -> None:
    scene = sample_scene(np.random.default_rng(5), test=False)
    whole = patch_labels(scene).reshape(CELLS, CELLS, -1)
    assert np.array_equal(patch_labels(scene, 4).reshape(2, 2, -1), whole[::4, ::4])
    wide = patch_labels(scene, (2 * CELLS) ** 2).reshape(2 * CELLS, 2 * CELLS, -1)
    assert np.array_equal(wide[::2, ::2], whole) and np.array_equal(wide[1::2, 1::2], whole)


def test_what_words_name_is_found_in_any_number() -> None:
    numbers = [1 + [c.name for c in CONCEPTS].index(name) for name in ("dog", "cat", "fish")]
    facts = np.array([[0, 0, 0], *([n, 0, 1] for n in numbers)])
    assert mentioned(facts, "Remove the dog, please.").tolist() == [False, True, False, False]
    assert mentioned(facts, "how many cats are there?").tolist() == [False, False, True, False]
    assert mentioned(facts, "what is this?").tolist() == [False] * 4
