"""Pictures as people bring them: odd notes, deep greys, colour profiles, too large, no pictures."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.page import build_page, serve
from app.session import Session
from engine.media.images import MAX_PIXELS, only_known_formats, read_picture
from tests.fake_engine import FakeEngine

HERE = Path(__file__).with_name("pictures")
CORNERS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


def corners(picture: np.ndarray) -> np.ndarray:
    return picture[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)


@pytest.mark.parametrize(
    "name",
    ["upright.png", "bigicc.png", "bigtext_itxt.png", "bigtext_ztxt.png", "exif_srat-10.jpg"],
)
def test_it_stands_upright_whatever_its_notes_say(name: str) -> None:
    picture = read_picture(HERE / name)
    assert picture.shape == (64, 96, 3)
    assert np.abs(corners(picture) - CORNERS).max() <= 2


@pytest.mark.parametrize("file", sorted(HERE.glob("exifkind_*")), ids=lambda f: f.stem)
def test_notes_that_cannot_be_written_again_do_no_harm(file: Path) -> None:
    assert read_picture(file).shape == (64, 96, 3)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_bytes_may_stand_in_the_notes() -> None:
    """2,000 EXIF blocks: whole ones with one entry of any type, and bytes at random."""
    rng = np.random.default_rng(0)
    picture = Image.new("RGB", (12, 8), (200, 30, 40))
    for i in range(2000):
        body = rng.bytes(int(rng.integers(0, 40)))
        entry = struct.pack("<HHII", 0x0112, rng.integers(0, 14), rng.integers(0, 9), i)
        exif = b"II*\0\x08\0\0\0" + struct.pack("<H", rng.integers(0, 4)) + entry + body
        buffer = BytesIO()
        picture.save(buffer, "JPEG", exif=b"Exif\0\0" + (exif if i % 2 else body))
        assert sorted(read_picture(buffer.getvalue()).shape[:2]) == [8, 12]


def test_deep_greys_keep_their_steps(tmp_path: Path) -> None:
    wanted = np.arange(256)
    for name in ("grey16.png", "grey16.tif"):
        found = read_picture(HERE / name).astype(int)
        assert np.abs(found[0, :, 0] - wanted).max() <= 1, name
    Image.fromarray((wanted * 257).astype(np.int32)[None].repeat(4, 0)).save(tmp_path / "i32.tif")
    Image.fromarray((wanted / 255).astype(np.float32)[None].repeat(4, 0)).save(tmp_path / "f.tif")
    for name in ("i32.tif", "f.tif"):
        assert np.abs(read_picture(tmp_path / name)[0, :, 0] - wanted).max() <= 1, name


def test_a_transparent_grey_is_white() -> None:
    """Black is the transparent one of this file."""
    assert read_picture(HERE / "g16_trns.png")[0, 0].tolist() == [255, 255, 255]


def test_a_colour_profile_is_applied() -> None:
    picture = read_picture(HERE / "icc_swapped_green_is_red.png")
    assert np.abs(picture.astype(int) - [230, 0, 0]).max() <= 3


def test_a_large_photograph_is_scaled_down() -> None:
    buffer = BytesIO()
    Image.new("RGB", (8064, 6048), (200, 10, 12)).save(buffer, "JPEG")
    height, width, _ = read_picture(buffer.getvalue()).shape
    assert 1000 < height < width <= 4096
    assert abs(width / height - 8064 / 6048) < 0.01


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [60_000, 10_001])
def test_what_is_too_large_is_never_decoded(side: int) -> None:
    """The pixels of this PNG are not even there."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    with pytest.raises(ValueError, match=f"over {MAX_PIXELS // 10**6} million pixels"):
        read_picture(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.fixture
def formats() -> Iterator[list[str]]:
    kept = list(Image.ID)
    yield kept
    Image.ID[:] = kept


def test_nothing_starts_a_program(formats: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """EPS is drawn by Ghostscript: neither the reader nor the page's components open it."""
    assert "EPS" in formats
    with pytest.raises(ValueError, match="is not a picture that can be read"):
        read_picture(EPS)
    Image.open(BytesIO(EPS)).close()
    only_known_formats()
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(BytesIO(EPS))
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "WEBP")
    assert Image.open(buffer).format == "WEBP"


def test_the_page_opens_known_formats_alone(
    formats: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(FakeEngine())  # pyright: ignore[reportArgumentType]
    page = build_page(session, None)
    serve(page, session, "127.0.0.1", None)
    page.close()
    assert "EPS" in formats and "EPS" not in Image.ID
