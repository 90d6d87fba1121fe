"""A checkpoint that was put together from published parts goes through the stages of the paper."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import model.convert.__main__
from model.loading.checkpoint import Checkpoint, load_checkpoint
from tests.model import published
from tests.processes import name_rank, run_together
from tests.training.few import FEW, spoken
from training.__main__ import main
from training.loop.budgeted_loop import Budget
from training.loop.run_state import averaged_weights

NUM, STEPS = 2, 4
"""Processes of the last stage, and steps of every one."""
SHORT = {
    **FEW,
    "training.__main__._budget": lambda arguments: Budget(minutes=60, steps=STEPS, warmup_steps=1),
}


def _converted(folder: Path) -> Path:
    """Qwen2, CLIP and Whisper of the sizes of the preset "tiny"."""
    published.save_tokenizer(published.save(published.qwen(), folder / "qwen"))
    published.save(published.clip(), folder / "clip")
    published.save(published.whisper(), folder / "whisper")
    for kind, preset in (("qwen", ["--preset", "tiny"]), ("clip", []), ("whisper", [])):
        arguments = [kind, str(folder / kind), str(folder / "parts"), *preset]
        assert model.convert.__main__.main(arguments) == 0
    return folder / "parts"


def _process(rank: int, port: int, arguments: list[str]) -> None:
    name_rank(rank, port, NUM)
    torch.set_num_threads(1)
    for name, value in SHORT.items():
        pytest.MonkeyPatch().setattr(name, value)
    assert main(arguments) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """parts: as converted; trained: after the three stages, the last one sharded."""
    folder = tmp_path_factory.mktemp("converted")
    start = ["--start", str(_converted(folder))]
    common = ["--preset", "tiny", "--runs", str(folder / "runs"), "--device", "cpu", *start]
    few = [*common, "--scenes", "40", *spoken(folder / "speech")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SHORT.items():
            patch.setattr(name, value)
        assert main(["vision", *few]) == 0
        assert main(["audio", *few]) == 0
        run_together(_process, ["flow", *few, "--shard"], num=NUM)
        assert main(["export", *common, "--out", str(folder / "trained")]) == 0
    return folder


@pytest.fixture(scope="module")
def parts(folder: Path) -> Checkpoint:
    return load_checkpoint(folder / "parts")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Checkpoint:
    return load_checkpoint(folder / "trained")


def _far(parts: Checkpoint, trained: Checkpoint, prefix: str) -> dict[str, float]:
    """How far each weight has come."""
    before, after = parts.model.state_dict(), trained.model.state_dict()
    return {n: float((after[n] - before[n]).abs().max()) for n in after if n.startswith(prefix)}


def test_the_model_is_the_converted_one(parts: Checkpoint, trained: Checkpoint) -> None:
    """Of its sizes, with its words and its shift; learned on from its weights."""
    assert trained.model.config == parts.model.config
    assert (
        parts.model.config.backbone.shift_text
        and parts.model.config.required_vision.clip is not None
    )
    text = "A red heart, above a Dög"
    assert trained.tokenizer.encode(text) == parts.tokenizer.encode(text)
    for prefix in ("backbone.layers.", "embeddings.text.", "text_head.", "image_head."):
        assert all(0 < far < 0.1 for far in _far(parts, trained, prefix).values()), prefix


def test_the_tokenizers_are_those_of_their_stages(
    folder: Path, parts: Checkpoint, trained: Checkpoint
) -> None:
    """CLIP's encoder has learned on with the codes; Whisper's stays as it is."""
    for stage in ("vision", "audio"):
        kept, _ = averaged_weights(folder / "runs" / f"{stage}-tiny")
        tokenizer = trained.model.get_submodule(stage)
        for name, tensor in tokenizer.state_dict().items():
            torch.testing.assert_close(tensor, _half(kept[f"tokenizer.{name}"]))
    assert 0 < max(_far(parts, trained, "vision.clip.").values()) < 0.1
    assert max(_far(parts, trained, "vision.to_codes.").values()) > 0
    assert max(_far(parts, trained, "audio.encoder.").values()) < 1e-2
    assert max(_far(parts, trained, "audio.quantizer.").values()) > 0


def test_the_export_has_the_whole_weights(folder: Path, trained: Checkpoint) -> None:
    kept, counts = averaged_weights(folder / "runs" / "flow-tiny")
    assert counts[0] == STEPS
    for name, tensor in trained.model.state_dict().items():
        torch.testing.assert_close(tensor, _half(kept[name]))


def test_the_facts_say_who_made_which_part(trained: Checkpoint) -> None:
    facts = trained.facts
    assert set(facts["converted"]) == {"qwen", "clip", "whisper"}
    assert [facts[f"{stage}_steps"] for stage in ("vision", "audio", "flow")] == [STEPS] * 3


def test_a_tokenizer_that_nobody_has_trained_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--start", str(folder / "parts"), "--preset", "tiny", "--runs", str(tmp_path)]
    assert main(["flow", *start]) == 2
    assert "run `python -m training vision` first" in capsys.readouterr().err


def _half(tensor: Tensor) -> Tensor:
    """As a checkpoint stores it."""
    return tensor.half().to(tensor.dtype)
