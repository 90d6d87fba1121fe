"""A step takes a short way from the sampler to its event, and each segment is planned once."""

import sys
from collections.abc import Mapping
from types import FrameType

import pytest

from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.generation.answer import AnswerStream
from engine.generation.planner import Planner
from flow.modality import Modality
from flow.sequence import OmniSequence
from model.network.omni import OmniModel
from samplers.denoiser import Posterior

MOST_FRAMES = 4
REQUESTS = {
    "words": Request(Conversation.ask("hello"), Modality.TEXT, Sampling(steps=2)),
    "picture": Request(Conversation.ask("a dog"), Modality.IMAGE, Sampling(steps=2)),
    "masked": Request(Conversation.ask("a dog"), Modality.IMAGE, Sampling(sampler="masked")),
}


@pytest.mark.parametrize("watch", [0, 2])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_step_passes_at_most_four_frames_to_its_event(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, watch: int
) -> None:
    """Generators between a network call and the frame that yields the event, that one included."""
    depths: list[int] = []
    call = OmniModel.__call__

    def counted(model: OmniModel, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        depths.append(_generators(sys._getframe()))
        return call(model, x_t, t)

    monkeypatch.setattr(OmniModel, "__call__", counted)
    events = list(tiny_engine.generate(REQUESTS[name], preview_hz=0, watch=watch))
    assert any(isinstance(event, Refined) for event in events)
    assert 2 <= max(depths) <= MOST_FRAMES


def _generators(frame: FrameType | None) -> int:
    """Generator frames up to the one of `AnswerStream._segment`."""
    found = 0
    while frame is not None:
        ours = "torch" not in frame.f_code.co_filename
        found += ours and bool(frame.f_code.co_flags & 0x20)
        if frame.f_code is AnswerStream._segment.__code__:
            return found
        frame = frame.f_back
    raise AssertionError("a network call outside of a segment")


def test_a_segment_is_planned_once(tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, planned = Planner.plan, []

    def counted(self: Planner, *arguments: object, **options: object) -> object:
        planned.append(arguments)
        return plan(self, *arguments, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Planner, "plan", counted)
    list(tiny_engine.generate(REQUESTS["picture"], preview_hz=0))
    assert len(planned) == 1
