"""With FlashAttention no run of the page needs a mask, and every run says the same."""

from unittest.mock import patch

import pytest

from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from model.layers.attention import AttentionBackend, AttentionWay, attention_way
from tests.model.layers.fake_flash import flash
from tests.samplers.fake_graph import FakeGraph, OnDevice

REQUESTS = {
    "words": (Modality.TEXT, Sampling(steps=3, seed=1)),
    "picture": (Modality.IMAGE, Sampling(steps=3, seed=1, guidance_scale=0.0)),
    "guided picture": (Modality.IMAGE, Sampling(steps=3, seed=1, guidance_scale=2.0)),
    "film": (Modality.VIDEO, Sampling(steps=2, seed=1, guidance_scale=0.0)),
    "sound": (Modality.AUDIO, Sampling(steps=2, seed=1)),
}


def _answers(engine: Engine, name: str) -> list[list[int]]:
    to, sampling = REQUESTS[name]
    *_, completed = engine.generate(Request(Conversation.ask("draw a red heart"), to, sampling))
    assert isinstance(completed, Completed)
    return [answer.tokens.flatten().tolist() for answer in completed.answers]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", REQUESTS)
def test_no_run_of_the_page_needs_a_mask(tiny_engine: Engine, name: str, padded: bool) -> None:
    """padded: with recorded steps, where every prompt is longer than its words."""
    if REQUESTS[name][0] not in tiny_engine.planner.flows:
        pytest.skip("the tiny checkpoint does not make it")
    seen: list[AttentionWay] = []

    def way(backend: AttentionBackend, *, causal: bool, padded: bool) -> AttentionWay:
        seen.append(attention_way(backend, causal=causal, padded=padded))
        return seen[-1]

    plain = _answers(tiny_engine, name)
    graphs = OnDevice(FakeGraph()) if padded else None
    with (
        flash(tiny_engine.model, "flash_2"),
        patch.object(tiny_engine.planner, "graphs", graphs),
        patch("model.network.backbone.attention_way", way),
    ):
        assert _answers(tiny_engine, name) == plain
    needs_packing = padded or name == "guided picture"
    assert set(seen) <= {AttentionWay.PACKED, AttentionWay.FULL}
    assert (AttentionWay.PACKED in seen) == needs_packing
