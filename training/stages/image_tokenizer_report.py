"""PSNR of each drawing through the tokenizer of a run, `python -m
training.stages.image_tokenizer_report`.

A drawing is shown alone at each of three sizes on four backgrounds, on the lattice; its PSNR is
pooled over its pixels in all twelve pictures. Owns: `each_drawing`, the command. Does not own: what
a run measures while it trains (`training.stages.image_tokenizer`).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from model.tokenizers.image import VisionTokenizer, pixels_from_uint8, uint8_from_pixels
from training.loop.run_state import averaged_weights
from training.stages.image_tokenizer import CONFIG, FIRST, psnr
from training.stages.vision import VisionTraining
from world.image.backdrops import Backdrop
from world.image.collages import CELL_PX, CELLS, SIZES, Collages, Placed
from world.image.drawings import DRAWINGS, HELD_OUT, Drawings

BACKDROPS = (
    Backdrop("plain", colours=((246, 246, 248),)),
    Backdrop("gradient", colours=((150, 200, 250), (206, 186, 246))),
    Backdrop("grass", 0),
    Backdrop("city", 1),
)
GOOD_DB = 24.0
"""A drawing that is rebuilt as well as this may ship."""
SHOWN = 12
"""Drawings each of the best, the middle and the worst in the picture."""


def each_drawing(
    tokenizer: VisionTokenizer, drawings: Drawings, indices: Sequence[int], num_codes: int
) -> tuple[np.ndarray, np.ndarray]:
    """PSNR in dB float32 "N" of the drawings, from the first num_codes sub-codes; and pictures
    uint8 "N H 2*W 3" of each, as it is and rebuilt."""
    collages = Collages(drawings, indices)
    found: list[float] = []
    shown: list[np.ndarray] = []
    for index in tqdm(indices, desc="drawings", mininterval=5):
        plans = [[_middle(index, cells)] for cells in SIZES for _ in BACKDROPS]
        views = collages.drawn(plans, BACKDROPS * len(SIZES))
        made = _rebuilt(tokenizer, views.images, num_codes)
        square = (made.astype(np.float32) - views.images) ** 2 / 255**2 * 4
        found.append(psnr(float(square[views.covered > 127].mean())))
        middle = len(BACKDROPS)
        shown.append(np.concatenate([views.images[middle], made[middle]], 1))
    return np.array(found, np.float32), np.stack(shown)


def _middle(index: int, cells: int) -> Placed:
    """A drawing on the lattice about the middle of the picture."""
    start = (CELLS - cells) // 2 * CELL_PX
    return Placed(index, cells * CELL_PX, start, start)


def _rebuilt(tokenizer: VisionTokenizer, images: np.ndarray, num_codes: int) -> np.ndarray:
    with torch.inference_mode():
        codes = tokenizer.encode(pixels_from_uint8(torch.from_numpy(images)))
        vectors = tokenizer.quantizer.decode(codes)
        vectors[..., num_codes * tokenizer.config.code_dim :] = 0
        return uint8_from_pixels(tokenizer.pixels(vectors)).numpy()


def trained_tokenizer(run: Path) -> VisionTokenizer:
    """The averaged weights of a run's last save."""
    weights, _ = averaged_weights(run)
    training = VisionTraining(CONFIG)
    training.load_state_dict(weights)
    return training.tokenizer.eval()


def _summary(found: dict[str, np.ndarray]) -> dict[str, float]:
    """Mean, tenth percentile and how many are good, of known and held-out drawings."""
    return {
        f"{name}_{what}": round(float(value), 2)
        for name, db in found.items()
        for what, value in (
            ("mean", np.mean(db)),
            ("tenth", np.quantile(db, 0.1)),
            ("good", np.sum(db >= GOOD_DB)),
        )
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.stages.image_tokenizer_report",
        description="PSNR of every drawing through the tokenizer of a run.",
    )
    parser.add_argument(
        "run", type=Path, help="a folder of python -m training.stages.image_tokenizer"
    )
    parser.add_argument("sheet", type=Path, help="made by python -m world.image.drawings")
    parser.add_argument("--out", type=Path, required=True, help="folder for drawings.json, .webp")
    parser.add_argument("--codes", type=int, default=CONFIG.num_codebooks, help=f"or {FIRST}")
    parser.add_argument("--every", type=int, default=1, help="measure each Nth drawing")
    arguments = parser.parse_args(argv)
    indices = range(0, len(DRAWINGS), arguments.every)
    db, shown = each_drawing(
        trained_tokenizer(arguments.run), Drawings(arguments.sheet), indices, arguments.codes
    )
    held = np.isin(indices, HELD_OUT)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {"name": DRAWINGS[i].name, "db": round(float(x), 2), "held_out": bool(h)}
        for i, x, h in zip(indices, db, held, strict=True)
    ]
    summary = _summary({"known": db[~held], "held_out": db[held]})
    (arguments.out / "drawings.json").write_text(json.dumps({"summary": summary, "each": rows}))
    order = np.argsort(-db)
    half = max(0, len(order) // 2 - SHOWN // 2)
    parts = (order[:SHOWN], order[half : half + SHOWN], order[-SHOWN:])
    sheet = np.concatenate([np.concatenate(list(shown[part]), 0) for part in parts], 1)
    Image.fromarray(sheet).save(arguments.out / "drawings.webp", quality=85)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
