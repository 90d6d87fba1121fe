"""Eight moments of a film come in upright and opaque, whatever the file.

Every frame of the test films bears its number, so that a test can say which frames were seen.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from engine.media import film_decoder, film_limits
from engine.media.film_limits import FRAMES
from engine.media.video import held_in, read_film
from flow.modality import Modality
from tests.engine.media.test_audio import _film as _sound_film
from tests.engine.media.test_audio import _wav

BITS, HIGH = 8, 32
WIDE = 16 * BITS
MIDDLES_OF_24 = [1, 4, 7, 10, 13, 16, 19, 22]
PICTURE = "is a picture, not a film: give it as a picture"
UNREADABLE = "is not a film that can be read: use an MP4, MOV, WebM or GIF file"


def _numbered(number: int) -> np.ndarray:
    """Its bits from left to right: bright is one."""
    bits = [200 * (number >> bit & 1) for bit in range(BITS)]
    return np.broadcast_to(np.repeat(bits, 16)[None, :, None], (HIGH, WIDE, 3)).astype(np.uint8)


def _numbers(frames: np.ndarray) -> list[int]:
    """The numbers of frames that were read."""
    assert frames.dtype == np.uint8
    assert frames.shape == (FRAMES, HIGH, WIDE, 3)
    bits = frames[:, HIGH // 2, 8::16, 0] > 100
    return (bits @ (1 << np.arange(BITS))).tolist()


class _Pipe(io.RawIOBase):
    """Where a browser's recorder writes to: there is no way back to fill in a header."""

    def __init__(self) -> None:
        self.content = io.BytesIO()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, content: Any) -> int:
        return self.content.write(content)


def _film(
    frames: Sequence[np.ndarray] | int = 24,
    form: str = "mp4",
    codec: str = "libx264",
    *,
    rate: int = 8,
    times_ms: Sequence[int] | None = None,
    live: bool = False,
    pixels: str = "yuv420p",
    turn: tuple[int, bool] | None = None,
    aspect: Fraction | None = None,
    **options: str,
) -> bytes:
    """A film of frames, or of so many numbered ones, as PyAV writes it."""
    pictures = [_numbered(i) for i in range(frames)] if isinstance(frames, int) else frames
    out = _Pipe() if live else io.BytesIO()
    written = {"movflags": "frag_keyframe+empty_moov"} if live and form in ("mp4", "mov") else {}
    with av.open(out, "w", format=form, options=written) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(pictures):
            kind = "rgba" if picture.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(picture, format=kind)
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[i], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return (out.content if isinstance(out, _Pipe) else out).getvalue()


def _animation(
    form: str, pictures: Sequence[Image.Image], duration_ms: object, **more: Any
) -> bytes:
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, form, save_all=True, append_images=pictures[1:], duration=duration_ms, **more
    )
    return buffer.getvalue()


def _drawn(form: str, durations_ms: list[int]) -> bytes:
    """A numbered animation."""
    pictures = [Image.fromarray(_numbered(i)) for i in range(len(durations_ms))]
    return _animation(form, pictures, durations_ms)


def _worst_psnr(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape
    errors = np.square(first.astype(float) - second).mean((1, 2, 3))
    return float(10 * np.log10(255**2 / errors.max()))


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
    content = _film(24, form, codec, live=live, **options)
    if live and form == "webm":
        with av.open(io.BytesIO(content)) as file:
            assert file.duration is None
    assert _numbers(read_film(content)) == MIDDLES_OF_24


@pytest.mark.parametrize("form", ["mp4", "matroska"])
@pytest.mark.parametrize("start_ms", [0, 5000])
def test_time_counts_and_not_the_number_of_frames(form: str, start_ms: int) -> None:
    """Ten quick frames, then two that last."""
    times_ms = [start_ms + t for t in (*range(0, 100, 10), 100, 500)]
    seen = _numbers(read_film(_film(12, form, times_ms=times_ms)))
    assert seen == [3, 10, 10, 10, 10, 10, 11, 11]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animated_pictures_are_films(form: str) -> None:
    assert _numbers(read_film(_drawn(form, [50] * 24))) == MIDDLES_OF_24
    assert _numbers(read_film(_drawn(form, [400, 50, 50, 300]))) == [0, 0, 0, 0, 2, 3, 3, 3]


@pytest.mark.parametrize("make", [lambda n: _film(n), lambda n: _drawn("GIF", [80] * n)])
def test_a_short_film_repeats_its_frames(make: Callable[[int], bytes]) -> None:
    assert _numbers(read_film(make(2))) == [0] * 4 + [1] * 4
    assert _numbers(read_film(make(3))) == [0, 0, 0, 1, 1, 2, 2, 2]
    assert _numbers(read_film(_film(1))) == [0] * 8


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("form", ["mp4", "mov", "matroska"])
def test_a_film_is_turned_upright(form: str, degrees: int, flipped: bool) -> None:
    """As by a phone that was held so, and by its camera that sees its owner."""
    camera = np.full((32, 48, 3), 40, np.uint8)
    camera[:16, :24] = 220
    upright = np.rot90(camera, degrees // 90)
    upright = upright[:, ::-1] if flipped else upright
    seen = read_film(_film([camera] * 4, form, turn=(degrees, flipped)))
    assert seen.shape[1:] == upright.shape
    assert _worst_psnr(seen, np.stack([upright] * FRAMES)) > 30


def test_large_frames_are_scaled_down_and_pixels_are_made_square() -> None:
    large = [np.full((256, 1024, 3), 90, np.uint8)] * 2
    assert read_film(_film(large)).shape == (FRAMES, 128, 512, 3)
    assert read_film(_film(large, turn=(90, False))).shape == (FRAMES, 512, 128, 3)
    two = [Image.new("RGB", (1024, 256), colour) for colour in ("red", "blue")]
    for form in ("GIF", "WEBP"):
        assert read_film(_animation(form, two, 80)).shape == (FRAMES, 128, 512, 3)
    assert read_film(_film([_numbered(0)], aspect=Fraction(2, 1))).shape == (8, HIGH, 2 * WIDE, 3)


def _half_clear(colour: tuple[int, int, int]) -> np.ndarray:
    """Clear on the left."""
    picture = np.empty((32, 32, 4), np.uint8)
    picture[..., :3] = colour
    picture[..., 3] = np.where(np.arange(32) < 16, 0, 255)
    return picture


CLEAR: dict[str, Callable[[list[np.ndarray]], bytes]] = {
    "vp8": lambda p: _film(p, "webm", "libvpx", pixels="yuva420p", **{"auto-alt-ref": "0"}),
    "vp9": lambda p: _film(p, "webm", "libvpx-vp9", pixels="yuva420p"),
    "prores": lambda p: _film(p, "mov", "prores_ks", pixels="yuva444p10le"),
    "animation": lambda p: _film(p, "mov", "qtrle", pixels="argb"),
    "gif": lambda p: _animation("GIF", [Image.fromarray(x) for x in p], 80, disposal=2),
    "webp": lambda p: _animation("WEBP", [Image.fromarray(x) for x in p], 80, lossless=True),
    "png": lambda p: _animation("PNG", [Image.fromarray(x) for x in p], 80),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_transparency_is_white(kind: str) -> None:
    seen = read_film(CLEAR[kind]([_half_clear((200, 30, 30)), _half_clear((30, 30, 200))]))
    assert seen[:, 4:28, 2:12].min() > 245
    for frames, colour in ((seen[:4], (200, 30, 30)), (seen[4:], (30, 30, 200))):
        assert np.abs(frames[:, 4:28, 20:30].astype(int) - colour).max() < 20


@pytest.mark.parametrize("form", ["webm", "GIF", "PNG"])
def test_a_broken_film_is_seen_as_far_as_it_goes(form: str) -> None:
    content = _film(24, form, "libvpx", g="5") if form == "webm" else _drawn(form, [80] * 24)
    seen = _numbers(read_film(content[: len(content) // 2]))
    assert seen == sorted(seen)
    assert 4 < seen[-1] < 20
    assert len(set(seen)) > 3


def test_a_film_is_seen_without_the_frames_that_are_damaged() -> None:
    content = bytearray(_film(24, "matroska", "mpeg4", g="1"))
    with av.open(io.BytesIO(bytes(content))) as file:
        packets = [p for p in file.demux(video=0) if p.size]
    content[(packets[7].pos or 0) + 4 :][: packets[7].size] = bytes(packets[7].size)
    middle = content.index(bytes(packets[7])[:40])
    content[middle : middle + packets[7].size] = bytes(packets[7].size)
    seen = _numbers(read_film(bytes(content)))
    assert [n for i, n in enumerate(seen) if i != 2] == [
        n for i, n in enumerate(MIDDLES_OF_24) if i != 2
    ]


def test_a_long_film_is_not_decoded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hours, a frame every ten seconds."""
    frame = np.zeros((16, 16, 3), np.uint8)
    content = _film([frame] * 720, preset="ultrafast", g="9", times_ms=range(0, 7_200_000, 10_000))
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
    keys, none = (_film(48, bf="0", g=g, sc_threshold="0") for g in ("5", "99"))
    exact = [3, 9, 15, 21, 27, 33, 39, 45]
    assert _numbers(read_film(keys)) == _numbers(read_film(none)) == exact
    monkeypatch.setattr(film_limits, "EXACT_PX", 8 * HIGH * WIDE)
    assert _numbers(read_film(keys)) == [5, 10, 15, 20, 25, 35, 40, 45]
    assert _numbers(read_film(none)) == exact
    monkeypatch.setattr(film_limits, "MOST_PX", 8 * HIGH * WIDE)
    assert _numbers(read_film(keys)) == [5, 10, 15, 20, 25, 35, 40, 45]
    for dear in (none, _drawn("GIF", [80] * 24), _drawn("WEBP", [80] * 24)):
        with pytest.raises(ValueError, match="the upload takes too long to look through: please"):
            read_film(dear)
    monkeypatch.setattr(film_limits, "MOST_PACKETS", 40)
    with pytest.raises(ValueError, match="the upload takes too long to look through: please"):
        read_film(keys)


def _jpeg_list() -> bytes:
    return _animation("MPO", [Image.new("RGB", (8, 8), c) for c in ("red", "blue")], 80)


def _covered() -> bytes:
    """A recording with a cover."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(_sound_film("mp4", codec="aac", pictures=False))) as recording,
        av.open(out, "w", format="mp4") as file,
    ):
        sound: Any = file.add_stream_from_template(recording.streams.audio[0])
        cover: Any = file.add_stream("png", rate=1, width=16, height=16, pix_fmt="rgb24")
        cover.disposition = Disposition.attached_pic
        for packet in recording.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                file.mux(packet)
        red = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 99, np.uint8), "rgb24")
        file.mux([*cover.encode(red), *cover.encode()])
    return out.getvalue()


def _still(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, form)
    return buffer.getvalue()


def _large() -> bytes:
    """A GIF that says so, in which little is drawn."""
    content = bytearray(_drawn("GIF", [80] * 2))
    content[6:10] = (8000).to_bytes(2, "little") + (5001).to_bytes(2, "little")
    return bytes(content)


NO_PICTURE = "has no picture: give it as a recording"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", UNREADABLE),
    "text": (lambda: b"hello, this is no film at all.\n" * 99, UNREADABLE),
    "noise": (lambda: np.random.default_rng(0).bytes(5000), UNREADABLE),
    "a play list": (lambda: b"#EXTM3U\n#EXTINF:1,\nfilm.mp4\n#EXT-X-ENDLIST\n", UNREADABLE),
    "cut mp4": (lambda: _film(8)[:-200], UNREADABLE),
    "cut webm": (lambda: _film(8, "webm", "libvpx")[:300], UNREADABLE),
    "cut gif": (lambda: _drawn("GIF", [80] * 3)[:20], UNREADABLE),
    "cut webp": (lambda: _drawn("WEBP", [80] * 3)[:200], UNREADABLE),
    "cut jpeg": (lambda: _still("JPEG")[:2], UNREADABLE),
    "unknown codec": (lambda: _film(8).replace(b"avc1", b"zzzz"), UNREADABLE),
    "wav": (lambda: _wav(np.zeros(999), 16_000), UNREADABLE),
    "png": (lambda: _still("PNG"), PICTURE),
    "png of one": (lambda: _animation("PNG", [Image.new("L", (9, 9))], 80), PICTURE),
    "jpeg": (lambda: _still("JPEG"), PICTURE),
    "jpeg of two": (_jpeg_list, PICTURE),
    "webp": (lambda: _still("WEBP"), PICTURE),
    "avif": (lambda: _still("AVIF"), PICTURE),
    "heic": (lambda: _film(1).replace(b"ftypisom", b"ftypheic"), PICTURE),
    "gif of one": (lambda: _still("GIF"), PICTURE),
    "a recording": (lambda: _sound_film("mp4", codec="aac", pictures=False), NO_PICTURE),
    "spoken": (lambda: _sound_film("webm", codec="libopus", pictures=False), NO_PICTURE),
    "with a cover": (_covered, NO_PICTURE),
    "large": (_large, "has over 40 million pixels a frame: please scale it down"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_seen_is_refused_with_one_sentence(case: str) -> None:
    make, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(f"the upload {sentence}")) as refused:
        read_film(make())
    assert "\n" not in str(refused.value)


def test_a_file_holds_what_can_be_seen_and_heard_in_it() -> None:
    seen, heard = Modality.VIDEO, Modality.AUDIO
    assert held_in(_film(2)) == {seen}
    assert held_in(_sound_film("mp4", codec="aac", pictures=True)) == {seen, heard}
    assert held_in(_sound_film("webm", codec="libopus", pictures=False)) == {heard}
    assert held_in(_covered()) == {heard}
    assert held_in(b"no film") == held_in(b"") == set()


@pytest.mark.parametrize("kind", ["missing", "folder", "text"])
def test_a_refusal_names_the_file(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    if kind == "folder":
        file.mkdir()
    if kind == "text":
        file.write_text("hello")
    sentence = "there is no file .*film.mp4" if kind == "missing" else f"film.mp4 {UNREADABLE}"
    with pytest.raises(ValueError, match=sentence):
        read_film(file)


@pytest.mark.parametrize(
    "listing", ["ffconcat version 1.0\nfile another.mp4\n", "#EXTM3U\nanother.mp4\n"]
)
def test_a_list_of_files_opens_none_of_them(listing: str, tmp_path: Path) -> None:
    """An upload must not lead to what lies beside it."""
    (tmp_path / "another.mp4").write_bytes(_film())
    file = tmp_path / "upload.mp4"
    file.write_text(listing)
    with pytest.raises(ValueError, match=f"upload.mp4 {UNREADABLE}"):
        read_film(file)


@pytest.mark.parametrize("name", ["film.mp4", "no-suffix", "12:30 süß.gif"])
def test_a_path_is_read_as_its_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content counts and not the name; a colon makes no address."""
    content = _film()
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for source in (tmp_path / name, str(tmp_path / name), name):
        assert np.array_equal(read_film(source), read_film(content))
