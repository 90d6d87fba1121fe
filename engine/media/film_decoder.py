"""Frames of a film by PyAV: from a container's packets to eight upright pictures.

Owns: `decoded_frames`, `is_cover`. Does not own: the moments to look at, and the limits of the work
(`engine.media.film_limits`).
"""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.media import film_limits
from engine.media.film_limits import (
    DRAWN_COST,
    FRAME_PIXELS,
    LONGEST_SIDE_PX,
    Timing,
    still,
    too_large,
    too_long,
    unreadable,
)
from engine.media.images import upright_rgb

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DRAWN = ("gif", "apng")
"""Containers of whole pictures."""
KNOWN = {"format_whitelist": "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,gif,apng"}
"""Containers that are opened: no play lists, which name other files, and no streams."""
STILL_BRANDS = ("avif", "avis", "heic", "heix", "mif1")
"""The pictures of phones, which are MP4 files inside."""


def decoded_frames(file: Path | bytes, name: str) -> list[Image.Image]:
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
                raise ValueError(too_long(name))
            return _seen(container, stream, timing, wanted)
    except (FFmpegError, OSError, IndexError):
        return []


def _moving(container: "InputContainer", name: str) -> "VideoStream":
    """The stream with the film's pictures; the cover of a recording is none."""
    if container.metadata.get("major_brand") in STILL_BRANDS:
        raise ValueError(still(name))
    for stream in container.streams.video:
        if is_cover(stream):
            continue
        if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ValueError(unreadable(name))  # written by a codec that is not known here
        if stream.width * stream.height > FRAME_PIXELS:
            raise ValueError(too_large(name))
        return stream
    if container.streams.audio:
        raise ValueError(f"{name} has no picture: give it as a recording")
    raise ValueError(unreadable(name))


def is_cover(stream: "VideoStream") -> bool:
    """Return whether a stream is the cover of a recording."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _timing(container: "InputContainer", stream: "VideoStream", name: str) -> Timing | None:
    """None where there are no frames. Durations and indices in a header are not believed."""
    from av.error import FFmpegError

    times, lasting, keys = array("q"), array("q"), list[tuple[int, int]]()
    with suppress(FFmpegError):
        for packet in container.demux(stream):
            time = _time(packet)
            if time is None or packet.is_corrupt or packet.is_discard:
                continue
            if len(times) == film_limits.MOST_PACKETS:
                raise ValueError(too_long(name))
            times.append(time)
            lasting.append(packet.duration or 0)
            if packet.is_keyframe:
                keys.append((time, time if packet.dts is None else min(time, packet.dts)))
    if not times:
        return None
    lasts = lasting[int(np.argmax(times))]
    in_order = sorted(times)
    end = in_order[-1] + (lasts or in_order[-1] - in_order[-2:][0] or 1)
    return Timing(in_order, sorted(keys) or [(in_order[0], in_order[0])], end)


def _time(shown: "Packet | VideoFrame") -> int | None:
    return shown.dts if shown.pts is None else shown.pts


def _seen(
    container: "InputContainer", stream: "VideoStream", timing: Timing, wanted: list[int]
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
