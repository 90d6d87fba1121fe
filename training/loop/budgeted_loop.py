"""The training loop: time-budgeted, resumable, with a moving average of the weights. Owns nothing
about what is learned.

A stage says how to draw a batch and what its loss is; the loop owns the optimiser, the
learning-rate schedule, the log and the progress bar. Several processes share the batches
(`training.loop.distributed`), or the weights too (`training.loop.sharding`); the first one logs and
reports.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.network.omni import OmniModel
from training.loop.auxiliary import AuxiliaryModules, step_all
from training.loop.distributed import ALONE, Ranks
from training.loop.ema import EMA
from training.loop.optimiser import make_optimisers
from training.loop.run_state import State


class Stage(Protocol):
    """The interface of a training stage."""

    @property
    def model(self) -> nn.Module:
        """The trained module."""
        ...

    @property
    def helpers(self) -> nn.Module | None:
        """The auxiliary module trained beside it, or None."""
        ...

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        """Return a scalar to minimise, figures to log and the number of examples seen. Seeded by
        `step`."""
        ...

    def report(self, folder: Path) -> dict[str, float]:
        """Return figures on held-out data with the present weights; write a sample sheet to the
        folder."""
        ...


@dataclass(frozen=True)
class Budget:
    """The limits and hyperparameters of a run: minutes of wall time and steps at most; learning
    rate, warm-up steps and the share of the time in which it falls; EMA rate; seconds between saves
    and reports; batches a step; Muon for the blocks' matrices. rate_scales: learning-rate factor by
    the prefix of a weight's name."""

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
    rate_scales: Mapping[str, float] = field(default_factory=dict)


def train(
    stage: Stage, folder: Path, budget: Budget, *, resume: bool, ranks: Ranks = ALONE
) -> None:
    """Train until the minutes or the steps are used up.

    Raises: ValueError where there is nothing to resume.
    """
    folder.mkdir(parents=True, exist_ok=True)
    step, seen, trained_s, warm = 0, 0, 0.0, False
    model, loss_of = stage.model, stage.loss
    ranks.agree(model)
    if ranks.sharded:
        assert isinstance(model, OmniModel) and not budget.muon
        from training.loop.sharding import shard  # seconds of imports

        loss_of = shard(model, stage.loss, ranks.num)
    optimisers = make_optimisers(
        model,
        budget.learning_rate,
        budget.weight_decay,
        muon=budget.muon,
        rate_scales=budget.rate_scales,
    )
    average = EMA(model)
    helpers = AuxiliaryModules(stage.helpers, budget.learning_rate, budget.weight_decay)
    ranks.agree(helpers.module)
    state = State(model, average, optimisers, helpers)
    if resume:
        (step, seen, trained_s), warm = state.restore(folder, ranks)
    first_step, seen_before, started = step, seen, time.monotonic()
    clock = _Clock(budget)
    weight = next(model.parameters())
    bar = tqdm(total=int(budget.minutes * 60), unit="s", mininterval=5, disable=not ranks.is_first)

    def save() -> None:
        elapsed = trained_s + time.monotonic() - started
        state.save(folder, (step, seen, elapsed), ranks)

    def report() -> None:
        """A sharded model only says what it has learned from."""
        if ranks.is_first:
            found = figures if ranks.sharded else {"report": _report(stage, folder, average)}
            _log(folder, {"step": step, "seen": seen, **found})

    figures: dict[str, Any] = {}
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
                loss, new, num = loss_of(place)
            figures |= new
            (loss / budget.accumulate).backward()
            count += num
        count = ranks.mean_gradients(model, count)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if _is_finite(norm, ranks):
            step_all(optimisers, rate)
        helpers.step(rate, ranks)
        model.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + count
        average.move(model, min(budget.averaging, (step + 1) / (step + 10)))
        bar.n = int(elapsed)
        speed = (seen - seen_before) / max(time.monotonic() - started, 1e-6)
        shown = {"seen": seen, "a_second": f"{speed:.0f}"}
        shown |= {name: f"{value:.3f}" for name, value in figures.items()}
        bar.set_postfix(shown, refresh=False)
        bar.update(0)
        if ranks.is_first and step % 20 == 0:
            _log(
                folder, {"step": step, "seen": seen, "s": round(trained_s + elapsed, 1), **figures}
            )
        if clock.due("save", elapsed):
            save()
        if clock.due("report", elapsed):
            report()
    save()
    report()
    bar.close()


class _Clock:
    """The periodic duties (save, report), by seconds since the start."""

    def __init__(self, budget: Budget) -> None:
        self.every = {"save": budget.save_every_s, "report": budget.report_every_s}
        self.last = dict.fromkeys(self.every, 0.0)

    def due(self, duty: str, elapsed: float) -> bool:
        if elapsed - self.last[duty] < self.every[duty]:
            return False
        self.last[duty] = elapsed
        return True


def _learning_rate(budget: Budget, steps: int, elapsed: float) -> float:
    """Linear warm-up, constant, then linear to 5% over the last `cooldown` share of the time."""
    left = 1 - elapsed / (budget.minutes * 60)
    fall = 1.0 if budget.cooldown == 0 else min(1.0, left / budget.cooldown)
    return budget.learning_rate * min(1.0, (steps + 1) / budget.warmup_steps) * max(fall, 0.05)


def _report(stage: Stage, folder: Path, average: EMA) -> dict[str, float]:
    with average.swapped_in(stage.model), torch.inference_mode():
        return stage.report(folder)


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def _is_finite(norm: Tensor, ranks: Ranks) -> bool:
    """Return whether a gradient's norm is, of which a sharded run holds a part."""
    if ranks.sharded:
        from training.loop.sharding import whole

        norm = whole(norm)
    return bool(norm.isfinite())
