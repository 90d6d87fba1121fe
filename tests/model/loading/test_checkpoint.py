"""A checkpoint comes back as it was, and a broken one says what is wrong in one sentence."""

import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.loading import checkpoint, tensor_file
from model.loading.checkpoint import load_checkpoint, save_checkpoint
from model.loading.placement import Placement
from model.loading.tensor_file import SHARD_BYTES, tensors
from model.network.omni import OmniModel
from model.tokenizers.text import TextTokenizer


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


@pytest.fixture
def sharded(
    tiny_model: OmniModel,
    tiny_tokenizer: TextTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The tiny checkpoint in several shards."""
    monkeypatch.setattr(tensor_file, "SHARD_BYTES", 60_000)
    save_checkpoint(tmp_path / "sharded", tiny_model, tiny_tokenizer, {})
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 3
    return tmp_path / "sharded"


def test_progress_is_told_up_to_the_end(sharded: Path) -> None:
    told: list[tuple[int, int]] = []
    load_checkpoint(sharded, progress=lambda done, every: told.append((done, every)))
    done = [d for d, _ in told]
    assert done == sorted(done)
    every = sum(t.nbytes for f in sharded.glob("*.safetensors") for t in load_file(f).values())
    assert {e for _, e in told} == {every} == {done[-1]}


@pytest.mark.parametrize("weights", ["auto", "int8"])
def test_one_tensor_at_a_time_is_in_memory(
    sharded: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    """What was read is gone before the next one comes; the model holds copies of its own."""
    alive: dict[int, int] = {}
    most: list[int] = []

    def counted(file: Path, names: list[str]) -> Iterator[tuple[str, Tensor]]:
        for number, (name, tensor) in enumerate(tensors(file, names)):
            key = hash((file, number))
            alive[key] = tensor.nbytes
            weakref.finalize(tensor, alive.pop, key)
            most.append(sum(alive.values()))
            yield name, tensor
            del tensor

    monkeypatch.setattr(checkpoint, "tensors", counted)
    load_checkpoint(sharded, Placement.of("cpu", weights=weights))
    largest = max(t.nbytes for f in sharded.glob("*.safetensors") for t in load_file(f).values())
    assert len(most) > 100
    assert max(most) <= 2 * largest, "one, and the one before it until the loop goes on"
    assert not alive


def test_an_unfinished_download_is_said_before_weights_are_read(
    sharded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "tensors", None)
    (sharded / "model-00001.safetensors").unlink()
    with pytest.raises(ValueError, match=r"lacks \d+ of \d+ tensors, .* download is unfinished"):
        load_checkpoint(sharded)


def test_a_pointer_in_place_of_weights_is_told(sharded: Path) -> None:
    file = sharded / "model-00002.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8413000\n")
    with pytest.raises(ValueError, match=r"00002.* only points to the weights: run `git lfs pull`"):
        load_checkpoint(sharded)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: {**state, "colour": torch.zeros(2)}, "colour is unknown"),
        (lambda state: {**state, "text_bias": torch.zeros(3)}, r"text_bias has the shape \[3\]"),
    ],
    ids=["unknown", "shape"],
)
def test_weights_of_another_model_are_refused(
    sharded: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], says: str
) -> None:
    state = {n: t for f in sharded.glob("*.safetensors") for n, t in load_file(f).items()}
    for file in sharded.glob("*.safetensors"):
        file.unlink()
    save_file(change(state), sharded / "model-00000.safetensors")
    with pytest.raises(ValueError, match=says):
        load_checkpoint(sharded)
