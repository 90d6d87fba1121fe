"""The progress report of the model stage: exact answers on fixed examples, and a sheet of
images.

They show that a run learns; `python -m evaluation` says how good it is.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from flow.schedule import Schedule, uniform_grid
from flow.sequence import OmniSequence, response
from model.network.omni import OmniModel
from model.tokenizers.image import uint8_from_pixels
from model.tokenizers.text import TextTokenizer
from samplers.counter_rng import CounterRNG
from samplers.kinetic import KineticSampler
from samplers.source import random_source
from training.data.examples import Batch, Example, Examples, collate
from world.text.dialogue import Kind

SHOWN = 10


class FlowReport:
    """Samples the model on requests and questions of the training stream."""

    def __init__(self, model: OmniModel, tokenizer: TextTokenizer, examples: Examples) -> None:
        self.model, self.tokenizer, self.examples = model, tokenizer, examples

    def answers(self, num: int) -> dict[str, float]:
        """Return the share of exact answers on `num` examples of each kind."""
        kinds: dict[str, Callable[[np.random.Generator], Example]] = {
            "about_picture": self.examples.answer_about_picture,
            "outside": lambda rng: self.examples.answer(rng, Kind.OUT_OF_DOMAIN),
            "small_talk": lambda rng: self.examples.answer(rng, Kind.SMALL_TALK),
        }
        figures: dict[str, float] = {}
        for name, draw in kinds.items():
            batch = self._batch(draw, 9, num)
            target = batch.sequence.segments[-1].tokens
            right = [
                self.tokenizer.decode(a) == self.tokenizer.decode(b)
                for a, b in zip(
                    self._sampled(batch, temperature=0.3)[..., 0].tolist(),
                    target[..., 0].tolist(),
                    strict=True,
                )
            ]
            figures[name] = float(np.mean(right))
        return figures

    def sheet(self, file: Path) -> None:
        """Save a PNG of true images above those sampled from their prompts."""
        batch = self._batch(self.examples.picture, 8, SHOWN)
        true, sampled = batch.sequence.segments[-1].tokens, self._sampled(batch, temperature=0.6)
        shown = [uint8_from_pixels(self.model.vision.decode(c)).cpu() for c in (true, sampled)]
        rows = [np.concatenate(list(row.numpy()), 1) for row in shown]
        Image.fromarray(np.concatenate(rows, 0)).save(file)

    def _batch(self, draw: Callable[[np.random.Generator], Example], seed: int, num: int) -> Batch:
        rng = np.random.default_rng(seed)
        return collate([draw(rng) for _ in range(num)], self.model.device)

    def _sampled(self, batch: Batch, *, temperature: float) -> Tensor:
        """Tokens "B L Q" from noise, uniform in t and unguided."""
        *prompt, target = batch.sequence.segments
        flow = self.model.config.flows[target.modality]
        draws = CounterRNG(torch.arange(target.batch, device=target.tokens.device))
        space = self.model.spaces[target.modality]
        source = random_source(space, target.batch, target.length, draws, segment=len(prompt))
        sampler = KineticSampler(
            times=uniform_grid(flow.steps),
            metrics=self.model.metrics(),
            transition=flow.transition,
            schedule=Schedule(flow.c, flow.a),
            temperature=temperature,
        )
        x_0 = OmniSequence((*prompt, response(target.modality, source)))
        *_, last = sampler.sample(self.model, x_0, draws=draws)
        return last.x_t.segments[-1].tokens
