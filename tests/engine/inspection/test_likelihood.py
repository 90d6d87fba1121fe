"""One pass from left to right says what reading code after code says."""

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.tokenizers.text import EOS

REQUEST = Request(Conversation.ask("draw a red dog"))


def _by_steps(engine: Engine, tokens: np.ndarray, modality: Modality) -> float:
    codes = torch.from_numpy(tokens)[None]
    prompt = engine.builder.prompt_of(REQUEST, modality)
    run = engine.model.begin(OmniSequence((*prompt, response(modality, codes))))
    bits: list[float] = []
    for place in range(len(tokens)):
        before = codes[:, place - 1] if place else None
        posterior = run.next(before, torch.tensor(place))
        for q in range(tokens.shape[1]):
            logits = posterior.logits(codes[:, place : place + 1, :q])[0, 0]
            bits.append(-float(logits.log_softmax(-1)[tokens[place, q]]) / float(np.log(2)))
    return float(np.mean(bits))


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TEXT])
def test_it_is_the_mean_over_codes_one_after_the_other(
    tiny_engine: Engine, modality: Modality
) -> None:
    rng = np.random.default_rng(1)
    shape = (4, 4) if modality is Modality.IMAGE else (6, 1)
    tokens = (
        rng.integers(12, 16, shape) if modality is Modality.IMAGE else rng.integers(30, 200, shape)
    )
    with torch.inference_mode():
        expected = _by_steps(tiny_engine, tokens, modality)
    assert tiny_engine.inspector.bits_per_code(REQUEST, tokens, modality) == pytest.approx(
        expected, rel=1e-4
    )


def test_words_count_up_to_their_end(tiny_engine: Engine) -> None:
    words = np.array([[40], [41], [EOS], [50], [60]])
    cut = tiny_engine.inspector.bits_per_code(REQUEST, words[:3], Modality.TEXT)
    assert tiny_engine.inspector.bits_per_code(REQUEST, words, Modality.TEXT) == pytest.approx(cut)


def test_what_is_not_finished_has_no_probability(tiny_engine: Engine) -> None:
    mask_id = tiny_engine.model.spaces[Modality.IMAGE].mask_id
    with pytest.raises(ValueError, match="no codes of a whole image"):
        tiny_engine.inspector.bits_per_code(REQUEST, np.full((4, 4), mask_id), Modality.IMAGE)
