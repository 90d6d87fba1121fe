"""Eight moments of a film come in upright and opaque, whatever the file."""

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from engine.media import film_decoder, film_limits
from engine.media.film_limits import FRAMES
from engine.media.video import held_in, read_film
from flow.modality import Modality
from tests.engine.media.films import (
    HIGH,
    WIDE,
    animation_of,
    drawn_film,
    film_of,
    numbered,
    numbers_in,
    recording_with_cover,
    worst_psnr,
)
from tests.engine.media.test_audio import _film as _sound_film

MIDDLES_OF_24 = [1, 4, 7, 10, 13, 16, 19, 22]


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("mp4", "libx264", {}),
        ("mp4", "libx264", {"g": "2", "bf": "3"}),
        ("mp4", "libx264", {"g": "6", "bf": "2", "x264-params": "open-gop=1:scenecut=0"}),
        ("mp4", "mpeg4", {"g": "1"}),
        ("mov", "libx264", {"g": "5", "bf": "1"}),
        ("webm", "libvpx", {"g": "7"}),
        ("webm", "libvpx-vp9", {"deadline": "realtime"}),
        ("matroska", "libx264", {"g": "9", "bf": "3"}),
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_the_middles_of_the_eighths_are_seen(
    form: str, codec: str, options: dict[str, str], live: bool
) -> None:
    """Wherever the key frames are, and without a duration or an index too."""
    content = film_of(24, form, codec, live=live, **options)
    if live and form == "webm":
        with av.open(io.BytesIO(content)) as file:
            assert file.duration is None
    assert numbers_in(read_film(content)) == MIDDLES_OF_24


@pytest.mark.parametrize("form", ["mp4", "matroska"])
@pytest.mark.parametrize("start_ms", [0, 5000])
def test_time_counts_and_not_the_number_of_frames(form: str, start_ms: int) -> None:
    """Ten quick frames, then two that last."""
    times_ms = [start_ms + t for t in (*range(0, 100, 10), 100, 500)]
    seen = numbers_in(read_film(film_of(12, form, times_ms=times_ms)))
    assert seen == [3, 10, 10, 10, 10, 10, 11, 11]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animated_pictures_are_films(form: str) -> None:
    assert numbers_in(read_film(drawn_film(form, [50] * 24))) == MIDDLES_OF_24
    assert numbers_in(read_film(drawn_film(form, [400, 50, 50, 300]))) == [0, 0, 0, 0, 2, 3, 3, 3]


@pytest.mark.parametrize("make", [lambda n: film_of(n), lambda n: drawn_film("GIF", [80] * n)])
def test_a_short_film_repeats_its_frames(make: Callable[[int], bytes]) -> None:
    assert numbers_in(read_film(make(2))) == [0] * 4 + [1] * 4
    assert numbers_in(read_film(make(3))) == [0, 0, 0, 1, 1, 2, 2, 2]
    assert numbers_in(read_film(film_of(1))) == [0] * 8


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("form", ["mp4", "mov", "matroska"])
def test_a_film_is_turned_upright(form: str, degrees: int, flipped: bool) -> None:
    """As by a phone that was held so, and by its camera that sees its owner."""
    camera = np.full((32, 48, 3), 40, np.uint8)
    camera[:16, :24] = 220
    upright = np.rot90(camera, degrees // 90)
    upright = upright[:, ::-1] if flipped else upright
    seen = read_film(film_of([camera] * 4, form, turn=(degrees, flipped)))
    assert seen.shape[1:] == upright.shape
    assert worst_psnr(seen, np.stack([upright] * FRAMES)) > 30


def test_large_frames_are_scaled_down_and_pixels_are_made_square() -> None:
    large = [np.full((256, 1024, 3), 90, np.uint8)] * 2
    assert read_film(film_of(large)).shape == (FRAMES, 128, 512, 3)
    assert read_film(film_of(large, turn=(90, False))).shape == (FRAMES, 512, 128, 3)
    two = [Image.new("RGB", (1024, 256), colour) for colour in ("red", "blue")]
    for form in ("GIF", "WEBP"):
        assert read_film(animation_of(form, two, 80)).shape == (FRAMES, 128, 512, 3)
    assert read_film(film_of([numbered(0)], aspect=Fraction(2, 1))).shape == (8, HIGH, 2 * WIDE, 3)


def _half_clear(colour: tuple[int, int, int]) -> np.ndarray:
    """Clear on the left."""
    picture = np.empty((32, 32, 4), np.uint8)
    picture[..., :3] = colour
    picture[..., 3] = np.where(np.arange(32) < 16, 0, 255)
    return picture


CLEAR: dict[str, Callable[[list[np.ndarray]], bytes]] = {
    "vp8": lambda p: film_of(p, "webm", "libvpx", pixels="yuva420p", **{"auto-alt-ref": "0"}),
    "vp9": lambda p: film_of(p, "webm", "libvpx-vp9", pixels="yuva420p"),
    "prores": lambda p: film_of(p, "mov", "prores_ks", pixels="yuva444p10le"),
    "animation": lambda p: film_of(p, "mov", "qtrle", pixels="argb"),
    "gif": lambda p: animation_of("GIF", [Image.fromarray(x) for x in p], 80, disposal=2),
    "webp": lambda p: animation_of("WEBP", [Image.fromarray(x) for x in p], 80, lossless=True),
    "png": lambda p: animation_of("PNG", [Image.fromarray(x) for x in p], 80),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_transparency_is_white(kind: str) -> None:
    seen = read_film(CLEAR[kind]([_half_clear((200, 30, 30)), _half_clear((30, 30, 200))]))
    assert seen[:, 4:28, 2:12].min() > 245
    for frames, colour in ((seen[:4], (200, 30, 30)), (seen[4:], (30, 30, 200))):
        assert np.abs(frames[:, 4:28, 20:30].astype(int) - colour).max() < 20


@pytest.mark.parametrize("form", ["webm", "GIF", "PNG"])
def test_a_broken_film_is_seen_as_far_as_it_goes(form: str) -> None:
    content = film_of(24, form, "libvpx", g="5") if form == "webm" else drawn_film(form, [80] * 24)
    seen = numbers_in(read_film(content[: len(content) // 2]))
    assert seen == sorted(seen)
    assert 4 < seen[-1] < 20
    assert len(set(seen)) > 3


def test_a_film_is_seen_without_the_frames_that_are_damaged() -> None:
    content = bytearray(film_of(24, "matroska", "mpeg4", g="1"))
    with av.open(io.BytesIO(bytes(content))) as file:
        packets = [p for p in file.demux(video=0) if p.size]
    content[(packets[7].pos or 0) + 4 :][: packets[7].size] = bytes(packets[7].size)
    middle = content.index(bytes(packets[7])[:40])
    content[middle : middle + packets[7].size] = bytes(packets[7].size)
    seen = numbers_in(read_film(bytes(content)))
    assert [n for i, n in enumerate(seen) if i != 2] == [
        n for i, n in enumerate(MIDDLES_OF_24) if i != 2
    ]


def test_a_long_film_is_not_decoded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hours, a frame every ten seconds."""
    frame = np.zeros((16, 16, 3), np.uint8)
    content = film_of(
        [frame] * 720, preset="ultrafast", g="9", times_ms=range(0, 7_200_000, 10_000)
    )
    decoded: list[object] = []
    plain = film_decoder._decoded

    def counted(*asked: Any) -> Iterator[Any]:
        for one in plain(*asked):
            decoded.append(one)
            yield one

    monkeypatch.setattr(film_decoder, "_decoded", counted)
    assert read_film(content).shape == (FRAMES, 16, 16, 3)
    assert len(decoded) <= FRAMES * (9 + 2)


def test_what_is_dear_is_taken_from_the_key_frames_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys, none = (film_of(48, bf="0", g=g, sc_threshold="0") for g in ("5", "99"))
    exact = [3, 9, 15, 21, 27, 33, 39, 45]
    assert numbers_in(read_film(keys)) == numbers_in(read_film(none)) == exact
    monkeypatch.setattr(film_limits, "EXACT_PX", 8 * HIGH * WIDE)
    assert numbers_in(read_film(keys)) == [5, 10, 15, 20, 25, 35, 40, 45]
    assert numbers_in(read_film(none)) == exact
    monkeypatch.setattr(film_limits, "MOST_PX", 8 * HIGH * WIDE)
    assert numbers_in(read_film(keys)) == [5, 10, 15, 20, 25, 35, 40, 45]
    for dear in (none, drawn_film("GIF", [80] * 24), drawn_film("WEBP", [80] * 24)):
        with pytest.raises(ValueError, match="the upload takes too long to look through: please"):
            read_film(dear)
    monkeypatch.setattr(film_limits, "MOST_PACKETS", 40)
    with pytest.raises(ValueError, match="the upload takes too long to look through: please"):
        read_film(keys)


def test_a_file_holds_what_can_be_seen_and_heard_in_it() -> None:
    seen, heard = Modality.VIDEO, Modality.AUDIO
    assert held_in(film_of(2)) == {seen}
    assert held_in(_sound_film("mp4", codec="aac", pictures=True)) == {seen, heard}
    assert held_in(_sound_film("webm", codec="libopus", pictures=False)) == {heard}
    assert held_in(recording_with_cover()) == {heard}
    assert held_in(b"no film") == held_in(b"") == set()


@pytest.mark.parametrize("name", ["film.mp4", "no-suffix", "12:30 süß.gif"])
def test_a_path_is_read_as_its_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content counts and not the name; a colon makes no address."""
    content = film_of()
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for source in (tmp_path / name, str(tmp_path / name), name):
        assert np.array_equal(read_film(source), read_film(content))
