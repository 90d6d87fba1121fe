"""The flow stage with the picture tokenizer trained along (`--online`).

The pictures of an image batch are encoded anew by the tokenizer as it is now: their codes are what
the model is to predict, and how well they are rebuilt joins its loss. GradNorm weighs the two at
the codebooks, which both reach: the model reads codes as the codebooks' own vectors. Source: Luo et
al. 2025 (arXiv:2510.13721), Section 2.4. The other batches read the codes of their pools, which are
made anew from time to time. Owns: `OnlineStage`, what it refuses. Does not own: the views and their
losses (`training.stages.flow`), the reconstruction loss (`training.stages.vision`).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.config import OmniConfig
from model.network.omni import OmniModel
from model.tokenizers.quantizer import MultiCodebookQuantizer
from training.data.examples import Batch
from training.loop.distributed import Ranks
from training.objectives.corruption import replaced
from training.objectives.gradnorm import GradNorm
from training.stages.flow import A_STEP, FlowStage
from training.stages.vision import Reconstruction, objects_of, reconstruct
from world.image.rendering import render

RATE_SCALES = {"vision.": 0.05}
"""The tokenizer's learning rate relative to the model's, for
`training.loop.budgeted_loop.Budget`."""
REENCODE_EVERY = 1000 * A_STEP
"""Batches between re-encodings of all pools."""


def check_online(config: OmniConfig, ranks: Ranks) -> None:
    """Check that the tokenizer can be trained along.

    Raises: ValueError where it cannot.
    """
    if ranks.num > 1 or ranks.sharded:
        raise ValueError(
            "--online weighs its losses in one process: leave it out, or torchrun and --shard"
        )
    if config.vision is None or config.vision.magvit is not None or config.code_rows is not None:
        raise ValueError(
            f"--online trains a picture tokenizer by the vectors of its codes, and those of "
            f"{config.name} enter as rows of words: leave --online out"
        )


class OnlineStage(FlowStage):
    """Trains the model and the image tokenizer together."""

    def __init__(
        self, model: OmniModel, *others: Any, reconstructs: bool = True, **named: Any
    ) -> None:
        """Build a `FlowStage`. reconstructs: the loss includes reconstruction."""
        super().__init__(model, *others, **named)
        self.reconstructs = reconstructs
        model.vision.requires_grad_(True)
        assert isinstance(model.vision.quantizer, MultiCodebookQuantizer)
        self.quantizer = model.vision.quantizer
        self.balance = GradNorm(2).to(model.device)
        self.helpers.add_module("balance", self.balance)  # Saved with the run.
        self._reencoded_at: int | None = None

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        """Return the loss; re-encode the pools first where due, and always after a resume."""
        if self._reencoded_at is None and step == 0:
            self._reencoded_at = 0
        elif self._reencoded_at is None or step - self._reencoded_at >= REENCODE_EVERY:
            self._reencoded_at = step
            self.reencode()
        return super().loss(step)

    def reencode(self) -> None:
        """Encode all pools with the tokenizer's present weights."""
        pools = (self.examples.pool, self.examples.unnamed, self.videos, self.speech)
        for pool in pools:
            if pool is not None:
                pool.reencode(self.model.vision)

    def task_loss(
        self, kind: str, batch: Batch, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        if kind != "image":
            return super().task_loss(kind, batch, rng)
        found = self._rebuilt(batch)
        with torch.no_grad():
            self.metrics = self.model.metrics()
        anew = replace(batch, sequence=replaced(batch.sequence, found.quantized.codes))
        loss, figures = super().task_loss(kind, anew, rng)
        if not self.reconstructs:
            return loss, {**figures, "psnr": found.psnr}
        total = self.balance.weigh((loss, found.loss), (self.quantizer.codebooks,))
        of_rebuilding = float(self.balance.weights[1])
        return total, {**figures, "psnr": found.psnr, "of_rebuilding": of_rebuilding}

    def _rebuilt(self, batch: Batch) -> Reconstruction:
        """Pass a batch's images through the tokenizer. Unused codes are not reset, because the
        model has learned their meaning."""
        scenes = [scene for scene in batch.scenes if scene is not None]
        assert len(scenes) == batch.sequence.batch
        images = np.stack([render(scene) for scene in scenes])
        self.quantizer.eval()
        with torch.autocast(self.model.device.type, enabled=False):
            return reconstruct(self.model.vision, images, objects_of(scenes, images))
