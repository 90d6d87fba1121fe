"""The question whether a file was made here, for every kind of file that is written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.media.audio import SAMPLE_RATE, read_sound, wav_bytes
from engine.media.images import (
    gif_bytes,
    jpeg_bytes,
    mp4_bytes,
    png_bytes,
    read_picture,
    webp_bytes,
)
from engine.media.marking.check import finding
from engine.media.marking.payload import Payload
from engine.media.marking.picture_mark import mark_picture
from engine.media.marking.sound_mark import mark_sound
from engine.media.video import read_film
from serving.marking.__main__ import main

NOTE = json.dumps({"prompt": "a red car", "seed": 7})
PAYLOAD = Payload.of(NOTE, "ab12cd")
SAID = f"run {PAYLOAD.run}, checkpoint ab12"
MS = [250] * 8
WRITERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "film.mp4": lambda frames: mp4_bytes(frames, 4, NOTE),
    "film.gif": lambda frames: gif_bytes(frames, MS, NOTE),
    "film.webp": lambda frames: webp_bytes(frames, MS, NOTE),
    "picture.png": lambda frames: png_bytes(frames[0], {"settings": NOTE}),
    "picture.jpg": lambda frames: jpeg_bytes(frames[0], NOTE),
}


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return read_film(Path("assets/gallery/film-001.webp"))


@pytest.mark.parametrize("name", WRITERS)
def test_a_marked_picture_or_film_says_its_run(name: str, film: np.ndarray, tmp_path: Path) -> None:
    marked = np.stack([mark_picture(frame, PAYLOAD) for frame in film])
    (tmp_path / name).write_bytes(WRITERS[name](marked))
    said = finding(tmp_path / name)
    assert SAID in said
    assert "a red car" in said


def test_a_marked_sound_says_its_run(tmp_path: Path) -> None:
    spoken = [read_sound(file) for file in sorted(Path("assets/speech").glob("*.opus"))[:6]]
    samples = np.concatenate(spoken)[: 4 * SAMPLE_RATE]
    file = tmp_path / "said.wav"
    file.write_bytes(wav_bytes(mark_sound(samples, PAYLOAD), NOTE))
    assert SAID in finding(file)


def test_nothing_found_proves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plain.png"
    file.write_bytes(png_bytes(read_picture(Path("assets/gallery/picture-001.webp"))))
    assert "proves nothing" in finding(file)


def test_the_command_names_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXT_OMNI_MARK_KEY", raising=False)
    picture = mark_picture(read_picture(Path("assets/gallery/picture-001.webp")), PAYLOAD)
    (tmp_path / "a.png").write_bytes(png_bytes(picture))
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert main(["check", str(tmp_path / "a.png")]) == 0
    assert SAID in capsys.readouterr().out
    assert main(["check", str(tmp_path / "b.png")]) == 2
    assert "error:" in capsys.readouterr().err
