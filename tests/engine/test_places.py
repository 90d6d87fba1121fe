"""The program runs from any folder, in any language's paths, and tells what it cannot write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.api.default_checkpoint import SHIPPED
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film

ROOT = Path(__file__).resolve().parents[2]


def test_it_runs_from_any_folder_and_writes_where_it_is_told(tmp_path: Path) -> None:
    """Without a locale, without ffmpeg, without a network, in a folder of another script."""
    place = tmp_path / "папка с пробелом 画"
    place.mkdir()
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("LC_", "LANG", "NEXT_OMNI"))}
    environment = kept | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PATH": str(place)}
    command = [sys.executable, "-m", "engine", "generate", "--to", "image", "--steps", "1"]
    command += ["--device", "cpu", "--prompt", "ein Hünd", "--out", "Bild ä 画.png"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert read_picture(place / "Bild ä 画.png").ndim == 3


def test_the_shipped_checkpoint_lies_beside_the_package() -> None:
    assert SHIPPED == ROOT / "assets/nano"
    assert (SHIPPED / "config.json").is_file()


def test_a_full_disk_is_told(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full.png").symlink_to("/dev/full")
    run = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--to", "image"]
    run += ["--prompt", "a dog", "--steps", "1", "--out", str(tmp_path / "full.png")]
    assert main(run) == 2
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("read", [read_picture, read_sound, read_film])
def test_what_may_not_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: object
) -> None:
    file = tmp_path / "mine.dat"
    file.write_bytes(b"content")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ValueError, match=r"mine\.dat cannot be read: permission denied"):
        read(file)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("read", [read_picture, read_sound, read_film])
def test_a_pipe_blocks_nobody(tmp_path: Path, read: object) -> None:
    os.mkfifo(tmp_path / "x.wav")
    with pytest.raises(ValueError, match=r"x\.wav is no file"):
        read(tmp_path / "x.wav")  # pyright: ignore[reportCallIssue]
