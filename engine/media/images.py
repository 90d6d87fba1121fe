"""Files to arrays and back: the only place that opens media.

Pictures are uint8 "H W 3". Whatever cannot be read is a ValueError with one sentence.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

MAX_PIXELS = 40_000_000
EXIF_DESCRIPTION = 0x010E
SETTLED = 32
"""A palette is good where fewer than one pixel in so many still changes its colour: within 0.1 dB
of the best one, in a tenth of a second."""


def read_picture(source: Path | str | bytes) -> np.ndarray:
    """The picture of a file or of its bytes, upright, transparency on white.

    Raises: ValueError where there is no such file or it is not a picture.
    """
    name = "the upload" if isinstance(source, bytes) else Path(source).name
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(
                    f"{name} has over {MAX_PIXELS // 10**6} million pixels: please scale it down"
                )
            return upright_rgb(picture)
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {source}: check the path") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{name} is not a picture that can be read: use a PNG, JPEG or WebP file"
        ) from error


def upright_rgb(picture: Image.Image) -> np.ndarray:
    """The pixels of an opened picture, uint8 "H W 3", as its camera says, on white."""
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGBA", upright.size, (255, 255, 255, 255))
    paper.alpha_composite(upright)
    return np.asarray(paper.convert("RGB"))


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


def fitted_to(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A picture scaled to the height and width of another."""
    height, width = shape[:2]
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST))


def png_bytes(picture: np.ndarray, notes: dict[str, str] | None = None) -> bytes:
    """A lossless PNG with text notes (prompt, seed ..); the same input gives the same bytes."""
    info = PngInfo()
    for key, value in (notes or {}).items():
        info.add_itxt(key, value)
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", pnginfo=info)
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


def gif_bytes(frames: np.ndarray, durations_ms: list[int], note: str) -> bytes:
    """An animation of frames uint8 "N H W 3", for ever, in one palette of 255 colours without
    dithering; the note is its comment.

    A GIF counts in 10 ms: every change comes at the nearest. A frame that equals the one before is
    not written, that one lasts longer.
    """
    height, width = frames.shape[1:3]
    tall = Image.fromarray(np.concatenate(frames)).quantize(
        255,
        Image.Quantize.MEDIANCUT,
        kmeans=len(frames) * height * width // SETTLED,
        dither=Image.Dither.NONE,
    )
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


def mp4_bytes(frames: np.ndarray, fps: int, note: str) -> bytes:
    """H.264 of frames uint8 "N H W 3", which every browser plays; the note is the file's comment.

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
        stream = file.add_stream("libx264", rate=fps, options={"crf": "16"})
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
    try:
        if path.suffix.lower() == ".mp4":
            import av

            with av.open(str(path), format="mp4") as file:
                return file.metadata.get("comment")
        with Image.open(path) as picture:
            if picture.format == "GIF":
                return picture.info.get("comment", b"").decode(errors="replace") or None
            noted = picture.info.get("settings")
            return str(noted) if noted else picture.getexif().get(EXIF_DESCRIPTION)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise ValueError(f"{path.name} cannot be read: use a PNG, WebP, GIF or MP4 file") from error
