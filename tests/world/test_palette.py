"""The words of the palette are the domain's, and make sentences that its readers read."""

import json
from pathlib import Path

import pytest

from evaluation.judges.facts import text_facts
from world.concepts import COLOURABLE, CONCEPTS, OBJECT_COLOURS, named_concepts
from world.domain import DOMAINS, domain
from world.palette import palette

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "nano" / "facts.json"


@pytest.mark.parametrize("name", DOMAINS)
def test_it_has_every_thing_colour_and_place_once(name: str) -> None:
    with domain(name):
        words = palette()
        things, places = words["things"], words["places"]
        assert isinstance(things, dict) and isinstance(places, list)
        said = [thing for kind in things.values() for thing in kind]
        assert [named_concepts(thing) for thing in said] == [{t.split()[-1]} for t in said]
        assert sorted(t.split()[-1] for t in said) == sorted(c.name for c in CONCEPTS)
        assert words["coloured"] == COLOURABLE
        for place in places:
            assert ("background", _kind(f"a dog {place}")) in {
                fact[:2] for fact in text_facts(f"a dog {place}")
            }
        assert list(OBJECT_COLOURS) == list(words["colours"])


def _kind(text: str) -> str:
    return next(fact[1] for fact in text_facts(text) if fact[0] == "background")


def test_the_shipped_checkpoint_says_its_words() -> None:
    facts = json.loads(SHIPPED.read_text())
    names = {t.split()[-1] for kind in facts["palette"]["things"].values() for t in kind}
    assert names == set(facts["concepts"])
