"""Laws of the films."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.world.drawn_films import films, paths, places, some, trained
from world.__main__ import main
from world.concepts import BY_NAME, CONCEPTS, held_out
from world.image.rendering import background_picture, render
from world.image.scenes import CELL_PX, CELLS, IMAGE_PX, Family, Scene
from world.video.captions import full_video_caption, mover_phrase, video_caption, video_questions
from world.video.motion import (
    APPEARS_AT,
    BOUNCE,
    FRAMES,
    ROUND,
    SLIDES,
    STILL,
    TWINS,
    Motion,
    Placed,
    VideoScene,
    held_out_motions,
    placed,
    render_video,
    sample_video,
)


def test_the_same_seed_gives_the_same_films_words_and_frames() -> None:
    assert films.__wrapped__(60, 2) == films(60, 2) != films(60, 3)
    for video in films(20, 2):
        said = [
            (video_caption(video, rng), video_questions(video, rng))
            for rng in (np.random.default_rng(4), np.random.default_rng(4))
        ]
        assert said[0] == said[1]
        assert np.array_equal(render_video(video), render_video(video))


def test_everything_lies_on_the_lattice_and_apart_in_every_frame() -> None:
    for video in some():
        assert len(placed(video)) == FRAMES
        for shown in placed(video):
            taken = np.zeros((CELLS, CELLS), int)
            for i in (p.item for p in shown):
                assert 0 <= i.column <= CELLS - i.cells
                assert 0 <= i.row <= CELLS - i.cells
                assert (i.colour is not None) == BY_NAME[i.concept].colourable
                taken[i.row : i.row + i.cells, i.column : i.column + i.cells] += 1
            assert taken.max(initial=0) <= 1


def test_the_movers_are_one_or_twins_or_two_that_cross() -> None:
    for video in some():
        names = {i.concept for i in video.movers}
        if video.motion is Motion.CROSS:
            assert len(video.movers) == len(names) == 2
        else:
            assert len(video.movers) == 1 or video.motion in SLIDES
            assert len({(i.concept, i.colour, i.size) for i in video.movers}) == 1
        assert len(video.still) <= 1
        assert not names & {i.concept for i in video.still}


def test_what_stands_still_is_the_same_in_every_frame() -> None:
    for video in some():
        for shown in placed(video):
            assert shown[: len(video.still)] == tuple(Placed(i) for i in video.still)


def test_only_a_spin_turns_and_only_growth_changes_the_size() -> None:
    for video in some():
        for path in paths(video):
            turns = {p.turns for p in path}
            assert turns == ({0, 1, 2, 3} if video.motion is Motion.SPIN else {0})
            sizes = {p.item.cells for p in path}
            assert len(sizes) == (3 if video.motion in (Motion.GROW, Motion.SHRINK) else 1)


@pytest.mark.parametrize("motion", list(SLIDES))
def test_a_slide_goes_its_way_evenly_and_far(motion: Motion) -> None:
    for video in films(80, 5, motion=motion):
        for path in paths(video):
            way = places(path)
            steps = np.diff(way, axis=0) @ np.array(SLIDES[motion])
            assert set(steps.tolist()) <= {0, 1}
            assert np.array_equal(np.diff(way, axis=0), steps[:, None] * SLIDES[motion])
            assert steps.sum() == video.cells == CELLS - video.movers[0].cells
            done = np.cumsum(steps)
            assert abs(done - video.cells * np.arange(1, FRAMES) / (FRAMES - 1)).max() <= 0.5


def test_where_things_are_follows_from_what_there_is() -> None:
    """So words that name everything leave nothing to chance."""
    found: dict[tuple[object, ...], set[tuple[tuple[Placed, ...], ...]]] = {}
    for video in some():
        things = [(i.concept, i.size) for i in video.movers + video.still]
        cast = {concept: number for number, (concept, _) in enumerate(dict(things).items())}
        shown = tuple(
            tuple(replace(p, item=replace(p.item, concept="", colour=None)) for p in frame)
            for frame in placed(video)
        )
        key = (video.motion, *((cast[concept], size) for concept, size in things))
        found.setdefault(key, set()).add(shown)
    assert len(found) > 40
    assert {len(places) for places in found.values()} == {1}


@pytest.mark.parametrize("motion", list(Motion))
def test_a_film_can_go_on_from_a_picture(motion: Motion) -> None:
    """Of one object: its first frame is where a picture would have it."""
    rng = np.random.default_rng(16)
    for video in (sample_video(rng, test=False, motion=motion, from_image=True) for _ in range(40)):
        first = placed(video)[0]
        if motion in (*SLIDES, Motion.BOUNCE, Motion.SPIN) and not video.still:
            assert first[0].item == video.movers[0].centred(4, 4)
        if motion in SLIDES:
            (path,) = paths(video)
            assert places(path)[-1].tolist() in [
                [video.movers[0].column + x * video.cells, video.movers[0].row + y * video.cells]
                for x, y in [SLIDES[motion]]
            ]
            edges = {0, CELLS - video.movers[0].cells}
            assert edges & set(places(path)[-1].tolist())
            assert video.cells >= 2


def test_twins_slide_side_by_side() -> None:
    twins = [f for f in trained() if len(f.movers) == 2 and f.motion in SLIDES]
    for video in twins:
        across = SLIDES[video.motion][0] != 0
        one, two = (places(p)[:, 0 if across else 1] for p in paths(video))
        assert np.array_equal(one, two)
    assert twins


def test_a_bounce_leaves_the_ground_and_returns() -> None:
    for video in films(60, 7, motion=Motion.BOUNCE):
        way = places(paths(video)[0])
        height = way[0, 1] - way[:, 1]
        assert (way[:, 0] == way[0, 0]).all()
        assert height.max() == video.cells == BOUNCE
        assert height.min() == height[0] == height[4] == 0
        assert np.array_equal(height[:4], height[4:]), "a film that is played again goes on"
        assert (height > 0).sum() == 6


def test_a_spin_is_a_quarter_turn_a_frame_and_can_be_seen() -> None:
    for video in films(60, 8, motion=Motion.SPIN):
        path = paths(video)[0]
        assert [p.turns for p in path] == [0, 1, 2, 3] * 2
        assert len({p.item for p in path}) == 1
        assert len({frame.tobytes() for frame in render_video(video)}) == 4
        assert video.movers[0].concept not in ROUND


def test_a_spin_is_clockwise() -> None:
    """What is at the top of one frame is at the right of the next."""
    video = next(f for f in films(60, 8, motion=Motion.SPIN) if f.background.kind == "plain")
    blank = VideoScene(video.background, video.movers, video.motion)
    item = video.movers[0]
    box = np.s_[
        item.row * CELL_PX : (item.row + item.cells) * CELL_PX,
        item.column * CELL_PX : (item.column + item.cells) * CELL_PX,
    ]
    for now, then in pairwise(render_video(blank)):
        assert np.array_equal(np.rot90(now[box], -1), then[box])


@pytest.mark.parametrize(("motion", "sign"), [(Motion.GROW, 1), (Motion.SHRINK, -1)])
def test_growth_is_monotone_and_about_the_centre(motion: Motion, sign: int) -> None:
    for video in films(60, 9, motion=motion):
        path = paths(video)[0]
        sides = [p.item.cells for p in path]
        assert sides == sorted(sides, reverse=sign < 0)
        assert {sides[0], sides[-1]} == {2, 4}
        centres = np.array([p.item.centre for p in path])
        assert np.ptp(centres, axis=0).max() <= 0.5
        assert not {"small", "big"} & set(mover_phrase(video).split())


def test_what_appears_is_absent_first_and_then_there() -> None:
    for video in films(60, 10, motion=Motion.APPEAR):
        there = [len(shown) - len(video.still) for shown in placed(video)]
        assert there == [0] * APPEARS_AT + [1] * (FRAMES - APPEARS_AT)
        assert len({p.item for p in paths(video)[0]}) == 1


def test_those_that_cross_swap_sides_on_rows_of_their_own() -> None:
    for video in films(60, 11, motion=Motion.CROSS):
        one, two = paths(video)
        for before, after, x in ((one[0], one[-1], 1), (two[0], two[-1], -1)):
            assert after.item.column - before.item.column == x * video.cells
            assert after.item.row == before.item.row
            assert (before.item.centre[0] - CELLS / 2) * x < 0
            assert (after.item.centre[0] - CELLS / 2) * x > 0
        a, b = video.movers
        assert a.row + a.cells <= b.row


def test_frames_are_pictures_of_the_world() -> None:
    """Unless it spins, each frame is what `render` makes of the same objects."""
    for video in films(40, 12):
        frames = render_video(video)
        assert frames.shape == (FRAMES, IMAGE_PX, IMAGE_PX, 3)
        assert frames.dtype == np.uint8
        for frame, shown in zip(frames, placed(video), strict=True):
            items = tuple(p.item for p in shown)
            drawn = render(Scene(Family.GROUP, video.background, items))
            assert video.motion is Motion.SPIN or np.array_equal(frame, drawn)


def test_a_frame_is_its_background_outside_the_boxes() -> None:
    for video in films(40, 13):
        empty = (background_picture(video.background) * 255 + 0.5).astype(np.uint8)
        for frame, shown in zip(render_video(video), placed(video), strict=True):
            outside = np.ones((IMAGE_PX, IMAGE_PX), bool)
            for i in (p.item for p in shown):
                y, x, side = i.row * CELL_PX, i.column * CELL_PX, i.cells * CELL_PX
                outside[y : y + side, x : x + side] = False
            assert np.array_equal(frame[outside], empty[outside])


def test_training_films_never_contain_a_held_out_pair() -> None:
    for video in trained():
        assert held_out_motions(video) == []
        assert not any(held_out(i.concept, video.motion.value) for i in video.movers)
        coloured = [i for i in video.movers + video.still if i.colour]
        assert not any(held_out(str(i.colour), i.concept) for i in coloured)


@pytest.mark.parametrize("motion", list(Motion))
def test_test_films_always_contain_a_held_out_motion(motion: Motion) -> None:
    for video in films(60, 15, test=True, motion=motion):
        assert video.motion is motion
        held = {i.concept for i in video.movers if held_out(i.concept, motion.value)}
        assert {(name, motion.value) for name in held} == set(held_out_motions(video))
        assert held


def test_some_but_few_motions_are_held_out() -> None:
    pairs = [held_out(c.name, m.value) for c in CONCEPTS for m in Motion]
    assert 0.05 < np.mean(pairs) < 0.2


def test_the_shares_are_as_stated() -> None:
    found = trained()
    slides = [f for f in found if f.motion in SLIDES]
    alone = [f for f in found if len(f.movers) == 1]
    assert abs(np.mean([len(f.still) for f in alone]) - STILL) < 0.03
    assert abs(np.mean([len(f.movers) == 2 for f in slides]) - TWINS) < 0.04
    for motion in Motion:
        assert abs(np.mean([f.motion is motion for f in found]) - 1 / len(Motion)) < 0.03


def test_the_command_draws_a_row_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    assert main(["film", "--num", "3", "--seed", "1", "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (FRAMES * IMAGE_PX, 3 * IMAGE_PX)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["full_caption"] for line in lines] == [full_video_caption(f) for f in films(3, 1)]
    assert main(["film", "--num", "0", "--out", str(out)]) == 2
