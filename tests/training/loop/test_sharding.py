"""Processes that share the weights out learn what processes learn that each have all of them."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

import training.loop.budgeted_loop
import training.stages.flow
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from tests.processes import name_rank, run_together
from training.__main__ import main
from training.checkpoints.text_metric import training_texts
from training.data.examples import Examples
from training.data.scene_pool import build_pool
from training.data.video_examples import VideoExamples
from training.loop.auxiliary import AuxiliaryModules
from training.loop.budgeted_loop import Budget, train
from training.loop.distributed import ALONE, Ranks
from training.loop.ema import EMA
from training.loop.run_state import State, averaged_weights
from training.stages.flow import FlowStage

NUM, BATCHES = 2, 3
"""Processes, and batches of each in a step."""
STEPS, FIRST = 4, 2
"""Of the optimiser: in the whole run, and before it is broken off."""
BUDGET = Budget(minutes=60, accumulate=BATCHES, warmup_steps=1, learning_rate=1e-3)


def _stage(folder: Path) -> FlowStage:
    """A tiny model that learns pictures, words, films and pairs, all in a round of the run."""
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], audio=None)
    tokenizer = TextTokenizer.train(training_texts(50), config.text_vocabulary)
    model = OmniModel(config, tokenizer.space(config.media))
    pool = build_pool(model.vision, 40, folder / "codes.npz")
    examples = Examples(pool, tokenizer, config.text_block, config.text_blocks)
    videos = VideoExamples.build(model.vision, examples, (4, 8, 4), folder)
    stage = FlowStage(model, tokenizer, examples, videos=videos, alike=NUM)
    stage.mixture = ("image", "match", "text", "film", "watch", "match", "text", "edit")
    return stage


def _process(rank: int, port: int, folder: Path) -> None:
    """Trains with all weights and with parts of them, straight and in two runs."""
    name_rank(rank, port, NUM)
    torch.set_num_threads(1)
    training.stages.flow.CAUSAL_SHARE = 0.4  # so that the few batches have some of them
    whole = Ranks.joined(os.environ)
    parts = replace(whole, sharded=True)
    with whole.one_first():
        stages = [_stage(folder) for _ in range(4)]
    straight, begun, ended, plain = stages
    train(plain, folder / "plain", replace(BUDGET, steps=STEPS), resume=False, ranks=whole)
    states: list[State] = []
    training.loop.budgeted_loop.State = lambda *held: states.append(State(*held)) or states[-1]
    train(straight, folder / "straight", replace(BUDGET, steps=STEPS), resume=False, ranks=parts)
    torch.save(_held(states[0]), folder / f"held-{rank}.pt")
    train(begun, folder / "broken", replace(BUDGET, steps=FIRST), resume=False, ranks=parts)
    rest = replace(BUDGET, steps=STEPS - FIRST)
    train(ended, folder / "broken", rest, resume=True, ranks=parts)
    whole.leave()


def _held(state: State) -> dict[str, int]:
    """Bytes in this process of the trained weights, of their average, and of their moments."""
    kept = [held for o in state.optimisers for held in o.state.values()]
    return {
        "weights": _bytes(p.detach() for p in state.model.parameters() if p.requires_grad),
        "average": _bytes(state.average.values.values()),
        "exp_avg": _bytes(held["exp_avg"] for held in kept),
        "exp_avg_sq": _bytes(held["exp_avg_sq"] for held in kept),
    }


def _bytes(tensors: Iterable[Tensor]) -> int:
    found = (t.to_local() if isinstance(t, DTensor) else t for t in tensors)
    return sum(t.untyped_storage().nbytes() for t in found)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    run_together(_process, folder, num=NUM)
    return folder


def _begun(runs: Path) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in _stage(runs).model.named_parameters()}


def test_parts_learn_what_whole_weights_learn(runs: Path) -> None:
    """The average of every weight, and each has moved."""
    (wanted, counts), (found, others) = (
        averaged_weights(runs / "plain"),
        averaged_weights(runs / "straight"),
    )
    assert found.keys() == wanted.keys() == _stage(runs).model.state_dict().keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-4)
    assert others[:2] == counts[:2] == (STEPS, counts[1])
    before = _begun(runs)
    moved = {name for name, p in before.items() if not torch.equal(p, found[name])}
    assert moved == {name for name, p in _stage(runs).model.named_parameters() if p.requires_grad}


def test_each_process_holds_its_part(runs: Path) -> None:
    whole = _bytes(p.detach() for p in _stage(runs).model.parameters() if p.requires_grad)
    for rank in range(NUM):
        held = torch.load(runs / f"held-{rank}.pt", weights_only=True)
        for what, size in held.items():
            assert abs(size - whole / NUM) < 0.02 * whole, what


def test_a_run_of_parts_goes_on_as_if_it_had_not_ended(runs: Path) -> None:
    (wanted, counts), (found, others) = (
        averaged_weights(runs / "straight"),
        averaged_weights(runs / "broken"),
    )
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name
    assert others[:2] == counts[:2]
    assert {file.name for file in (runs / "broken").iterdir()} == {"log.jsonl", "state"}


def test_a_run_goes_on_as_it_was_begun(runs: Path, tmp_path: Path) -> None:
    model = _stage(runs).model
    state = State(model, EMA(model), [], AuxiliaryModules(None, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"state\.pt does not exist; resume with --shard"):
        state.restore(runs / "straight", ALONE)
    with pytest.raises(ValueError, match=r"state does not exist; resume without --shard"):
        state.restore(runs / "plain", Ranks(0, NUM, sharded=True))


def test_all_processes_take_the_same_way_through_the_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with a batch of its own; where they share nothing out, the ways differ."""
    stage = _stage(tmp_path)
    passed: list[tuple[int, ...]] = []
    forward = stage.model.backbone.forward

    def counted(x: Tensor, *rest: Any, **options: Any) -> Tensor:
        passed.append(tuple(x.shape))
        return forward(x, *rest, **options)

    monkeypatch.setattr(stage.model.backbone, "forward", counted)

    def ways(rounds: int = 1) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for step in range(rounds * NUM * len(stage.mixture)):
            passed.clear()
            kind = next(iter(stage.loss(step)[1]))
            found.append((kind.removesuffix("_ar"), len(passed)))
        return found

    together = ways(rounds=8)
    assert together[::NUM] == together[1::NUM]
    assert {num for kind, num in together if kind == "match"} == {2, 3}
    assert stage.loss(0)[1] != stage.loss(1)[1]
    stage.alike = 1
    apart = ways()
    assert apart[::NUM] != apart[1::NUM]


@pytest.mark.parametrize(
    ("ranks", "added", "why"),
    [
        (ALONE, [], "start it by torchrun"),
        (Ranks(0, NUM), ["--muon"], "Muon needs whole matrices"),
    ],
)
def test_what_cannot_be_sharded_is_refused(
    ranks: Ranks,
    added: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ranks, "joined", lambda environment: ranks)
    monkeypatch.setattr(Ranks, "leave", lambda ranks: None)
    assert main(["flow", "--preset", "tiny", "--shard", *added]) == 2
    assert why in capsys.readouterr().err
