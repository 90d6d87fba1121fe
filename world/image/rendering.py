"""The exact rendering of a scene: sprites on a painted background.

Owns: `render`, `background_picture`. Does not own: scenes (`world.image.scenes`), sprites
(`world.concepts`).
"""

import numpy as np

from world.concepts import is_large
from world.image.backdrops import Backdrop, painted
from world.image.scenes import BACKGROUND_COLOURS, CELLS, IMAGE_PX, Background, Scene, picture_px
from world.image.sprites import sprite
from world.per_domain import per_domain


def render(scene: Scene, offset_px: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Render the scene, uint8 "side side 3", side the domain's. offset_px (x, y) shifts all objects
    off the lattice."""
    side_px = picture_px()
    canvas = background_picture(scene.background, side_px).copy()
    cell = side_px // CELLS
    for item in scene.items:
        side = item.cells * cell
        art = sprite(item.concept, item.colour, side)
        x, y = item.column * cell + offset_px[0], item.row * cell + offset_px[1]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, side_px), min(y + side, side_px)
        art = art[y0 - y : y1 - y, x0 - x : x1 - x]
        canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * (1 - art[..., 3:]) + art[..., :3]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


@per_domain
def background_picture(background: Background, side_px: int = IMAGE_PX) -> np.ndarray:
    """Return the empty background, float32 "side side 3" in [0, 1]; read-only. The places of the
    small domain have one size.

    """
    y = np.linspace(0, 1, side_px, dtype=np.float32)[:, None, None]
    if background.kind in ("plain", "gradient"):
        top, bottom = (_unit(BACKGROUND_COLOURS[c]) for c in (background.colours * 2)[:2])
        picture = np.broadcast_to(top * (1 - y) + bottom * y, (side_px, side_px, 3)).copy()
    elif is_large():
        picture = painted(Backdrop(background.kind), side_px).astype(np.float32) / 255
    else:
        picture = _PLACE_PAINTERS[background.kind](y)
    picture.setflags(write=False)
    return picture


def _unit(rgb: tuple[int, int, int]) -> np.ndarray:
    return np.asarray(rgb, np.float32) / 255


def _blend(y: np.ndarray, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> np.ndarray:
    tone = _unit(top) * (1 - y) + _unit(bottom) * y
    return np.broadcast_to(tone, (IMAGE_PX, IMAGE_PX, 3)).copy()


def _ellipse(
    picture: np.ndarray, centre: tuple[int, int], radii: tuple[int, int], rgb: tuple[int, int, int]
) -> None:
    yy, xx = np.mgrid[:IMAGE_PX, :IMAGE_PX].astype(np.float32)
    r = np.sqrt(((xx - centre[0]) / radii[0]) ** 2 + ((yy - centre[1]) / radii[1]) ** 2)
    cover = np.clip((1 - r) * min(radii), 0, 1)[..., None]
    picture[:] = picture * (1 - cover) + _unit(rgb) * cover


def _sky(y: np.ndarray) -> np.ndarray:
    picture = _blend(y, (92, 170, 244), (206, 234, 254))
    for x, h in ((24, 24), (96, 40), (56, 100)):
        _ellipse(picture, (x, h), (16, 7), (248, 252, 255))
        _ellipse(picture, (x + 10, h - 5), (11, 7), (248, 252, 255))
    return picture


def _grass(y: np.ndarray) -> np.ndarray:
    picture = _blend(y, (160, 214, 250), (222, 242, 252))
    horizon = IMAGE_PX // 2
    picture[horizon:] = _blend(y, (140, 206, 96), (78, 160, 66))[horizon:]
    return picture


def _sea(y: np.ndarray) -> np.ndarray:
    picture = _blend(y, (250, 214, 170), (254, 240, 214))
    horizon = IMAGE_PX * 3 // 8
    picture[horizon:] = _blend(y, (60, 150, 206), (24, 92, 164))[horizon:]
    for row, shift in ((64, 0), (88, 16), (112, 0)):
        for x in range(shift, IMAGE_PX, 32):
            _ellipse(picture, (x + 8, row), (8, 2), (146, 204, 236))
    return picture


def _night(y: np.ndarray) -> np.ndarray:
    picture = _blend(y, (16, 20, 58), (58, 50, 116))
    for x, h in (
        (20, 20),
        (52, 36),
        (84, 20),
        (116, 52),
        (36, 68),
        (100, 84),
        (68, 100),
        (12, 108),
    ):
        _ellipse(picture, (x, h), (2, 2), (254, 246, 200))
    return picture


def _room(y: np.ndarray) -> np.ndarray:
    picture = _blend(y, (246, 226, 200), (238, 210, 178))
    floor = IMAGE_PX * 3 // 4
    picture[floor:] = _blend(y, (190, 134, 90), (160, 104, 64))[floor:]
    picture[floor - 3 : floor] = _unit((252, 246, 236))
    return picture


_PLACE_PAINTERS = {"sky": _sky, "grass": _grass, "sea": _sea, "night": _night, "room": _room}
