"""Probe losses: linear heads on middle layers predict what each position shows or says.

Answer probes behind two thirds of the layers read object, colour and part of each patch, or word
piece and letter of each audio position. Prompt probes behind half of the layers read the same of
the prompt, which objects the words name, and which patches an edit changes. Aligned features learn
sooner (Yu et al. 2024, arXiv:2410.06940, with a pretrained encoder; here the labels come from the
world). The probes lie beside the checkpoint, for the Lab and `engine.generation.edit_mask`. Owns:
the loss. Does not own: the heads (`model.network.probes`), the labels (`world.patch_labels`,
`training.data.speech.forced_alignment`).
"""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.modality import Modality
from model.network.omni import OmniModel
from model.network.probes import EDIT_TARGET, PICTURE, REFERRED, SOUND, LinearProbes
from training.data.examples import UNKNOWN, Batch, at
from training.data.speech.forced_alignment import LETTERS, SILENCE
from training.objectives.frame_subset import inside
from world.patch_labels import LABELS, names
from world.video.motion import FRAMES

WEIGHT, SOUND_WEIGHT = 0.5, 1.0
"""The weights of visual and of audio probes in the loss."""
EMPTY_WEIGHT = 0.3
"""The weight of a patch that is background now and in the other frames."""


class ProbeLoss(nn.Module):
    """Linear probes on the backbone's middle layers; keeps their features of the latest pass.
    pieces: the vocabulary's text pieces by id."""

    def __init__(self, model: OmniModel, pieces: Sequence[str]) -> None:
        super().__init__()
        layers, width = model.backbone.layers, model.config.backbone.width
        read = {PICTURE: names(), SOUND: (pieces, (SILENCE, *LETTERS))}
        asked = {**read, REFERRED: (("others", "named"),), EDIT_TARGET: (("stays", "changes"),)}
        self.prompts = LinearProbes(width, max(len(layers) // 2 - 1, 0), asked)
        self.answers = LinearProbes(width, max(2 * len(layers) // 3 - 1, 0), read)
        self._features: dict[LinearProbes, Tensor] = {}
        for heads in (self.prompts, self.answers):
            layers[heads.behind].register_forward_hook(partial(self._keep, heads))

    def initialise(self, answers: LinearProbes, prompts: LinearProbes | None) -> None:
        """Load a checkpoint's probes; where it has no prompt probes, its answer probes serve for
        both. Probes of another domain or vocabulary have other sizes and are left out."""
        for heads, known in ((self.answers, answers), (self.prompts, prompts or answers)):
            own, weights = heads.state_dict(), known.state_dict()
            if all(own[n].shape == w.shape for n, w in weights.items() if n in own):
                heads.load_state_dict(weights, strict=False)

    def _keep(
        self, heads: LinearProbes, layer: nn.Module, given: object, output: tuple[Tensor, object]
    ) -> None:
        del layer, given
        if torch.is_grad_enabled():
            self._features[heads] = output[0]

    def losses(
        self, batch: Batch, places: Tensor, *, causal: bool = False
    ) -> dict[str, tuple[Tensor, float]]:
        """Return the probe losses of the latest pass and their weights: "at" the answer's positions
        "B N", "in" the prompt's first media, whether words name it, and where an edit changes it.
        The last two are left out of causal passes, which see the words later."""
        features, found = self.taken(), dict[str, tuple[Tensor, float]]()
        *prompts, target = batch.sequence.segments
        if batch.shown is not None:
            shown = at(batch.shown, places)
            matters = busy(batch).gather(1, places)
            answer = features[self.answers][:, -places.shape[1] :]
            known = loss(self.answers, answer, shown, kind_of(target.modality), matters)
            found["at"] = (known, weight_of(target.modality))
        if batch.given is not None:
            media = next(i for i, s in enumerate(prompts) if s.modality is not Modality.TEXT)
            first = sum(s.length for s in prompts[:media])
            middle, entered = features[self.prompts], batch.kept
            if entered is None:
                entered = torch.arange(middle.shape[1], device=middle.device)[None]
            own = inside(entered, first, prompts[media].length)
            given = at(batch.given, (entered[:, own] - first).expand(target.batch, -1))
            modality = prompts[media].modality
            kind = kind_of(modality)
            facts, called = given[..., : len(self.prompts.names[kind])], given[..., LABELS:]
            known = loss(self.prompts, middle[:, own], facts, kind)
            found["in"] = (known, weight_of(modality))
            if kind == PICTURE and called.numel() and not causal:
                known = loss(self.prompts, middle[:, own], called, REFERRED, facts[..., 0] > 0)
                found[REFERRED] = (known, WEIGHT)
            if batch.stays is not None and not causal:
                changes = (~batch.stays).long()[..., None]
                matters = (facts[..., 0] > 0) | changes[..., 0].bool()
                known = loss(self.prompts, middle[:, own], changes, EDIT_TARGET, matters)
                found[EDIT_TARGET] = (known, WEIGHT)
        return found

    def taken(self) -> dict[LinearProbes, Tensor]:
        """Return and forget the features "B L D" of the latest pass, by probe."""
        features, self._features = self._features, {}
        return features


def loss(
    heads: LinearProbes,
    features: Tensor,
    shown: Tensor,
    kind: str,
    matters: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy. features: "B N D"; shown: labels int64 "B N K" or `UNKNOWN`.
    matters: bool "B N", positions with full weight; None for those that show an object."""
    truth = shown.flatten(0, 1)
    matters = shown[..., 0] > 0 if matters is None else matters
    weight = torch.where(matters.flatten()[:, None], 1.0, EMPTY_WEIGHT) * (truth != UNKNOWN)
    losses = [
        F.cross_entropy(logits, truth[:, k].clamp(min=0), reduction="none")
        for k, logits in enumerate(heads.logits(features.flatten(0, 1), kind))
    ]
    return (torch.stack(losses, -1) * weight).sum() / weight.sum().clamp(min=1)


def kind_of(modality: Modality) -> str:
    """Return the kind of probe of a modality."""
    return SOUND if modality is Modality.AUDIO else PICTURE


def busy(batch: Batch) -> Tensor:
    """Return the answer's positions with full weight, bool "B L": an object now, in the image
    before the edit, or in another frame. Vacated patches keep the full weight."""
    assert batch.shown is not None
    target, given = batch.sequence.segments[-1], batch.given
    here = batch.shown[..., 0] > 0
    if target.modality is Modality.VIDEO:
        return here.unflatten(1, (FRAMES, -1)).any(1).repeat(1, FRAMES)
    if target.modality is Modality.IMAGE and given is not None and given.shape[:2] == here.shape:
        return here | (given[..., 0] > 0)
    return here


def weight_of(modality: Modality) -> float:
    """Return the loss weight of a modality's probes."""
    return SOUND_WEIGHT if modality is Modality.AUDIO else WEIGHT
