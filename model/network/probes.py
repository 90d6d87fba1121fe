"""Linear probes: content of a position, read from features in the middle of the backbone.

They are trained with the model (`training.objectives.probe_loss`), which does not use them, and
show what it has decided before any code does. Owns: the probes and their file. Does not own: their
targets, and their display (`engine.inspection.probes`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

LANDMARKS, PROMPTS = "landmarks.safetensors", "prompts.safetensors"
"""File names in a checkpoint's folder: probes of answers, and of media in prompts."""
PICTURE, SOUND, REFERRED, EDIT_TARGET = "picture", "sound", "named", "meant"
"""Names of probes, as stored in the files: image content, audio content; for an image in a prompt
whether the text refers to the position, and whether an edit will change it."""


class LinearProbes(nn.Module):
    """Linear probes. behind: index of the layer whose output is read. names: by probe, the value
    names of each fact of a position. An image has the facts object, colour and part; audio has
    token and letter."""

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
        """Return the logits "... values" of each fact, given features "... D"."""
        heads = self.heads[kind]
        assert isinstance(heads, nn.ModuleList)
        read = self.norm(features.float())
        return [head(read) for head in heads]

    def save(self, folder: Path, name: str = LANDMARKS) -> None:
        """Write the probes into a file of the checkpoint, in half precision."""
        about = json.dumps({"behind": self.behind, "names": self.names})
        weights = {name: w.half().contiguous() for name, w in self.state_dict().items()}
        save_file(weights, folder / name, {"about": about})


def load_landmarks(folder: Path, width: int, name: str = LANDMARKS) -> LinearProbes | None:
    """Load the probes of a checkpoint's file, float32 on the CPU; None where there is no file.

    Raises: ValueError where the file is broken or its width is another.
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
