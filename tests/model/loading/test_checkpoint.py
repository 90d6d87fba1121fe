"""A checkpoint comes back as it was, and a broken one says what is wrong in one sentence."""

import json
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.loading import checkpoint, tensor_file
from model.loading.__main__ import main
from model.loading.checkpoint import load_checkpoint, save_checkpoint
from model.loading.config_file import config_from_json
from model.loading.file_digests import seal
from model.loading.placement import Placement
from model.loading.tensor_file import SHARD_BYTES, tensors
from model.network.omni import OmniModel
from model.presets import PRESETS
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


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every table or list of a JSON value with each of its keys."""
    if isinstance(values, dict | list):
        for key in values if isinstance(values, dict) else range(len(values)):
            yield values, key
            yield from _places(values[key])


def _refusal(values: object) -> str | None:
    try:
        config_from_json(values, "config.json")
    except ValueError as told:
        return str(told)
    return None


ODD = (10**9, 0, -1, 2**70, float("nan"), float("inf"), 1e300, "x", None, [], {}, [[1]], True)


def test_an_odd_value_in_a_config_is_one_sentence_that_names_the_field() -> None:
    good = json.loads(json.dumps(PRESETS["tiny"].to_json()))
    refused = 0
    for table, key in list(_places(good)):
        before = table[key]
        for odd in ODD:
            table[key] = odd
            if (told := _refusal(good)) is not None:
                assert told.startswith("config.json does not fit this version: ")
                assert isinstance(key, int) or f"{key}: " in told or f"{key}." in told
                assert "\n" not in told
                refused += 1
        table[key] = before
    assert refused > 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": {"width": 7}},
        {"audio_head": {"heads": 3}},
        {"image_head": {"width": 7}},
        {"vision": {"image_px": 3}},
        {"text_metric_dim": 2**20},
    ],
    ids=str,
)
def test_sizes_that_fit_no_model_or_no_weights_are_one_sentence(
    tiny_checkpoint: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    good = json.loads((folder / "config.json").read_text())
    for name, value in changes.items():
        good[name] = {**good[name], **value} if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(good))
    with pytest.raises(ValueError, match=r"config\.json") as told:
        load_checkpoint(folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["config.json", "facts.json"])
@pytest.mark.parametrize(
    "content", ["[]", '["ab"]', "3", "null", "[" * 10**5, '{"a":' * 10**5, "9" * 5000, "\udcff"]
)
def test_json_that_is_no_table_is_one_sentence(
    tiny_checkpoint: Path, tmp_path: Path, name: str, content: str
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    (folder / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=rf"{name} is broken"):
        load_checkpoint(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_no_number_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, dtype: torch.dtype, value: float
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    file = folder / "model-00000.safetensors"
    state = {name: tensor.to(dtype) for name, tensor in load_file(file).items()}
    save_file(state, file)
    seal(folder)
    load_checkpoint(folder)
    state["text_bias"][3] = value
    save_file(state, file)
    seal(folder)
    with pytest.raises(ValueError, match=r"text_bias in .*model-00000.* infinite or no number"):
        load_checkpoint(folder)


def test_a_flipped_byte_is_noticed_and_its_file_named(sharded: Path) -> None:
    digest = load_checkpoint(sharded).digest
    for file in sorted(sharded.glob("*.safetensors")):
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=f"{file.name} is not the file that was saved"):
            load_checkpoint(sharded)
        content[-5] ^= 1
        file.write_bytes(content)
    facts = json.loads((sharded / "facts.json").read_text())
    assert list(facts.pop("file_digests").values())[-1] == digest
    (sharded / "facts.json").write_text(json.dumps(facts))
    assert load_checkpoint(sharded).digest == digest, "a checkpoint of before has no digests"


def test_the_command_seals_a_checkpoint_as_it_is(sharded: Path) -> None:
    facts = json.loads((sharded / "facts.json").read_text())
    noted = facts.pop("file_digests")
    (sharded / "facts.json").write_text(json.dumps(facts))
    assert main([str(sharded)]) == 0
    assert json.loads((sharded / "facts.json").read_text()) == {**facts, "file_digests": noted}
    assert main([str(sharded / "nowhere")]) == 2
    (sharded / "facts.json").write_text(json.dumps({**facts, "file_digests": 3}))
    with pytest.raises(ValueError, match="file_digests is no table"):
        load_checkpoint(sharded)


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
