"""A checkpoint comes back as it was, and a broken one says what is wrong in one sentence."""

import shutil
from pathlib import Path

import pytest
import torch

from model.checkpoint import SHARD_BYTES, load_checkpoint
from model.omni import OmniModel


def test_comes_back(tiny_checkpoint: Path, tiny_model: OmniModel) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    assert loaded.model.config == tiny_model.config
    for name, tensor in tiny_model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], tensor.half().float())
    assert loaded.digest == load_checkpoint(tiny_checkpoint).digest


def test_shards_stay_small(tiny_checkpoint: Path) -> None:
    assert all(f.stat().st_size < 9_000_000 for f in tiny_checkpoint.glob("*.safetensors"))
    assert SHARD_BYTES < 9_000_000


@pytest.mark.parametrize(
    "missing", ["config.json", "tokenizer.json", "facts.json", "model-00000.safetensors"]
)
def test_missing_file_is_named(tiny_checkpoint: Path, tmp_path: Path, missing: str) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    (folder / missing).unlink()
    with pytest.raises(ValueError, match=r"missing|no weights"):
        load_checkpoint(folder)


def test_truncated_weights_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    weights = folder / "model-00000.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="truncated or broken"):
        load_checkpoint(folder)


def test_broken_json_and_foreign_config_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    (folder / "config.json").write_text('{"name": "x", "colour": 3}')
    with pytest.raises(ValueError, match="does not fit this version"):
        load_checkpoint(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is broken"):
        load_checkpoint(folder)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "nowhere")
