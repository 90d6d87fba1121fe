"""Captions state true facts and no others; questions have one right answer, and it is given."""

from collections import Counter

import numpy as np
import pytest

from tests.world.caption_reader import NUMBERS, RELATIONS, Thing, facts_of
from world.concepts import BY_NAME, CONCEPTS, held_out
from world.image.scenes import Family, Scene, relation_holds, sample_scene
from world.text.captions import Question, caption, full_caption, questions

OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}
PLURAL = {c.plural: c.name for c in CONCEPTS}
DRAWS = 1200


def draws(seed: int, num: int = DRAWS) -> list[tuple[Scene, np.random.Generator]]:
    rng = np.random.default_rng(seed)
    return [(sample_scene(rng, test=bool(i % 2)), rng) for i in range(num)]


def things(scene: Scene) -> Counter[Thing]:
    """What a complete and true caption names."""
    many = len(scene.items) if scene.family is Family.COUNTING else 1
    items = scene.items[:1] if scene.family is Family.COUNTING else scene.items
    return Counter(
        Thing(many, i.size, i.colour, BY_NAME[i.concept].plural if many > 1 else i.concept)
        for i in items
    )


def ground(scene: Scene) -> tuple[str, ...]:
    return scene.background.colours or (scene.background.kind,)


def test_captions_name_exactly_the_true_facts() -> None:
    for scene, rng in draws(0):
        facts = facts_of(caption(scene, rng))
        assert Counter(facts.things) == things(scene)
        assert facts.ground in ((), ground(scene))
        if facts.relation is None:
            assert scene.relation is None
        else:
            a, b = scene.items
            swapped = facts.things[0].noun == b.concept
            assert facts.relation == (OPPOSITE[str(scene.relation)] if swapped else scene.relation)
            assert relation_holds(facts.relation, *((b, a) if swapped else (a, b)))


@pytest.mark.parametrize("background", [0.0, 1.0])
def test_the_background_is_mentioned_as_often_as_asked(background: float) -> None:
    for scene, rng in draws(1, 200):
        facts = facts_of(caption(scene, rng, background=background))
        assert facts.ground == (ground(scene) if background else ())


def test_the_full_caption_says_everything_in_one_way() -> None:
    for scene, _ in draws(2):
        facts = facts_of(full_caption(scene))
        assert Counter(facts.things) == things(scene)
        assert facts.ground == ground(scene)
        pair = scene.items if len(facts.things) == 2 else ()
        if facts.relation is not None:
            by_name = {i.concept: i for i in pair}
            a, b = (by_name[t.noun] for t in facts.things)
            assert relation_holds(facts.relation, a, b)
        else:
            assert not (pair and any(relation_holds(r, *pair) for r in OPPOSITE))
            if scene.family is not Family.COUNTING:
                by_place = sorted(scene.items, key=lambda i: i.centre)
                assert [t.noun for t in facts.things] == [i.concept for i in by_place]


def test_the_full_caption_depends_on_what_is_seen_only() -> None:
    for scene, _ in draws(9, 300):
        if scene.family is not Family.COUNTING:
            other = Scene(Family.GROUP, scene.background, scene.items[::-1])
            assert full_caption(other) == full_caption(scene)


def test_a_caption_depends_on_the_seed_only() -> None:
    scene, _ = draws(3, 1)[0]
    one, two = (caption(scene, np.random.default_rng(9)) for _ in range(2))
    assert one == two
    assert len({caption(scene, np.random.default_rng(i)) for i in range(40)}) > 1


def right(scene: Scene, question: Question) -> bool:
    """Whether the answer is right, found again from the graph."""
    names = [i.concept for i in scene.items]
    words = question.text.replace("?", " ").replace(".", " ").split()
    match question.kind:
        case "object":
            return Counter(facts_of(question.answer).things) == things(scene)
        case "count":
            (name,) = {PLURAL[w] for w in words if w in PLURAL}
            return (
                question.answer
                == {1: "one", **{n: w for w, n in NUMBERS.items()}}[names.count(name)]
            )
        case "colour":
            asked = {PLURAL.get(w, w) for w in words} & set(names)
            return {i.colour for i in scene.items if i.concept in asked} == {question.answer}
        case "yes_no":
            (name,) = {w for w in words if w in BY_NAME}
            return question.answer == ("yes" if name in names else "no")
        case "background":
            plain = scene.background.kind == "plain"
            stated = f"on {question.answer}" if plain else question.answer
            return facts_of(f"a dog {stated}").ground == ground(scene)
        case "position":
            return _position_right(scene, question, words)
        case other:
            raise AssertionError(f"unknown kind {other}")


def _position_right(scene: Scene, question: Question, words: list[str]) -> bool:
    by_name = {i.concept: i for i in scene.items}
    if words[0] == "where":
        *phrase, _, other = question.answer.split()
        subject = by_name[words[3]]
    else:
        *phrase, _, other = words[2:]
        subject = by_name[question.answer.split()[-1]]
    assert subject.concept != other
    return relation_holds(RELATIONS[" ".join(phrase)], subject, by_name[other])


def test_every_answer_is_right() -> None:
    kinds: Counter[str] = Counter()
    for scene, rng in draws(4):
        asked = questions(scene, rng)
        assert len({q.kind for q in asked}) == len(asked)
        for question in asked:
            assert right(scene, question), (scene, question)
            kinds[question.kind] += 1
    assert set(kinds) == {"object", "count", "colour", "yes_no", "background", "position"}
    assert min(kinds.values()) > DRAWS / 10


def test_yes_and_no_are_equally_frequent() -> None:
    answers = [q.answer for s, rng in draws(5) for q in questions(s, rng) if q.kind == "yes_no"]
    assert 0.45 < answers.count("yes") / len(answers) < 0.55


def test_everything_is_lower_case() -> None:
    for scene, rng in draws(6, 100):
        for question in questions(scene, rng):
            assert question.text == question.text.lower()
            assert question.answer == question.answer.lower()


def test_training_wishes_never_state_a_held_out_pair() -> None:
    rng = np.random.default_rng(7)
    for _ in range(DRAWS):
        scene = sample_scene(rng, test=False)
        assert _held_out_facts(caption(scene, rng)) == []


def _held_out_facts(words: str) -> list[tuple[str, str]]:
    facts = facts_of(words)
    pairs = [(t.colour, PLURAL.get(t.noun, t.noun)) for t in facts.things if t.colour]
    if facts.relation is not None:
        a, b = (t.noun for t in facts.things)
        pairs += [(a, facts.relation), (b, OPPOSITE[facts.relation])]
    return [p for p in pairs if held_out(*p)]


def test_training_answers_never_state_a_held_out_relation() -> None:
    rng = np.random.default_rng(8)
    for _ in range(DRAWS):
        scene = sample_scene(rng, test=False)
        assert _held_out_facts(full_caption(scene)) == []
        for question in questions(scene, rng):
            if question.kind == "position":
                words = question.text.replace("?", "").split()
                if words[0] == "where":
                    subject, phrase = words[3], question.answer.split()[:-2]
                else:
                    subject, phrase = question.answer.split()[-1], words[2:-2]
                assert not held_out(subject, RELATIONS[" ".join(phrase)]), question
