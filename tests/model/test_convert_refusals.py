"""What does not fit or is not whole is said in one sentence, and nothing is written."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.convert.__main__ import main
from model.convert.writer import STAGED, Staging
from model.loading.checkpoint import load_checkpoint
from model.loading.tensor_file import contents, tensors
from tests.model import published
from tests.model.refusals import refused, refuses

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SECOND = "model-00002-of-00003.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    published.save_tokenizer(published.save(published.qwen(), folder / "qwen", shards=3))
    published.save(published.clip(), folder / "clip")
    published.save(published.whisper(), folder / "whisper")
    return folder


def _configured(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _rewritten(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    found = {name: tensor.clone() for name, tensor in tensors(file, list(contents(file)))}
    change(found)
    published.save_file(found, file)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no config": ("qwen", lambda f: (f / "config.json").unlink(), r"config.json is missing"),
    "broken config": ("qwen", lambda f: (f / "config.json").write_text("{"), r"is broken"),
    "another model": ("clip", lambda f: _configured(f, model_type="siglip"), r"is a siglip check"),
    "a shard is absent": ("qwen", lambda f: (f / SECOND).unlink(), r"unfinished: 1 of 3 .*00002"),
    "a shard is cut off": ("qwen", lambda f: _cut(f / SECOND), r"00002.* truncated or broken"),
    "an empty file": ("clip", lambda f: (f / WEIGHTS).write_bytes(b""), r"truncated or broken"),
    "a pointer": (
        "clip",
        lambda f: (f / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\n"),
        r"git lfs pull",
    ),
    "an index that leads out": (
        "qwen",
        lambda f: (f / INDEX).write_text('{"weight_map": {"a": "../../a.safetensors"}}'),
        r"outside of the folder",
    ),
    "an index of other shards": (
        "qwen",
        lambda f: (f / INDEX).write_text(json.dumps({"weight_map": {"a": SECOND}})),
        r"different versions",
    ),
    "no index": ("qwen", lambda f: (f / INDEX).unlink(), r"fetch the index"),
    "no weights": ("clip", lambda f: (f / WEIGHTS).unlink(), r"has no weights"),
    "only a pickle": (
        "clip",
        lambda f: (f / WEIGHTS).rename(f / "pytorch_model.bin"),
        r"pickle only .* can run code.*--allow-pickle",
    ),
    "a narrow backbone": ("qwen", lambda f: _configured(f, hidden_size=64), r"hidden_size is 64, "),
    "a deep backbone": ("qwen", lambda f: _configured(f, num_hidden_layers=9), r"is 9, not 2"),
    "a wide encoder": ("clip", lambda f: _vision(f, hidden_size=48), r"hidden_size is 48, not 32"),
    "many patches": ("clip", lambda f: _vision(f, image_size=42), r"3 x 3 patches"),
    "few ears": ("whisper", lambda f: _configured(f, encoder_layers=1), r"encoder_layers is 1"),
    "stretched positions": (
        "qwen",
        lambda f: _configured(f, rope_parameters={"rope_type": "yarn", "rope_theta": 1e6}),
        r"stretches its positions",
    ),
    "a missing tensor": (
        "whisper",
        lambda f: _rewritten(f / WEIGHTS, lambda t: t.pop("model.encoder.conv1.bias")),
        r"lacks 1 tensors .*audio.encoder.conv1.bias",
    ),
    "an unknown tensor": (
        "clip",
        lambda f: _rewritten(f / WEIGHTS, lambda t: t.update(lora_A=torch.zeros(2))),
        r"has 1 tensors that no .*lora_A",
    ),
    "one layer more than it says": (
        "clip",
        lambda f: _vision(f, num_hidden_layers=2),
        r"has 16 tensors that no .*layers.2",
    ),
    "another shape": (
        "whisper",
        lambda f: _rewritten(
            f / WEIGHTS, lambda t: t.update({"model.encoder.conv1.bias": torch.zeros(3)})
        ),
        r"conv1.bias .* has the shape 3, and tiny needs 16",
    ),
    "positions that are no sines": (
        "whisper",
        lambda f: _rewritten(
            f / WEIGHTS, lambda t: t["model.encoder.embed_positions.weight"].mul_(2)
        ),
        r"are no sines",
    ),
    "no words": ("qwen", lambda f: (f / "tokenizer.json").unlink(), r"tokenizer.json is missing"),
    "other words": (
        "qwen",
        lambda f: (f / "tokenizer.json").write_text('{"model": {}}'),
        r"no byte-level BPE",
    ),
}


def _vision(folder: Path, **changes: object) -> None:
    whole = json.loads((folder / "config.json").read_text())
    _configured(folder, vision_config={**whole["vision_config"], **changes})


@pytest.mark.parametrize("case", BROKEN)
def test_one_sentence_and_nothing_written(
    case: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, BROKEN[case], saved, tmp_path, "--preset", "tiny")


def test_no_folder_and_no_preset(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = str(saved / "clip"), str(tmp_path / "out")
    assert "there is no folder" in refused(capsys, "clip", str(tmp_path / "nowhere"), out)
    assert "unknown preset" in refused(capsys, "clip", clip, out, "--preset", "huge")
    assert "does not fit next_omni_7b" in refused(capsys, "clip", clip, out)
    assert "same folder" in refused(capsys, "clip", clip, clip)
    assert "something else" in refused(capsys, "clip", clip, str(saved / "whisper"))


def test_a_checkpoint_of_another_preset(
    tiny_checkpoint: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("clip", str(saved / "clip"), str(tiny_checkpoint), "--preset", "nano")
    assert "is tiny, not nano" in refused(capsys, *argv)


def _pickled(saved: Path, folder: Path) -> Path:
    source = Path(shutil.copytree(saved / "clip", folder))
    file = source / WEIGHTS
    torch.save(dict(tensors(file, list(contents(file)))), source / "pytorch_model.bin")
    file.unlink()
    return source / "pytorch_model.bin"


def test_a_pickle_that_was_named_is_read(saved: Path, tmp_path: Path) -> None:
    file = _pickled(saved, tmp_path / "source")
    named = ["--preset", "tiny", "--allow-pickle", str(file)]
    assert main(["clip", str(file.parent), str(tmp_path / "a"), *named]) == 0
    assert main(["clip", str(saved / "clip"), str(tmp_path / "b"), "--preset", "tiny"]) == 0
    a, b = (load_checkpoint(tmp_path / name).model.state_dict() for name in "ab")
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


class _Harmful:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch harmed",)


def test_no_code_of_a_named_pickle_is_run(
    saved: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = _pickled(saved, tmp_path / "source")
    file.write_bytes(pickle.dumps({"weight": _Harmful()}))
    argv = ("clip", str(file.parent), str(tmp_path / "out"), "--preset", "tiny")
    assert "cannot be read as tensors alone" in refused(capsys, *argv, "--allow-pickle", str(file))
    assert not (tmp_path / "harmed").exists()


def test_an_interruption_leaves_the_checkpoint_as_it_was(
    tiny_checkpoint: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "out"))

    def full(self: Staging, name: str, tensor: torch.Tensor) -> None:
        raise OSError(28, "No space left on device", "model-00000.safetensors")

    monkeypatch.setattr(Staging, "add", full)
    assert main(["whisper", str(saved / "whisper"), str(folder)]) == 2
    assert load_checkpoint(folder).digest == load_checkpoint(tiny_checkpoint).digest
    assert not (folder / STAGED).exists()
