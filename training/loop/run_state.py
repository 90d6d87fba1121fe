"""The saved state of a run: a file, or for sharded weights a folder into which every process writes
its parts (`training.loop.sharded_state`).

A folder of parts can be read by any number of processes. Owns: `State`,
`averaged_weights`, `auxiliary_weights`.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.loop.auxiliary import AuxiliaryModules
from training.loop.distributed import Ranks
from training.loop.ema import EMA

Counts = tuple[int, int, float]
"""Steps of the optimiser, examples seen, and seconds of training."""
FILE, PARTS, OLD, NEW = "state.pt", "state", "state.old", "state.new"


@dataclass(frozen=True)
class State:
    """The contents of a save besides the counts."""

    model: nn.Module
    average: EMA
    optimisers: Sequence[torch.optim.Optimizer]
    helpers: AuxiliaryModules

    def save(self, folder: Path, counts: Counts, ranks: Ranks) -> None:
        """Write beside and rename, so that a crash never leaves half a state. Every process calls
        it; without sharding only the first one writes."""
        if ranks.sharded:
            self._save_parts(folder, counts, ranks)
        elif ranks.is_first:
            state = {
                "model": self.model.state_dict(),
                "average": self.average.complete(self.model),
                "optimisers": [o.state_dict() for o in self.optimisers],
                "helpers": self.helpers.kept(),
                "counts": counts,
            }
            beside = folder / "state.part"
            torch.save(state, beside)
            os.replace(beside, folder / FILE)
            for parts in (PARTS, OLD):
                shutil.rmtree(folder / parts, ignore_errors=True)

    def restore(self, folder: Path, ranks: Ranks) -> tuple[Counts, bool]:
        """Load the state; return its counts and whether the optimisers' moments were restored.

        Raises: ValueError where these processes can resume from nothing.
        """
        place, other = _parts(folder), folder / FILE
        if not ranks.sharded:
            place, other = other, place
        if not place.exists():
            how = "without" if ranks.sharded else "with"
            advice = f"resume {how} --shard" if other.exists() else "train without --resume"
            raise ValueError(f"nothing to resume: {place} does not exist; {advice}")
        if ranks.sharded:
            return self._restore_parts(place), True
        state = torch.load(place, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.restore(state["average"])
        self.helpers.restore(state.get("helpers", {"moments": []}))
        saved = state.get("optimisers", [])
        warm = [_groups(o) for o in saved] == [_groups(o.state_dict()) for o in self.optimisers]
        if warm:
            for optimiser, moments in zip(self.optimisers, saved, strict=True):
                optimiser.load_state_dict(moments)
        return _counts(state["counts"]), warm

    def _save_parts(self, folder: Path, counts: Counts, ranks: Ranks) -> None:
        with ranks.one_first():
            if ranks.is_first:
                shutil.rmtree(folder / NEW, ignore_errors=True)
        from training.loop.sharded_state import save_parts  # 7 s of imports

        save_parts(self._everything(counts), folder / NEW)
        if ranks.is_first:
            shutil.rmtree(folder / OLD, ignore_errors=True)
            if (folder / PARTS).exists():
                os.replace(folder / PARTS, folder / OLD)
            os.replace(folder / NEW, folder / PARTS)
            shutil.rmtree(folder / OLD, ignore_errors=True)
            (folder / FILE).unlink(missing_ok=True)

    def _restore_parts(self, place: Path) -> Counts:
        from training.loop.sharded_state import load_parts, restore_moments

        state = self._everything((0, 0, 0.0))
        load_parts(state, place)
        restore_moments(self.model, self.optimisers, state["optimisers"])
        restore_moments(self.helpers.module, self.helpers.optimisers, state["helped"])
        return _counts(state["counts"].tolist())

    def _everything(self, counts: Counts) -> dict[str, Any]:
        """Return the tensors of a sharded state, which loading fills in place."""
        from training.loop.sharded_state import moments

        return {
            "model": self.model.state_dict(),
            "average": self.average.complete(self.model),
            "optimisers": moments(self.model, self.optimisers),
            "helpers": self.helpers.module.state_dict(),
            "helped": moments(self.helpers.module, self.helpers.optimisers),
            "counts": torch.tensor(counts, dtype=torch.float64),
        }


def averaged_weights(folder: Path) -> tuple[dict[str, Tensor], Counts]:
    """Return the whole averaged weights of a run, on the CPU, and its counts."""
    if not _parts(folder).exists():
        state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
        return state["average"], _counts(state["counts"])
    wanted = _stored(_parts(folder), ("average.", "counts"))
    counts = _counts(wanted.pop("counts").tolist())
    return {name.removeprefix("average."): value for name, value in wanted.items()}, counts


def auxiliary_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of the auxiliary modules of a run; empty where there were none."""
    if not _parts(folder).exists():
        state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
        return state.get("helpers", {}).get("weights", {})
    wanted = _stored(_parts(folder), ("helpers.",))
    return {name.removeprefix("helpers."): value for name, value in wanted.items()}


def _stored(parts: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Read the whole tensors of a sharded state whose names start with `names`."""
    from training.loop.sharded_state import whole_tensors

    return whole_tensors(parts, names)


def _groups(optimiser: dict[str, Any]) -> list[int]:
    """Return the number of weights in each parameter group of a saved optimiser."""
    return [len(group["params"]) for group in optimiser["param_groups"]]


def _parts(folder: Path) -> Path:
    """Return the last complete folder of parts; the one before, where a save was interrupted."""
    there = (folder / PARTS, folder / OLD)
    return next((place for place in there if place.exists()), folder / PARTS)


def _counts(saved: Sequence[float]) -> Counts:
    step, seen, elapsed = saved
    return int(step), int(seen), float(elapsed)
