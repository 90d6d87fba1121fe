"""The flow stage: one backbone learns to predict x_1 from a noisy, a masked, or a causal view of
an answer.

Each optimiser step accumulates batches of pictures, words, hearing and speaking (one modality a
batch, Luo et al. 2025, arXiv:2510.13721, Section 2.4). Most batches are noised along the
metric-induced path; a share is masked (cross-entropy weighted by 1/t, arXiv:2604.00007, Eq. 1) and
a share is causal, so that the same weights can be sampled by flow matching, masked diffusion and
autoregression.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
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
from flow.sequence import drop_prompt
from model.network.omni import OmniModel
from model.tokenizers.text import PAD, TextTokenizer
from training.data.examples import Batch, Example, Examples, at, collate
from training.data.multimodal_examples import think, together
from training.data.speech_examples import SpeechExamples
from training.data.task_mixture import MOTION, SPEECH, mixture
from training.data.video_examples import VideoExamples
from training.loop.progress_report import FlowReport
from training.objectives.contrastive import Contrast
from training.objectives.corruption import CorruptedBatch, boxes, causal, replaced
from training.objectives.frame_subset import (
    beginning_middle_end,
    inside,
    positions_of_frames,
    some_features,
    two_of_all,
)
from training.objectives.probe_loss import Landmarks
from world.text.dialogue import Kind
from world.video.motion import FRAMES

PICTURES, TEXTS, SOUNDS = 16, 8, 16
FILMS, FILMS_IN_PART, WATCHED_IN_PART = 4, 16, 12
"""Examples of a batch; of films also those of which only some frames are seen."""
A_STEP = 2
"""Batches of one step of the optimiser."""
WEIGHTS = {
    "image": 1.0, "text": 0.5, "hear": 0.5, "speak": 1.0, "recite": 1.0,
    "film": 1.0, "watch": 0.5, "edit": 1.0, "match": 0.3,
}  # fmt: skip
"""Of a batch of each kind in the loss."""
FIRST_BLOCKS, READ_WEIGHT = 0.4, 0.3
OPENED_SHARE, FILMED_SHARE, CHANGED_SHARE = 0.2, 0.12, 0.08
"""Of the words without a picture: wishes for a sound, and for a film. Of those about a picture:
what is to be changed in it."""
THOUGHT_SHARE, TOGETHER_SHARE = 0.3, 0.3
"""Of the words about a picture: those after thinking. Of the batches of hearing: those with a
picture."""
BEGUN_SHARE, REWOUND_SHARE, FRAME_SHARE, KEPT_SHARE = 0.3, 0.03, 0.15, 0.1
"""Of the batches of films: those that begin with a picture, and those that run backwards. Of those
of changes: those that take a frame out of a film. Of those of pictures: those of which all but a
box is there already."""
COPIED_WEIGHT = 0.3
"""In the loss: a position of a changed picture that is as before, or of a film that stays as it is.
There are far more of them, and what is to be learned is the others."""
WHOLE_SHARE = 0.15
"""Of the batches of films: those that show all frames."""
COUNTED_SHARE = 0.5
"""Of the positions of a film: those whose codes are in the loss."""
EARLY, CHANGED_EARLY = {Modality.VIDEO: 3.0, Modality.TEXT: 2.0}, 2.0
"""Times are a uniform number to this power: where the things of a film are is decided early, and
late every frame sees in the next what it is. So is what changes in a picture, and which words."""
HELD_SHARE, HELD_PLACES = 0.4, 0.85
"""Of the batches of changed pictures: those of which these places, of those that stay, are there
already, as `engine.generation.edit_mask` begins one."""
NEVER = -1e4
"""A logit that is never drawn, and still a number."""
CHOICE = 3
"""Times as many examples of sound are drawn as a batch has: those of one length are taken."""
PROMPT_DROPOUT = 0.1
MASKED_SHARE, CAUSAL_SHARE = 0.15, 0.1
FEWER_VIEWS = {Modality.VIDEO: 0.4}
"""Times these shares: of films it is the path that is to be learned."""
SMALLEST_T = 0.02


class FlowStage:
    """See the module's docstring. `model` holds the frozen picture tokenizer too, which is not
    trained. times: where the times of pictures lie, evenly in t ("uniform") or evenly in another
    clock of `flow.calibration.information_clock`. alike: how many batches that follow each other
    take the same way through the model, as those of processes must that share its weights out.
    kinds: the lessons it takes, of `training.data.task_mixture`; none are all that there are
    examples for. chapter: seeds what is drawn, with the number of the batch.

    Raises: ValueError where no lesson is left.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        examples: Examples,
        times: str = "uniform",
        speech: SpeechExamples | None = None,
        films: VideoExamples | None = None,
        alike: int = 1,
        kinds: Collection[str] = (),
        chapter: int = 0,
    ) -> None:
        self.model = model
        self.alike, self.chapter = alike, chapter
        self.tokenizer = tokenizer
        self.examples, self.speech, self.films = examples, speech, films
        pieces = tokenizer.pieces(range(model.config.text_vocabulary))
        self.helpers = Landmarks(model, pieces).to(model.device)
        self.contrast = Contrast(examples, speech, films)
        missing = (() if speech else SPEECH) + (() if films else MOTION)
        if "autoregressive" not in model.config.samplers:
            missing += ("recite",)
        self.mixture = mixture(missing, kinds)
        self.metrics: dict[Modality, CodebookMetric] = model.metrics()
        self.flows = model.config.flows
        even = information_clock(times, self.metrics[Modality.IMAGE])
        self.even: dict[Modality, Clock | None] = {Modality.IMAGE: even, Modality.VIDEO: even}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((2, self.chapter, step))
        turn = step // self.alike
        kind = self.mixture[turn % len(self.mixture)]
        if kind == "match":
            loss = self.contrast.loss(
                self.model, rng, np.random.default_rng((8, self.chapter, turn))
            )
            return loss * WEIGHTS[kind], {kind: float(loss.detach())}, 0
        draw = {
            "image": self._pictures,
            "text": self._texts,
            "hear": self._heard,
            "speak": self._spoken,
            "recite": self._recited,
            "film": self._filmed,
            "watch": self._watched,
            "edit": self._edited,
        }
        batch = draw[kind](rng)
        loss, figures = self.learned(kind, batch, rng)
        return loss * WEIGHTS[kind], figures, PICTURES if kind in ("image", "edit") else 0

    def learned(
        self, kind: str, batch: Batch, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch of that kind in the view that is drawn of it, and its figures."""
        noised = causal(batch) if kind == "recite" else self._noised(batch, rng)
        name = f"{kind}{'_ar' if noised.causal else ''}"
        return self._losses(name, batch, noised, rng)

    def _pictures(self, rng: np.random.Generator) -> Batch:
        draw = self.examples.next_picture if rng.random() < 0.06 else self.examples.picture
        return self._dropped(collate([draw(rng) for _ in range(PICTURES)], self.model.device), rng)

    def _dropped(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Without its prompt in some rows, for guidance."""
        rows = torch.from_numpy(rng.random(batch.sequence.batch) < PROMPT_DROPOUT)
        dropped = drop_prompt(batch.sequence, rows.to(self.model.device))
        return replace(batch, sequence=dropped)

    def _texts(self, rng: np.random.Generator) -> Batch:
        about = rng.random() < 0.7
        return collate([self._text(rng, about=about) for _ in range(TEXTS)], self.model.device)

    def _heard(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        draw = self.speech.hear
        if rng.random() < TOGETHER_SHARE and self.speech.drawable:
            draw = partial(together, self.examples, self.speech)
        drawn = [draw(rng) for _ in range(CHOICE * SOUNDS)]
        return collate(_alike(drawn, rng), self.model.device)

    def _spoken(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        first = rng.random() < FIRST_BLOCKS
        drawn = [self.speech.speak(rng, first=first) for _ in range(CHOICE * SOUNDS)]
        return self._dropped(collate(_alike(drawn, rng), self.model.device), rng)

    def _recited(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        drawn = [self.speech.recite(rng) for _ in range(CHOICE * SOUNDS)]
        return collate(_alike(drawn, rng), self.model.device)

    def _filmed(self, rng: np.random.Generator) -> Batch:
        assert self.films is not None
        draw, whole = partial(self.films.film, begun=rng.random() < BEGUN_SHARE), False
        if rng.random() < REWOUND_SHARE:
            draw, whole = self.films.rewound, True
        whole |= rng.random() < WHOLE_SHARE
        drawn = [draw(rng) for _ in range(FILMS if whole else FILMS_IN_PART)]
        batch = collate(drawn, self.model.device)
        frames = batch.sequence.segments[-1].tokens.unflatten(1, (FRAMES, -1))
        stays = (frames == frames[:, :1]).all(-1).all(1).repeat(1, FRAMES)
        batch = replace(batch, weight=torch.where(stays, COPIED_WEIGHT, batch.weight))
        if not whole:
            shown = two_of_all(rng, FILMS_IN_PART)
            batch = replace(batch, kept=positions_of_frames(batch.sequence, shown))
        return self._dropped(batch, rng)

    def _watched(self, rng: np.random.Generator) -> Batch:
        assert self.films is not None
        whole = rng.random() < WHOLE_SHARE
        num = FILMS if whole else WATCHED_IN_PART
        batch = collate([self.films.watch(rng) for _ in range(num)], self.model.device)
        if whole:
            return batch
        shown = beginning_middle_end(rng, num)
        return replace(batch, kept=positions_of_frames(batch.sequence, shown))

    def _edited(self, rng: np.random.Generator) -> Batch:
        assert self.films is not None
        if rng.random() < FRAME_SHARE:
            frames = [self.films.frame(rng) for _ in range(FILMS)]
            return self._dropped(collate(frames, self.model.device), rng)
        batch = collate([self.films.edit(rng) for _ in range(PICTURES)], self.model.device)
        before, *_, after = (
            s.tokens for s in batch.sequence.segments if s.modality is Modality.IMAGE
        )
        stays = (before == after).all(-1)
        weight = torch.where(stays, COPIED_WEIGHT, batch.weight)
        return self._dropped(replace(batch, weight=weight, stays=stays), rng)

    def _text(self, rng: np.random.Generator, *, about: bool) -> Example:
        if about:
            if self.films is not None and rng.random() < CHANGED_SHARE:
                return self.films.changed(rng)
            if self.model.config.thinks and rng.random() < THOUGHT_SHARE:
                return think(self.examples, rng)
            return self.examples.answer_about_picture(rng)
        if self.speech is not None and rng.random() < OPENED_SHARE:
            return self.speech.opened(rng)
        if self.films is not None and rng.random() < FILMED_SHARE:
            return self.films.opened(rng)
        kinds = (Kind.DRAW, Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)
        return self.examples.answer(rng, kinds[int(rng.choice(4, p=(0.35, 0.2, 0.15, 0.3)))])

    def _noised(self, batch: Batch, rng: np.random.Generator) -> CorruptedBatch:
        """In the view of one of the samplers that the model is for; mostly that of the flow."""
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
        """bool "B L": the places of a picture that are there already, of some batches: all but a
        box, or most of those that a change leaves as they were. None: the others."""
        target, stays = batch.sequence.segments[-1], batch.stays
        if target.modality is not Modality.IMAGE:
            return None
        if stays is None:
            if rng.random() >= KEPT_SHARE:
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
        """One time an example, spread evenly in the clock of this run, to the power `early`."""
        spread = ((rng.permutation(num) + rng.random(num)) / num) ** early
        flow, even = self.flows[modality], self.even.get(modality)
        if even is not None:
            clock = Schedule(flow.c, flow.a)
            spread = np.array([clock.t_of_beta(even.beta(u)) for u in spread.tolist()])
        return np.minimum(spread, 0.999)

    def _masked(self, batch: Batch, rng: np.random.Generator) -> CorruptedBatch:
        """Whole positions are masked with probability t ~ U(0, 1); the loss counts them
        1/t-fold."""
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
        """Words read off the positions of the sound themselves, by connectionist temporal
        classification with the text head; it says where in a sound each word is."""
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
        """Cross-entropy "B L Q" of the true codes."""
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
        return report.answers(40)


def _counted(rng: np.random.Generator, num: int) -> Tensor:
    """The positions of a film that count, int64 "N", drawn by chance: its frames are much alike,
    and the head over their codes takes long."""
    return torch.from_numpy(np.sort(rng.permutation(num)[: int(COUNTED_SHARE * num)]))


def _alike(drawn: Sequence[Example], rng: np.random.Generator) -> Sequence[Example]:
    """A batch of neighbours in length."""
    ordered = sorted(drawn, key=lambda e: e.length)
    start = int(rng.integers(len(ordered) - SOUNDS + 1))
    return ordered[start : start + SOUNDS]
