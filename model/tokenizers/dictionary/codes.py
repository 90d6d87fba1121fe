"""The meaning of the four sub-codes of a position of the picture dictionary, and how near two are.

Sub-code 0 names the drawing that is seen there, or says that there is none. Sub-code 1 says where
in it the position lies, sub-code 2 how large it is, in which colour and which way round. Where
there is no drawing, sub-codes 1 and 2 say more about the ground. Sub-code 3 says what the ground is
like. Codebook vectors are unit vectors, so that the metric-induced path passes near places, sizes,
colours and drawings first. Axes: B batch, L positions, Q = 4 sub-codes, K = 1024 codes.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NAME, PLACE, LOOK, GROUND = range(4)
NUM_CODEBOOKS, CARDINALITY, CODE_DIM = 4, 1024, 32
NOTHING = 0
"""The name where no drawing is seen."""
PLACES = 32
"""Steps of the place along each axis."""
STEPS_A_SIDE = 20
"""Steps in a side of a drawing: places reach 0.8 sides from its centre."""
SIZES_PX = (48, 64, 80, 96, 112, 128, 160, 192)
COLOURS = (
    "natural", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black",
    "white", "grey",
)  # fmt: skip
NUM_COLOURS, NUM_TURNS = 16, 4


@dataclass(frozen=True)
class Named:
    """Names int64 "B L"; places "B L 2": the position's centre minus the drawing's, x and y, in
    sides of the drawing; sizes, colours, mirrored and turns (quarters, clockwise) int64 "B L"."""

    names: Tensor
    places: Tensor
    sizes: Tensor
    colours: Tensor
    mirrored: Tensor
    turns: Tensor


def place_code(places: Tensor) -> Tensor:
    """The sub-codes 1 of places "... L 2" of a square of positions.

    The steps of each row and column begin elsewhere, so that the positions of one drawing together
    say more exactly where it stands than each of them.
    """
    steps = (places * STEPS_A_SIDE + PLACES / 2 + _offsets(places)).floor().long()
    steps = steps.clamp(0, PLACES - 1)
    return steps[..., 0] * PLACES + steps[..., 1]


def _offsets(places: Tensor) -> Tensor:
    """The beginning of the steps of each position, "L 2", in steps."""
    at = torch.arange(places.shape[-2], device=places.device)
    grid = math.isqrt(len(at))
    return torch.stack([at // grid, at % grid], -1) % 4 / 4 + 1 / 8


def look_code(sizes: Tensor, colours: Tensor, mirrored: Tensor, turns: Tensor) -> Tensor:
    """The sub-codes 2."""
    return ((sizes * NUM_COLOURS + colours) * 2 + mirrored) * NUM_TURNS + turns


def read(codes: Tensor) -> Named:
    """Read codes "B L Q"; the result means nothing where the name is `NOTHING`."""
    place, look = codes[..., PLACE], codes[..., LOOK]
    steps = torch.stack([place // PLACES, place % PLACES], -1)
    places = (steps + 0.5 - PLACES / 2 - _offsets(steps)) / STEPS_A_SIDE
    turns, look = look % NUM_TURNS, look // NUM_TURNS
    mirrored, look = look % 2, look // 2
    return Named(codes[..., NAME], places, look // NUM_COLOURS, look % NUM_COLOURS, mirrored, turns)


def codebooks(likeness: Tensor, grounds: Tensor) -> Tensor:
    """Unit vectors "Q K CODE_DIM". likeness: "N d" of the drawings, near where they are alike;
    grounds: "K d" of the sub-codes 3."""
    books = torch.zeros(NUM_CODEBOOKS, CARDINALITY, CODE_DIM)
    random = torch.randn(CARDINALITY, CODE_DIM, generator=torch.Generator().manual_seed(0))
    random = F.normalize(random, dim=-1)
    books[NAME] = random
    named = slice(1, 1 + len(likeness))
    books[NAME, named, : likeness.shape[1]] += F.normalize(likeness - likeness.mean(0), dim=-1)
    ids = torch.arange(CARDINALITY)
    x, y = ids // PLACES / PLACES, ids % PLACES / PLACES
    books[PLACE] = _padded(torch.cat([_waves(x), _waves(y)], -1))
    books[LOOK] = _padded(_looks(ids))
    centred = F.normalize(grounds - grounds.mean(0), dim=-1)
    books[GROUND, :, : grounds.shape[1]] = centred[:, :CODE_DIM]
    books[GROUND] += 0.3 * random
    return F.normalize(books, dim=-1)


def _padded(book: Tensor) -> Tensor:
    return F.pad(book, (0, CODE_DIM - book.shape[1]))


def _waves(shares: Tensor) -> Tensor:
    """Points "K 6" on three circles: half of a large one, and more of smaller ones, so that near
    shares are near, and the nearest still told apart."""
    angles = torch.pi * shares[:, None].float() * torch.tensor([1.0, 4.0, 16.0])
    return (
        torch.stack([angles.cos(), angles.sin()], -1) * torch.tensor([1.0, 0.5, 0.3])[:, None]
    ).flatten(1)


def _looks(ids: Tensor) -> Tensor:
    turns, rest = ids % NUM_TURNS, ids // NUM_TURNS
    mirrored, rest = rest % 2, rest // 2
    colours, sizes = rest % NUM_COLOURS, rest // NUM_COLOURS
    one_hot = [F.one_hot(colours, NUM_COLOURS), F.one_hot(turns, NUM_TURNS), F.one_hot(mirrored, 2)]
    return torch.cat([_waves(sizes / len(SIZES_PX)), *(x.float() for x in one_hot)], -1)
