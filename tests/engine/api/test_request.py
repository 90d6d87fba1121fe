"""What a user can get wrong is refused with a sentence that says what to do."""

import numpy as np
import pytest

from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import MAX_PROMPT_CHARACTERS, USUAL_PROMPT_CHARACTERS, Request
from engine.api.sampling import Sampling, methods
from engine.engine import Engine
from flow.modality import Modality


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_empty_prompt(text: str) -> None:
    with pytest.raises(ValueError, match="the prompt is empty"):
        Request(Conversation.ask(text))


def test_longest_prompt_passes_and_one_more_does_not() -> None:
    Request(Conversation.ask("x" * MAX_PROMPT_CHARACTERS))
    with pytest.raises(ValueError, match="please shorten it"):
        Request(Conversation.ask("x" * (MAX_PROMPT_CHARACTERS + 1)))


@pytest.mark.parametrize(
    "settings",
    [{"steps": 0}, {"steps": 1025}, {"seed": -1}, {"seed": 2**53}, {"guidance_scale": -0.1},
     {"guidance_scale": float("nan")}, {"temperature": 2.1}, {"top_p": 0.0}, {"top_p": 1.1},
     {"guidance_every": 0}, {"cache_share": -0.1}, {"cache_share": 1.1}, {"prompt_every": -1}],
)  # fmt: skip
def test_settings_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Sampling(**settings)  # type: ignore[arg-type]


def test_a_part_is_one_thing() -> None:
    with pytest.raises(ValueError, match="a text, a picture, a film or a sound"):
        Part()
    with pytest.raises(ValueError, match="a text, a picture, a film or a sound"):
        Part(text="x", image=np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="a text, a picture, a film or a sound"):
        Part(image=np.zeros((2, 2, 3), np.uint8), video=np.zeros((8, 2, 2, 3), np.uint8))


def test_the_last_word_is_the_users() -> None:
    with pytest.raises(ValueError, match="write a message first"):
        Request(Conversation(()))
    with pytest.raises(ValueError, match="write a message first"):
        Request(Conversation((Turn("assistant", (Part(text="hi"),)),)))


def test_every_method_has_one_name() -> None:
    for name in methods():
        assert Sampling(steps=3).by(name).method == name
        assert Sampling(steps=3).by(name).steps == 3
    assert Sampling(sampler="masked").by(None) == Sampling()
    with pytest.raises(ValueError, match="there is no method 'magic': choose one of euler"):
        Sampling().by("magic")
    with pytest.raises(ValueError, match="unknown sampler 'magic': choose one of flow, masked"):
        Sampling(sampler="magic")


@pytest.mark.parametrize("interval", [(-0.1, 1.0), (0.6, 0.5), (0.0, 1.1), (float("nan"), 1.0)])
def test_guidance_interval_out_of_range(interval: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="guidance goes from"):
        Sampling(guidance_interval=interval)


def test_a_request_is_checked_against_what_a_checkpoint_reads() -> None:
    request = Request(Conversation.ask("x" * 501))
    assert request.within(501) is request
    with pytest.raises(ValueError, match="501 characters, the limit is 500: please shorten it"):
        request.within(USUAL_PROMPT_CHARACTERS)


def test_an_engine_says_and_keeps_its_own_limit(tiny_engine: Engine) -> None:
    assert tiny_engine.info()["prompt_characters"] == USUAL_PROMPT_CHARACTERS == 500
    request = Request(Conversation.ask("x" * 501), Modality.TEXT, Sampling(steps=1))
    with pytest.raises(ValueError, match="the limit is 500"):
        next(tiny_engine.generate(request))
    with pytest.raises(ValueError, match="the limit is 500"):
        tiny_engine.generate_batch([request])
