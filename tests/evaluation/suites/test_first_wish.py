"""The outcomes of wishes: right, wrong, offered, refused and silent."""

import pytest

from engine.api.sampling import Sampling
from evaluation.suites.first_wish import Outcome, Wish, evaluate, outcomes_of, plan
from tests.evaluation.perfect import ScriptedAnswerer, shown
from world.concepts import CONCEPT_WORDS, CONCEPTS, OBJECT_COLOURS
from world.domain import domain
from world.image.scenes import Background, Family, Item, Scene

FACTS = {"concepts": [c.name for c in CONCEPTS], "words": ["draw", "a", "an"]}
COLOURABLE = {c.name for c in CONCEPTS if c.colourable}


def drawn(name: str) -> Scene:
    colour = next(iter(OBJECT_COLOURS)) if name in COLOURABLE else None
    return Scene(
        Family.SINGLE_OBJECT, Background("plain", ("white",)), (Item(name, colour, "", 3, 3),)
    )


def test_the_list_has_300_words_each_once() -> None:
    wishes = plan(300)
    assert len({w.noun for w in wishes}) == 300
    with domain("large"):
        assert sum(w.noun in CONCEPT_WORDS for w in wishes) > 170
    with pytest.raises(ValueError, match="between 1 and 300"):
        plan(301)


def test_each_outcome() -> None:
    nouns = ("dog", "cat", "wolf", "zinc", "qwxz")
    wishes = [Wish(noun, f"draw a {noun}") for noun in nouns]
    engine = ScriptedAnswerer([shown(drawn("dog")), shown(drawn("car"))], facts=FACTS)
    assert outcomes_of(engine, wishes, Sampling()) == [
        Outcome.RIGHT, Outcome.WRONG, Outcome.OFFERED, Outcome.REFUSED, Outcome.SILENT,
    ]  # fmt: skip
    assert [r.sampling.seed for r in engine.asked] == [0, 1]


def test_a_perfect_engine_answers_all_that_it_knows() -> None:
    num = 60
    known = [w.noun for w in plan(num) if w.noun in CONCEPT_WORDS]
    script = [shown(drawn(CONCEPT_WORDS[noun])) for noun in known]
    found = evaluate(ScriptedAnswerer(script, facts=FACTS), num, Sampling()).metrics
    assert found["drawn_right"] == 1 and found["wrong"] == 0
    assert found["right"] == pytest.approx(found["known"]) == pytest.approx(len(known) / num)
    assert sum(found[kind] for kind in Outcome) == pytest.approx(1)
    assert found["answered"] == pytest.approx(found["right"] + found["offered"])
