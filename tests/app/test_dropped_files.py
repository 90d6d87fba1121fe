"""A file that is dropped in is a film, a picture or a sound by what it holds, or one sentence."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.chat.attachments import read_message
from app.forms.example_prompts import ABOUT_A_FILM, ABOUT_A_PICTURE
from app.forms.parse import InputError, beside, read_file
from engine.api.request import Modality
from engine.media.images import mp4_bytes
from tests.fake_scenes import film

FILM = film("a red car moving to the left", 0)
RATE = 48_000
LETTERS = {Modality.VIDEO: "film", Modality.IMAGE: "picture", Modality.AUDIO: "sound"}


def webm(*, pictures: bool, sound: bool) -> bytes:
    """A second as a browser records it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as file:
        video = file.add_stream("libvpx", rate=8) if pictures else None
        audio = file.add_stream("libopus", rate=RATE, layout="mono") if sound else None
        if video is not None:
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            shown = [av.VideoFrame.from_ndarray(f[::2, ::2].copy(), "rgb24") for f in FILM]
            for frame in (*shown, None):
                file.mux(video.encode(frame))
        if audio is not None:
            tone = 0.3 * np.sin(np.arange(RATE) / 9, dtype=np.float32)
            whole = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
            whole.sample_rate, whole.pts = RATE, 0
            for piece in (whole, None):
                file.mux(audio.encode(piece))
    return buffer.getvalue()


def pictures(form: str, num: int) -> bytes:
    """So many frames as a picture of that format."""
    frames = [Image.fromarray(frame[::2, ::2]) for frame in FILM[:num]]
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:], "duration": 250} if num > 1 else {}
    frames[0].save(buffer, form, **more)
    return buffer.getvalue()


CONTENTS = {
    "film.mp4": (mp4_bytes(FILM, 4, ""), "film"),
    "silent.webm": (webm(pictures=True, sound=False), "film"),
    "sounding.webm": (webm(pictures=True, sound=True), "film"),
    "voice.webm": (webm(pictures=False, sound=True), "sound"),
    "voice.mp4": (webm(pictures=False, sound=True), "sound"),
    "upright.mov": (mp4_bytes(FILM, 4, ""), "film"),
    "moves.gif": (pictures("GIF", 8), "film"),
    "moves.png": (pictures("PNG", 8), "film"),
    "moves.webp": (pictures("WEBP", 8), "film"),
    "still.gif": (pictures("GIF", 1), "picture"),
    "still.png": (pictures("PNG", 1), "picture"),
    "still.webp": (pictures("WEBP", 1), "picture"),
    "still.jpg": (pictures("JPEG", 1), "picture"),
    "twin.jpg": (pictures("MPO", 2), "picture"),
    "pages.tiff": (pictures("TIFF", 2), "picture"),
    "SHOUTED.GIF": (pictures("GIF", 8), "film"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_is_what_it_holds(tmp_path: Path, name: str) -> None:
    content, kind = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    part = read_file(tmp_path / name)
    assert LETTERS[part.modality] == kind
    if part.video is not None:
        side = part.video.shape[1]
        wanted = FILM[:, :: 128 // side, :: 128 // side]
        assert np.abs(part.video.astype(int) - wanted).mean() < 8, "frames in their order"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sounding.webm", "sound"),
        ("voice.webm", "sound"),
        ("moves.gif", "picture"),
        ("moves.webp", "picture"),
        ("still.png", "picture"),
    ],
)
def test_where_films_are_not_watched_they_are_their_picture_or_sound(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).write_bytes(CONTENTS[name][0])
    assert LETTERS[read_file(tmp_path / name, films=False).modality] == kind


@pytest.mark.parametrize("name", ["film.mp4", "silent.webm"])
def test_a_film_for_a_checkpoint_without_films_is_a_sentence(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(CONTENTS[name][0])
    with pytest.raises(InputError, match="does not watch films") as refused:
        read_message({"text": "what is this?", "files": [str(file)]}, films=False)
    assert refused.value.control == "prompt"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.mp4", b"no film", "X.mp4 is not a film that can be read: use an MP4, MOV, WebM or GIF"),
        ("x.mov", b"", "X.mov is not a film that can be read"),
        ("x.mp4", CONTENTS["film.mp4"][0][:200], "not a film that can be read"),
        ("x.webm", b"no film", "not a sound that can be read"),
        ("x.gif", b"GIF89a but no more", "not a picture that can be read"),
        ("x.webp", CONTENTS["moves.webp"][0][:60], "not a picture that can be read"),
    ],
)
def test_a_broken_file_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as refused, beside("prompt"):
        read_file(tmp_path / name)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_what_takes_too_long_is_not_taken_for_a_picture_or_a_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("EXACT_PX", "MOST_PX"):
        monkeypatch.setattr(f"engine.media.film_limits.{limit}", 1)
    for name in ("moves.gif", "moves.png", "moves.webp", "silent.webm", "sounding.webm"):
        (tmp_path / name).write_bytes(CONTENTS[name][0])
        with pytest.raises(ValueError, match="takes too long to look through"):
            read_file(tmp_path / name)


def test_a_film_without_words_is_asked_about(tmp_path: Path) -> None:
    film_file, picture_file = tmp_path / "film.mp4", tmp_path / "still.png"
    film_file.write_bytes(CONTENTS["film.mp4"][0])
    picture_file.write_bytes(CONTENTS["still.png"][0])
    text, (part,) = read_message({"text": " ", "files": [str(film_file)]})
    assert (text, part.modality) == (ABOUT_A_FILM, Modality.VIDEO)
    assert part.video is not None and part.video.shape == (8, 128, 128, 3)
    text, (part,) = read_message({"text": "which way?", "files": [str(film_file)]})
    assert (text, part.modality) == ("which way?", Modality.VIDEO)
    text, (part,) = read_message({"text": "", "files": [str(picture_file)]})
    assert (text, part.modality) == (ABOUT_A_PICTURE, Modality.IMAGE)
    assert read_message({"text": "hello", "files": None}) == ("hello", ())
