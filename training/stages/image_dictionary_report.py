"""The figures of a whole picture dictionary, of parts that were trained one by one."""

import numpy as np
import torch

from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.image import pixels_from_uint8
from training.stages.image_dictionary import PICTURES, Pictures, exact_codes, psnr
from world.image.named_scenes import Labelled

SCENES = 48


@torch.inference_mode()
def measured(dictionary: ImageDictionary, pictures: Pictures) -> dict[str, float]:
    """PSNR in dB on scenes that were not drawn before, of things and of whole pictures: from exact
    codes, from those of the encoder, and of plain ground. Things stand on a lattice of half
    positions, or anywhere and in front of each other."""
    scenes, rng = pictures.scenes, np.random.default_rng(7)
    lattice = _figures(dictionary, scenes.standing(rng, SCENES))
    anywhere = _figures(dictionary, scenes.sample(rng, SCENES, crowds=0))
    return lattice | {f"anywhere_{name}": value for name, value in anywhere.items()}


def _figures(dictionary: ImageDictionary, views: Labelled) -> dict[str, float]:
    true = pixels_from_uint8(torch.from_numpy(views.images))
    things = torch.from_numpy(views.covered)[:, None].expand_as(true) > 127
    ways = {
        "exact": exact_codes(dictionary, views),
        "encoded": torch.cat([dictionary.encode(part) for part in true.split(PICTURES)]),
        "plain": dictionary.plain(true),
    }
    figures: dict[str, float] = {}
    for name, codes in ways.items():
        made = torch.cat([dictionary.decode(part) for part in codes.split(PICTURES)])
        square = (made.clamp(-1, 1) - true).square()
        figures[f"{name}_things"] = psnr(float(square[things].mean()))
        figures[f"{name}_whole"] = psnr(float(square.mean()))
    return {name: round(value, 2) for name, value in figures.items()}
