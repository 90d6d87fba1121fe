"""What the middle of the backbone holds to be at a place: linear heads on its features.

They were learned beside the model (`training.objectives.probe_loss`), which does not need them;
they let it be seen what it has decided before any code says so. Owns: the heads and their file.
Does not own: what was asked of them, and what is shown of it (`engine.inspection.probes`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

LANDMARKS, PROMPTS = "landmarks.safetensors", "prompts.safetensors"
"""The files in a checkpoint's folder: what is asked of answers, and of what a prompt shows."""
PICTURE, SOUND, REFERRED, EDIT_TARGET = "picture", "sound", "named", "meant"
"""What is asked: what a place shows; of a picture in a prompt whether the words behind it name
that, and, where it is to be changed, whether this place will be."""


class LinearProbes(nn.Module):
    """behind: the layer, counted from 0, whose features are read. names: by what is asked, for each
    fact of a place what its values are called; a picture's facts are the object, its colour and
    which part of it, a sound's the piece of a word and the letter."""

    def __init__(
        self, width: int, behind: int, names: Mapping[str, Sequence[Sequence[str]]]
    ) -> None:
        super().__init__()
        self.behind = behind
        self.names = {kind: tuple(map(tuple, facts)) for kind, facts in names.items()}
        self.norm = nn.RMSNorm(width)
        self.heads = nn.ModuleDict(
            {
                kind: nn.ModuleList(nn.Linear(width, len(values)) for values in facts)
                for kind, facts in names.items()
            }
        )

    def logits(self, features: Tensor, kind: str) -> list[Tensor]:
        """For each fact logits "... values" of features "... D"."""
        heads = self.heads[kind]
        assert isinstance(heads, nn.ModuleList)
        read = self.norm(features.float())
        return [head(read) for head in heads]

    def save(self, folder: Path, name: str = LANDMARKS) -> None:
        """Write them beside the model, in half precision, into the file of that name."""
        about = json.dumps({"behind": self.behind, "names": self.names})
        weights = {name: w.half().contiguous() for name, w in self.state_dict().items()}
        save_file(weights, folder / name, {"about": about})


def load_landmarks(folder: Path, width: int, name: str = LANDMARKS) -> LinearProbes | None:
    """The heads in that file of a checkpoint, float32 on the CPU; None where it has none.

    Raises: ValueError where the file is broken or does not fit features of this width.
    """
    file = folder / name
    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as stored:
            about = json.loads((stored.metadata() or {})["about"])
            heads = LinearProbes(width, int(about["behind"]), about["names"])
            names = stored.keys()
            heads.load_state_dict({name: stored.get_tensor(name) for name in names})
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{file} holds no heads that fit these weights: fetch the checkpoint again"
        ) from error
    return heads.requires_grad_(False).eval()
