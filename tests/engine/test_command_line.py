"""The command line: the same command twice gives identical bytes, and bad input one kind
sentence."""

import json
from pathlib import Path

import pytest
from PIL import Image

from engine.__main__ import main
from engine.inspection.trace_file import read_trace


def _picture(checkpoint: Path, out: Path, *more: str) -> int:
    return main(
        ["generate", "--checkpoint", str(checkpoint), "--device", "cpu", "--to", "image",
         "--prompt", "a red heart", "--steps", "3", "--out", str(out), *more]
    )  # fmt: skip


def test_same_command_same_bytes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        assert _picture(tiny_checkpoint, file, "--seed", seed) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() != files[2].read_bytes()
    with Image.open(files[0]) as picture:
        assert picture.text["prompt"] == "a red heart"  # type: ignore[attr-defined]


def test_words_go_to_stdout(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "x.png")
    arguments = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
    arguments += ["--image", str(tmp_path / "x.png"), "--prompt", "what is this?", "--to", "text"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("\n")


def test_info_is_json(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tiny"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--prompt", ""], "say what you want"),
        (["--prompt", " "], "the prompt is empty"),
        (["--prompt", "x" * 501], "501 characters"),
        (["--steps", "0"], "steps must be between 1 and 1024"),
        (["--steps", "10000"], "steps must be between 1 and 1024"),
        (["--seed", "-1"], "the seed must be a whole number"),
        (["--guidance", "99"], "guidance must be from 0 to 10"),
        (["--transition", "jump"], "unknown transition 'jump'"),
        (["--checkpoint", "/nowhere"], "there is no checkpoint at /nowhere"),
        (["--image", "/nowhere.png"], "there is no file /nowhere.png"),
        (["--out", "/nowhere/x.png"], "cannot write"),
    ],
)
def test_bad_input_is_one_sentence(
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    assert _picture(tiny_checkpoint, tmp_path / "x.png", *more) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert sentence in error


def test_renamed_and_broken_pictures(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture at all")
    assert _picture(tiny_checkpoint, tmp_path / "x.png", "--image", str(broken)) == 2
    assert "broken.png is not a picture that can be read" in capsys.readouterr().err
    truncated = tmp_path / "truncated.png"
    Image.effect_noise((64, 64), 90).save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:900])
    assert _picture(tiny_checkpoint, tmp_path / "x.png", "--image", str(truncated)) == 2
    renamed = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), "red").save(renamed, format="JPEG")
    assert _picture(tiny_checkpoint, tmp_path / "x.png", "--image", str(renamed)) == 0


def test_a_trace_is_written_beside_the_answer(tiny_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    assert _picture(tiny_checkpoint, tmp_path / "x.png", "--trace", str(file), "--watch", "2") == 0
    assert read_trace(file).segments[0].arrays["likely_ids"].shape[-1] == 2
    assert _picture(tiny_checkpoint, tmp_path / "x.png", "--trace", str(file), "--watch", "99") == 2
