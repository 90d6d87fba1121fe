"""A scripted engine whose answers form in few steps: enough for whatever a page does with steps."""

from collections.abc import Iterator
from dataclasses import replace

from engine.api.events import Event, PreviewRate
from engine.api.request import Request
from tests.fake_engine import FakeEngine

BRIEF_STEPS = 6
"""Steps of a segment where the visitor leaves their number to the engine."""


class BriefEngine(FakeEngine):
    """The fake engine; a request that does not say how many steps it wants gets few."""

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = 0.0, watch: int = 0
    ) -> Iterator[Event]:
        sampling = replace(request.sampling, steps=request.sampling.steps or BRIEF_STEPS)
        brief = replace(request, sampling=sampling)
        return super().generate(brief, preview_hz=preview_hz, watch=watch)
