"""Films for tests, as programs and browsers write them.

Every frame of a numbered film bears its number, so that a test can say which frames were seen.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from PIL import Image

from engine.media.film_limits import FRAMES
from tests.engine.media.test_audio import _film as _sound_film

BITS, HIGH = 8, 32
WIDE = 16 * BITS


def numbered(number: int) -> np.ndarray:
    """Its bits from left to right: bright is one."""
    bits = [200 * (number >> bit & 1) for bit in range(BITS)]
    return np.broadcast_to(np.repeat(bits, 16)[None, :, None], (HIGH, WIDE, 3)).astype(np.uint8)


def numbers_in(frames: np.ndarray) -> list[int]:
    """The numbers of frames that were read."""
    assert frames.dtype == np.uint8
    assert frames.shape == (FRAMES, HIGH, WIDE, 3)
    bits = frames[:, HIGH // 2, 8::16, 0] > 100
    return (bits @ (1 << np.arange(BITS))).tolist()


class _Pipe(io.RawIOBase):
    """A place like that of a browser's recorder: there is no way back to fill in a header."""

    def __init__(self) -> None:
        self.content = io.BytesIO()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, content: Any) -> int:
        return self.content.write(content)


def film_of(
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
    pictures = [numbered(i) for i in range(frames)] if isinstance(frames, int) else frames
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


def animation_of(
    form: str, pictures: Sequence[Image.Image], duration_ms: object, **more: Any
) -> bytes:
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, form, save_all=True, append_images=pictures[1:], duration=duration_ms, **more
    )
    return buffer.getvalue()


def drawn_film(form: str, durations_ms: list[int]) -> bytes:
    """A numbered animation."""
    pictures = [Image.fromarray(numbered(i)) for i in range(len(durations_ms))]
    return animation_of(form, pictures, durations_ms)


def worst_psnr(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape
    errors = np.square(first.astype(float) - second).mean((1, 2, 3))
    return float(10 * np.log10(255**2 / errors.max()))


def recording_with_cover() -> bytes:
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
