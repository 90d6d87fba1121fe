"""`python -m engine info --model` says what a folder is without loading weights."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine import engine
from engine.__main__ import main
from model.convert.__main__ import main as convert
from model.convert.folder_info import folder_info
from model.loading import meta_init
from model.loading.checkpoint import load_checkpoint
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from tests.model import coded_models, masked_models, published
from tests.model.refusals import changed, rewritten

WEIGHTS, SETTINGS = "model.safetensors", "tokenizer_config.json"


def _told(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["info", "--model", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_ours(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "load_checkpoint", None)
    monkeypatch.setattr(meta_init.WeightLoader, "put", None)
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
    assert "has no weights" in folder_info(tmp_path)["trouble"]


def _extra(folder: Path) -> None:
    rewritten(folder / "model-00000.safetensors", lambda t: t.update(colour=torch.zeros(2)))


def _other_tokenizer(folder: Path) -> None:
    other = TextTokenizer.train(["some other words"] * 20, PRESETS["tiny"].text_vocabulary)
    other.save(folder / "tokenizer.json")


def _pickled(folder: Path) -> None:
    (folder / "model-00000.safetensors").rename(folder / "pytorch_model.bin")


OURS_BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a tensor too many": (_extra, "colour is unknown"),
    "no tokenizer at all": (lambda f: (f / "tokenizer.json").write_text("{}"), "is not a text tok"),
    "another tokenizer": (_other_tokenizer, "is not the one that these weights were saved with"),
    "a pickle": (_pickled, r"has its weights as a pickle \(pytorch_model.bin\)"),
}


@pytest.mark.parametrize("case", OURS_BROKEN)
def test_what_is_not_loaded_is_not_whole(case: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """The same sentence, by `info` and by the engine."""
    folder, (break_it, says) = tmp_path / "copy", OURS_BROKEN[case]
    shutil.copytree(tiny_checkpoint, folder)
    break_it(folder)
    told = folder_info(folder)
    assert not told["whole"]
    assert re.search(says, told["trouble"]), told["trouble"]
    with pytest.raises(ValueError, match=says):
        load_checkpoint(folder)


def test_a_checkpoint_that_does_not_name_its_tokenizer_is_loaded(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    facts = json.loads((folder / "facts.json").read_text())
    del facts["tokenizer_digest"]
    (folder / "facts.json").write_text(json.dumps(facts))
    assert folder_info(folder)["whole"]
    load_checkpoint(folder)


THEIRS_BROKEN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a missing tensor": (
        "llada",
        lambda f: rewritten(f / WEIGHTS, lambda t: t.pop("model.transformer.ln_f.weight")),
    ),
    "no words": ("llada", lambda f: (f / "tokenizer.json").unlink()),
    "no template": ("dream", lambda f: changed(f / SETTINGS, chat_template=None)),
    "no size": ("dream", lambda f: changed(f / "config.json", hidden_size=None)),
    "other words": ("mmada", lambda f: changed(f / SETTINGS, bos_token=None)),
    "an encoder without a layer": (
        "whisper",
        lambda f: rewritten(
            f / WEIGHTS, lambda t: t.pop(next(n for n in t if "encoder.layers.0" in n))
        ),
    ),
    "no preset's size": ("whisper", lambda f: changed(f / "config.json", d_model=48)),
    "a decoder without a level": (
        "magvit",
        lambda f: rewritten(f / WEIGHTS, lambda t: [t.pop(n) for n in [*t] if "up.0" in n]),
    ),
}


def _saved(kind: str, folder: Path) -> Path:
    if kind in masked_models.SAVE:
        return masked_models.SAVE[kind](folder)
    if kind == "whisper":
        return published.save(published.whisper(), folder)
    return coded_models.save_magvit(folder) if kind == "magvit" else coded_models.save(kind, folder)


@pytest.mark.parametrize("case", THEIRS_BROKEN)
def test_what_convert_refuses_is_not_whole(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it gives the reason that convert gives; before it was broken it was whole."""
    kind, break_it = THEIRS_BROKEN[case]
    folder = _saved(kind, tmp_path / "source")
    told = folder_info(folder)
    assert told["whole"]
    break_it(folder)
    told = folder_info(folder)
    assert (told["whole"], told["command"], told["becomes"]) == (False, "", {})
    assert told["trouble"]
    if kind in ("llada", "dream"):
        assert convert([kind, str(folder), str(tmp_path / "out")]) == 2
        assert told["trouble"] in capsys.readouterr().err


def test_what_a_source_becomes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What its checkpoint is told to be; with a codec of speech where it has such codes."""
    source, out = coded_models.save("dynin", tmp_path / "source"), tmp_path / "out"
    assert convert(["dynin", str(source), str(out)]) == 0
    capsys.readouterr()
    for more in ([], ["--speech-codec", "x"]):
        tolds: list[dict[str, Any]] = []
        for folder in (source, out):
            assert main(["info", "--model", str(folder), *more]) == 0
            tolds.append(json.loads(capsys.readouterr().out))
        becomes = tolds[0]["becomes"]
        assert becomes == {key: tolds[1][key] for key in becomes}
        assert ("audio" in becomes["takes"]) == ("audio" in becomes["makes"]) == bool(more)
        assert ("audio" in becomes["lacking"]) == (not more)
    mmada = coded_models.save("mmada", tmp_path / "mmada")
    assert main(["info", "--model", str(mmada), "--speech-codec", "x"]) == 2
    assert "mmada has no codes of speech" in capsys.readouterr().err


def test_a_codec_of_speech_that_is_of_no_use_is_refused(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--model", str(tiny_checkpoint), "--speech-codec", "x"]) == 2
    assert "tiny has no codes of speech" in capsys.readouterr().err


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
        ("llama", "Llama", "llama"),
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
