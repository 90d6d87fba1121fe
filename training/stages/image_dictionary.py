"""The picture dictionary's stages, `python -m training.image_dictionary`.

Atlas: latents and convolutions learn the textures of all drawings, L1 + 4 MSE + 0.5 edges. Ground:
k-means makes the ground codes, then convolutions learn the ground behind (where something is named)
or the whole picture (where nothing is). Encoder: cross-entropy of what each position shows, 8
smooth L1 of places in steps / 8, MSE of the ground. The labels are exact: the pictures are made
of them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.atlas import texture_loss
from model.tokenizers.dictionary.codes import (
    CARDINALITY,
    LOOK,
    NAME,
    NOTHING,
    NUM_CODEBOOKS,
    PLACE,
    PLACES,
    STEPS_A_SIDE,
    look_code,
    place_code,
)
from model.tokenizers.dictionary.ground import ORDER
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.image import pixels_from_uint8
from world.image.backdrops import MOODS, Backdrop, painted, sample_backdrop
from world.image.backdrops import PLACES as KINDS
from world.image.drawings import DRAWINGS, Drawings
from world.image.named_scenes import IMAGE_PX, Labelled, NamedScenes
from world.image.recolouring import colour_matrices

GRID = 8
TEXTURES, PICTURES = 24, 16
"""Drawings, and pictures, of a step."""
BARELY = (0.02, 0.1)
"""Positions of which drawings cover such a share may be named or not: their names do not count."""
MEASURED = 48
ROUNDS = 14
"""Rounds of k-means."""
GROUNDS = 1200
"""Grounds, and a quarter as many crowds, of which ground codes are made."""


class Pictures:
    """Pictures of the drawings of a sheet, as tensors."""

    def __init__(self, sheet: Path) -> None:
        self.drawings = Drawings(sheet)
        self.matrices = colour_matrices(self.drawings)
        self.scenes = NamedScenes(self.drawings, range(len(DRAWINGS)), self.matrices)

    def textures(self, indices: np.ndarray) -> Tensor:
        art = [self.drawings.art(int(i), 128)[..., :4] for i in indices]
        return torch.from_numpy(np.stack(art)).permute(0, 3, 1, 2) / 255


def exact_codes(model: ImageDictionary, views: Labelled) -> Tensor:
    """The codes "B L Q" of pictures by their labels."""
    told = {n: torch.from_numpy(getattr(views, n)) for n in ("names", "places", "sizes")}
    looks = (torch.from_numpy(getattr(views, n)) for n in ("colours", "mirrored", "turns"))
    shown = told["names"] != NOTHING
    codes = torch.zeros(*shown.shape, NUM_CODEBOOKS, dtype=torch.long)
    ground = model.ground_codes
    found = ground.encode(ground.components(pixels_from_uint8(torch.from_numpy(views.grounds))))
    for place, q in enumerate(ORDER):
        codes[..., q] = found[..., place]
    codes[..., NAME] = told["names"]
    codes[..., PLACE] = torch.where(shown, place_code(told["places"]), codes[..., PLACE])
    codes[..., LOOK] = torch.where(shown, look_code(told["sizes"], *looks), codes[..., LOOK])
    return codes


class AtlasStage:
    """Textures of all drawings, each as often as any other."""

    helpers = None

    def __init__(self, dictionary: ImageDictionary, pictures: Pictures) -> None:
        self.model, self.pictures = dictionary.atlas, pictures
        self._begin(dictionary.atlas.latents)

    def _begin(self, latents: torch.nn.Parameter) -> None:
        """Latents begin as the principal components of the blocks that they draw."""
        blocks = F.unfold(self.pictures.textures(np.arange(len(DRAWINGS))), 8, stride=8).mT
        flat = blocks.flatten(0, 1)
        _, _, basis = torch.pca_lowrank(flat[::3], latents.shape[1])
        found = (flat - flat.mean(0)) @ basis
        found = (found / found.std(0)).unflatten(0, (len(DRAWINGS), 16, 16))
        with torch.no_grad():
            latents.copy_(found.permute(0, 3, 1, 2))

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        epoch, at = divmod(step * TEXTURES, len(DRAWINGS) - TEXTURES)
        order = np.random.default_rng((3, epoch)).permutation(len(DRAWINGS))
        chosen = order[at : at + TEXTURES]
        made = self.model(torch.from_numpy(chosen))
        loss = texture_loss(made, self.pictures.textures(chosen))
        return loss, {}, TEXTURES

    def report(self, folder: Path) -> dict[str, float]:
        """PSNR in dB of colours where a drawing is: the mean, and the worst, over drawings."""
        found: list[float] = []
        for part in np.array_split(np.arange(len(DRAWINGS)), 12):
            true = self.pictures.textures(part)
            square = (self.model(torch.from_numpy(part)).clamp(0, 1) - true)[:, :3] ** 2
            for s, cover in zip(square, true[:, 3] > 0.5, strict=True):
                found.append(psnr(4 * float(s[:, cover].mean())))
        return {"textures": round(float(np.mean(found)), 2), "worst": round(min(found), 2)}


class GroundStage:
    """The ground of pictures whose drawings are named, and pictures of which nothing is."""

    helpers = None

    def __init__(self, dictionary: ImageDictionary, pictures: Pictures, *, fresh: bool) -> None:
        self.dictionary, self.model, self.pictures = dictionary, dictionary.ground, pictures
        if fresh:
            learn_ground_codes(dictionary, pictures)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((4, step))
        views = self.pictures.scenes.sample(rng, PICTURES, crowds=0.3)
        codes = exact_codes(self.dictionary, views)
        target = pixels_from_uint8(torch.from_numpy(views.grounds)).clone()
        alone = PICTURES // 4
        whole = pixels_from_uint8(torch.from_numpy(views.images[:alone]))
        codes[:alone] = self.dictionary.plain(whole)
        target[:alone] = whole
        error = self.model(self.dictionary.ground_codes.vectors(codes)) - target
        square = error.square().mean()
        loss = error.abs().mean() + 4 * square
        loss = loss + 0.5 * (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean())
        return loss, {"psnr": psnr(float(square.detach()))}, PICTURES

    def report(self, folder: Path) -> dict[str, float]:
        """PSNR in dB of grounds, and of whole pictures of which nothing is named."""
        rng = np.random.default_rng(7)
        views = self.pictures.scenes.sample(rng, MEASURED, crowds=0)
        ground = pixels_from_uint8(torch.from_numpy(views.grounds))
        whole = pixels_from_uint8(torch.from_numpy(views.images))
        vectors = self.dictionary.ground_codes.vectors
        made = self.model(vectors(exact_codes(self.dictionary, views)))
        plain = self.model(vectors(self.dictionary.plain(whole)))
        return {
            "ground": round(psnr(float((made - ground).square().mean())), 2),
            "unnamed": round(psnr(float((plain - whole).square().mean())), 2),
        }


@torch.no_grad()
def learn_ground_codes(dictionary: ImageDictionary, pictures: Pictures) -> None:
    """Principal components of patches of grounds and crowds, and three books by k-means."""
    rng = np.random.default_rng(1)
    random = torch.Generator().manual_seed(1)
    grounds = [painted(sample_backdrop(rng), IMAGE_PX) for _ in range(GROUNDS)]
    places = [painted(Backdrop(k, m), IMAGE_PX) for k in KINDS for m in range(MOODS)]
    crowds = list(pictures.scenes.sample(rng, GROUNDS // 4, crowds=0.8).images)

    def patches(images: list[np.ndarray]) -> Tensor:
        small = F.avg_pool2d(pixels_from_uint8(torch.from_numpy(np.stack(images))), 2)
        return F.unfold(small, 16, stride=16).mT.flatten(0, 1)

    codes = dictionary.ground_codes
    varied = patches(grounds[: GROUNDS // 3] + places + crowds)
    codes.mean.copy_(varied.mean(0))
    _, vectors = torch.linalg.eigh(torch.cov((varied - codes.mean).T))
    codes.basis.copy_(vectors.flip(1)[:, : codes.basis.shape[1]])
    left = (patches(grounds + 3 * places + crowds) - codes.mean) @ codes.basis
    for place in range(len(ORDER)):
        book = _k_means(left, CARDINALITY, random)
        codes.books[place] = book if place == 0 else _on_a_square(book)
        nearest = [torch.cdist(x, codes.books[place]).argmin(1) for x in left.split(8192)]
        left = left - codes.books[place][torch.cat(nearest)]


def _k_means(points: Tensor, num: int, random: torch.Generator) -> Tensor:
    points = points[torch.randperm(len(points), generator=random)[:60_000]]
    middles = points[:num].clone()
    for _ in range(ROUNDS):
        nearest = torch.cat([torch.cdist(x, middles).argmin(1) for x in points.split(8192)])
        count = torch.bincount(nearest, minlength=num).float()
        total = torch.zeros_like(middles).index_add_(0, nearest, points)
        middles = torch.where(count[:, None] > 0, total / count[:, None].clamp(min=1), middles)
        unused = (count == 0).nonzero()[:, 0]
        if len(unused):
            far = (points - middles[nearest]).square().sum(1)
            middles[unused] = points[torch.multinomial(far, len(unused), generator=random)]
    return middles


def _on_a_square(book: Tensor) -> Tensor:
    """Sorted so that codes of near places, the other meaning of the sub-code, are alike."""
    _, _, axes = torch.pca_lowrank(book, 2)
    along = (book - book.mean(0)) @ axes
    columns = along[:, 0].argsort().view(PLACES, PLACES)
    return torch.cat([book[c[along[c, 1].argsort()]] for c in columns])


class EncoderStage:
    """The encoder: names, places and looks of the drawings at each position of a picture. Every
    second batch stands on a lattice, as in the world's scenes."""

    helpers = None

    def __init__(self, dictionary: ImageDictionary, pictures: Pictures) -> None:
        self.dictionary, self.model, self.pictures = dictionary, dictionary.encoder, pictures

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng, scenes = np.random.default_rng((5, step)), self.pictures.scenes
        views = scenes.standing(rng, PICTURES) if step % 2 else scenes.sample(rng, PICTURES)
        told = self.model(_disturbed(pixels_from_uint8(torch.from_numpy(views.images)), rng))
        loss, figures = self._losses(told, views)
        return loss, figures, PICTURES

    def _losses(self, told: dict[str, Tensor], views: Labelled) -> tuple[Tensor, dict[str, float]]:
        names = torch.from_numpy(views.names)
        shares = torch.from_numpy(views.shares)
        sure = (shares < BARELY[0]) | (shares > BARELY[1])
        shown = (names != NOTHING) & sure
        losses = {"names": F.cross_entropy(told["names"][sure], names[sure])}
        for part in ("sizes", "colours", "mirrored", "turns"):
            true = torch.from_numpy(getattr(views, part))
            losses[part] = F.cross_entropy(told[part][shown], true[shown])
        apart = (told["places"] - torch.from_numpy(views.places))[shown] * STEPS_A_SIDE
        losses["places"] = F.smooth_l1_loss(apart, torch.zeros_like(apart))
        ground = self.dictionary.ground_codes
        true = ground.components(pixels_from_uint8(torch.from_numpy(views.grounds)))
        losses["ground"] = F.mse_loss(told["ground"], true)
        figures: dict[str, Any] = {n: float(x.detach()) for n, x in losses.items()}
        figures["right"] = float((told["names"].argmax(-1) == names)[shown].float().mean())
        weights = {"names": 1.0, "places": 1.0, "ground": 0.2}
        return sum((weights.get(n, 0.5) * x for n, x in losses.items()), torch.zeros(())), figures

    def report(self, folder: Path) -> dict[str, float]:
        """Shares of positions of drawings whose name, size, colour are right, and how far places
        are from true ones in sides, on scenes that were not drawn before."""
        views = self.pictures.scenes.sample(np.random.default_rng(7), MEASURED, crowds=0)
        found = [
            self.model(pixels_from_uint8(torch.from_numpy(x))) for x in np.split(views.images, 4)
        ]
        told = {n: torch.cat([f[n] for f in found]) for n in found[0]}
        shown = torch.from_numpy(views.names) != NOTHING
        figures = {"empty": float((told["names"].argmax(-1) == NOTHING)[~shown].float().mean())}
        for part in ("names", "sizes", "colours", "mirrored", "turns"):
            right = told[part].argmax(-1) == torch.from_numpy(getattr(views, part))
            figures[part] = float(right[shown].float().mean())
        apart = (told["places"] - torch.from_numpy(views.places))[shown].norm(dim=-1)
        figures["places_off"] = float(apart.median())
        return {n: round(x, 4) for n, x in figures.items()}


def _disturbed(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """A fifth softer, a fifth noisy, all a little lighter or darker."""
    num = len(pixels)
    softer = torch.from_numpy(rng.random(num) < 0.2)[:, None, None, None]
    small = F.interpolate(F.avg_pool2d(pixels, 2), scale_factor=2, mode="bilinear")
    pixels = torch.where(softer, small, pixels)
    level = torch.from_numpy((rng.random(num) < 0.2) * rng.uniform(0, 0.1, num)).float()
    noise = torch.randn(
        pixels.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31)))
    )
    gain = torch.from_numpy(rng.uniform(0.92, 1.05, num)).float()
    return pixels * gain[:, None, None, None] + level[:, None, None, None] * noise


def dictionary_of(config: DictionaryConfig, pictures: Pictures) -> ImageDictionary:
    """A new dictionary with the colours of the drawings."""
    made = ImageDictionary(config, GRID)
    made.colours.copy_(torch.from_numpy(pictures.matrices))
    return made


def psnr(mse: float) -> float:
    """Decibels for pixels in [-1, 1]."""
    return float(10 * np.log10(4 / max(mse, 1e-10)))
