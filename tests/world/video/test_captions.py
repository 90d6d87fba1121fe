"""Laws of what is said about films and of how they are wished for."""

import numpy as np

from tests.world.caption_reader import NUMBERS, facts_of
from tests.world.drawn_films import paths, some, trained
from world.concepts import CONCEPTS
from world.text.dialogue import DRAW_PHRASES
from world.video.captions import (
    MOTION_PHRASES,
    VIDEO_PHRASES,
    full_video_caption,
    mover_phrase,
    video_caption,
    video_questions,
    video_request,
)
from world.video.motion import SLIDES, Motion, VideoScene

PLURAL = {c.plural: c.name for c in CONCEPTS}
SAYS_IT_MOVES = ("video", "clip", "film", "anim")
WAYS = {"to the left": (-1, 0), "to the right": (1, 0), "up": (0, -1), "down": (0, 1)}


def ground(video: VideoScene) -> tuple[str, ...]:
    return video.background.colours or (video.background.kind,)


def test_the_full_caption_is_mover_motion_background_and_what_stands_still() -> None:
    for video in some():
        caption = full_video_caption(video)
        said, _, still = caption.partition(" while ")
        motions = [m for m, phrase in MOTION_PHRASES.items() if f" {phrase} " in said]
        assert motions == [video.motion]
        mover, place = said.split(f" {MOTION_PHRASES[video.motion]} ")
        assert mover == mover_phrase(video)
        things = facts_of(f"{mover} {place}").things
        assert facts_of(f"{mover} {place}").ground == ground(video)
        nouns = [n for t in things for n in [PLURAL.get(t.noun, t.noun)] * t.count]
        assert nouns == [i.concept for i in video.movers]
        assert [t.colour for t in things] == [i.colour for i in video.movers[: len(things)]]
        stood = [facts_of(s).things[0] for s in still.split(" stand")[:1] if s]
        assert [(t.size, t.colour, t.noun) for t in stood] == [
            (i.size, i.colour, i.concept) for i in video.still
        ]


def test_canonical_phrases_do_not_contain_each_other() -> None:
    for a in MOTION_PHRASES.values():
        assert [b for b in MOTION_PHRASES.values() if a in b] == [a]


def test_captions_name_the_movers_and_only_this_motion() -> None:
    """No words that are used of one motion are used of another."""
    said: dict[Motion, set[str]] = {m: set() for m in Motion}
    rng = np.random.default_rng(17)
    for video in trained():
        caption = video_caption(video, rng)
        assert caption == caption.lower() == " ".join(caption.split())
        assert caption.startswith(mover_phrase(video) + " ")
        bare = VideoScene(video.background, video.movers, video.motion)
        action = video_caption(bare, rng).removeprefix(mover_phrase(video) + " ")
        if not any(w in action for w in (" on ", " at ", " in ", " by ", " with ", " inside ")):
            said[video.motion].add(action)
    for motion in Motion:
        assert len(said[motion]) >= 5
        others = set[str]().union(*(said[m] for m in Motion if m is not motion))
        assert not said[motion] & others


def test_verbs_agree_with_the_number_of_movers() -> None:
    rng = np.random.default_rng(22)
    for video in trained()[:600]:
        many = len(video.movers) > 1 or mover_phrase(video).endswith("grapes")
        verb = video_caption(video, rng).removeprefix(mover_phrase(video)).split()[0]
        plural = verb in ("are", "cross", "pass") or not verb.endswith("s")
        assert verb.endswith("ing") or plural == many


def test_the_background_is_mentioned_in_half_of_the_captions() -> None:
    rng = np.random.default_rng(18)
    found = [f for f in trained() if f.background.kind == "gradient"]
    share = np.mean([" gradient" in c for c in (video_caption(f, rng) for f in found)])
    assert 0.4 < share < 0.6


def test_each_kind_of_question_is_asked_at_most_once_and_where_it_applies() -> None:
    rng = np.random.default_rng(19)
    for video in some():
        kinds = [q.kind for q in video_questions(video, rng)]
        assert len(kinds) == len(set(kinds))
        expected = {"object", "motion", "mover", "count"}
        expected |= {"direction"} if video.motion in SLIDES else set()
        expected |= {"background"} if video.background.kind != "gradient" else set()
        assert set(kinds) == expected


def test_every_answer_is_true() -> None:
    rng = np.random.default_rng(20)
    for video in some():
        many = len(video.movers) > 1 or mover_phrase(video).endswith("grapes")
        names = [i.concept for i in video.movers + video.still]
        for q in video_questions(video, rng):
            assert (q.text + q.answer) == (q.text + q.answer).lower()
            words = q.text.replace("?", " ").replace(".", " ").split()
            match q.kind:
                case "object":
                    assert q.answer == full_video_caption(video)
                case "mover":
                    assert q.answer == mover_phrase(video)
                case "motion":
                    it, verb, *rest = q.answer.split()
                    assert it == ("they" if many else "it")
                    assert verb.endswith("s") == (not many or verb == "cross")
                    stem, *tail = MOTION_PHRASES[video.motion].split()
                    assert (verb[:3], rest) == (stem[:3], tail)
                case "direction":
                    (first, *_, last) = paths(video)[0]
                    x, y = last.item.column - first.item.column, last.item.row - first.item.row
                    assert (np.sign(x), np.sign(y)) == WAYS[q.answer]
                case "count":
                    (name,) = {PLURAL[w] for w in words if w in PLURAL}
                    number = {1: "one", **{n: w for w, n in NUMBERS.items()}}
                    assert q.answer == number[names.count(name)]
                case "background":
                    plain = video.background.kind == "plain"
                    stated = f"on {q.answer}" if plain else q.answer
                    assert facts_of(f"a dog {stated}").ground == ground(video)
                case other:
                    raise AssertionError(f"unknown kind {other}")


def test_a_wish_says_that_a_film_is_wanted_and_a_wish_for_a_picture_does_not() -> None:
    for phrase in VIDEO_PHRASES:
        assert any(word in phrase for word in SAYS_IT_MOVES)
        assert phrase.count("{}") == 1
    assert not any(word in phrase for phrase in DRAW_PHRASES for word in SAYS_IT_MOVES)


def test_a_wish_contains_the_caption_in_good_grammar() -> None:
    rng = np.random.default_rng(21)
    used: set[str] = set()
    for video in trained()[:600]:
        caption = video_caption(video, rng)
        wish = video_request(rng, caption)
        before, _, after = wish.partition(caption)
        used.add(f"{before}{{}}{after}")
        verb = caption.removeprefix(mover_phrase(video)).split()[0]
        assert before.split()[-1] in (
            ("of", "animate", "film") if verb.endswith("ing") else ("where", "which", "video:")
        )
    assert used == set(VIDEO_PHRASES)
