"""`python -m engine info --model` says what a folder is without loading weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine import engine
from engine.__main__ import main
from model import hollow
from model.convert.__main__ import main as convert
from model.folder_info import folder_info
from tests.model import coded_models, masked_models, published


def _told(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["info", "--model", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_ours(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "load_checkpoint", None)
    monkeypatch.setattr(hollow.Filling, "put", None)
    told = _told(tiny_checkpoint, capsys)
    assert (told["kind"], told["name"], told["whole"]) == ("next-omni", "tiny", True)
    assert told["makes"] == ["text", "image", "audio", "video"]
    assert told["takes"] == ["text", "image", "audio", "video"]
    assert told["untrained"] == []
    assert told["bytes"] == 2 * told["numbers"]


def test_ours_that_is_cut_off(tiny_checkpoint: Path, tmp_path: Path) -> None:
    for file in tiny_checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    shard = tmp_path / "model-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-9])
    told = folder_info(tmp_path)
    assert not told["whole"]
    assert "truncated" in told["trouble"]
    shard.unlink()
    assert "tensors are missing" in folder_info(tmp_path)["trouble"]


def test_what_can_be_converted_and_what_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = published.save(published.whisper(), tmp_path / "whisper")
    told = _told(source, capsys)
    assert (told["kind"], told["converter"], told["whole"]) == ("whisper", "whisper", True)
    assert told["presets"] == ["tiny"]
    out = tmp_path / "out"
    assert convert(told["command"].replace("OUT", str(out)).split()[3:]) == 0
    capsys.readouterr()
    told = _told(out, capsys)
    assert told["converted"]["whisper"]["from"] == "whisper"
    assert told["untrained"] == ["qwen", "clip"]
    (source / "model.safetensors").unlink()
    told = _told(source, capsys)
    assert (told["whole"], told["command"]) == (False, "")


@pytest.mark.parametrize(
    ("model_type", "what", "converter"),
    [
        ("qwen2", "Qwen2", "qwen"),
        ("clip", "CLIP", "clip"),
        ("clip_vision_model", "CLIP", "clip"),
        ("whisper", "Whisper", "whisper"),
        ("llada", "LLaDA", "llada"),
        ("Dream", "Dream", "dream"),
        ("llada_moe", "LLaDA of another shape", None),
        ("mmada", "MMaDA", "mmada"),
        ("dynin_omni", "Dynin-Omni", "dynin"),
        ("mmada_next", "MMaDA of another shape", None),
        ("bert", "an unknown layout", None),
    ],
)
def test_known_layouts(model_type: str, what: str, converter: str | None, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    told = folder_info(tmp_path)
    assert told["kind"] == model_type
    assert told["what"].startswith(what)
    assert told["converter"] == converter
    assert not told["whole"]


@pytest.mark.parametrize("kind", ["llada", "dream"])
def test_a_whole_model_of_words(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its command makes a checkpoint of its own sizes, which says what it can do."""
    source = masked_models.SAVE[kind](tmp_path / "source")
    told = _told(source, capsys)
    assert (told["converter"], told["presets"], told["whole"]) == (kind, [], True)
    out = tmp_path / "out"
    assert convert(told["command"].replace("OUT", str(out)).split()[3:]) == 0
    capsys.readouterr()
    told = _told(out, capsys)
    assert (told["takes"], told["makes"]) == (["text"], ["text"])
    assert (told["samplers"], told["whole"], told["untrained"]) == (["masked"], True, [])
    assert (told["image_px"], told["picture_encoder"], told["thinks"]) == (0, None, False)


@pytest.mark.parametrize("kind", ["mmada", "dynin"])
def test_a_whole_model_of_words_and_pictures(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It talks at once; what is missing for pictures, and the command that adds it, is said."""
    source, out = coded_models.save(kind, tmp_path / "source"), tmp_path / "out"
    told = _told(source, capsys)
    assert (told["converter"], told["presets"], told["whole"]) == (kind, [], True)
    assert convert(told["command"].replace("OUT", str(out)).split()[3:]) == 0
    capsys.readouterr()
    told = _told(out, capsys)
    assert (told["takes"], told["makes"], told["whole"]) == (["text"], ["text"], True)
    assert "model.convert magvit SOURCE FOLDER" in told["lacking"]["image"]
    assert ("audio" in told["lacking"]) == ("video" in told["lacking"]) == (kind == "dynin")
    told = _told(coded_models.save_magvit(tmp_path / "magvit"), capsys)
    assert (told["kind"], told["converter"], told["what"]) == (
        "MAGVITv2", "magvit", "MAGVIT-v2 picture tokenizer",
    )  # fmt: skip
    assert convert(told["command"].replace("OUT", str(out)).split()[3:]) == 0
    capsys.readouterr()
    told = _told(out, capsys)
    films = ["video"] if kind == "dynin" else []
    assert (told["takes"], told["makes"]) == (["text", "image", *films], ["text", "image"])
    assert "image" not in told["lacking"]
    assert (told["image_px"], told["picture_encoder"]) == (64, "magvit")
    assert (told["converted"]["magvit"]["from"], told["untrained"]) == ("magvit", [])


def test_a_picture_tokenizer_alone_is_not_loaded(tmp_path: Path) -> None:
    folder = coded_models.save_magvit(tmp_path / "magvit")
    with pytest.raises(ValueError, match=r"python -m model\.convert magvit"):
        engine.Engine.load(folder)


def test_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--model", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model_type", "advice"),
    [("llada_moe", "no command converts it yet"), ("llada", "python -m model.convert llada")],
)
def test_what_is_not_ours_is_not_loaded(model_type: str, advice: str, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    if model_type == "llada":
        masked_models.save_llada(folder)
    else:
        tensors = {"x": torch.zeros(2)}
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match=advice) as refused:
        engine.Engine.load(folder)
    assert "\n" not in str(refused.value)
