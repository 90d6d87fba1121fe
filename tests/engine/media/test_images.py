"""Pictures come in upright, opaque and square, and go out without loss; a file keeps its note."""

import json
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.media import film_limits
from engine.media.images import (
    fitted,
    gif_bytes,
    mp4_bytes,
    note_in,
    png_bytes,
    read_picture,
    webp_bytes,
)
from engine.media.video import FRAME_MS, FRAMES_A_SECOND, read_film
from tests.engine.media.films import numbered, worst_psnr


def _bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = read_picture(_bytes(Image.new(mode, (7, 5)), "PNG"))
    assert picture.shape == (5, 7, 3)
    assert picture.dtype == np.uint8


def test_transparency_is_white() -> None:
    assert read_picture(_bytes(Image.new("RGBA", (2, 2), (9, 9, 9, 0)), "PNG")).min() == 255


def test_orientation_is_applied() -> None:
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    assert read_picture(_bytes(image, "JPEG", exif=exif)).shape == (6, 4, 3)


def test_fitted_is_the_middle_square() -> None:
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    assert fitted(picture, 10).min() == 255
    assert fitted(picture, 128).shape == (128, 128, 3)


def test_png_keeps_pixels_and_notes() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    found = png_bytes(picture, {"prompt": "ein süßer Hund 🐶", "seed": "7"})
    assert np.array_equal(read_picture(found), picture)
    with Image.open(BytesIO(found)) as image:
        assert image.info["prompt"] == "ein süßer Hund 🐶"
    assert found == png_bytes(picture, {"prompt": "ein süßer Hund 🐶", "seed": "7"})


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the upload is not a picture"):
        read_picture(b"")
    with pytest.raises(ValueError, match="there is no file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ValueError, match="is no file: a folder"):
        read_picture(tmp_path)


CLIP = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
WRITERS: dict[str, Callable[[str], bytes]] = {
    ".png": lambda note: png_bytes(CLIP[0], {"settings": note} if note else {}),
    ".webp": lambda note: webp_bytes(CLIP, [80] * 3, note),
    ".gif": lambda note: gif_bytes(CLIP, [80] * 3, note),
    ".mp4": lambda note: mp4_bytes(CLIP, 4, note),
}


@pytest.mark.parametrize("prompt", ["", "ein süßer Hund 🐶", "long, " * 600])
@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_keeps_its_note(suffix: str, prompt: str, tmp_path: Path) -> None:
    note = json.dumps({"prompt": prompt, "seed": 7})
    file = tmp_path / f"run{suffix}"
    file.write_bytes(WRITERS[suffix](note))
    assert note_in(file) == note


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_without_a_note_has_none(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"run{suffix}"
    file.write_bytes(WRITERS[suffix](""))
    assert not note_in(file)


def test_a_gif_has_a_note_in_any_alphabet(tmp_path: Path) -> None:
    file = tmp_path / "run.gif"
    file.write_bytes(gif_bytes(CLIP, [80] * 3, "ein süßer Hund 🐶"))
    assert note_in(file) == "ein süßer Hund 🐶"
    Image.new("P", (4, 4)).save(file, comment="süß".encode("latin-1"))
    assert note_in(file) == "s\ufffd\ufffd"


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_broken_file_has_no_note_and_says_so(suffix: str, tmp_path: Path) -> None:
    """A list of files too, which would lead to another."""
    (tmp_path / "another.mp4").write_bytes(WRITERS[".mp4"]("secret"))
    for content in ("", "hello", "ffconcat version 1.0\nfile another.mp4\n"):
        file = tmp_path / f"run{suffix}"
        file.write_text(content)
        with pytest.raises(ValueError, match=f"run{suffix} cannot be read: use a PNG, WebP, GIF"):
            note_in(file)


@pytest.mark.parametrize(("width", "height"), [(15, 16), (16, 15)])
def test_an_mp4_file_has_even_sides(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"needs even sides, not {width} x {height} pixels"):
        mp4_bytes(np.zeros((2, height, width, 3), np.uint8), 4, "")


def _cartoon() -> np.ndarray:
    """A ball that crosses a meadow: "8 128 128 3"."""
    frames: list[np.ndarray] = []
    for i in range(film_limits.FRAMES):
        image = Image.new("RGB", (512, 512), (190, 225, 250))
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 340, 512, 512), fill=(90, 170, 70))
        draw.polygon([(256, 50), (180, 190), (330, 190)], fill=(250, 210, 40))
        draw.ellipse((20 + 40 * i, 180, 150 + 40 * i, 310), fill=(220, 40, 40))
        frames.append(np.asarray(image.resize((128, 128), Image.Resampling.LANCZOS)))
    return np.stack(frames)


def test_our_own_clip_shows_every_frame_for_its_time_and_is_read_back() -> None:
    frames = _cartoon()
    content = mp4_bytes(frames, FRAMES_A_SECOND, "settings")
    with av.open(BytesIO(content)) as file:
        packets = [p for p in file.demux(video=0) if p.pts is not None]
    shown = sorted((float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in packets)
    assert shown == [(i * FRAME_MS / 1000, FRAME_MS / 1000) for i in range(film_limits.FRAMES)]
    assert worst_psnr(read_film(content), frames) > 30
    assert content == mp4_bytes(frames, FRAMES_A_SECOND, "settings")


@pytest.mark.parametrize("make", [gif_bytes, webp_bytes])
def test_our_own_animations_are_read_back(make: Callable[..., bytes]) -> None:
    frames = _cartoon()
    frames[3] = frames[2]
    content = make(frames, [FRAME_MS] * film_limits.FRAMES, "settings")
    assert worst_psnr(read_film(content), frames) > (40 if make is gif_bytes else 30)
    assert content == make(frames, [FRAME_MS] * film_limits.FRAMES, "settings")


def _gif_frames(content: bytes) -> list[tuple[int, np.ndarray]]:
    """(how long it is shown in ms, its pixels) of each."""
    found: list[tuple[int, np.ndarray]] = []
    with Image.open(BytesIO(content)) as image:
        assert image.info["loop"] == 0
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            found.append((image.info["duration"], np.asarray(image.convert("RGB"))))
    return found


def test_a_gif_keeps_flat_areas_flat_and_few_colours_exact() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (film_limits.FRAMES, 25, 3))
    frames = np.repeat(colours, 40, 1).reshape(film_limits.FRAMES, 25, 40, 3).astype(np.uint8)
    found = _gif_frames(gif_bytes(frames, [FRAME_MS] * film_limits.FRAMES, ""))
    assert np.array_equal(np.stack([pixels for _, pixels in found]), frames)
    sky = [pixels[:10, :10] for _, pixels in _gif_frames(gif_bytes(_cartoon(), [80] * 8, ""))]
    assert np.array_equal(np.stack(sky), _cartoon()[:, :10, :10])


def test_a_gif_keeps_its_time_where_frames_are_equal_or_times_are_not_whole() -> None:
    frames = np.stack([numbered(i) for i in (1, 2, 2, 2, 3)])
    found = _gif_frames(gif_bytes(frames, [33] * 5, ""))
    assert [duration_ms for duration_ms, _ in found] == [30, 100, 30]
    still = gif_bytes(frames[:1].repeat(8, 0), [250] * 8, "")
    assert [duration_ms for duration_ms, _ in _gif_frames(still)] == [2000]


def test_a_gif_of_noise_is_there_at_once() -> None:
    """A stopped run holds the model until its files are there."""
    noise = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3)).astype(np.uint8)
    began_s = time.process_time()
    content = gif_bytes(noise, [FRAME_MS] * 8, "")
    assert time.process_time() - began_s < 1.5
    assert worst_psnr(read_film(content), noise) > 22
