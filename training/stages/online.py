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
from training.data.code_cache import still
from training.data.examples import Batch
from training.loop.distributed import Ranks
from training.objectives.corruption import replaced
from training.objectives.gradnorm import GradNorm
from training.stages.flow import A_STEP, FlowStage
from training.stages.vision import Rebuilt, objects_of, rebuilt

SLOWLY = {"vision.": 0.05}
"""Of the model's learning rate: the tokenizer's, for `training.loop.budgeted_loop.Budget`."""
RENEWED_EVERY = 1000 * A_STEP
"""Batches after which the codes of all pools are made anew."""


def check_online(config: OmniConfig, ranks: Ranks) -> None:
    """Raises: ValueError where the tokenizer cannot be trained along."""
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
    """See the module's docstring. The tokenizer is trained from here on."""

    def __init__(self, model: OmniModel, *others: Any, rebuilds: bool = True, **named: Any) -> None:
        """As `FlowStage`. rebuilds: whether how well it rebuilds is in the loss."""
        super().__init__(model, *others, **named)
        self.rebuilds = rebuilds
        model.vision.requires_grad_(True)
        assert isinstance(model.vision.quantizer, MultiCodebookQuantizer)
        self.quantizer = model.vision.quantizer
        self.balance = GradNorm(2).to(model.device)
        self.helpers.add_module("balance", self.balance)  # Saved with the run.
        self._renewed: int | None = None

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        """A run that goes on was begun with pools of an older tokenizer."""
        if self._renewed is None and step == 0:
            self._renewed = 0
        elif self._renewed is None or step - self._renewed >= RENEWED_EVERY:
            self._renewed = step
            self.renew()
        return super().loss(step)

    def renew(self) -> None:
        """The codes of all pools from the tokenizer as it is now."""
        pools = (self.examples.pool, self.examples.unnamed, self.films, self.speech)
        for pool in pools:
            if pool is not None:
                pool.renew(self.model.vision)

    def learned(
        self, kind: str, batch: Batch, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        if kind != "image":
            return super().learned(kind, batch, rng)
        found = self._rebuilt(batch)
        with torch.no_grad():
            self.metrics = self.model.metrics()
        anew = replace(batch, sequence=replaced(batch.sequence, found.quantized.codes))
        loss, figures = super().learned(kind, anew, rng)
        if not self.rebuilds:
            return loss, {**figures, "psnr": found.psnr}
        total = self.balance.weigh((loss, found.loss), (self.quantizer.codebooks,))
        of_rebuilding = float(self.balance.weights[1])
        return total, {**figures, "psnr": found.psnr, "of_rebuilding": of_rebuilding}

    def _rebuilt(self, batch: Batch) -> Rebuilt:
        """The pictures of a batch through the tokenizer. No code is moved to where it is of more
        use, as in the tokenizer's own stage: the model has learned what it means."""
        scenes = [scene for scene in batch.scenes if scene is not None]
        assert len(scenes) == batch.sequence.batch
        images = np.concatenate([still(scene) for scene in scenes])
        self.quantizer.eval()
        with torch.autocast(self.model.device.type, enabled=False):
            return rebuilt(self.model.vision, images, objects_of(scenes, images))
