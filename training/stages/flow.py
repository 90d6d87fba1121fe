"""The flow stage: one backbone learns to predict x_1 from a noisy, a masked, or a causal view of
an answer.

Each optimiser step accumulates batches of pictures, words, hearing and speaking (one modality a
batch, Luo et al. 2025, arXiv:2510.13721, Section 2.4). Most batches are noised along the
metric-induced path; a share is masked (cross-entropy weighted by 1/t, arXiv:2604.00007, Eq. 1) and
a share is causal, so that the same weights can be sampled by flow matching, masked diffusion and
autoregression.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flow.calibration import information_clock
from flow.metric import CodebookMetric
from flow.modality import Modality
from flow.path import sample_path
from flow.schedule import Clock, Schedule
from model.network.omni import OmniModel
from model.tokenizers.text import PAD, TextTokenizer
from training.data.examples import Batch, Examples, at
from training.data.speech.examples import SpeechExamples
from training.data.task_mixture import MOTION, SPEECH, mixture
from training.data.video_examples import VideoExamples
from training.loop.progress_report import FlowReport
from training.objectives.contrastive import Contrast
from training.objectives.corruption import CorruptedBatch, boxes, causal, replaced
from training.objectives.frame_subset import (
    inside,
    some_features,
)
from training.objectives.probe_loss import ProbeLoss
from training.stages.flow_batches import PICTURES, FlowBatches

A_STEP = 2
"""Batches of one optimiser step."""
WEIGHTS = {
    "image": 1.0, "text": 0.5, "hear": 0.5, "speak": 1.0, "recite": 1.0,
    "film": 1.0, "watch": 0.5, "edit": 1.0, "match": 0.3,
}  # fmt: skip
"""The loss weight of each task."""
COUNTED_SHARE = 0.5
"""The share of a video's positions in the loss."""
EARLY, CHANGED_EARLY = {Modality.VIDEO: 3.0, Modality.TEXT: 2.0}, 2.0
"""Exponents of the uniform times: layout, edits and words are decided early."""
READ_WEIGHT = 0.3
"""The weight of the CTC loss of a transcript."""
INPAINT_SHARE = 0.1
"""The share of image batches in which all but a box is given."""
HELD_SHARE, HELD_PLACES = 0.4, 0.85
"""The share of edit batches with given positions, and the share of unchanged positions that are
given, as `engine.generation.edit_mask` does."""
NEVER = -1e4
"""The lowest logit in the CTC loss."""
MASKED_SHARE, CAUSAL_SHARE = 0.15, 0.1
FEWER_VIEWS = {Modality.VIDEO: 0.4}
"""Factors of both shares by modality: video mainly needs the path."""
SMALLEST_T = 0.02
REPORTED = 40
"""Examples of each kind in a report."""


class FlowStage(FlowBatches):
    """Trains the model on frozen codes. times: the clock in which image times are uniform
    (`flow.calibration.information_clock`). alike: consecutive batches of one task, as sharded
    processes need. tasks: see `training.data.task_mixture.mixture`. data_seed: seeds the draws with
    the batch number.

    Raises: ValueError where no task is left.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        examples: Examples,
        times: str = "uniform",
        speech: SpeechExamples | None = None,
        videos: VideoExamples | None = None,
        alike: int = 1,
        tasks: Collection[str] = (),
        data_seed: int = 0,
    ) -> None:
        super().__init__(model, examples, speech, videos)
        self.alike, self.data_seed = alike, data_seed
        self.tokenizer = tokenizer
        pieces = tokenizer.pieces(range(model.config.text_vocabulary))
        self.helpers = ProbeLoss(model, pieces).to(model.device)
        self.contrast = Contrast(examples, speech, videos)
        missing = (() if speech else SPEECH) + (() if videos else MOTION)
        if "autoregressive" not in model.config.samplers:
            missing += ("recite",)
        self.mixture = mixture(missing, tasks)
        self.metrics: dict[Modality, CodebookMetric] = model.metrics()
        self.flows = model.config.flows
        even = information_clock(times, self.metrics[Modality.IMAGE])
        self.even: dict[Modality, Clock | None] = {Modality.IMAGE: even, Modality.VIDEO: even}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((2, self.data_seed, step))
        turn = step // self.alike
        kind = self.mixture[turn % len(self.mixture)]
        if kind == "match":
            loss = self.contrast.loss(
                self.model, rng, np.random.default_rng((8, self.data_seed, turn))
            )
            return loss * WEIGHTS[kind], {kind: float(loss.detach())}, 0
        batch = self.batch(kind, rng)
        loss, figures = self.task_loss(kind, batch, rng)
        return loss * WEIGHTS[kind], figures, PICTURES if kind in ("image", "edit") else 0

    def task_loss(
        self, kind: str, batch: Batch, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch in a random view, and its figures."""
        noised = causal(batch) if kind == "recite" else self._noised(batch, rng)
        name = f"{kind}{'_ar' if noised.causal else ''}"
        return self._losses(name, batch, noised, rng)

    def _noised(self, batch: Batch, rng: np.random.Generator) -> CorruptedBatch:
        """Corrupt the batch in the view of one of the model's samplers, mostly flow."""
        shares = self._views(batch.sequence.segments[-1].modality)
        odds = np.array(list(shares.values()))
        match list(shares)[int(rng.choice(len(shares), p=odds / odds.sum()))]:
            case "autoregressive":
                return causal(batch)
            case "masked":
                return self._masked(batch, rng)
            case _:
                return self._on_path(batch, rng)

    def _views(self, modality: Modality) -> dict[str, float]:
        fewer = FEWER_VIEWS.get(modality, 1.0)
        shares = {"autoregressive": CAUSAL_SHARE * fewer, "masked": MASKED_SHARE * fewer}
        shares["flow"] = 1 - sum(shares.values())
        return {name: shares[name] for name in shares if name in self.model.config.samplers}

    def _on_path(self, batch: Batch, rng: np.random.Generator) -> CorruptedBatch:
        target = batch.sequence.segments[-1]
        flow = self.flows[target.modality]
        early = CHANGED_EARLY if batch.stays is not None else EARLY.get(target.modality, 1.0)
        times = torch.from_numpy(self._times(rng, target.batch, target.modality, early))
        t = times.to(target.tokens.device)
        uniforms = torch.from_numpy(rng.random(tuple(target.tokens.shape), dtype=np.float32))
        uniforms = uniforms.clamp(1e-6, 1 - 1e-6).to(target.tokens.device)
        x_t = sample_path(
            self.metrics[target.modality], target.tokens, t, uniforms, Schedule(flow.c, flow.a)
        )
        weight, kept = batch.weight, self._there(batch, rng)
        if kept is not None:
            x_t = torch.where(kept[..., None], target.tokens, x_t)
            weight = weight * ~kept
        return CorruptedBatch(
            replaced(batch.sequence, x_t), False, weight[..., None].expand_as(x_t)
        )

    def _there(self, batch: Batch, rng: np.random.Generator) -> Tensor | None:
        """Return the given positions of an image, bool "B L": all but a box, or most that an edit
        keeps; None where all are noised."""
        target, stays = batch.sequence.segments[-1], batch.stays
        if target.modality is not Modality.IMAGE:
            return None
        if stays is None:
            if rng.random() >= INPAINT_SHARE:
                return None
            return ~boxes(rng, target.batch, self.model.config.required_vision.grid).to(
                target.tokens.device
            )
        if rng.random() >= HELD_SHARE:
            return None
        held = torch.from_numpy(rng.random(stays.shape) < HELD_PLACES)
        return stays & held.to(stays.device)

    def _times(
        self, rng: np.random.Generator, num: int, modality: Modality, early: float = 1.0
    ) -> np.ndarray:
        """Return one time an example, stratified in the run's clock, to the power `early`."""
        spread = ((rng.permutation(num) + rng.random(num)) / num) ** early
        flow, even = self.flows[modality], self.even.get(modality)
        if even is not None:
            clock = Schedule(flow.c, flow.a)
            spread = np.array([clock.t_of_beta(even.beta(u)) for u in spread.tolist()])
        return np.minimum(spread, 0.999)

    def _masked(self, batch: Batch, rng: np.random.Generator) -> CorruptedBatch:
        """Mask whole positions with probability t ~ U(0, 1); weight their loss by 1/t."""
        target = batch.sequence.segments[-1]
        space = self.model.spaces[target.modality]
        t = np.maximum(rng.random((target.batch, 1)), SMALLEST_T)
        hidden = rng.random((target.batch, target.length)) < t
        masked = torch.from_numpy(hidden).to(target.tokens.device)
        weight = torch.from_numpy(hidden / t).float().to(target.tokens.device) * batch.weight
        x_t = torch.where(masked[..., None], space.mask_id, target.tokens)
        return CorruptedBatch(
            replaced(batch.sequence, x_t), False, weight[..., None].expand_as(x_t)
        )

    def _losses(
        self, name: str, batch: Batch, noised: CorruptedBatch, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        target = batch.sequence.segments[-1]
        start = batch.sequence.length - target.length
        if batch.kept is None:
            features = self.model.features(noised.sequence, causal=noised.causal)
            found = features[-1]
            places = torch.arange(target.length, device=found.device).expand(target.batch, -1)
        else:
            features = ()
            found = some_features(self.model, noised.sequence, batch.kept, causal=noised.causal)
            places = batch.kept[:, inside(batch.kept, start, target.length)] - start
            found = found[:, -places.shape[1] :]
        asked = self.helpers.losses(batch, places, causal=noised.causal)
        if target.modality is Modality.VIDEO:
            counted = _counted(rng, places.shape[1]).to(places.device)
            found, places = found[:, counted], places[:, counted]
        codes = at(target.tokens, places)
        losses = self.code_losses(found, codes, target.modality)
        total = batch.weight.gather(1, places).sum() * codes.shape[-1]
        loss = (losses * at(noised.weight, places)).sum() / total
        if any(batch.said):
            loss = loss + READ_WEIGHT * self._read_loss(batch, features)
        figures = {name: float(loss.detach())}
        for ending, (known, weight) in asked.items():
            figures[f"{name}_{ending}"] = float(known.detach())
            loss = loss + weight * known
        return loss, figures

    def _read_loss(self, batch: Batch, features: tuple[Tensor, ...]) -> Tensor:
        """Return the CTC loss of the transcripts at the audio positions, with the text head."""
        place = next(
            i for i, s in enumerate(batch.sequence.segments) if s.modality is Modality.AUDIO
        )
        rows = [i for i, said in enumerate(batch.said) if said]
        lengths = batch.sequence.segments[place].valid[rows].sum(1)
        logits = self.model.text_logits(features[place][rows]).transpose(0, 1)
        said = [batch.said[i] for i in rows]
        return F.ctc_loss(
            logits.clamp(min=NEVER).log_softmax(-1),
            torch.tensor([i for ids in said for i in ids], device=logits.device),
            lengths,
            torch.tensor([len(ids) for ids in said]),
            blank=PAD,
            zero_infinity=True,
        )

    def code_losses(self, features: Tensor, codes: Tensor, modality: Modality) -> Tensor:
        """Return the cross-entropy "B L Q" of the true codes."""
        if modality is Modality.TEXT:
            logits = [self.model.text_logits(features).flatten(0, 1)]
        else:
            logits = self.model.media_head(modality)(features.flatten(0, 1), codes.flatten(0, 1))
        flat = codes.flatten(0, 1)
        found = [
            F.cross_entropy(x.float(), flat[:, q], reduction="none") for q, x in enumerate(logits)
        ]
        return torch.stack(found, -1).view_as(codes)

    def report(self, folder: Path) -> dict[str, float]:
        report = FlowReport(self.model, self.tokenizer, self.examples)
        report.sheet(folder / "sheet.png")
        return report.answers(REPORTED)


def _counted(rng: np.random.Generator, num: int) -> Tensor:
    """Draw the positions of a video that enter the loss, int64 "N"; the output head is
    expensive."""
    return torch.from_numpy(np.sort(rng.permutation(num)[: int(COUNTED_SHARE * num)]))
