"""Laws of the conversations."""

import numpy as np
import pytest

from world.image.scenes import Family, held_out_pairs
from world.text.dialogue import HERE_YOU_ARE, Dialogue, Kind, sample_dialogue


def dialogues(kind: Kind, num: int, seed: int, *, test: bool) -> list[Dialogue]:
    rng = np.random.default_rng(seed)
    return [sample_dialogue(rng, kind, test=test) for _ in range(num)]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("test", [False, True])
def test_both_sides_take_turns_and_the_model_has_the_last_word(kind: Kind, test: bool) -> None:
    for dialogue in dialogues(kind, 150, 0, test=test):
        roles = [u.role for u in dialogue.utterances]
        assert dialogue.kind is kind
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        for said in dialogue.utterances:
            assert said.text.strip()
            assert said.text == said.text.lower()
            assert not (said.suggest and said.role == "user")


@pytest.mark.parametrize("kind", list(Kind))
def test_the_same_seed_gives_the_same_dialogues(kind: Kind) -> None:
    assert dialogues(kind, 30, 3, test=True) == dialogues(kind, 30, 3, test=True)
    assert dialogues(kind, 30, 3, test=True) != dialogues(kind, 30, 4, test=True)


@pytest.mark.parametrize("kind", list(Kind))
def test_only_what_lies_outside_is_answered_with_suggestions(kind: Kind) -> None:
    for dialogue in dialogues(kind, 100, 1, test=True):
        assert dialogue.utterances[-1].suggest == (kind is Kind.OUT_OF_DOMAIN)


def test_a_picture_comes_where_one_was_wished_for() -> None:
    for dialogue in dialogues(Kind.DRAW, 100, 2, test=False):
        answer = dialogue.utterances[-1]
        assert answer.scene is not None
        assert answer.text == HERE_YOU_ARE
    for dialogue in dialogues(Kind.ASK, 100, 2, test=False):
        assert dialogue.utterances[0].scene is not None
        assert dialogue.utterances[-1].scene is None


def test_scenes_stay_on_their_side_of_the_split() -> None:
    tested = (Family.COLOURS, Family.COLOUR_ATTRIBUTION, Family.POSITION)
    for test in (False, True):
        for kind in (Kind.DRAW, Kind.ASK, Kind.FOLLOW_UP):
            for dialogue in dialogues(kind, 150, 5, test=test):
                for said in dialogue.utterances:
                    if said.scene is not None:
                        held = bool(held_out_pairs(said.scene))
                        assert held if test and said.scene.family in tested else test or not held


def test_outside_wishes_of_the_test_never_occur_in_training() -> None:
    seen = {d.utterances[0].text for d in dialogues(Kind.OUT_OF_DOMAIN, 3000, 6, test=False)}
    asked = {d.utterances[0].text for d in dialogues(Kind.OUT_OF_DOMAIN, 300, 7, test=True)}
    assert not seen & asked
