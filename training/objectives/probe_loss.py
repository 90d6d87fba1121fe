"""What the places of an answer show, asked of the middle of the backbone while it learns.

Linear heads read off the features behind two thirds of the layers what is at each place of an
answer: in a picture or a frame the object, its colour and which part of it, in speech the piece of
a word that is said and its letter. What is to lie where is decided before any code is chosen, and
the codes alone say little of it: only the first of a position's sub-codes is in doubt. Features
that are aligned with what is there learn much sooner (Yu et al. 2024, arXiv:2410.06940, with those
of a pretrained encoder; here the world itself knows). Of what the prompt shows other heads ask the
same behind half of the layers, and of a picture that is to be changed where: which of its things is
meant has to be found before it can be said what stands there instead. They stay beside the model,
to look into it with, and to know what of a picture is meant (`engine.generation.edit_mask`). Owns:
their loss. Does not own: the heads (`model.network.probes`), what is there (`world.image.patches`,
`training.data.forced_alignment`).
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
from training.data.forced_alignment import LETTERS, SILENCE
from training.objectives.frame_subset import inside
from world.image.patches import NAMES
from world.video.motion import FRAMES

WEIGHT, SOUND_WEIGHT = 0.5, 1.0
"""In the loss: of what is asked of pictures and films, and of sound, of which it is learned
last."""
EMPTY_WEIGHT = 0.3
"""Of a place that shows the background, where nothing was before and nothing will be: most are."""


class Landmarks(nn.Module):
    """See the module's docstring. It keeps what the layers gave in the latest pass. pieces: what
    the model's words are made of, by their ids."""

    def __init__(self, model: OmniModel, pieces: Sequence[str]) -> None:
        super().__init__()
        layers, width = model.backbone.layers, model.config.backbone.width
        names = {PICTURE: NAMES, SOUND: (pieces, (SILENCE, *LETTERS))}
        asked = {**names, REFERRED: (("others", "named"),), EDIT_TARGET: (("stays", "changes"),)}
        self.prompts = LinearProbes(width, max(len(layers) // 2 - 1, 0), asked)
        self.answers = LinearProbes(width, max(2 * len(layers) // 3 - 1, 0), names)
        self._features: dict[LinearProbes, Tensor] = {}
        for heads in (self.prompts, self.answers):
            layers[heads.behind].register_forward_hook(partial(self._keep, heads))

    def begin(self, answers: LinearProbes, prompts: LinearProbes | None) -> None:
        """Take over what a checkpoint's heads know; where it has none of prompts, those of its
        answers ask much the same."""
        for heads, known in ((self.answers, answers), (self.prompts, prompts or answers)):
            heads.load_state_dict(known.state_dict(), strict=False)

    def _keep(
        self, heads: LinearProbes, layer: nn.Module, given: object, output: tuple[Tensor, object]
    ) -> None:
        del layer, given
        if torch.is_grad_enabled():
            self._features[heads] = output[0]

    def losses(
        self, batch: Batch, places: Tensor, *, causal: bool = False
    ) -> dict[str, tuple[Tensor, float]]:
        """What is asked behind the latest pass, which went through `batch`, and its weight: "at"
        the places "B N" of its answer, "in" the first picture, film or sound of its prompt; "named"
        what of it the words name, and "meant" where it will change: no causal pass knows, for the
        words stand behind it."""
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
            facts, called = given[..., : len(self.prompts.names[kind])], given[..., len(NAMES) :]
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
        """Features "B L D" of all positions of the latest pass, by who asks them; they are
        forgotten here."""
        features, self._features = self._features, {}
        return features


def loss(
    heads: LinearProbes,
    features: Tensor,
    shown: Tensor,
    kind: str,
    matters: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy. features: "B N D"; shown: int64 "B N K", what each of these places shows,
    or `UNKNOWN`. matters: bool "B N", the places with all of their weight; None are those that show
    a thing."""
    truth = shown.flatten(0, 1)
    matters = shown[..., 0] > 0 if matters is None else matters
    weight = torch.where(matters.flatten()[:, None], 1.0, EMPTY_WEIGHT) * (truth != UNKNOWN)
    losses = [
        F.cross_entropy(logits, truth[:, k].clamp(min=0), reduction="none")
        for k, logits in enumerate(heads.logits(features.flatten(0, 1), kind))
    ]
    return (torch.stack(losses, -1) * weight).sum() / weight.sum().clamp(min=1)


def kind_of(modality: Modality) -> str:
    """Which of the heads ask a place of that modality."""
    return SOUND if modality is Modality.AUDIO else PICTURE


def busy(batch: Batch) -> Tensor:
    """bool "B L": the places of an answer that show a thing now, in the picture that is changed, or
    in another frame. That one is empty now is as much to learn as what another shows."""
    assert batch.shown is not None
    target, given = batch.sequence.segments[-1], batch.given
    here = batch.shown[..., 0] > 0
    if target.modality is Modality.VIDEO:
        return here.unflatten(1, (FRAMES, -1)).any(1).repeat(1, FRAMES)
    if target.modality is Modality.IMAGE and given is not None and given.shape[:2] == here.shape:
        return here | (given[..., 0] > 0)
    return here


def weight_of(modality: Modality) -> float:
    """Of what is asked of a place of that modality, in the loss."""
    return SOUND_WEIGHT if modality is Modality.AUDIO else WEIGHT
