"""Films to frames and back: the only place that reads moving pictures.

Frames are uint8 "N H W 3". Whatever cannot be read or seen is a ValueError with one sentence. Owns:
what a file holds, which moments of a film are looked at, how much work that may be, and which way
is up. The sound of a film is read by engine/media/audio.py; films are written by
engine/media/images.py.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.media.images import MAX_PIXELS, upright_rgb
from flow.modality import Modality

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

FRAMES = 8
FRAMES_A_SECOND = 4
FRAME_MS = 1000 // FRAMES_A_SECOND
LONGEST_SIDE_PX = 512
EXACT_PX, MOST_PX = 5 * 10**8, 2 * 10**9
"""Pixels decoded to find the exact moments, and at all: 10**9 take 1 s (H.264) to 8 s (HEVC)."""
DRAWN, DRAWN_COST = ("gif", "apng"), 10
"""Containers of whole pictures, and how much slower than a film's their pixels are decoded."""
MOST_PACKETS = 500_000
"""Over four hours at 30 frames a second."""
KNOWN = {"format_whitelist": "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,gif,apng"}
"""Containers that are opened: no play lists, which name other files, and no streams."""
PICTURES = ("WEBP", "GIF", "PNG", "JPEG", "BMP", "TIFF")
STILL_BRANDS = ("avif", "avis", "heic", "heix", "mif1")
"""The pictures of phones, which are MP4 files inside."""
BROKEN = (OSError, EOFError, SyntaxError, IndexError, struct.error)
"""The exceptions that PIL raises for broken pictures."""


def read_film(source: Path | str | bytes) -> np.ndarray:
    """Eight frames of a film (MP4, MOV, WebM, MKV) or of an animated GIF, WebP or PNG, from a file
    or its bytes: uint8 "8 H W 3", upright, transparency on white, no side over 512 px.

    They are what is shown in the middle of each eighth of its duration, so a film of fewer frames
    repeats them. Where these are dear to find, because frames are large and few can be decoded
    by themselves, one of those few in the same eighth stands in. A broken film is read as far as
    it goes.

    Raises: ValueError where there is no such file, it is no film that can be read, it is a picture
    or only sound, or it is too large or too long to be looked through.
    """
    name = "the upload" if isinstance(source, bytes) else Path(source).name
    if not isinstance(source, bytes) and not Path(source).exists():
        raise ValueError(f"there is no file {source}: check the path")
    file = source if isinstance(source, bytes) else Path(source).absolute()
    frames = _film(file, name) or _picture(file, name)
    if not frames:
        raise ValueError(_unreadable(name))
    return np.stack([np.asarray(frame.resize(frames[0].size)) for frame in frames])


def sampled(frames: np.ndarray, num: int) -> np.ndarray:
    """So many of the frames "N H W 3" of a film: what is shown in the middle of each part, where it
    is cut into as many alike ones."""
    return frames[[(2 * i + 1) * len(frames) // (2 * num) for i in range(num)]]


def held_in(source: Path | str | bytes) -> set[Modality]:
    """Return which of VIDEO and AUDIO a film or a recording contains, however long or broken they
    are; cover art is not a film. Empty where it cannot be opened."""
    import av
    from av.error import FFmpegError

    file = BytesIO(source) if isinstance(source, bytes) else str(Path(source).absolute())
    try:
        with av.open(file, "r", metadata_errors="replace", options=KNOWN) as container:
            shown = any(not _is_cover(stream) for stream in container.streams.video)
            heard = bool(container.streams.audio)
    except (FFmpegError, OSError, IndexError):
        return set()
    return {m for m, there in ((Modality.VIDEO, shown), (Modality.AUDIO, heard)) if there}


def _unreadable(name: str) -> str:
    return f"{name} is not a film that can be read: use an MP4, MOV, WebM or GIF file"


def _still(name: str) -> str:
    return f"{name} is a picture, not a film: give it as a picture"


def _too_large(name: str) -> str:
    return f"{name} has over {MAX_PIXELS // 10**6} million pixels a frame: please scale it down"


def _too_long(name: str) -> str:
    return f"{name} takes too long to look through: please cut it or scale it down"


def _middles(start: int, end: int) -> list[int]:
    return [start + (end - start) * (2 * i + 1) // (2 * FRAMES) for i in range(FRAMES)]


def _picture(file: Path | bytes, name: str) -> list[Image.Image]:
    """The frames of an animated WebP; none where the file is no picture that can be read."""
    opened = BytesIO(file) if isinstance(file, bytes) else file
    try:
        with Image.open(opened, formats=PICTURES) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(_too_large(name))
            ends = _ends_ms(picture, name) if picture.format == "WEBP" else [0]
            if len(ends) == 1:
                raise ValueError(_still(name))
            shown = [bisect_right(ends, m) for m in _middles(0, ends[-1])] if ends else []
            found = {position: _small(picture, position) for position in sorted(set(shown))}
            return [found[position] for position in shown]
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(name)) from error
    except BROKEN:
        return []


def _ends_ms(picture: Image.Image, name: str) -> list[int]:
    """The end time of each frame of an animation, as far as they can be decoded."""
    ends: list[int] = []
    with suppress(*BROKEN):
        while True:
            picture.seek(len(ends))
            picture.load()
            if (len(ends) + 1) * picture.width * picture.height * DRAWN_COST > MOST_PX:
                raise ValueError(_too_long(name))
            ends.append(sum(ends[-1:]) + max(1, round(picture.info.get("duration", 0))))
    return ends


def _small(picture: Image.Image, position: int) -> Image.Image:
    picture.seek(position)
    frame = picture.convert("RGBA")
    frame.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    return Image.fromarray(upright_rgb(frame))


@dataclass(frozen=True)
class _Timing:
    """The frame times of a film, in its own time base, read from its packets without decoding.

    times: of every frame, sorted. keys: of those that can be decoded by themselves, each with the
    moment to seek for it. end: of the last frame.
    """

    times: list[int]
    keys: list[tuple[int, int]]
    end: int

    def key(self, time: int) -> tuple[int, int]:
        """The last key up to a time, or else the first."""
        return self.keys[max(0, bisect_right(self.keys, time, key=lambda k: k[0]) - 1)]

    def exact(self) -> list[int]:
        """The frames in the middles of the eighths."""
        middles = _middles(self.times[0], self.end)
        return [self.times[bisect_right(self.times, middle) - 1] for middle in middles]

    def cheap(self) -> list[int]:
        """The keys nearest to the middles, where there is one in the eighth."""
        found, start = self.exact(), self.times[0]
        for i, middle in enumerate(_middles(start, self.end)):
            nearest = min((time for time, _ in self.keys), key=lambda t: abs(t - middle))
            if (nearest - start) * FRAMES // (self.end - start) == i:
                found[i] = nearest
        return found

    def cost(self, wanted: list[int]) -> int:
        """The number of frames to decode for these, from the last key frame or the current one."""
        total = done = 0
        for time in wanted:
            position = bisect_left(self.times, time) + 1
            total += max(0, position - max(done, bisect_left(self.times, self.key(time)[0])))
            done = position
        return total

    def chosen(self, cost_px: int) -> list[int] | None:
        """The best moments that may be looked for where a frame costs so much, or None."""
        for most_px in (EXACT_PX, MOST_PX):
            for wanted in (self.exact(), self.cheap()):
                if self.cost(wanted) * cost_px <= most_px:
                    return wanted
        return None


def _film(file: Path | bytes, name: str) -> list[Image.Image]:
    """The frames of a film, GIF or animated PNG; none where it is none or cannot be read."""
    import av
    from av.error import FFmpegError

    opened = BytesIO(file) if isinstance(file, bytes) else str(file)
    try:
        with av.open(opened, "r", metadata_errors="replace", options=KNOWN) as container:
            stream = _moving(container, name)
            drawn = container.format.name in DRAWN
            timing = _timing(container, stream, name)
            if timing is None or (drawn and len(timing.times) == 1):
                return []
            wanted = timing.chosen(stream.width * stream.height * (DRAWN_COST if drawn else 1))
            if wanted is None:
                raise ValueError(_too_long(name))
            return _seen(container, stream, timing, wanted)
    except (FFmpegError, OSError, IndexError):
        return []


def _moving(container: "InputContainer", name: str) -> "VideoStream":
    """The stream with the film's pictures; the cover of a recording is none."""
    if container.metadata.get("major_brand") in STILL_BRANDS:
        raise ValueError(_still(name))
    for stream in container.streams.video:
        if _is_cover(stream):
            continue
        if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ValueError(_unreadable(name))  # written by a codec that is not known here
        if stream.width * stream.height > MAX_PIXELS:
            raise ValueError(_too_large(name))
        return stream
    if container.streams.audio:
        raise ValueError(f"{name} has no picture: give it as a recording")
    raise ValueError(_unreadable(name))


def _is_cover(stream: "VideoStream") -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _timing(container: "InputContainer", stream: "VideoStream", name: str) -> _Timing | None:
    """None where there are no frames. Durations and indices in a header are not believed."""
    from av.error import FFmpegError

    times, lasting, keys = array("q"), array("q"), list[tuple[int, int]]()
    with suppress(FFmpegError):
        for packet in container.demux(stream):
            time = _time(packet)
            if time is None or packet.is_corrupt or packet.is_discard:
                continue
            if len(times) == MOST_PACKETS:
                raise ValueError(_too_long(name))
            times.append(time)
            lasting.append(packet.duration or 0)
            if packet.is_keyframe:
                keys.append((time, time if packet.dts is None else min(time, packet.dts)))
    if not times:
        return None
    lasts = lasting[int(np.argmax(times))]
    in_order = sorted(times)
    end = in_order[-1] + (lasts or in_order[-1] - in_order[-2:][0] or 1)
    return _Timing(in_order, sorted(keys) or [(in_order[0], in_order[0])], end)


def _time(shown: "Packet | VideoFrame") -> int | None:
    return shown.dts if shown.pts is None else shown.pts


def _seen(
    container: "InputContainer", stream: "VideoStream", timing: _Timing, wanted: list[int]
) -> list[Image.Image]:
    """The frames of some moments; where one cannot be decoded, the nearest that can."""
    coder = _coder(stream)
    frames: Iterator[VideoFrame] = iter(())
    found: dict[int, Image.Image] = {}
    done: int | None = None
    for time in sorted(set(wanted)):
        key, moment = timing.key(time)
        if done is None or key > done:
            container.seek(moment, stream=stream)
            coder.flush_buffers()
            frames = _decoded(container, stream, coder)
        frame = _until(frames, time)
        if frame is not None:
            found[time] = _upright(frame, float(stream.sample_aspect_ratio or 1))
        done = time
    return [found[min(found, key=lambda t: abs(t - time))] for time in wanted] if found else []


def _coder(stream: "VideoStream") -> "VideoCodecContext":
    """The decoder. Only libvpx's own sees the transparency of a WebM."""
    from av.codec import CodecContext
    from av.video.codeccontext import VideoCodecContext

    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return stream.codec_context
    coder = CodecContext.create(name, "r")
    assert isinstance(coder, VideoCodecContext)
    return coder


def _decoded(
    container: "InputContainer", stream: "VideoStream", coder: "VideoCodecContext"
) -> Iterator["VideoFrame"]:
    from av.error import FFmpegError, InvalidDataError

    with suppress(FFmpegError):
        for packet in container.demux(stream):
            with suppress(InvalidDataError):
                yield from coder.decode(packet)


def _until(frames: Iterator["VideoFrame"], time: int) -> "VideoFrame | None":
    """The last frame up to a time, or else the first after it."""
    best: VideoFrame | None = None
    for frame in frames:
        shown = _time(frame)
        if best is None or shown is None or shown <= time:
            best = frame
        if shown is not None and shown >= time:
            break
    return best


def _upright(frame: "VideoFrame", aspect: float) -> Image.Image:
    """A frame scaled down, its pixels made square, turned as its film says, on white."""
    scale = min(1.0, LONGEST_SIDE_PX / max(frame.width * aspect, frame.height))
    small = frame.reformat(
        width=max(1, round(frame.width * aspect * scale)),
        height=max(1, round(frame.height * scale)),
        format="rgba",
        interpolation="AREA",
        threads=1,
    )
    pixels = small.to_ndarray()
    sides: Any = small.side_data  # not of the large frame: asked for, it keeps its frame in memory
    matrix = sides.get("DISPLAYMATRIX")
    if matrix is not None:
        (a, b, _), (c, d, _) = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2].tolist()
        lies = abs(b) > abs(a)
        across, down = (c, b) if lies else (a, d)
        pixels = pixels.transpose(1, 0, 2) if lies else pixels
        pixels = pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return Image.fromarray(upright_rgb(Image.fromarray(np.ascontiguousarray(pixels))))
