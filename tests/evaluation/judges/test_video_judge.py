"""The rules on perfect readings, then the parser and the rules together on true films."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from evaluation.judges import video_judge
from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.judges.video_judge import ParsedVideo, VideoVerdict, parse_video, verdict
from world.concepts import CONCEPTS, OBJECT_COLOURS
from world.image.scenes import CELL_PX, Background, Item
from world.video.motion import (
    FRAMES,
    SLIDES,
    Motion,
    Placed,
    VideoScene,
    placed,
    render_video,
    sample_video,
)

RIGHT = VideoVerdict(direction=True, object=True, background=True)
NUM = 12
Readings = list[Parsed]
Judge = Callable[[VideoScene, Readings], VideoVerdict]
Reader = Callable[[VideoScene, Readings], ParsedVideo]
every_motion = pytest.mark.parametrize("motion", list(Motion))
every_slide = pytest.mark.parametrize("motion", list(SLIDES))


@cache
def films(motion: Motion, num: int = NUM) -> tuple[VideoScene, ...]:
    """Half of them held-out ones."""
    rng = np.random.default_rng((8, list(Motion).index(motion)))
    return tuple(sample_video(rng, test=bool(i % 2), motion=motion) for i in range(num))


@cache
def pictures(film: VideoScene) -> np.ndarray:
    return render_video(film)


def detected(here: Placed) -> Detected:
    item, (x, y) = here.item, here.item.centre
    place = (x * CELL_PX, y * CELL_PX)
    return Detected(item.concept, item.colour, item.cells * CELL_PX, place, 0.9)


def read(film: VideoScene) -> Readings:
    """Perfect readings: everything but what is turned."""
    return [
        Parsed(film.background, tuple(detected(p) for p in shown if p.turns == 0))
        for shown in placed(film)
    ]


def without(readings: Readings, frames: tuple[int, ...]) -> Readings:
    """Nothing is read in these frames."""
    return [replace(r, objects=()) if i in frames else r for i, r in enumerate(readings)]


def more(readings: Readings, frames: range, thing: Detected) -> Readings:
    """One more thing is read in these frames."""
    return [
        replace(r, objects=(*r.objects, thing)) if i in frames else r
        for i, r in enumerate(readings)
    ]


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> Callable[[VideoScene, Readings], np.ndarray]:
    """The film's true frames, of which the parser reads that."""

    def with_readings(film: VideoScene, readings: Readings) -> np.ndarray:
        frames = pictures(film).copy()
        frames[:, 0, 0] = np.arange(FRAMES)[:, None]
        monkeypatch.setattr(video_judge, "parse", lambda frame: readings[frame[0, 0, 0]])
        return frames

    return with_readings


@pytest.fixture
def reader(readable: Callable[[VideoScene, Readings], np.ndarray]) -> Reader:
    """Parse a video from the true objects of its frames."""
    return lambda film, readings: parse_video(readable(film, readings))


@pytest.fixture
def judge(readable: Callable[[VideoScene, Readings], np.ndarray]) -> Judge:
    """The verdict on a film's true frames where the parser reads that."""
    return lambda film, readings: verdict(film, readable(film, readings))


@every_motion
def test_a_perfect_reading_is_right(motion: Motion, judge: Judge) -> None:
    for film in films(motion):
        assert judge(film, read(film)) == RIGHT


@every_motion
def test_things_and_their_motion_are_told_apart(motion: Motion, reader: Reader) -> None:
    for film in films(motion):
        found = reader(film, read(film))
        assert sorted(c for c, _ in found.movers) == sorted(i.concept for i in film.movers)
        assert found.still == tuple((i.concept, i.colour) for i in film.still)
        assert (found.motion, found.background) == (motion, film.background)


@every_motion
def test_the_last_frame_alone_shows_the_things_and_not_what_they_do(
    motion: Motion, judge: Judge
) -> None:
    for film in films(motion):
        if motion is not Motion.SPIN:  # its pixels turn
            found = judge(film, [read(film)[-1]] * FRAMES)
            assert found == VideoVerdict(direction=False, object=True, background=True)


def test_what_has_turned_and_stands_still_does_not_spin() -> None:
    for frame in (0, 1):
        found = parse_video(
            np.repeat(render_video(films(Motion.SPIN)[1])[frame : frame + 1], FRAMES, 0)
        )
        assert (found.movers, found.motion) == ((), None)


@pytest.mark.parametrize(
    ("motion", "backwards"),
    [
        (Motion.LEFT, Motion.RIGHT),
        (Motion.UP, Motion.DOWN),
        (Motion.GROW, Motion.SHRINK),
        (Motion.CROSS, Motion.CROSS),
        (Motion.APPEAR, None),
    ],
    ids=str,
)
def test_backwards_it_goes_the_other_way(
    motion: Motion, backwards: Motion | None, reader: Reader
) -> None:
    for film in films(motion):
        assert reader(film, read(film)[::-1]).motion is backwards


def test_a_turn_the_other_way_is_a_turn() -> None:
    film = replace(films(Motion.SPIN)[1], still=())
    frames = render_video(film)
    assert parse_video(frames[[0, 3, 2, 1, 0, 3, 2, 1]]).motion is Motion.SPIN
    assert parse_video(frames[[0, 1, 0, 1, 0, 1, 0, 1]]).motion is None


@every_slide
@pytest.mark.parametrize("order", [(0,) * 4 + (7,) * 4, (0, 4, 2, 6, 1, 7, 3, 5)], ids=str)
def test_jumps_are_no_slide(motion: Motion, order: tuple[int, ...], reader: Reader) -> None:
    for film in films(motion):
        readings = read(film)
        assert reader(film, [readings[i] for i in order]).motion is None


@every_slide
def test_a_single_cell_is_not_far_enough(motion: Motion, reader: Reader) -> None:
    for film in films(motion):
        readings = read(film)
        assert reader(film, [readings[i] for i in (0, 0, 0, 0, 1, 1, 1, 1)]).motion is None


@pytest.mark.parametrize("motion", [m for m in Motion if m is not Motion.SPIN])
@pytest.mark.parametrize("skipped", range(1, FRAMES - 1))
def test_a_frame_that_cannot_be_read_is_skipped(motion: Motion, skipped: int, judge: Judge) -> None:
    for film in films(motion):
        assert judge(film, without(read(film), (skipped,))) == RIGHT


@every_motion
def test_what_is_read_in_two_frames_only_is_no_thing(motion: Motion, judge: Judge) -> None:
    for film in films(motion):
        ghost = Detected(stranger(film), None, 32, (16, 16), 0.9)
        assert judge(film, more(read(film), range(2, 4), ghost)) == RIGHT


@every_motion
def test_one_more_that_does_the_same_is_one_too_many(motion: Motion, judge: Judge) -> None:
    for film in films(motion):
        readings = read(film)
        extra = replace(film.movers[0], concept=stranger(film))
        if motion not in (Motion.CROSS, Motion.SPIN):
            others = read(replace(film, movers=(extra,), still=()))
            both = [
                replace(r, objects=r.objects + o.objects)
                for r, o in zip(readings, others, strict=True)
            ]
            assert judge(film, both) == VideoVerdict(direction=True, object=False, background=True)


def stranger(film: VideoScene) -> str:
    names = {i.concept for i in film.movers + film.still}
    return next(c.name for c in CONCEPTS if c.name not in names and not c.colourable)


@pytest.mark.parametrize("motion", [m for m in Motion if m is not Motion.SPIN])
@pytest.mark.parametrize("what", ["concept", "colour"])
def test_another_thing_is_not_the_one(motion: Motion, what: str, judge: Judge) -> None:
    for film in films(motion):
        first, *others = film.movers
        other = next(c for c in OBJECT_COLOURS if c != first.colour)
        wrong = replace(first, **{what: stranger(film) if what == "concept" else other})
        shown = replace(film, movers=(wrong, *others))
        found = judge(film, read(shown))
        assert found == VideoVerdict(direction=True, object=False, background=True)


def test_two_are_not_one(judge: Judge) -> None:
    for film in films(Motion.LEFT, 40):
        if len(film.movers) == 2:
            one = replace(film, movers=film.movers[:1])
            assert judge(film, read(one)) == VideoVerdict(True, False, True)
            assert judge(one, read(film)) == VideoVerdict(True, False, True)


def test_one_that_stays_behind_is_missed(judge: Judge) -> None:
    twins = [f for f in films(Motion.RIGHT, 40) if len(f.movers) == 2]
    for film in twins:
        lazy = replace(film, movers=film.movers[:1], still=film.movers[1:])
        assert judge(film, read(lazy)) == VideoVerdict(True, False, True)


def test_two_that_go_the_same_way_do_not_cross(judge: Judge) -> None:
    for film in films(Motion.CROSS):
        ways = replace(film, motion=Motion.RIGHT, movers=film.movers[:1])
        there = read(ways)
        second = read(replace(ways, movers=(replace(film.movers[1], column=0),)))
        both = [
            replace(a, objects=a.objects + b.objects) for a, b in zip(there, second, strict=True)
        ]
        assert not judge(film, both).direction


def test_another_background_is_noticed(judge: Judge) -> None:
    film = films(Motion.UP)[0]
    shown = replace(film, background=Background("gradient", ("black", "pink")))
    assert judge(film, read(shown)) == VideoVerdict(True, True, False)


@every_motion
def test_true_films_are_right(motion: Motion) -> None:
    film = films(motion)[1]
    assert verdict(film, pictures(film)) == RIGHT


def test_things_that_are_seen_in_every_frame_do_not_appear() -> None:
    star = Item("star", "red", "", 2, 2)
    film = VideoScene(Background("plain", ("white",)), (star,), Motion.APPEAR)
    frames = render_video(film)
    assert parse_video(frames).motion is Motion.APPEAR
    assert parse_video(frames[[0, 7, 7, 7, 7, 7, 7, 7]]).motion is None
    assert parse_video(frames[::-1]).motion is None


@pytest.mark.parametrize("shape", [(7, 128, 128, 3), (8, 64, 64, 3)], ids=str)
def test_a_film_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"8 frames|128x128x3"):
        parse_video(np.zeros(shape, np.uint8))


def test_the_readings_made_by_hand_are_the_parser_s() -> None:
    film = films(Motion.LEFT)[1]
    made, parsed = read(film)[0], parse(pictures(film)[0])
    assert parsed.background == made.background
    assert {o.concept for o in parsed.objects} == {o.concept for o in made.objects}
