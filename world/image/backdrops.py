"""Backdrops behind the things of the larger world: fifteen places in five moods each,
plain colours and gradients, painted at any size.

Shapes are drawn with Pillow at twice the size and averaged down. Owns: `PLACES`, `Backdrop`,
`sample_backdrop`, `painted`. Does not own: what stands in front.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from world.image.drawings import hue_matrix

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]
MOODS = 5
"""Variants of each place: other positions of what lies about, another light."""
TINTS = ((0.0, 1.0, 1.0), (-12.0, 1.0, 0.92), (14.0, 0.9, 1.0), (0.0, 0.7, 0.8), (-25.0, 1.1, 0.96))
"""Hue in degrees, saturation and gain of each mood."""


@dataclass(frozen=True)
class Backdrop:
    """kind: a name of `PLACES` with its mood; or "plain" or "gradient" with colours top and
    bottom."""

    kind: str
    mood: int = 0
    colours: tuple[Colour, ...] = ()


def sample_backdrop(rng: np.random.Generator) -> Backdrop:
    """Half are places; colours are any, mostly light ones."""
    roll = rng.random()
    if roll < 0.5:
        return Backdrop(str(rng.choice(tuple(PLACES))), int(rng.integers(MOODS)))
    top, bottom = (_colour(rng) for _ in range(2))
    return Backdrop("plain", 0, (top,)) if roll < 0.8 else Backdrop("gradient", 0, (top, bottom))


def painted(backdrop: Backdrop, side_px: int) -> np.ndarray:
    """uint8 "side side 3"; callers must not write to it."""
    if backdrop.colours:
        top, bottom = (backdrop.colours * 2)[:2]
        return (_fade(top, bottom, side_px) + 0.5).astype(np.uint8)
    return _place(backdrop.kind, backdrop.mood, side_px)


@cache
def _place(kind: str, mood: int, side_px: int) -> np.ndarray:
    paper = Paper(2 * side_px, np.random.default_rng((len(kind), ord(kind[0]), mood)))
    PLACES[kind](paper)
    small = paper.image.resize((side_px, side_px), Image.Resampling.BOX)
    tinted = np.asarray(small, np.float32) @ hue_matrix(*TINTS[mood])
    made = np.clip(tinted + 0.5, 0, 255).astype(np.uint8)
    made.setflags(write=False)
    return made


def _colour(rng: np.random.Generator) -> Colour:
    light = 255 * (1 - rng.beta(1.0, 2.5))
    red, green, blue = np.clip(light + rng.normal(0, 28, 3), 0, 255)
    return int(red), int(green), int(blue)


def _fade(top: Colour, bottom: Colour, height: int, width: int | None = None) -> np.ndarray:
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    tone = np.asarray(top, np.float32) * (1 - y) + np.asarray(bottom, np.float32) * y
    return np.broadcast_to(tone, (height, width or height, 3))


class Paper:
    """A square picture that is painted on in coordinates from 0 to 1, y downwards."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.image = Image.new("RGB", (side, side))
        self.side, self.rng = side, rng
        self.pen = ImageDraw.Draw(self.image)

    def fade(self, top: Colour, bottom: Colour, y0: float = 0.0, y1: float = 1.0) -> None:
        """A vertical gradient between two heights."""
        first, last = round(y0 * self.side), round(y1 * self.side)
        tone = _fade(top, bottom, last - first, self.side)
        self.image.paste(Image.fromarray((tone + 0.5).astype(np.uint8)), (0, first))

    def spot(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse."""
        s = self.side
        self.pen.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A filled rectangle."""
        s = self.side
        self.pen.rectangle((x0 * s, y0 * s, x1 * s - 1, y1 * s - 1), colour)

    def shape(self, points: Points, colour: Colour) -> None:
        """A filled polygon."""
        self.pen.polygon([(x * self.side, y * self.side) for x, y in points], colour)

    def hills(self, y: float, height: float, waves: float, colour: Colour) -> None:
        """Everything below a wavy line."""
        x = np.linspace(0, 1, 65)
        shift = self.rng.uniform(0, 6)
        line = y - height * (np.sin(waves * 6.28 * x + shift) * 0.6 + np.sin(2.3 * x + shift) * 0.4)
        self.shape([*zip(x.tolist(), line.tolist(), strict=True), (1, 1), (0, 1)], colour)

    def scatter(self, num: int, y0: float, y1: float) -> Points:
        """Places between two heights."""
        x, y = self.rng.uniform(0, 1, num), self.rng.uniform(y0, y1, num)
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def clouds(self, num: int, y0: float, y1: float, colour: Colour) -> None:
        """Clouds of three ellipses each."""
        for x, y in self.scatter(num, y0, y1):
            self.spot(x, y, 0.12, 0.045, colour)
            self.spot(x + 0.05, y - 0.035, 0.07, 0.05, colour)
            self.spot(x - 0.05, y - 0.02, 0.06, 0.04, colour)


def _sky(p: Paper) -> None:
    p.fade((92, 170, 244), (206, 234, 254))
    p.clouds(4, 0.1, 0.9, (248, 252, 255))


def _grass(p: Paper) -> None:
    p.fade((160, 214, 250), (222, 242, 252), 0, 0.5)
    p.fade((140, 206, 96), (78, 160, 66), 0.5, 1)
    for x, y in p.scatter(14, 0.58, 0.98):
        p.shape([(x, y), (x + 0.012, y - 0.035), (x + 0.024, y)], (104, 184, 78))


def _sea(p: Paper) -> None:
    p.fade((250, 214, 170), (254, 240, 214), 0, 0.38)
    p.fade((60, 150, 206), (24, 92, 164), 0.38, 1)
    for x, y in p.scatter(12, 0.45, 0.97):
        p.spot(x, y, 0.06, 0.012, (146, 204, 236))


def _night(p: Paper) -> None:
    p.fade((16, 20, 58), (58, 50, 116))
    for x, y in p.scatter(16, 0.03, 0.9):
        p.spot(x, y, 0.011, 0.011, (254, 246, 200))


def _room(p: Paper) -> None:
    p.fade((246, 226, 200), (238, 210, 178), 0, 0.75)
    p.fade((190, 134, 90), (160, 104, 64), 0.75, 1)
    p.box(0, 0.73, 1, 0.755, (252, 246, 236))
    x = p.rng.uniform(0.08, 0.6)
    p.box(x, 0.12, x + 0.28, 0.42, (252, 246, 236))
    p.box(x + 0.02, 0.14, x + 0.26, 0.4, (170, 216, 248))


def _beach(p: Paper) -> None:
    p.fade((110, 196, 250), (214, 240, 254), 0, 0.45)
    p.fade((40, 160, 200), (110, 206, 216), 0.45, 0.75)
    p.hills(0.66, 0.02, 1.0, (246, 222, 168))
    for x, y in p.scatter(10, 0.75, 0.98):
        p.spot(x, y, 0.016, 0.008, (222, 190, 132))


def _forest(p: Paper) -> None:
    p.fade((196, 230, 214), (150, 204, 160), 0, 1)
    for layer, colour in ((0.62, (88, 156, 98)), (0.75, (58, 122, 74))):
        for x, _ in p.scatter(9, 0, 1):
            p.shape([(x - 0.1, layer), (x, layer - 0.42), (x + 0.1, layer)], colour)
        p.box(0, layer - 0.01, 1, 1, colour)
    p.fade((92, 126, 62), (64, 92, 46), 0.78, 1)


def _snow(p: Paper) -> None:
    p.fade((176, 204, 236), (226, 238, 250))
    p.hills(0.55, 0.08, 0.8, (222, 234, 248))
    p.hills(0.7, 0.05, 1.2, (244, 249, 255))
    for x, y in p.scatter(26, 0, 1):
        p.spot(x, y, 0.009, 0.009, (255, 255, 255))


def _city(p: Paper) -> None:
    p.fade((158, 200, 240), (232, 236, 240))
    x = 0.0
    while x < 1:
        width, height = p.rng.uniform(0.1, 0.2), p.rng.uniform(0.25, 0.6)
        grey = int(p.rng.integers(120, 180))
        p.box(x, 0.82 - height, x + width, 0.82, (grey, grey + 6, grey + 20))
        for wx in np.arange(x + 0.025, x + width - 0.03, 0.05):
            for wy in np.arange(0.86 - height, 0.78, 0.08):
                p.box(wx, wy, wx + 0.025, wy + 0.04, (250, 236, 170))
        x += width
    p.box(0, 0.82, 1, 1, (92, 96, 106))
    for i in range(5):
        p.box(0.04 + i * 0.2, 0.9, 0.14 + i * 0.2, 0.915, (240, 236, 210))


def _desert(p: Paper) -> None:
    p.fade((252, 206, 140), (254, 236, 196), 0, 0.7)
    p.spot(p.rng.uniform(0.15, 0.85), 0.2, 0.08, 0.08, (255, 246, 210))
    p.hills(0.55, 0.06, 0.7, (234, 186, 112))
    p.hills(0.72, 0.06, 0.9, (220, 164, 88))


def _space(p: Paper) -> None:
    p.fade((14, 12, 34), (38, 20, 66))
    x, y = p.rng.uniform(0.1, 0.9, 2)
    p.spot(x, y, 0.1, 0.1, (120, 84, 150))
    p.spot(x - 0.02, y - 0.02, 0.07, 0.07, (150, 110, 180))
    for x, y in p.scatter(40, 0, 1):
        p.spot(x, y, 0.005, 0.005, (240, 240, 255))


def _underwater(p: Paper) -> None:
    p.fade((70, 190, 220), (12, 66, 128))
    for x, _ in p.scatter(6, 0, 1):
        p.shape([(x, 1), (x + 0.03, 0.7), (x + 0.06, 1)], (30, 128, 96))
    p.hills(0.92, 0.02, 1.5, (206, 186, 130))
    for x, y in p.scatter(12, 0.05, 0.85):
        p.spot(x, y, 0.013, 0.013, (186, 232, 246))


def _kitchen(p: Paper) -> None:
    p.fade((250, 246, 236), (238, 230, 214), 0, 0.66)
    for i in range(8):
        for j in range(4):
            tone = 232 + 10 * ((i + j) % 2)
            p.box(i / 8 + 0.004, j / 6 + 0.004, i / 8 + 0.121, j / 6 + 0.16, (tone, tone, tone - 8))
    p.box(0, 0.66, 1, 0.71, (150, 108, 78))
    p.fade((214, 170, 126), (190, 146, 104), 0.71, 1)
    for x in (0.25, 0.5, 0.75):
        p.box(x - 0.004, 0.71, x + 0.004, 1, (150, 108, 78))


def _farm(p: Paper) -> None:
    p.fade((150, 210, 250), (226, 244, 254), 0, 0.6)
    p.hills(0.52, 0.05, 0.6, (150, 204, 110))
    x = p.rng.uniform(0.05, 0.65)
    p.box(x, 0.36, x + 0.26, 0.58, (198, 62, 54))
    p.shape([(x - 0.03, 0.37), (x + 0.13, 0.22), (x + 0.29, 0.37)], (120, 60, 52))
    p.box(x + 0.09, 0.44, x + 0.17, 0.58, (246, 236, 220))
    p.fade((170, 196, 84), (126, 150, 58), 0.58, 1)
    for i in range(9):
        p.box(i / 8 - 0.01, 0.6, i / 8 + 0.01, 0.76, (236, 222, 196))
    p.box(0, 0.64, 1, 0.66, (236, 222, 196))


def _stage(p: Paper) -> None:
    p.fade((70, 24, 60), (120, 40, 84))
    for x in (0.0, 0.07, 0.14, 0.79, 0.86, 0.93):
        p.box(x, 0, x + 0.04, 0.78, (178, 34, 52))
        p.box(x + 0.04, 0, x + 0.07, 0.78, (138, 22, 42))
    p.shape([(0.5, 0), (0.24, 0.8), (0.76, 0.8)], (150, 76, 110))
    p.fade((196, 138, 86), (148, 94, 54), 0.78, 1)
    p.spot(0.5, 0.88, 0.28, 0.06, (236, 190, 128))


PLACES: dict[str, Callable[[Paper], None]] = {
    "sky": _sky, "grass": _grass, "sea": _sea, "night": _night, "room": _room, "beach": _beach,
    "forest": _forest, "snow": _snow, "city": _city, "desert": _desert, "space": _space,
    "underwater": _underwater, "kitchen": _kitchen, "farm": _farm, "stage": _stage,
}  # fmt: skip
