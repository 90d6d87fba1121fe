"""With --online the picture tokenizer learns along, slowly, and rebuilds no worse; without, it
stays bit for bit."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor

from model.config import CodeRows
from model.loading.checkpoint import load_checkpoint
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from tests.training.few import FEW
from training.__main__ import main
from training.checkpoints.text_metric import training_texts
from training.data.code_cache import encoded, pixels_of, still
from training.data.examples import Batch, Examples
from training.data.scene_pool import build_pool, build_unnamed
from training.data.video_examples import VideoExamples
from training.loop.budgeted_loop import Budget, train
from training.loop.distributed import ALONE, Ranks
from training.loop.run_state import averaged_weights
from training.stages.flow import FlowStage
from training.stages.online import RATE_SCALES, REENCODE_EVERY, OnlineStage, check_online
from world.image.rendering import render
from world.image.scenes import sample_scene
from world.video.motion import frames_of

S = TypeVar("S", bound=FlowStage)
RATE, STEPS = 1e-2, 8
BUDGET = Budget(minutes=60, steps=STEPS, warmup_steps=1, cooldown=0, learning_rate=RATE)
ONLINE = replace(BUDGET, rate_scales=RATE_SCALES)
NOT_REACHED = "vision.semantic."
"""What describes a picture in words' terms: only the tokenizer's own stage asks for it."""


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowStage, "report", lambda stage, folder: {})


def _stage(kind: type[S], folder: Path) -> S:
    """A tiny model that learns pictures and words, and has films."""
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], audio=None)
    tokenizer = TextTokenizer.train(training_texts(50), config.text_vocabulary)
    model = OmniModel(config, tokenizer.space(config.media))
    pool = build_pool(model.vision, 40, folder / "codes.npz")
    unnamed = build_unnamed(model.vision, 6, folder / "unnamed.npz")
    examples = Examples(pool, tokenizer, config.text_block, config.text_blocks, unnamed)
    videos = VideoExamples.build(model.vision, examples, (2, 4, 2), folder)
    stage = kind(model, tokenizer, examples, videos=videos)
    stage.mixture = ("image", "text")
    return stage


def _weights(stage: FlowStage) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in stage.model.state_dict().items()}


def _pixels() -> Tensor:
    scenes = [sample_scene(np.random.default_rng((77, i)), test=True) for i in range(24)]
    images = np.stack([render(scene) for scene in scenes])
    return pixels_of(images, PRESETS["tiny"].required_vision.image_px, torch.device("cpu"))


@torch.no_grad()
def _error(stage: FlowStage, pixels: Tensor) -> float:
    vision = stage.model.vision
    return float((vision.decode(vision.encode(pixels)) - pixels).square().mean())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("online")


def test_the_tokenizer_and_the_model_learn(folder: Path) -> None:
    """The tokenizer at its small share of the rate; what is there is rebuilt no worse."""
    stage, pixels = _stage(OnlineStage, folder), _pixels()
    before, error = _weights(stage), _error(stage, pixels)
    train(stage, folder / "run", ONLINE, resume=False)
    far = {k: float((v - before[k]).abs().max()) for k, v in stage.model.state_dict().items()}
    own = {k: d for k, d in far.items() if k.startswith("vision.") and NOT_REACHED not in k}
    assert all(0 < d < 1.5 * STEPS * RATE * RATE_SCALES["vision."] for d in own.values()), own
    for prefix in ("backbone.", "embeddings.text.", "image_head."):
        assert max(d for k, d in far.items() if k.startswith(prefix)) > 4 * max(own.values())
    assert _error(stage, pixels) <= error
    assert float((stage.balance.weights - 1).abs().min()) > 0
    average, _ = averaged_weights(folder / "run")
    kept = average["vision.quantizer.codebooks"]
    assert not torch.equal(kept, before["vision.quantizer.codebooks"])


def test_a_run_goes_on_with_its_weights_of_losses(folder: Path) -> None:
    stage = _stage(OnlineStage, folder)
    train(stage, folder / "broken", replace(ONLINE, steps=3), resume=False)
    again = _stage(OnlineStage, folder)
    train(again, folder / "broken", replace(ONLINE, steps=0), resume=True)
    assert again.balance.weights.tolist() != [1.0, 1.0]
    for name, kept in stage.balance.state_dict().items():
        assert torch.equal(again.balance.state_dict()[name], kept)
    for name, kept in _weights(stage).items():
        assert torch.equal(again.model.state_dict()[name], kept)


def test_a_run_whose_tokenizer_stood_still_can_begin_to_move_it(folder: Path) -> None:
    """Not the other way round: its pools are of another tokenizer."""
    train(_stage(FlowStage, folder), folder / "still", replace(BUDGET, steps=2), resume=False)
    stage = _stage(OnlineStage, folder)
    before = _weights(stage)["vision.quantizer.codebooks"]
    train(stage, folder / "still", replace(ONLINE, steps=2), resume=True)
    assert not torch.equal(stage.model.state_dict()["vision.quantizer.codebooks"], before)
    with pytest.raises(ValueError, match="resume it with the options"):
        train(_stage(FlowStage, folder), folder / "still", BUDGET, resume=True)


def test_without_it_the_tokenizer_stays_bit_for_bit(folder: Path) -> None:
    stage = _stage(FlowStage, folder)
    before = _weights(stage)
    train(stage, folder / "frozen", BUDGET, resume=False)
    for name, value in stage.model.vision.state_dict().items():
        assert torch.equal(value, before[f"vision.{name}"])
    after = stage.model.state_dict()
    assert any(not torch.equal(after[k], v) for k, v in before.items() if "backbone." in k)


def test_what_is_to_be_predicted_are_the_codes_of_now(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the pool holds; and cross-entropy alone reaches the codebooks."""
    stage, seen = _stage(OnlineStage, folder), list[Batch]()
    task_loss = FlowStage.task_loss
    monkeypatch.setattr(
        FlowStage, "task_loss", lambda s, k, b, r: seen.append(b) or task_loss(s, k, b, r)
    )
    stage.examples.pool.codes[:] = 0
    stage.balance.weights.copy_(torch.tensor([2.0, 0.0]))
    loss, _, _ = stage.loss(0)
    (batch,) = seen
    scenes = [scene for scene in batch.scenes if scene is not None]
    wanted = encoded(stage.model.vision, scenes, still)[:, 0].astype(np.int64)
    assert torch.equal(batch.sequence.segments[-1].tokens, torch.from_numpy(wanted))
    loss.backward()
    gradient = stage.quantizer.codebooks.grad
    assert gradient is not None
    assert float(gradient.abs().max()) > 0


def test_the_path_is_that_of_the_codebooks_of_now(folder: Path) -> None:
    stage = _stage(OnlineStage, folder)
    with torch.no_grad():
        stage.quantizer.codebooks.copy_(torch.randn_like(stage.quantizer.codebooks))
    stage.loss(0)
    for modality, metric in stage.model.metrics().items():
        torch.testing.assert_close(stage.metrics[modality].codes, metric.codes)


def test_pools_are_made_anew(folder: Path) -> None:
    """When a run goes on, and every so many batches."""
    stage = _stage(OnlineStage, folder)
    videos, pool = stage.videos, stage.examples.pool
    assert videos is not None and stage.examples.unnamed is not None
    for step, renewed in (
        (0, False),
        (9, False),
        (REENCODE_EVERY, True),
        (REENCODE_EVERY + 9, False),
    ):
        before = pool.codes
        with torch.no_grad():
            stage.quantizer.codebooks.copy_(torch.randn_like(stage.quantizer.codebooks))
        stage.loss(step)
        wanted = encoded(stage.model.vision, pool.scenes, still)[:, 0]
        assert np.array_equal(pool.codes, wanted if renewed else before)
        assert not np.array_equal(wanted, before)
        if renewed:
            whole = encoded(stage.model.vision, videos.videos, frames_of)
            assert np.array_equal(videos._video_codes, whole)
            first, _ = videos.pictures_of(0)
            scene, _ = videos.scenes_of(0)
            assert np.array_equal(first.tokens, encoded(stage.model.vision, [scene], still)[0, 0])
            unnamed = encoded(stage.model.vision, stage.examples.unnamed.scenes, still)[:, 0]
            assert np.array_equal(stage.examples.unnamed.codes, unnamed)
    begun = _stage(OnlineStage, folder)
    begun.examples.pool.codes = np.zeros_like(begun.examples.pool.codes)
    begun.loss(1)
    assert begun.examples.pool.codes.any()


def test_what_does_not_go_together_is_said() -> None:
    tiny = PRESETS["tiny"]
    check_online(tiny, ALONE)
    for ranks in (Ranks(0, 2), Ranks(0, 2, sharded=True)):
        with pytest.raises(ValueError, match="leave it out, or torchrun and --shard"):
            check_online(tiny, ranks)
    for other in (replace(tiny, code_rows=CodeRows(8, 16, 4)), replace(tiny, vision=None)):
        with pytest.raises(ValueError, match="leave --online out"):
            check_online(other, ALONE)


def test_the_command_line_trains_it_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FEW.items():
        monkeypatch.setattr(name, value)
    common = ["--preset", "tiny", "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    common += ["--without-audio", "--without-video"]
    brief = [*common, "--minutes", "0.02", "--scenes", "40"]
    out = tmp_path / "out"
    assert main(["vision", *brief]) == 0
    assert main(["flow", *brief, "--online"]) == 0
    assert main(["flow", *brief, "--online", "--resume"]) == 0
    assert main(["flow", *brief, "--resume"]) == 2
    assert main(["export", *common, "--out", str(out)]) == 0
    own, _ = averaged_weights(tmp_path / "runs/vision-tiny")
    found = load_checkpoint(out).model.vision.quantizer.codebooks
    apart = (found - own["tokenizer.quantizer.codebooks"].half()).abs()
    assert 1e-5 < float(apart.max()) < 0.1


def test_without_reconstruction_only_what_is_to_be_predicted_moves_the_tokenizer(
    folder: Path,
) -> None:
    stage, pixels = _stage(OnlineStage, folder), _pixels()
    stage.reconstructs = False
    before = _weights(stage)
    _, figures, _ = stage.loss(0)
    assert "of_rebuilding" not in figures
    train(stage, folder / "unrebuilt", replace(ONLINE, rate_scales={"vision.": 1.0}), resume=False)
    far = {k: float((v - before[k]).abs().max()) for k, v in stage.model.state_dict().items()}
    assert far["vision.quantizer.codebooks"] > 0
    assert all(d == 0 for k, d in far.items() if k.startswith("vision.decoder"))
    rebuilding = _stage(OnlineStage, folder)
    train(
        rebuilding, folder / "rebuilt", replace(ONLINE, rate_scales={"vision.": 1.0}), resume=False
    )
    assert _error(rebuilding, pixels) < _error(stage, pixels)
