"""Two processes learn what one learns from the same batches."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.run import get_args_parser

from tests.processes import name_rank, run_together
from training.__main__ import main
from training.loop.budgeted_loop import Budget, train
from training.loop.distributed import ALONE, Ranks

STEPS, BATCHES = 3, 4
"""Of the optimiser, and of each of its steps."""


class Line:
    """Learns a line; every third batch says nothing about its slope."""

    helpers = None

    def __init__(self, begin: float) -> None:
        self.model = nn.ModuleDict({"slope": nn.Linear(2, 1, bias=False), "bias": nn.Linear(1, 1)})
        for parameter in self.model.parameters():
            nn.init.constant_(parameter, begin)
        self.seen: list[int] = []

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        self.seen.append(step)
        x = torch.randn(5, 2, generator=torch.Generator().manual_seed(step))
        y = self.model["bias"](torch.ones(5, 1))
        if step % 3:
            y = y + self.model["slope"](x)
        return (y - x.sum(1, keepdim=True) - 1).square().mean(), {}, 5

    def report(self, folder: Path) -> dict[str, float]:
        return {"seen": float(len(self.seen))}


def _trained(folder: Path, batches: int, ranks: Ranks, begin: float = 0.5) -> Line:
    stage = Line(begin)
    budget = Budget(minutes=5, steps=STEPS, accumulate=batches, learning_rate=0.1)
    train(stage, folder, budget, resume=False, ranks=ranks)
    return stage


def _one_of_two(rank: int, port: int, folder: Path) -> None:
    name_rank(rank, port)
    ranks = Ranks.joined(os.environ)
    with ranks.one_first(), (folder / "order").open("a") as order:
        order.write(str(rank))
    stage = _trained(folder / "two", BATCHES // 2, ranks, begin=0.5 + rank)
    torch.save((stage.model.state_dict(), stage.seen), folder / f"{rank}.pt")
    ranks.leave()


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """Though the second one begins elsewhere, and a gradient is missing at times."""
    run_together(_one_of_two, tmp_path)
    alone = _trained(tmp_path / "one", BATCHES, ALONE)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for name, wanted in alone.model.state_dict().items():
        assert torch.equal(found[0][0][name], found[1][0][name])
        assert torch.allclose(found[0][0][name], wanted, atol=1e-6)
    assert sorted(found[0][1] + found[1][1]) == alone.seen == list(range(STEPS * BATCHES))
    assert (tmp_path / "order").read_text() == "01"
    logs = [(tmp_path / run / "log.jsonl").read_text().splitlines() for run in ("one", "two")]
    one, two = ([json.loads(line) for line in log] for log in logs)
    assert len(one) == len(two) == 1
    assert one[0]["seen"] == two[0]["seen"] == STEPS * BATCHES * 5


def test_one_process_waits_for_nobody() -> None:
    assert Ranks.joined({}) == Ranks.joined({"WORLD_SIZE": "1"}) == ALONE
    assert [ALONE.place(part) for part in range(3)] == [0, 1, 2]
    assert ALONE.same(0.25, torch.zeros(1)) == 0.25
    with ALONE.one_first():
        ALONE.leave()


def test_the_tokenizers_are_trained_by_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ranks, "joined", lambda environment: Ranks(1, 2))
    monkeypatch.setattr(Ranks, "leave", lambda ranks: None)
    assert main(["vision", "--preset", "tiny", "--runs", str(tmp_path)]) == 2
    assert "vision runs in one process: start it without torchrun" in capsys.readouterr().err


def test_torchrun_takes_the_documented_commands_and_leaves_our_options_alone() -> None:
    document = Path(__file__).parents[3] / "docs/training.md"
    found = re.findall(r"^torchrun ((?:.*\\\n)*.*)", document.read_text(), re.MULTILINE)
    assert found
    for command in found:
        asked = get_args_parser().parse_args(shlex.split(command))
        assert asked.module
        assert [asked.training_script, asked.training_script_args[0]] == ["training", "flow"]
        assert "--start" in asked.training_script_args
