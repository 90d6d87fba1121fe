"""The training loop: time-budgeted, resumable, with a moving average of the weights. Owns nothing
about what is learned.

A stage says how to draw a batch and what its loss is; the loop owns the optimiser, the
learning-rate schedule, saving, the log and the progress bar. Several processes share the batches
(`training.ranks`); the first one saves and reports.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.optimiser import make_optimisers
from training.ranks import ALONE, Ranks


class Stage(Protocol):
    """What the loop needs from a stage."""

    @property
    def model(self) -> nn.Module:
        """What is trained."""
        ...

    @property
    def helpers(self) -> nn.Module | None:
        """What is trained beside it and thrown away with the run."""
        ...

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        """A scalar to minimise, figures to log, and how many examples were seen. Seeded by
        `step`."""
        ...

    def report(self, folder: Path, averaged: nn.Module) -> dict[str, float]:
        """Figures on held-out data and a sample sheet in the folder, from the averaged weights."""
        ...


@dataclass(frozen=True)
class Budget:
    """How long and how: minutes of wall time and steps at most, learning rate, its warm-up in steps
    and the share of the time in which it falls to zero, the averaging rate, how often to save and
    to report, and whether the matrices inside the layers are stepped by Muon."""

    minutes: float
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    cooldown: float = 0.25
    averaging: float = 0.998
    weight_decay: float = 0.05
    save_every_s: float = 120.0
    report_every_s: float = 300.0
    accumulate: int = 1
    muon: bool = False
    steps: int | None = None


def train(
    stage: Stage,
    average: nn.Module,
    folder: Path,
    budget: Budget,
    *,
    resume: bool,
    ranks: Ranks = ALONE,
) -> None:
    """Train until the minutes or the steps are used up; `average` is a copy of the model that
    receives the moving average."""
    folder.mkdir(parents=True, exist_ok=True)
    optimisers = make_optimisers(
        stage.model, budget.learning_rate, budget.weight_decay, muon=budget.muon
    )
    trained = stage.model
    if stage.helpers is not None:
        optimisers += make_optimisers(
            stage.helpers, budget.learning_rate, budget.weight_decay, muon=False
        )
        trained = nn.ModuleList([stage.model, stage.helpers])
    state_file = folder / "state.pt"
    step, seen, trained_s, warm = 0, 0, 0.0, False
    ranks.agree(trained)
    average.load_state_dict(stage.model.state_dict())
    if resume:
        if not state_file.exists():
            raise ValueError(
                f"nothing to resume: {state_file} does not exist; train without --resume"
            )
        (step, seen, trained_s), warm = _restore(state_file, stage, average, optimisers)
    first_step, seen_before, started = step, seen, time.monotonic()
    clock = _Clock(started, budget)
    weight = next(stage.model.parameters())
    bar = tqdm(total=int(budget.minutes * 60), unit="s", mininterval=5, disable=not ranks.is_first)

    def save() -> None:
        elapsed = trained_s + time.monotonic() - started
        _save(state_file, stage, average, optimisers, (step, seen, elapsed))

    figures: dict[str, float] = {}
    while budget.steps is None or step - first_step < budget.steps:
        elapsed = ranks.same(time.monotonic() - started, weight)
        if elapsed >= budget.minutes * 60:
            break
        rate = _learning_rate(
            budget, step - first_step + (budget.warmup_steps if warm else 0), elapsed
        )
        count = 0
        for part in range(budget.accumulate):
            place = ranks.place(step * budget.accumulate + part)
            with torch.autocast("cuda", torch.bfloat16, enabled=weight.is_cuda):
                loss, new, num = stage.loss(place)
            figures |= new
            (loss / budget.accumulate).backward()
            count += num
        count = ranks.mean_gradients(trained, count)
        norm = nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        if bool(torch.isfinite(norm)):
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate
                optimiser.step()
        trained.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + count
        _move_average(average, stage.model, min(budget.averaging, (step + 1) / (step + 10)))
        bar.n = int(elapsed)
        speed = (seen - seen_before) / max(time.monotonic() - started, 1e-6)
        shown = {"seen": seen, "a_second": f"{speed:.0f}"}
        shown |= {name: f"{value:.3f}" for name, value in figures.items()}
        bar.set_postfix(shown, refresh=False)
        bar.update(0)
        if not ranks.is_first:
            continue
        if step % 20 == 0:
            _log(
                folder, {"step": step, "seen": seen, "s": round(trained_s + elapsed, 1), **figures}
            )
        if clock.due("save"):
            save()
        if clock.due("report"):
            _log(folder, {"step": step, "seen": seen, "report": _report(stage, folder, average)})
    if ranks.is_first:
        save()
        _log(folder, {"step": step, "seen": seen, "report": _report(stage, folder, average)})
    bar.close()


class _Clock:
    """Which periodic duty is due, by wall time."""

    def __init__(self, started: float, budget: Budget) -> None:
        self.every = {"save": budget.save_every_s, "report": budget.report_every_s}
        self.last = dict.fromkeys(self.every, started)

    def due(self, duty: str) -> bool:
        now = time.monotonic()
        if now - self.last[duty] < self.every[duty]:
            return False
        self.last[duty] = now
        return True


def _learning_rate(budget: Budget, steps: int, elapsed: float) -> float:
    """Linear warm-up, constant, then linear to 5% over the last `cooldown` share of the time."""
    left = 1 - elapsed / (budget.minutes * 60)
    fall = 1.0 if budget.cooldown == 0 else min(1.0, left / budget.cooldown)
    return budget.learning_rate * min(1.0, (steps + 1) / budget.warmup_steps) * max(fall, 0.05)


@torch.no_grad()
def _move_average(average: nn.Module, model: nn.Module, rate: float) -> None:
    for kept, new in zip(average.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, 1 - rate)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


def _report(stage: Stage, folder: Path, average: nn.Module) -> dict[str, float]:
    average.eval()
    with torch.inference_mode():
        return stage.report(folder, average)


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def _save(
    file: Path,
    stage: Stage,
    average: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    counts: tuple[int, int, float],
) -> None:
    """Write beside and rename, so that a crash never leaves half a file."""
    state = {
        "model": stage.model.state_dict(),
        "average": average.state_dict(),
        "optimisers": [o.state_dict() for o in optimisers],
        "counts": counts,
    }
    if stage.helpers is not None:
        state["helpers"] = stage.helpers.state_dict()
    beside = file.with_suffix(".part")
    torch.save(state, beside)
    os.replace(beside, file)


def _restore(
    file: Path,
    stage: Stage,
    average: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
) -> tuple[tuple[int, int, float], bool]:
    """The counts of the run, and whether the optimisers' moments were those of this kind too."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    stage.model.load_state_dict(state["model"])
    if stage.helpers is not None and "helpers" in state:
        stage.helpers.load_state_dict(state["helpers"])
    average.load_state_dict(state["average"])
    saved = state.get("optimisers", [])
    warm = len(saved) == len(optimisers)
    if warm:
        for optimiser, moments in zip(optimisers, saved, strict=True):
            optimiser.load_state_dict(moments)
    step, seen, elapsed = state["counts"]
    return (int(step), int(seen), float(elapsed)), warm
