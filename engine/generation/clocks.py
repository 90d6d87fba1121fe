"""The clocks of a checkpoint: beta(t) of its paths, grids of times, and what they do to a code.

Owns: tables that take seconds and are made once. Does not own: their mathematics (`flow.schedule`,
`flow.calibration`, `engine.inspection.path_preview`).
"""

from collections.abc import Mapping

from engine.api.sampling import Sampling
from engine.inspection.path_preview import CodeTable, PathPreview, code_table, preview_of
from flow.calibration import PathPoint, information_clock, path_table
from flow.metric import CodebookMetric
from flow.modality import Modality
from flow.schedule import Clock, Schedule, times_as_even, uniform_grid
from model.config import FlowConfig


class Clocks:
    """Clocks of each modality, by its metric and its defaults."""

    def __init__(
        self,
        metrics: Mapping[Modality, CodebookMetric],
        flows: Mapping[Modality, FlowConfig],
    ) -> None:
        self._metrics, self._flows = metrics, flows
        self._even_clocks: dict[tuple[str, Modality], Clock | None] = {}
        self._code_tables: dict[Modality, CodeTable] = {}
        self._paths: dict[Modality, list[PathPoint]] = {}

    def path(self, sampling: Sampling, modality: Modality) -> Schedule:
        """Return beta(t) = c (t / (1-t))^a with the asked c and a, or the checkpoint's."""
        flow = self._flows[modality]
        return Schedule(
            flow.c if sampling.c is None else sampling.c,
            flow.a if sampling.a is None else sampling.a,
        )

    def times(self, sampling: Sampling, modality: Modality) -> tuple[float, ...]:
        """Return where the network is called, and 1 at the end, by the grid of complete
        settings."""
        assert sampling.steps is not None
        even = self._even_clock(sampling.grid or "uniform", modality)
        if even is None:
            return uniform_grid(sampling.steps)
        return times_as_even(self.path(sampling, modality), even, sampling.steps)

    def table(self, modality: Modality) -> list[PathPoint]:
        """Return what is known of a code of each codebook along the checkpoint's path; a second
        the first time."""
        if modality not in self._paths:
            clock = self.path(Sampling(), modality)
            self._paths[modality] = path_table(self._metrics[modality], clock)
        return self._paths[modality]

    def preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        """Return what a run with complete settings does to a code; seconds the first time."""
        if modality not in self._code_tables:
            self._code_tables[modality] = code_table(self._metrics[modality])
        clock, times = self.path(sampling, modality), self.times(sampling, modality)
        return preview_of(self._code_tables[modality], clock, times)

    def _even_clock(self, grid: str, modality: Modality) -> Clock | None:
        if (grid, modality) not in self._even_clocks:
            self._even_clocks[grid, modality] = information_clock(grid, self._metrics[modality])
        return self._even_clocks[grid, modality]
