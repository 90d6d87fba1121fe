"""The result of a search for a mark."""

from dataclasses import dataclass

from engine.media.marking.keyed_signs import limit
from engine.media.marking.payload import Payload


@dataclass(frozen=True, slots=True)
class Found:
    """The best of what a search met. statistic: standard deviations; num_tests: how many places
    and scales were tried; payload: None where it could not be read."""

    statistic: float
    num_tests: int
    payload: Payload | None = None

    @property
    def limit(self) -> float:
        """Return how much chance does not give (`keyed_signs.limit`)."""
        return limit(max(1, self.num_tests))

    @property
    def marked(self) -> bool:
        """Return whether that is more than chance gives."""
        return self.num_tests > 0 and self.statistic >= self.limit
