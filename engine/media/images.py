"""Files to arrays and back: the only place that opens media.

Pictures are uint8 "H W 3". Whatever cannot be read is a ValueError with one sentence.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from engine.media.audio import refuse_unreadable

Image.init()
KNOWN = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
FORMATS = tuple(name for name in KNOWN if name in Image.OPEN)
"""The formats that are ever tried."""
MAX_PIXELS, MANY_PIXELS, MANY_SIDE = 100_000_000, 12_000_000, 4096
"""Pixels of the largest picture that is read, and of one that is scaled down first."""
TOO_LARGE = "{} has over " + f"{MAX_PIXELS // 10**6} million pixels: please scale it down"
WIDE = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
PROFILED = ("RGB", "RGBA", "L", "CMYK")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""EXIF orientation -> what makes it upright."""
UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, struct.error,
)  # fmt: skip
"""Errors of Pillow for bytes that are no notes."""
EXIF_DESCRIPTION, EXIF_ORIENTATION = 0x010E, 0x0112
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
PngImagePlugin.MAX_TEXT_CHUNK = 2**25
"""Bytes of a PNG's notes and colour profile, unpacked: programs of this field note a lot."""
LOSSLESS_PX = 512
"""WebP pictures whose shorter side is at most so long are kept without loss."""
SETTLED = 32
"""A palette is good where fewer than one pixel in so many still changes its colour: within 0.1 dB
of the best one, in a tenth of a second."""


def only_known_formats() -> None:
    """Make Pillow open the formats of `FORMATS` and no others, whoever asks it: some of the others
    start programs."""
    Image.ID[:] = [name for name in Image.ID if name in FORMATS]


def read_picture(source: Path | str | bytes) -> np.ndarray:
    """The picture of a file or of its bytes, upright, in sRGB, transparency on white; one of more
    than `MANY_PIXELS` is scaled down. Raises: ValueError as `opened_picture`."""
    with opened_picture(source) as picture:
        return upright_rgb(picture)


@contextmanager
def opened_picture(source: Path | str | bytes) -> Iterator[Image.Image]:
    """Open a file of a picture, or its bytes. Raises: ValueError where there is no such file, it is
    not a picture, or it has over `MAX_PIXELS`; also what is found out while it is used."""
    name = "the upload" if isinstance(source, bytes) else Path(source).name
    refuse_unreadable(source)
    opened = BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(opened, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(TOO_LARGE.format(name))
            yield picture
    except Image.DecompressionBombError as error:
        raise ValueError(TOO_LARGE.format(name)) from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(
            f"{name} is not a picture that can be read: use a PNG, JPEG or WebP file"
        ) from error


def upright_rgb(picture: Image.Image) -> np.ndarray:
    """The pixels of an opened picture, uint8 "H W 3", as its camera says, on white."""
    turn = turn_of(picture)
    profile = picture.info.get("icc_profile")
    picture.draft("RGB", (MANY_SIDE, MANY_SIDE))
    seen = _in_bytes(picture)
    times = ceil((seen.width * seen.height / MANY_PIXELS) ** 0.5)
    seen = seen.reduce(times) if times > 1 else seen
    seen = _in_srgb(seen, profile).convert("RGBA")
    paper = Image.new("RGBA", seen.size, (255, 255, 255, 255))
    paper.alpha_composite(seen)
    whole = paper.convert("RGB")
    return np.asarray(whole if turn is None else whole.transpose(turn))


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """The turn that makes it upright, None where the notes of the file say none."""
    try:
        return TURNS.get(picture.getexif().get(EXIF_ORIENTATION, 1))
    except UNREADABLE:
        return None


def _in_bytes(picture: Image.Image) -> Image.Image:
    """A picture of 8 bits a channel: 16 and 32 bits are scaled, floats are 0 to 1."""
    if picture.mode not in WIDE:
        return picture
    grey = Image.fromarray(grey_levels(picture).round().clip(0, 255).astype(np.uint8))
    hidden = picture.info.get("transparency")
    if isinstance(hidden, int):
        kept = np.where(np.asarray(picture) == hidden, 0, 255).astype(np.uint8)
        grey.putalpha(Image.fromarray(kept))
    return grey


def grey_levels(picture: Image.Image) -> np.ndarray:
    """The shades of a picture in one of the modes of `WIDE`, float64 "H W", 0 to 255."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float64))
    top = 1.0 if picture.mode == "F" else 65535.0
    if picture.mode == "I" and values.max(initial=0) > top:
        top = 2.0**31 - 1
    return values / top * 255


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB; as they are where the profile cannot be used."""
    if not profile or picture.mode not in PROFILED:
        return picture
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    try:
        theirs = ImageCms.ImageCmsProfile(BytesIO(profile))
        ours = ImageCms.createProfile("sRGB")
        bare = picture.convert("RGB") if alpha else picture
        shown = ImageCms.profileToProfile(bare, theirs, ours, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    if shown is None:
        return picture
    if alpha:
        shown.putalpha(alpha)
    return shown


def fitted(
    picture: np.ndarray,
    side_px: int,
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> np.ndarray:
    """The middle square of a picture, scaled to side_px."""
    image = Image.fromarray(picture)
    if image.size != (side_px, side_px):
        image = ImageOps.fit(image, (side_px, side_px), resampling)
    return np.array(image)


def png_bytes(picture: np.ndarray, notes: dict[str, str] | None = None) -> bytes:
    """A lossless PNG with text notes (prompt, seed ..); the same input gives the same bytes."""
    info = PngInfo()
    for key, value in (notes or {}).items():
        info.add_itxt(key, value)
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def small_webp(picture: np.ndarray, side_px: int) -> bytes:
    """A WebP of a picture uint8 "H W 3", scaled down to a longest side; without loss where it is
    small."""
    shown = Image.fromarray(picture)
    shown.thumbnail((side_px, side_px))
    buffer = BytesIO()
    shown.save(buffer, format="WEBP", lossless=min(shown.size) <= LOSSLESS_PX, quality=90)
    return buffer.getvalue()


def exif_bytes(note: str) -> bytes:
    """A note as an EXIF description."""
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = note
    return exif.tobytes()


def jpeg_bytes(picture: np.ndarray, note: str) -> bytes:
    """A JPEG that loses next to nothing; the note is its EXIF description."""
    buffer = BytesIO()
    shown = Image.fromarray(picture)
    shown.save(buffer, format="JPEG", quality=95, subsampling=0, exif=exif_bytes(note))
    return buffer.getvalue()


def still_webp_bytes(picture: np.ndarray, note: str) -> bytes:
    """A lossless WebP; the note is its EXIF description."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", lossless=True, exif=exif_bytes(note))
    return buffer.getvalue()


def webp_bytes(frames: np.ndarray, durations_ms: list[int], note: str) -> bytes:
    """An animation of frames uint8 "N H W 3", for ever; the note is its EXIF description."""
    pictures = [Image.fromarray(frame) for frame in frames]
    buffer = BytesIO()
    pictures[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=durations_ms,
        loop=0,
        quality=88,
        exif=exif_bytes(note),
    )
    return buffer.getvalue()


def gif_bytes(
    frames: np.ndarray, durations_ms: list[int], note: str, coloured_as: np.ndarray | None = None
) -> bytes:
    """An animation of frames uint8 "N H W 3", for ever, in one palette of 255 colours without
    dithering; note: its comment; coloured_as: smaller frames whose palette is soon found and used.

    A GIF counts in 10 ms: every change comes at the nearest. A frame that equals the one before is
    not written, that one lasts longer.
    """
    own, plain = Image.Quantize.MEDIANCUT, Image.Dither.NONE
    tall = Image.fromarray(np.concatenate(frames if coloured_as is None else coloured_as))
    tall = tall.quantize(255, own, kmeans=tall.width * tall.height // SETTLED, dither=plain)
    if coloured_as is not None:
        tall = Image.fromarray(np.concatenate(frames)).quantize(palette=tall, dither=plain)
    height, width = frames.shape[1:3]
    pictures = [tall.crop((0, i * height, width, (i + 1) * height)) for i in range(len(frames))]
    changes = np.round(np.cumsum([0, *durations_ms]) / 10).astype(int) * 10
    buffer = BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=np.diff(changes).tolist(),
        loop=0,
        comment=note.encode(),
    )
    return buffer.getvalue()


def mp4_bytes(frames: np.ndarray, fps: int, note: str, preset: str = "medium") -> bytes:
    """H.264 of frames uint8 "N H W 3", which browsers play; note: its comment; preset: x264's.

    Raises: ValueError where a side is odd: the colours of H.264 stand for 2 x 2 pixels.
    """
    import av

    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(
            f"an MP4 file needs even sides, not {frames.shape[2]} x {frames.shape[1]} pixels"
        )
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        file.metadata["comment"] = note
        options = {"crf": "16", "preset": preset}
        stream = file.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    return buffer.getvalue()


def note_in(path: Path) -> str | None:
    """The settings that a PNG, WebP, GIF or MP4 of ours carries, or None.

    Raises: ValueError where the file cannot be read.
    """
    import av
    from av.error import FFmpegError

    noted: object = None
    try:
        if path.suffix.lower() == ".mp4":
            with av.open(str(path), format="mp4", metadata_errors="replace") as file:
                noted = file.metadata.get("comment")
        else:
            with Image.open(path, formats=FORMATS) as picture:
                noted = picture.info.get("settings") or picture.getexif().get(EXIF_DESCRIPTION)
                if picture.format == "GIF":
                    noted = picture.info.get("comment", b"").decode(errors="replace") or None
    except (*UNREADABLE, Image.DecompressionBombError, FFmpegError) as error:
        raise ValueError(f"{path.name} cannot be read: use a PNG, WebP, GIF or MP4 file") from error
    return noted if isinstance(noted, str) else None
