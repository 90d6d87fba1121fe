"""Laws of the films, of what is said about them, and of how they are wished for."""

import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.world.caption_reader import NUMBERS, facts_of
from world.__main__ import main
from world.concepts import BY_NAME, CONCEPTS, held_out
from world.dialogue import DRAW_PHRASES
from world.film_words import (
    FILM_PHRASES,
    MOTION_PHRASES,
    film_caption,
    film_questions,
    film_wish,
    full_film_caption,
    mover_phrase,
)
from world.motion import (
    APPEARS_AT,
    BOUNCE,
    FRAMES,
    ROUND,
    SLIDES,
    STILL,
    TWINS,
    Film,
    Motion,
    Placed,
    held_out_motions,
    placed,
    render_film,
    sample_film,
)
from world.scenes import CELL_PX, CELLS, IMAGE_PX, Family, Scene, background_picture, render

PLURAL = {c.plural: c.name for c in CONCEPTS}
SAYS_IT_MOVES = ("video", "clip", "film", "anim")
WAYS = {"to the left": (-1, 0), "to the right": (1, 0), "up": (0, -1), "down": (0, 1)}


@cache
def films(num: int, seed: int, *, test: bool = False, motion: Motion | None = None) -> list[Film]:
    rng = np.random.default_rng(seed)
    return [sample_film(rng, test=test, motion=motion) for _ in range(num)]


def paths(film: Film) -> list[list[Placed]]:
    """What each mover does, over the frames in which it is seen."""
    shown = [frame[len(film.still) :] for frame in placed(film)]
    return [[frame[i] for frame in shown if frame] for i in range(len(film.movers))]


def places(path: list[Placed]) -> np.ndarray:
    """int "frames 2": column and row."""
    return np.array([(p.item.column, p.item.row) for p in path])


def trained() -> list[Film]:
    """Of training."""
    return films(1200, 14)


def some() -> list[Film]:
    """Of training and of test."""
    return trained()[:300] + films(150, 1, test=True)


def test_the_same_seed_gives_the_same_films_words_and_frames() -> None:
    assert films.__wrapped__(60, 2) == films(60, 2) != films(60, 3)
    for film in films(20, 2):
        said = [
            (film_caption(film, rng), film_questions(film, rng))
            for rng in (np.random.default_rng(4), np.random.default_rng(4))
        ]
        assert said[0] == said[1]
        assert np.array_equal(render_film(film), render_film(film))


def test_everything_lies_on_the_lattice_and_apart_in_every_frame() -> None:
    for film in some():
        assert len(placed(film)) == FRAMES
        for shown in placed(film):
            taken = np.zeros((CELLS, CELLS), int)
            for i in (p.item for p in shown):
                assert 0 <= i.column <= CELLS - i.cells
                assert 0 <= i.row <= CELLS - i.cells
                assert (i.colour is not None) == BY_NAME[i.concept].colourable
                taken[i.row : i.row + i.cells, i.column : i.column + i.cells] += 1
            assert taken.max(initial=0) <= 1


def test_the_movers_are_one_or_twins_or_two_that_cross() -> None:
    for film in some():
        names = {i.concept for i in film.movers}
        if film.motion is Motion.CROSS:
            assert len(film.movers) == len(names) == 2
        else:
            assert len(film.movers) == 1 or film.motion in SLIDES
            assert len({(i.concept, i.colour, i.size) for i in film.movers}) == 1
        assert len(film.still) <= 1
        assert not names & {i.concept for i in film.still}


def test_what_stands_still_is_the_same_in_every_frame() -> None:
    for film in some():
        for shown in placed(film):
            assert shown[: len(film.still)] == tuple(Placed(i) for i in film.still)


def test_only_a_spin_turns_and_only_growth_changes_the_size() -> None:
    for film in some():
        for path in paths(film):
            turns = {p.turns for p in path}
            assert turns == ({0, 1, 2, 3} if film.motion is Motion.SPIN else {0})
            sizes = {p.item.cells for p in path}
            assert len(sizes) == (3 if film.motion in (Motion.GROW, Motion.SHRINK) else 1)


@pytest.mark.parametrize("motion", list(SLIDES))
def test_a_slide_goes_its_way_evenly_and_far(motion: Motion) -> None:
    for film in films(80, 5, motion=motion):
        for path in paths(film):
            way = places(path)
            steps = np.diff(way, axis=0) @ np.array(SLIDES[motion])
            assert set(steps.tolist()) <= {0, 1}
            assert np.array_equal(np.diff(way, axis=0), steps[:, None] * SLIDES[motion])
            assert steps.sum() == film.cells == CELLS - film.movers[0].cells
            done = np.cumsum(steps)
            assert abs(done - film.cells * np.arange(1, FRAMES) / (FRAMES - 1)).max() <= 0.5


def test_where_things_are_follows_from_what_there_is() -> None:
    """So words that name everything leave nothing to chance."""
    found: dict[tuple[object, ...], set[tuple[tuple[Placed, ...], ...]]] = {}
    for film in some():
        things = [(i.concept, i.size) for i in film.movers + film.still]
        cast = {concept: number for number, (concept, _) in enumerate(dict(things).items())}
        shown = tuple(
            tuple(replace(p, item=replace(p.item, concept="", colour=None)) for p in frame)
            for frame in placed(film)
        )
        key = (film.motion, *((cast[concept], size) for concept, size in things))
        found.setdefault(key, set()).add(shown)
    assert len(found) > 40
    assert {len(places) for places in found.values()} == {1}


@pytest.mark.parametrize("motion", list(Motion))
def test_a_film_can_go_on_from_a_picture(motion: Motion) -> None:
    """Of one object: its first frame is where a picture would have it."""
    rng = np.random.default_rng(16)
    for film in (sample_film(rng, test=False, motion=motion, begun=True) for _ in range(40)):
        first = placed(film)[0]
        if motion in (*SLIDES, Motion.BOUNCE, Motion.SPIN) and not film.still:
            assert first[0].item == film.movers[0].centred(4, 4)
        if motion in SLIDES:
            (path,) = paths(film)
            assert places(path)[-1].tolist() in [
                [film.movers[0].column + x * film.cells, film.movers[0].row + y * film.cells]
                for x, y in [SLIDES[motion]]
            ]
            edges = {0, CELLS - film.movers[0].cells}
            assert edges & set(places(path)[-1].tolist())
            assert film.cells >= 2


def test_twins_slide_side_by_side() -> None:
    twins = [f for f in trained() if len(f.movers) == 2 and f.motion in SLIDES]
    for film in twins:
        across = SLIDES[film.motion][0] != 0
        one, two = (places(p)[:, 0 if across else 1] for p in paths(film))
        assert np.array_equal(one, two)
    assert twins


def test_a_bounce_leaves_the_ground_and_returns() -> None:
    for film in films(60, 7, motion=Motion.BOUNCE):
        way = places(paths(film)[0])
        height = way[0, 1] - way[:, 1]
        assert (way[:, 0] == way[0, 0]).all()
        assert height.max() == film.cells == BOUNCE
        assert height.min() == height[0] == height[4] == 0
        assert np.array_equal(height[:4], height[4:]), "a film that is played again goes on"
        assert (height > 0).sum() == 6


def test_a_spin_is_a_quarter_turn_a_frame_and_can_be_seen() -> None:
    for film in films(60, 8, motion=Motion.SPIN):
        path = paths(film)[0]
        assert [p.turns for p in path] == [0, 1, 2, 3] * 2
        assert len({p.item for p in path}) == 1
        assert len({frame.tobytes() for frame in render_film(film)}) == 4
        assert film.movers[0].concept not in ROUND


def test_a_spin_is_clockwise() -> None:
    """What is at the top of one frame is at the right of the next."""
    film = next(f for f in films(60, 8, motion=Motion.SPIN) if f.background.kind == "plain")
    blank = Film(film.background, film.movers, film.motion)
    item = film.movers[0]
    box = np.s_[
        item.row * CELL_PX : (item.row + item.cells) * CELL_PX,
        item.column * CELL_PX : (item.column + item.cells) * CELL_PX,
    ]
    for now, then in pairwise(render_film(blank)):
        assert np.array_equal(np.rot90(now[box], -1), then[box])


@pytest.mark.parametrize(("motion", "sign"), [(Motion.GROW, 1), (Motion.SHRINK, -1)])
def test_growth_is_monotone_and_about_the_centre(motion: Motion, sign: int) -> None:
    for film in films(60, 9, motion=motion):
        path = paths(film)[0]
        sides = [p.item.cells for p in path]
        assert sides == sorted(sides, reverse=sign < 0)
        assert {sides[0], sides[-1]} == {2, 4}
        centres = np.array([p.item.centre for p in path])
        assert np.ptp(centres, axis=0).max() <= 0.5
        assert not {"small", "big"} & set(mover_phrase(film).split())


def test_what_appears_is_absent_first_and_then_there() -> None:
    for film in films(60, 10, motion=Motion.APPEAR):
        there = [len(shown) - len(film.still) for shown in placed(film)]
        assert there == [0] * APPEARS_AT + [1] * (FRAMES - APPEARS_AT)
        assert len({p.item for p in paths(film)[0]}) == 1


def test_those_that_cross_swap_sides_on_rows_of_their_own() -> None:
    for film in films(60, 11, motion=Motion.CROSS):
        one, two = paths(film)
        for before, after, x in ((one[0], one[-1], 1), (two[0], two[-1], -1)):
            assert after.item.column - before.item.column == x * film.cells
            assert after.item.row == before.item.row
            assert (before.item.centre[0] - CELLS / 2) * x < 0
            assert (after.item.centre[0] - CELLS / 2) * x > 0
        a, b = film.movers
        assert a.row + a.cells <= b.row


def test_frames_are_pictures_of_the_world() -> None:
    """Unless it spins, each frame is what `render` makes of the same objects."""
    for film in films(40, 12):
        frames = render_film(film)
        assert frames.shape == (FRAMES, IMAGE_PX, IMAGE_PX, 3)
        assert frames.dtype == np.uint8
        for frame, shown in zip(frames, placed(film), strict=True):
            items = tuple(p.item for p in shown)
            drawn = render(Scene(Family.GROUP, film.background, items))
            assert film.motion is Motion.SPIN or np.array_equal(frame, drawn)


def test_a_frame_is_its_background_outside_the_boxes() -> None:
    for film in films(40, 13):
        empty = (background_picture(film.background) * 255 + 0.5).astype(np.uint8)
        for frame, shown in zip(render_film(film), placed(film), strict=True):
            outside = np.ones((IMAGE_PX, IMAGE_PX), bool)
            for i in (p.item for p in shown):
                y, x, side = i.row * CELL_PX, i.column * CELL_PX, i.cells * CELL_PX
                outside[y : y + side, x : x + side] = False
            assert np.array_equal(frame[outside], empty[outside])


def test_training_films_never_contain_a_held_out_pair() -> None:
    for film in trained():
        assert held_out_motions(film) == []
        assert not any(held_out(i.concept, film.motion.value) for i in film.movers)
        coloured = [i for i in film.movers + film.still if i.colour]
        assert not any(held_out(str(i.colour), i.concept) for i in coloured)


@pytest.mark.parametrize("motion", list(Motion))
def test_test_films_always_contain_a_held_out_motion(motion: Motion) -> None:
    for film in films(60, 15, test=True, motion=motion):
        assert film.motion is motion
        held = {i.concept for i in film.movers if held_out(i.concept, motion.value)}
        assert {(name, motion.value) for name in held} == set(held_out_motions(film))
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


def ground(film: Film) -> tuple[str, ...]:
    return film.background.colours or (film.background.kind,)


def test_the_full_caption_is_mover_motion_background_and_what_stands_still() -> None:
    for film in some():
        caption = full_film_caption(film)
        said, _, still = caption.partition(" while ")
        motions = [m for m, phrase in MOTION_PHRASES.items() if f" {phrase} " in said]
        assert motions == [film.motion]
        mover, place = said.split(f" {MOTION_PHRASES[film.motion]} ")
        assert mover == mover_phrase(film)
        things = facts_of(f"{mover} {place}").things
        assert facts_of(f"{mover} {place}").ground == ground(film)
        nouns = [n for t in things for n in [PLURAL.get(t.noun, t.noun)] * t.count]
        assert nouns == [i.concept for i in film.movers]
        assert [t.colour for t in things] == [i.colour for i in film.movers[: len(things)]]
        stood = [facts_of(s).things[0] for s in still.split(" stand")[:1] if s]
        assert [(t.size, t.colour, t.noun) for t in stood] == [
            (i.size, i.colour, i.concept) for i in film.still
        ]


def test_canonical_phrases_do_not_contain_each_other() -> None:
    for a in MOTION_PHRASES.values():
        assert [b for b in MOTION_PHRASES.values() if a in b] == [a]


def test_captions_name_the_movers_and_only_this_motion() -> None:
    """No words that are used of one motion are used of another."""
    said: dict[Motion, set[str]] = {m: set() for m in Motion}
    rng = np.random.default_rng(17)
    for film in trained():
        caption = film_caption(film, rng)
        assert caption == caption.lower() == " ".join(caption.split())
        assert caption.startswith(mover_phrase(film) + " ")
        bare = Film(film.background, film.movers, film.motion)
        action = film_caption(bare, rng).removeprefix(mover_phrase(film) + " ")
        if not any(w in action for w in (" on ", " at ", " in ", " by ", " with ", " inside ")):
            said[film.motion].add(action)
    for motion in Motion:
        assert len(said[motion]) >= 5
        others = set[str]().union(*(said[m] for m in Motion if m is not motion))
        assert not said[motion] & others


def test_verbs_agree_with_the_number_of_movers() -> None:
    rng = np.random.default_rng(22)
    for film in trained()[:600]:
        many = len(film.movers) > 1 or mover_phrase(film).endswith("grapes")
        verb = film_caption(film, rng).removeprefix(mover_phrase(film)).split()[0]
        plural = verb in ("are", "cross", "pass") or not verb.endswith("s")
        assert verb.endswith("ing") or plural == many


def test_the_background_is_mentioned_in_half_of_the_captions() -> None:
    rng = np.random.default_rng(18)
    found = [f for f in trained() if f.background.kind == "gradient"]
    share = np.mean([" gradient" in c for c in (film_caption(f, rng) for f in found)])
    assert 0.4 < share < 0.6


def test_each_kind_of_question_is_asked_at_most_once_and_where_it_applies() -> None:
    rng = np.random.default_rng(19)
    for film in some():
        kinds = [q.kind for q in film_questions(film, rng)]
        assert len(kinds) == len(set(kinds))
        expected = {"object", "motion", "mover", "count"}
        expected |= {"direction"} if film.motion in SLIDES else set()
        expected |= {"background"} if film.background.kind != "gradient" else set()
        assert set(kinds) == expected


def test_every_answer_is_true() -> None:
    rng = np.random.default_rng(20)
    for film in some():
        many = len(film.movers) > 1 or mover_phrase(film).endswith("grapes")
        names = [i.concept for i in film.movers + film.still]
        for q in film_questions(film, rng):
            assert (q.text + q.answer) == (q.text + q.answer).lower()
            words = q.text.replace("?", " ").replace(".", " ").split()
            match q.kind:
                case "object":
                    assert q.answer == full_film_caption(film)
                case "mover":
                    assert q.answer == mover_phrase(film)
                case "motion":
                    it, verb, *rest = q.answer.split()
                    assert it == ("they" if many else "it")
                    assert verb.endswith("s") == (not many or verb == "cross")
                    stem, *tail = MOTION_PHRASES[film.motion].split()
                    assert (verb[:3], rest) == (stem[:3], tail)
                case "direction":
                    (first, *_, last) = paths(film)[0]
                    x, y = last.item.column - first.item.column, last.item.row - first.item.row
                    assert (np.sign(x), np.sign(y)) == WAYS[q.answer]
                case "count":
                    (name,) = {PLURAL[w] for w in words if w in PLURAL}
                    number = {1: "one", **{n: w for w, n in NUMBERS.items()}}
                    assert q.answer == number[names.count(name)]
                case "background":
                    plain = film.background.kind == "plain"
                    stated = f"on {q.answer}" if plain else q.answer
                    assert facts_of(f"a dog {stated}").ground == ground(film)
                case other:
                    raise AssertionError(f"unknown kind {other}")


def test_a_wish_says_that_a_film_is_wanted_and_a_wish_for_a_picture_does_not() -> None:
    for phrase in FILM_PHRASES:
        assert any(word in phrase for word in SAYS_IT_MOVES)
        assert phrase.count("{}") == 1
    assert not any(word in phrase for phrase in DRAW_PHRASES for word in SAYS_IT_MOVES)


def test_a_wish_contains_the_caption_in_good_grammar() -> None:
    rng = np.random.default_rng(21)
    used: set[str] = set()
    for film in trained()[:600]:
        caption = film_caption(film, rng)
        wish = film_wish(rng, caption)
        before, _, after = wish.partition(caption)
        used.add(f"{before}{{}}{after}")
        verb = caption.removeprefix(mover_phrase(film)).split()[0]
        assert before.split()[-1] in (
            ("of", "animate", "film") if verb.endswith("ing") else ("where", "which", "video:")
        )
    assert used == set(FILM_PHRASES)


def test_the_command_draws_a_row_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    assert main(["film", "--num", "3", "--seed", "1", "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (FRAMES * IMAGE_PX, 3 * IMAGE_PX)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["full_caption"] for line in lines] == [full_film_caption(f) for f in films(3, 1)]
    assert main(["film", "--num", "0", "--out", str(out)]) == 2
