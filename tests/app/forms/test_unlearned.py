"""The question about unknown things: once for a prompt, never to a program."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.forms.parse import InputError
from app.forms.unlearned import MAX_ASKED, Unlearned, sentence
from engine.prompt.unknown_things import KnownThings, NounTree, UnknownThing


@pytest.fixture
def unlearned() -> Unlearned:
    return Unlearned(KnownThings(("bear",), ("red",), NounTree.load()))


def visitor(name: str = "one", **headers: str) -> Any:
    return SimpleNamespace(session_hash=name, headers=headers)


def test_it_asks_once_and_for_another_prompt_again(unlearned: Unlearned) -> None:
    with pytest.raises(InputError, match="never learned “hedgehog”") as asked:
        unlearned.ask("a hedgehog", visitor())
    assert asked.value.control == "prompt"
    unlearned.ask("a hedgehog", visitor())
    with pytest.raises(InputError, match="castle"):
        unlearned.ask("a castle", visitor())
    with pytest.raises(InputError):
        unlearned.ask("a castle", visitor("another"))


def test_known_words_and_programs_pass(unlearned: Unlearned) -> None:
    unlearned.ask("a red bear", visitor())
    for program in ("api", "mcp"):
        unlearned.ask("a hedgehog", visitor(**{"x-gradio-user": program}))
    Unlearned(None).ask("a hedgehog", visitor())


def test_few_visitors_are_remembered(unlearned: Unlearned) -> None:
    for number in range(MAX_ASKED + 5):
        with pytest.raises(InputError):
            unlearned.ask("a hedgehog", visitor(str(number)))
    assert len(unlearned._asked) == MAX_ASKED


def test_the_sentence_names_what_is_near() -> None:
    one, other = UnknownThing("wolf", ("dog", "fox")), UnknownThing("spoon", ())
    assert sentence([one]).startswith("I never learned “wolf”. Nearest: dog, fox. Ask again")
    assert sentence([other]).startswith("I never learned “spoon”. Ask again")
    assert sentence([one, other]).startswith(
        "I never learned “wolf” or “spoon”. Nearest: dog, fox."
    )
