"""Looking into a recorded run: its codes as pictures, how far apart they are, what lies near them.

Owns: `CodeInspector`. Does not own: which of it a page shows.
"""

from collections.abc import Mapping

import numpy as np
import torch

from engine.media.preview import decoded
from engine.media.token_text import TokenText
from flow.metric import CodebookMetric
from flow.modality import Modality
from model.tokenizers.image import VisionTokenizer

BATCH = 64
NOWHERE = -1.0
"""The distance of an id that is no state, such as the masked one."""


class CodeInspector:
    """The eyes of one model: its picture decoder, its metrics and its words."""

    def __init__(
        self,
        vision: VisionTokenizer | None,
        metrics: Mapping[Modality, CodebookMetric],
        words: TokenText,
        device: torch.device,
    ) -> None:
        """vision: None where the model does not see."""
        self._vision, self._metrics, self.words, self._device = vision, metrics, words, device

    @torch.inference_mode()
    def pictures(self, codes: np.ndarray) -> np.ndarray:
        """uint8 "N H W 3" of codes "N L Q"; what is masked is grey.

        Raises: ValueError where they are not of this picture tokenizer.
        """
        vision = self._eyes()
        config = vision.config
        if codes.shape[1:] != (config.positions, config.num_codebooks):
            raise ValueError(
                f"pictures of this checkpoint have {config.positions} positions of "
                f"{config.num_codebooks} codes, not {codes.shape[1]} of {codes.shape[2]}"
            )
        if codes.max(initial=0) > config.cardinality:
            raise ValueError(f"this checkpoint has {config.cardinality} codes in a codebook")
        ids = torch.from_numpy(codes.astype(np.int64)).to(self._device)
        parts = [decoded(vision, part).cpu() for part in ids.split(BATCH)]
        return torch.cat(parts).numpy()

    def films(self, codes: np.ndarray) -> np.ndarray:
        """uint8 "N F H W 3" of the codes "N F*L Q" of films of F frames.

        Raises: ValueError as `pictures`.
        """
        length = self._eyes().config.positions
        if codes.shape[1] % length:
            raise ValueError(
                f"frames of this checkpoint have {length} positions: "
                f"{codes.shape[1]} are no film of whole frames"
            )
        seen = self.pictures(codes.reshape(-1, length, codes.shape[2]))
        return seen.reshape(len(codes), -1, *seen.shape[1:])

    def _eyes(self) -> VisionTokenizer:
        if self._vision is None:
            raise ValueError("this checkpoint neither sees nor draws: it has no codes of pictures")
        return self._vision

    def distances(self, modality: Modality, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d(x, y) float32 of ids "N L Q" each, by the metric of the path; `NOWHERE` where one is no
        state.

        Raises: ValueError where this checkpoint has no such codes.
        """
        metric = self._metrics.get(modality)
        if metric is None or x.shape[2] != metric.num_codebooks:
            raise ValueError(f"this checkpoint does not make {modality} of {x.shape[2]} codes")
        ids = [torch.from_numpy(a.astype(np.int64)).to(self._device) for a in (x, y)]
        allowed = metric.is_allowed(ids[0]) & metric.is_allowed(ids[1])
        one, other = (a.clamp(0, metric.cardinality - 1) for a in ids)
        found = torch.stack(
            [
                _gap(metric, q, one[..., q].flatten(), other[..., q].flatten()).view(x.shape[:-1])
                for q in range(metric.num_codebooks)
            ],
            -1,
        )
        return torch.where(allowed, found, NOWHERE).cpu().numpy()

    def neighbours(
        self, modality: Modality, codebook: int, code: int, num: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `num` states nearest to a code, itself first: ids int64, distances float32; nothing
        where it is no state."""
        metric = self._metrics[modality]
        if not (0 <= code < metric.cardinality and bool(metric.states[codebook, code])):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        target = torch.tensor([code], device=self._device)
        found = metric.distances(codebook, target)[0].topk(num, largest=False)
        reached = found.values.isfinite()
        return found.indices[reached].cpu().numpy(), found.values[reached].cpu().numpy()


def _gap(metric: CodebookMetric, codebook: int, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """d(x, y), row by row."""
    if metric.table is not None:
        return metric.table[codebook, y, x]
    rows = [
        metric.distances(codebook, part_y).gather(1, part_x[:, None])[:, 0]
        for part_x, part_y in zip(x.split(BATCH), y.split(BATCH), strict=True)
    ]
    return torch.cat(rows)
