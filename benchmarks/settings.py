"""Which guidance, temperature and grid suit the checkpoint? A sweep over its picture defaults.

Wishes come from a seed of their own, so that the settings are not chosen on the cases that the
model card reports. The printed list is sorted, best first.
"""

import sys
import time
from dataclasses import dataclass, replace
from itertools import product

from benchmarks.report import common_parser, publish
from engine.engine import Engine
from engine.request import Sampling
from evaluation.scenes import columns, draw, wishes
from flow.modality import Modality


@dataclass(frozen=True)
class Setting:
    """One point of the sweep; start is the temperature at t = 0."""

    steps: int
    guidance: float
    start: float
    end: float
    grid: str

    @property
    def name(self) -> str:
        return f"n{self.steps}_s{self.guidance:g}_T{self.start:g}to{self.end:g}_{self.grid}"


def sweep(quick: bool) -> list[Setting]:
    """Every combination that is worth trying."""
    if quick:
        return [Setting(4, 2.0, 1.0, 1.0, "uniform")]
    heats = ((1.0, 1.0), (1.0, 0.7), (1.0, 0.4), (1.0, 0.2))
    return [
        Setting(16, scale, *heat, grid)
        for scale, heat, grid in product((1.0, 2.0, 3.5), heats, ("uniform", "tuned"))
    ]


def main() -> int:
    parser = common_parser("settings", __doc__, num=60, seed=1000)
    parser.add_argument("--quick", action="store_true", help="one setting only")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        engine = Engine.load(arguments.checkpoint, arguments.device)
        wished = wishes(arguments.num, arguments.seed)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    flow = engine.runner.flows[Modality.IMAGE]
    found: dict[str, float] = {}
    for s in sweep(arguments.quick):
        engine.runner.flows[Modality.IMAGE] = replace(flow, initial_temperature=s.start)
        sampling = Sampling(
            steps=s.steps, guidance_scale=s.guidance, temperature=s.end, grid=s.grid
        )
        drawn = draw(engine, wished, replace(sampling, seed=arguments.seed))
        found[s.name] = columns(drawn)["overall"]
        print(f"{found[s.name]:.3f} {s.name}", file=sys.stderr, flush=True)
    publish(
        "settings", engine, arguments, began, dict(sorted(found.items(), key=lambda item: -item[1]))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
