"""The pools of scenes whose image codes were computed once by the frozen tokenizer.

Owns: `ScenePool` and its seeds. Does not own: examples (`training.data.examples`), the cache of
codes (`training.data.code_cache`).
"""

from pathlib import Path

import numpy as np
import torch

from flow.modality import Modality
from model.prompt_template import Span
from model.tokenizers.image import VisionTokenizer
from training.data.code_cache import encode_drawings, encoded, still
from world.edits.unnamed_colours import FAMILIES, sample_unnamed_scene
from world.image.scenes import Scene, sample_scene

POOL_SEED, UNNAMED_SEED = 11, 12


class ScenePool:
    """Scenes and their codes uint16 "N L Q". single_share: the share of draws from scenes with one
    object."""

    def __init__(self, scenes: list[Scene], codes: np.ndarray, single_share: float = 0.0) -> None:
        self.scenes, self.codes, self.single_share = scenes, codes, single_share
        self._single = [s for s in scenes if len(s.items) == 1]
        self._index = {id(s): i for i, s in enumerate(scenes)}

    def draw(self, rng: np.random.Generator) -> Scene:
        """Draw a scene."""
        among = self._single if rng.random() < self.single_share else self.scenes
        return among[int(rng.integers(len(among)))]

    def picture_of(self, scene: Scene) -> Span:
        """Return the codes of a scene of this pool."""
        codes = self.codes[self._index[id(scene)]].astype(np.int64)
        return Span(Modality.IMAGE, torch.from_numpy(codes))

    def reencode(self, tokenizer: VisionTokenizer) -> None:
        """Encode all scenes with the tokenizer's present weights."""
        self.codes = encoded(tokenizer, self.scenes, still)[:, 0]


def build_pool(
    tokenizer: VisionTokenizer, num: int, cache: Path, single_share: float = 0.0
) -> ScenePool:
    """Return the first `num` scenes of the training stream; codes are cached."""
    scenes = [sample_scene(np.random.default_rng((POOL_SEED, i)), test=False) for i in range(num)]
    codes = encode_drawings(tokenizer, scenes, still, cache)
    return ScenePool(scenes, codes[:, 0], single_share)


def build_unnamed(tokenizer: VisionTokenizer, num: int, cache: Path) -> ScenePool:
    """Return `num` scenes of `sample_unnamed_scene`; codes are cached."""
    rng = np.random.default_rng(UNNAMED_SEED)
    scenes = [sample_unnamed_scene(rng, FAMILIES[i % len(FAMILIES)]) for i in range(num)]
    codes = encode_drawings(tokenizer, scenes, still, cache)
    return ScenePool(scenes, codes[:, 0])
