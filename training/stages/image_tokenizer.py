"""The sharper picture tokenizer's stage: 256 px pictures of the 612 drawings, `python -m
training.stages.image_tokenizer`.

loss = L1 + 4 MSE + 0.5 edges + quantisation - 0.02 entropy + 0.05 InfoNCE(picture, names), where a
pixel of a thing weighs five times a pixel of the background and one on its outline nine times. Half
of the pictures are rebuilt without the last sub-codes, so that those refine what the first ones say
and one run measures two numbers of bits. The encoder and the codebooks begin as those of the
tokenizer before it. Owns: the loss, the figures of the 60 drawings that are held out. Does not own:
the pictures (`world.image.collages`).
"""

import argparse
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.loading.checkpoint import load_checkpoint
from model.tokenizer_config import DecoderConfig, VisionConfig
from model.tokenizers.image import Pointwise, VisionTokenizer, pixels_from_uint8, uint8_from_pixels
from training.loop.budgeted_loop import Budget, train
from training.stages.vision import CONTRAST_WEIGHT, ENTROPY_WEIGHT, VisionTraining
from world.image.collages import Collages, Views
from world.image.drawings import HELD_OUT, TRAINED, Drawings

BATCH, CAPTIONED = 24, 12
"""Pictures of a step, and how many of them, from the last one on, are compared with their names."""
OBJECT_WEIGHT, OUTLINE_WEIGHT = 4.0, 4.0
SQUARED_WEIGHT, EDGE_WEIGHT = 4.0, 0.5
FIRST = 4
"""Sub-codes that every picture is rebuilt from."""
MEASURED = 64
"""Pictures of each held-out figure."""
CONFIG = VisionConfig(
    image_px=256, patch_px=32, num_codebooks=6, encoder_layers=5, decoder=DecoderConfig()
)


class _Rebuilding(torch.autograd.Function):
    """The loss of `rebuilding_loss` and its gradient, found in one go picture by picture, so that
    what is worked on stays in a core's cache: a fifth of the time of the same in plain operations.
    """

    @staticmethod
    def forward(ctx: Any, made: Tensor, pixels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        slope = torch.empty_like(made)
        near, edges, square = made.new_zeros(3)
        across, down = made[..., 1:].numel(), made[..., 1:, :].numel()
        for picture, true, w, g in zip(made, pixels, weight, slope, strict=True):
            error = picture - true
            squared = error.square()
            square += squared.sum()
            near += (w * squared.mul_(SQUARED_WEIGHT).add_(error.abs())).sum()
            torch.add(error.sign(), error, alpha=2 * SQUARED_WEIGHT, out=g)
            g.mul_(w).div_(made.numel())
            for axis, num in ((-1, across), (-2, down)):
                ahead, behind = _shifted(error, axis)
                step = ahead - behind
                pull = step.sign() * _shifted(w, axis)[0]
                edges += torch.dot(pull.flatten(), step.flatten()) / num
                pull.mul_(EDGE_WEIGHT / num)
                _shifted(g, axis)[0].add_(pull)
                _shifted(g, axis)[1].sub_(pull)
        ctx.save_for_backward(slope)
        return near / made.numel() + EDGE_WEIGHT * edges, square / made.numel()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grads[0], None, None


def _shifted(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """All but the first and all but the last along an axis."""
    num = x.shape[axis] - 1
    return x.narrow(axis, 1, num), x.narrow(axis, 0, num)


def rebuilding_loss(made: Tensor, pixels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """mean(w (|e| + 4 e^2)) + 0.5 (mean(w |dx e|) + mean(w |dy e|)) of the error e between pixels
    "B 3 H W" and weights w "B 1 H W"; and the plain mean square, which has no gradient."""
    loss, square = _Rebuilding.apply(made, pixels, weight)
    return loss, square.detach()


class ImageTokenizerStage:
    """Collages, heaps and scenes of the drawings, drawn anew at every step."""

    helpers = None

    def __init__(self, config: VisionConfig, sheet: Path, device: torch.device) -> None:
        self.device, self.model = device, VisionTraining(config).to(device)
        drawings = Drawings(sheet)
        self.known, self.unknown = Collages(drawings, TRAINED), Collages(drawings, HELD_OUT)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        views = self.known.sample(np.random.default_rng((2, step)), BATCH)
        pixels = self._pixels(views)
        quantized = self.model.tokenizer.quantizer(self.model.tokenizer.features(pixels))
        coarse = torch.arange(BATCH, device=self.device) % 2 == 0
        made, semantic = self.model.tokenizer.decode_vectors(self._first(quantized.vectors, coarse))
        near, square = rebuilding_loss(made, pixels, self._weight(views))
        tower = self.model.captions
        words = tower(list(views.captions[-CAPTIONED:]), self.device).T
        similar = semantic[-CAPTIONED:] @ words * tower.log_scale.exp().clamp(max=50)
        target = torch.arange(CAPTIONED, device=self.device)
        contrast = (F.cross_entropy(similar, target) + F.cross_entropy(similar.T, target)) / 2
        loss = near + quantized.loss - ENTROPY_WEIGHT * quantized.entropy
        figures = {
            "psnr": psnr(float(square)),
            "quant": float(quantized.loss.detach()),
            "contrast": float(contrast.detach()),
        }
        return loss + CONTRAST_WEIGHT * contrast, figures, BATCH

    def report(self, folder: Path) -> dict[str, float]:
        """PSNR in dB at 256 px, pooled: of things of drawings trained on, held out, recoloured, and
        off the lattice, and of whole pictures; the same from the first sub-codes; and how many
        codes are in use. rebuilt.webp has some of each: as they are, rebuilt, and from the first
        sub-codes."""
        draw = np.random.default_rng
        views = {
            "objects": self.known.scenes(draw(7), MEASURED),
            "objects_held_out": self.unknown.scenes(draw(7), MEASURED),
            "objects_recoloured": self.known.scenes(draw(8), MEASURED // 2, recoloured=1),
            "objects_off_lattice": self.known.scenes(draw(9), MEASURED // 2, off=1),
        }
        figures: dict[str, float] = {}
        rows: list[np.ndarray] = []
        for name, shown in views.items():
            whole, coarse, codes = self._rebuilt(shown)
            rows += [
                np.concatenate(list(x[: min(8, MEASURED // 2)]), 1)
                for x in (shown.images, whole, coarse)
            ]
            for mark, made in (("", whole), (f"_first_{FIRST}", coarse)):
                square = (made.astype(np.float32) - shown.images) ** 2 / 255**2 * 4
                figures[name + mark] = psnr(float(square[shown.covered > 127].mean()))
                if name == "objects":
                    figures["whole" + mark] = psnr(float(square.mean()))
            if name == "objects":
                used = [len(np.unique(codes[..., q])) for q in range(codes.shape[-1])]
                figures["codes_used"] = float(np.mean(used))
        Image.fromarray(np.concatenate(rows)).save(folder / "rebuilt.webp", quality=85, method=1)
        return {name: round(value, 3) for name, value in figures.items()}

    def _rebuilt(self, views: Views) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pictures from all sub-codes and from the first, uint8 "B H W 3", and the codes."""
        tokenizer = self.model.tokenizer
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(views.images), BATCH):
            images = torch.from_numpy(views.images[start : start + BATCH]).to(self.device)
            codes = tokenizer.encode(pixels_from_uint8(images))
            vectors = tokenizer.quantizer.decode(codes)
            coarse = self._first(vectors, torch.ones(len(codes), dtype=torch.bool))
            made = [uint8_from_pixels(tokenizer.pixels(v)) for v in (vectors, coarse)]
            found.append((made[0], made[1], codes))
        whole, coarse, codes = (torch.cat(x).cpu().numpy() for x in zip(*found, strict=True))
        return whole, coarse, codes

    def _first(self, vectors: Tensor, coarse: Tensor) -> Tensor:
        """Vectors "B L Q*code_dim" with zeros for all but the first sub-codes of pictures that are
        coarse, bool "B"."""
        kept = torch.ones(vectors.shape[-1], device=vectors.device)
        kept[FIRST * self.model.tokenizer.config.code_dim :] = 0
        return torch.where(coarse[:, None, None].to(vectors.device), vectors * kept, vectors)

    def _pixels(self, views: Views) -> Tensor:
        return pixels_from_uint8(torch.from_numpy(views.images).to(self.device)).contiguous()

    def _weight(self, views: Views) -> Tensor:
        covered, outline = (
            torch.from_numpy(x).to(self.device)[:, None] for x in (views.covered, views.outline)
        )
        weight = 1 + OBJECT_WEIGHT / 255 * covered + OUTLINE_WEIGHT / 255 * outline
        return weight / weight.mean()


def begin_as(tokenizer: VisionTokenizer, checkpoint: Path) -> None:
    """Take over the encoder and the codebooks of a checkpoint's tokenizer; layers that it lacks
    begin as the identity, and sub-codes that it lacks as they are."""
    taught = load_checkpoint(checkpoint).model.vision.state_dict()
    parts = ("stem.", "encoder.", "to_codes.", "quantizer.")
    there = 0
    for name, own in tokenizer.state_dict().items():
        if name.startswith(parts) and name in taught:
            value = taught[name]
            own[: len(value)].copy_(value)
            there += name.startswith("encoder.") and name.endswith("down_proj.weight")
    with torch.no_grad():
        for layer in list(tokenizer.encoder)[there:]:
            cast(Pointwise, layer).mlp.down_proj.weight.zero_()


def psnr(mse: float) -> float:
    """Decibels for pixels in [-1, 1]."""
    return float(10 * np.log10(4 / max(mse, 1e-10)))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.stages.image_tokenizer",
        description="Train the picture tokenizer of 256 px on the drawings of a sheet.",
    )
    parser.add_argument("sheet", type=Path, help="made by python -m world.image.drawings")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of this run")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint whose encoder it begins with")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--cooldown", type=float, default=0.4, help="share of the time")
    parser.add_argument("--muon", action="store_true", help="for the matrices inside blocks")
    parser.add_argument("--report-every", type=float, default=600, help="seconds")
    parser.add_argument("--resume", action="store_true", help="go on; minutes are those to come")
    arguments = parser.parse_args(argv)
    torch.manual_seed(0)
    stage = ImageTokenizerStage(CONFIG, arguments.sheet, torch.device("cpu"))
    if arguments.start is not None and not arguments.resume:
        begin_as(stage.model.tokenizer, arguments.start)
    budget = Budget(
        arguments.minutes,
        learning_rate=arguments.rate,
        cooldown=arguments.cooldown,
        muon=arguments.muon,
        report_every_s=arguments.report_every,
        save_every_s=240,
    )
    try:
        train(stage, arguments.runs, budget, resume=arguments.resume)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
